"""The picture of page one: the top features of each class, or of all classes where there are many.

Where features lie in a plane, it shows the classes' heat maps instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from limekiln.record import ALL_CLASSES, ClassFacts, Layout, Results, Score
from limekiln.report import floor, planes, sections
from limekiln.report.figures import Bar, stacked_bar
from limekiln.report.images import Image
from limekiln.report.names import Name, name
from limekiln.report.planes import Map, Net, Scale
from limekiln.report.ranking import score_of, used
from limekiln.report.voice import Voice, class_name
from limekiln.report.words import decimals, score

_PANELS = 3
_BAR_WIDTH = {1: 560, 2: 264, 3: 144}
_NAME = {1: 72, 2: 50, 3: 26}  # what a panel's width holds in one line
_FINER: Final = 3  # decimals more than the largest of all panels needs, so that each panel's largest can be read
_MAPS_A_LINE: Final = 5
_LINE_OF_MAPS: Final = 4  # in bars of a panel
_MOST_LINES: Final = 2
_PATCHES: Final = 4
_PATCHED: Final = 0.6  # bars for one without patches

Concepts = Mapping[str, tuple[Image, ...]]


@dataclass(frozen=True)
class PanelBar:
    """One feature of a panel: its name, its bar, its score."""

    feature: Name
    bar: Bar
    score: str
    patches: tuple[Image, ...] = ()
    noise: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel of the picture, with the class it shows."""

    name: Name
    note: str
    bars: tuple[PanelBar, ...]


@dataclass(frozen=True)
class Picture:
    """The one picture of page one, panels of bars or heat maps; empty where nothing was explained."""

    title: str
    note: str
    panels: tuple[Panel, ...]
    maps: tuple[Map, ...] = ()
    scale: Scale | None = None


def draw(
    results: Results, classes: tuple[ClassFacts, ...], says: Voice, rows: int, *, net: Net, concepts: Concepts
) -> Picture:
    """The picture with at most `rows` features a panel, concepts with their first patches.

    All panels are on one scale, but for those of several values, which each have their own.
    """
    if results.data.layout is not None:
        return _maps(results, results.data.layout, classes, says, rows=rows, net=net)
    if concepts:
        rows = max(2, int(rows * _PATCHED))
    drawn = shown(classes, says)
    scores = {c.name: [score_of(s, results) for s in used(c.features)[:rows]] for c in drawn}
    whole = [s for part in scores.values() for s in part]
    return Picture(
        title="What the explanations rest on" if says.regression else "What the explanations of each class rest on",
        note=_note(says, [c.name for c in drawn]) + _noise(s for c in drawn for s in used(c.features)[:rows]),
        panels=tuple(
            Panel(
                class_name(c.name, _NAME[len(drawn)]),
                (says.unit if says.several else "") if says.regression else says.row.count(c.rows),
                _bars(
                    c,
                    results,
                    says,
                    top=max(scores[c.name] if says.several else whole),
                    places=decimals(scores[c.name]) if says.several else _places(list(scores.values())),
                    width=len(drawn),
                    concepts=concepts,
                )[:rows],
            )
            for c in drawn
        ),
    )


def shown(classes: Sequence[ClassFacts], says: Voice) -> list[ClassFacts]:
    """The classes that get a panel: each, where few; else all together, or the first of several values."""
    named = [c for c in classes if c.name != ALL_CLASSES]
    few = named[:_PANELS] if says.several else named if len(named) <= _PANELS else classes[:1]
    return [c for c in few if used(c.features)]


def _bars(
    facts: ClassFacts, results: Results, says: Voice, *, top: float, places: int, width: int, concepts: Concepts
) -> tuple[PanelBar, ...]:
    return tuple(
        PanelBar(
            name(s.feature, _NAME[width]),
            stacked_bar(
                f"{score(score_of(s, results), places)}, {says.direction(s.positive, s.negative)}",
                score=score_of(s, results),
                positive=s.positive,
                negative=s.negative,
                top=top,
                width=_BAR_WIDTH[width],
                whole=False,
            ),
            score(score_of(s, results), places),
            concepts.get(s.feature, ())[:_PATCHES],
            floor.MARK if s.above_floor is False else "",
        )
        for s in used(facts.features)
    )


def _noise(drawn: Iterable[Score]) -> str:
    return f" {floor.MARK} no higher than noise." if any(s.above_floor is False for s in drawn) else ""


def _places(panels: Sequence[Sequence[float]]) -> int:
    """Decimals that show three digits of the largest score, and two of every panel's largest."""
    whole = decimals(s for panel in panels for s in panel)
    return min(whole + _FINER, max([whole, *(decimals(panel) - 1 for panel in panels)]))


def _maps(
    results: Results, layout: Layout, classes: Sequence[ClassFacts], says: Voice, *, rows: int, net: Net
) -> Picture:
    """Heat maps of the classes with the most rows, in two lines at most."""
    named = [c for c in classes if c.name != ALL_CLASSES and c.rows] or [c for c in classes if c.rows]
    room = _MAPS_A_LINE * max(1, min(_MOST_LINES, rows // _LINE_OF_MAPS))
    kept = {c.name for c in sorted(named, key=lambda c: -c.rows)[:room]}
    drawn = [c for c in named if c.name in kept]
    end = planes.reach(layout, net, [c.name for c in drawn])
    left = len(named) - len(drawn)
    more = f" {left:,} more in section {sections.number(results, 'importances')}." if left else ""
    if not drawn or not end:
        return Picture("", "", ())
    return Picture(
        title=f"Where the {says.feature.many} for each {'value' if says.regression else 'class'} lie",
        note=(
            f"Each cell: the share of the explanations that it takes, {says.toward} less {says.against}; "
            f"where {says.against}, it is hatched. All maps share one scale.{more}"
        ),
        panels=(),
        maps=tuple(
            planes.draw(
                layout, net, c.name, end, says, small=True, note="" if says.regression else says.row.count(c.rows)
            )
            for c in drawn
        ),
        scale=planes.scale(end),
    )


def _note(says: Voice, drawn: Sequence[str]) -> str:
    scale = (
        "" if len(drawn) <= 1 else " Each panel has its own scale." if says.several else " All panels share one scale."
    )
    unit = f", {says.axis(drawn[0]).short}" if drawn and says.score == "weighted" and not says.several else ""
    what = f"NormLIME score ({says.score}{unit}); solid: "
    if says.regression:
        return f"{what}raises the value, hatched: lowers it.{scale}"
    return f"{what}for the class, hatched: against it.{scale}"
