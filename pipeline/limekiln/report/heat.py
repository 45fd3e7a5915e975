"""All classes, or values, side by side: the share of an explanation that each feature takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from limekiln.record import ALL_CLASSES, ClassFacts
from limekiln.report.figures import shade
from limekiln.report.names import Name, fit, name
from limekiln.report.voice import Voice, class_name
from limekiln.report.words import percent

_ROWS = 20
_COLUMNS = 22
_OF_EACH = 5
_UPRIGHT = 6
_TURNED_EMS = 10.6
_FINE = 0.1
_EMPTY_CELL = "no value"


@dataclass(frozen=True)
class HeatCell:
    """One class and feature: the share, and the fill behind it."""

    text: str
    fill: str
    ink: str
    hint: str


@dataclass(frozen=True)
class Heat:
    """Features × classes: the share of the explanation that a feature takes in each class."""

    title: str
    note: str
    classes: tuple[Name, ...]
    heads: tuple[str, ...]
    turned: bool
    rows: tuple[tuple[Name, tuple[HeatCell, ...]], ...]
    more: str
    instead: str


def heading(says: Voice) -> str:
    """What the section is called."""
    return f"{says.feature.many.capitalize()} × {'outputs' if says.several else 'classes'}"


def draw(table: pd.DataFrame, classes: Sequence[ClassFacts], says: Voice) -> Heat:
    """The heat table of the classes that have a section, those with the most rows where they are many."""
    every = [c for c in classes if c.name != ALL_CLASSES]
    title = heading(says)
    if len(every) <= 1:
        only = "The model gives one value" if says.regression else "The model has one class"
        return Heat(
            title, "", (), (), turned=False, rows=(), more="", instead=f"{only}, so there is nothing to compare."
        )
    kept = {c.name for c in sorted(every, key=lambda c: -c.rows)[:_COLUMNS]}
    named = [c for c in every if c.name in kept]
    shares = _shares(table, kept)
    features = _features(named, shares)
    top = max((shares.get((c.name, f), 0.0) for c in named for f in features), default=0.0)
    return Heat(
        title=title,
        note=_note(says),
        classes=tuple(class_name(c.name) for c in named),
        heads=tuple(fit(c.name, _TURNED_EMS) for c in named),
        turned=len(named) > _UPRIGHT,
        rows=tuple((name(f), tuple(_cell(shares.get((c.name, f)), top, c.name) for c in named)) for f in features),
        more=_more(len({f for _, f in shares}) - len(features), len(every) - len(named), says),
        instead="" if features else f"No {says.row.one} could be explained, so there is nothing to compare.",
    )


def _note(says: Voice) -> str:
    one = says.feature.one
    whose, of = (
        (f"over all explained {says.row.many}", "value")
        if says.several
        else (f"over the {says.row.many} predicted as that class", "class")
    )
    return (
        f"Each cell: the mean share of an explanation that the {one} takes, in percent, {whose}. Darker is more. "
        f"A dash: no explanation of that {of} uses the {one}."
    )


def _more(features: int, classes: int, says: Voice) -> str:
    told = [f"{features:,} more {says.feature.of(features)}"] if features > 0 else []
    told += [f"{classes:,} more classes"] if classes > 0 else []
    return f"and {' and '.join(told)} in importances.parquet" if told else ""


def _shares(table: pd.DataFrame, classes: set[str]) -> dict[tuple[str, str], float]:
    part = table[(table["level"] == "feature") & table["class"].isin(classes)]
    columns = (part[c] for c in ("class", "feature", "share", "support"))
    return {(str(c), str(f)): float(s) for c, f, s, n in zip(*columns, strict=True) if n > 0 and math.isfinite(s)}


def _features(named: Sequence[ClassFacts], shares: Mapping[tuple[str, str], float]) -> tuple[str, ...]:
    """The first few of every class, at most a page's height, in the order of their mean share."""
    wanted: dict[str, None] = {}
    for place in range(_OF_EACH):
        for c in named:
            if place < len(c.features):
                wanted.setdefault(c.features[place].feature)
    kept = list(wanted)[:_ROWS]
    return tuple(sorted(kept, key=lambda f: (-sum(shares.get((c.name, f), 0.0) for c in named), f)))


def _cell(share: float | None, top: float, class_: str) -> HeatCell:
    if share is None:
        return HeatCell("–", "none", "#5b6672", _EMPTY_CELL)
    fill, ink = shade(share, top)
    points = f"{100 * share:.{1 if top < _FINE else 0}f}"
    return HeatCell(points, fill, ink, f"{name(class_, 40).short}: {percent(share)}")
