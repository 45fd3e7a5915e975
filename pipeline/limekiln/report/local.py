"""One row's explanation as a small HTML page."""

from dataclasses import dataclass
from typing import Final, Literal

from limekiln.record import LocalFeature, Mark, Series
from limekiln.report import images, lines, texts
from limekiln.report.images import Image
from limekiln.report.lines import Chart
from limekiln.report.names import Name, name
from limekiln.report.picks import LocalBar, local_bars, shades
from limekiln.report.templating import environment
from limekiln.report.texts import Document
from limekiln.report.voice import Domain, Voice, speak
from limekiln.report.words import number

SHOWN: Final = 5
"""Classes on a row's page, the likeliest."""
_PARTS: Final = 12
"""Of a text, an image or a series, shown without a click."""


@dataclass(frozen=True)
class LocalClass:
    """One class of one row: what the model and the local model give, the fit, the weights.

    `predicted` and `surrogate` are in the units of the model's output. `marks` shows a text with the weights of
    its parts for this class, `picture` (PNG) an image, `series` a series.
    """

    name: str
    predicted: float
    surrogate: float
    r2: float | None
    features: tuple[LocalFeature, ...]
    marks: tuple[Mark, ...] = ()
    picture: bytes = b""
    series: Series | None = None


@dataclass(frozen=True)
class LocalView:
    """One row's explanation. `classes` stand in the order in which they are shown, the likeliest first.

    `unit` is that of the values, where the model gives values and they have one.
    """

    model: str
    version: str
    task: Literal["classification", "regression"]
    output: str
    data: str
    row: str
    target: str | None
    classes: tuple[LocalClass, ...]
    unit: str | None = None
    domain: Domain = "tabular"


@dataclass(frozen=True)
class _Block:
    name: Name
    facts: tuple[tuple[str, str], ...]
    reliable: bool
    bars: tuple[LocalBar, ...]
    rest: tuple[LocalBar, ...]
    rest_label: str
    unit: Name
    document: Document | None
    image: Image | None
    chart: Chart | None


def render_local(view: LocalView) -> str:
    """One row's explanation as one HTML file, with the same care as the report.

    Args:
        view: The row, its prediction, and the weights of each class; of many classes the first five are shown.

    Returns:
        HTML with its styles, fonts and charts inside.
    """
    says = speak(view.task, view.output, view.unit, domain=view.domain, outputs=len(view.classes))
    shown = view.classes if says.regression else view.classes[:SHOWN]
    model = f"{view.model}, version {view.version}" if view.version else view.model
    template = environment().get_template("local.html.j2")
    return template.render(
        row=name(view.row, 80),
        what=says.row,
        part=says.feature.one,
        tabular=says.tabular,
        text=view.domain == "text",
        shades=shades(says),
        model=name(model, 120),
        data=name(view.data, 120),
        target=None if view.target is None else name(view.target, 80),
        target_label="True value" if says.regression else "True class",
        blocks=tuple(_block(c, view, says) for c in shown),
        left=len(view.classes) - len(shown),
        total=len(view.classes),
        output=name(f"{says.output}, {says.unit}" if says.unit else says.output, 60),
        toward="raises the value" if says.regression else "for the class",
        against="lowers the value" if says.regression else "against the class",
    )


def _block(facts: LocalClass, view: LocalView, says: Voice) -> _Block:
    bars = local_bars(sorted(facts.features, key=lambda f: -abs(f.weight)), says)
    most = len(bars) if says.tabular else _PARTS
    alt = images.described(view.row, facts.name, facts.predicted, facts.features, says)
    return _Block(
        name=name(facts.name),
        facts=(
            (f"model, {says.output}", says.given(facts.predicted)),
            ("local model", says.given(facts.surrogate)),
            ("fidelity R²", number(facts.r2, 2)),
        ),
        reliable=facts.r2 is None or facts.r2 >= 0.5,  # noqa: PLR2004  the report's line for a reliable row
        bars=bars[:most],
        rest=bars[most:],
        rest_label=f"{len(bars[most:]):,} lighter {says.feature.of(len(bars[most:]))}",
        unit=says.axis(facts.name),
        document=texts.document(facts.marks, says),
        image=images.image(facts.picture, alt),
        chart=lines.chart(facts.series, alt),
    )
