"""One row's explanation as a small HTML page."""

from dataclasses import dataclass
from typing import Literal

from limekiln.record import LocalFeature
from limekiln.report.names import Name, name
from limekiln.report.picks import LocalBar, local_bars
from limekiln.report.templating import environment
from limekiln.report.voice import Voice
from limekiln.report.words import number


@dataclass(frozen=True)
class LocalClass:
    """One class of one row: what the model and the local model give, the fit, the weights.

    `predicted` and `surrogate` are in the units of the model's output.
    """

    name: str
    predicted: float
    surrogate: float
    r2: float | None
    features: tuple[LocalFeature, ...]


@dataclass(frozen=True)
class LocalView:
    """One row's explanation. `classes` stand in the order in which they are shown."""

    model: str
    version: str
    task: Literal["classification", "regression"]
    output: str
    data: str
    row: str
    target: str | None
    classes: tuple[LocalClass, ...]


@dataclass(frozen=True)
class _Block:
    name: Name
    facts: tuple[tuple[str, str], ...]
    reliable: bool
    bars: tuple[LocalBar, ...]


def render_local(view: LocalView) -> str:
    """One row's explanation as one HTML file, with the same care as the report.

    Args:
        view: The row, its prediction, and the weights of each class.

    Returns:
        HTML with its styles, fonts and charts inside.
    """
    regression = view.task == "regression"
    says = Voice(
        regression=regression,
        toward="raises" if regression else "for",
        against="lowers" if regression else "against",
        output=view.output,
        score="",
    )
    blocks = tuple(_block(c, says) for c in view.classes)
    model = f"{view.model}, version {view.version}" if view.version else view.model
    template = environment().get_template("local.html.j2")
    return template.render(
        row=name(view.row, 80),
        model=name(model, 120),
        data=name(view.data, 120),
        target=None if view.target is None else name(view.target, 80),
        target_label="True value" if regression else "True class",
        blocks=blocks,
        output=name(view.output, 60),
        toward="raises the value" if regression else "for the class",
        against="lowers the value" if regression else "against the class",
    )


def _block(facts: LocalClass, says: Voice) -> _Block:
    ranked = sorted(facts.features, key=lambda f: -abs(f.weight))
    return _Block(
        name=name(facts.name),
        facts=(
            (f"model, {says.output}", number(facts.predicted)),
            ("local model", number(facts.surrogate)),
            ("fidelity R²", number(facts.r2, 2)),
        ),
        reliable=facts.r2 is None or facts.r2 >= 0.5,  # noqa: PLR2004  the report's line for a reliable row
        bars=local_bars(ranked, says),
    )
