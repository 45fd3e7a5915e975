"""The picture of page one: the top features of each class, or of all classes where there are many."""

from dataclasses import dataclass

from limekiln.record import ALL_CLASSES, ClassFacts, Results
from limekiln.report.figures import Bar, stacked_bar
from limekiln.report.names import Name, name
from limekiln.report.ranking import score_of, used
from limekiln.report.voice import Voice, class_name
from limekiln.report.words import count, decimals, number

_PANELS = 3
_BAR_WIDTH = {1: 560, 2: 264, 3: 144}
_NAME = {1: 72, 2: 50, 3: 26}  # what a panel's width holds in one line


@dataclass(frozen=True)
class PanelBar:
    """One feature of a panel: its name, its bar, its score."""

    feature: Name
    bar: Bar
    score: str


@dataclass(frozen=True)
class Panel:
    """A panel of the picture, with the class it shows."""

    name: Name
    note: str
    bars: tuple[PanelBar, ...]


@dataclass(frozen=True)
class Picture:
    """The one picture of page one. It is empty where nothing was explained."""

    title: str
    note: str
    panels: tuple[Panel, ...]


def draw(results: Results, classes: tuple[ClassFacts, ...], says: Voice, rows: int) -> Picture:
    """The picture with at most `rows` features a panel, all panels on one scale."""
    drawn = shown(classes)
    scores = [score_of(s, results) for c in drawn for s in used(c.features)[:rows]]
    top, places = max(scores, default=0.0), decimals(scores)
    return Picture(
        title="What the explanations rest on" if says.regression else "What the explanations of each class rest on",
        note=_note(says, len(drawn)),
        panels=tuple(
            Panel(
                class_name(c.name, _NAME[len(drawn)]),
                "" if says.regression else count(c.rows, "row"),
                tuple(
                    PanelBar(
                        name(s.feature, _NAME[len(drawn)]),
                        stacked_bar(
                            f"{number(score_of(s, results), places)}, {says.direction(s.positive, s.negative)}",
                            score=score_of(s, results),
                            positive=s.positive,
                            negative=s.negative,
                            top=top,
                            width=_BAR_WIDTH[len(drawn)],
                            whole=False,
                        ),
                        number(score_of(s, results), places),
                    )
                    for s in used(c.features)[:rows]
                ),
            )
            for c in drawn
        ),
    )


def shown(classes: tuple[ClassFacts, ...]) -> list[ClassFacts]:
    """The classes that get a panel: each, where few; else all together."""
    named = [c for c in classes if c.name != ALL_CLASSES]
    return [c for c in (named if len(named) <= _PANELS else classes[:1]) if used(c.features)]


def _note(says: Voice, panels: int) -> str:
    scale = "" if panels <= 1 else " All panels share one scale."
    if says.regression:
        return f"NormLIME score ({says.score}); solid: raises the value, hatched: lowers it.{scale}"
    return f"NormLIME score ({says.score}); solid: for the class, hatched: against it.{scale}"
