"""Each picked row beside the nearest picked row of another class: what differs between them, and what each weighs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from limekiln.record import ALL_CLASSES, LocalFeature, PickedRow, Results
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import Voice
from limekiln.report.words import NONE, decimals, number, signed

BORDER: Final = 0.1
"""A row whose likeliest class is ahead of the second by less than this stands close to the border."""

_STORED: Final = 30  # a picked row's features in results.json, at most
_SHOWN: Final = 4
_TWO: Final = 2

Key = tuple[str, str]
"""A picked row and the class that it is explained for."""


@dataclass(frozen=True)
class Difference:
    """A feature that differs: its value and its weight in the row and in the other; a dash where it is not there."""

    feature: Name
    here: Name
    weight: str
    there: Name
    other_weight: str


@dataclass(frozen=True)
class Contrast:
    """A row beside its nearest of another class: the features that differ most, and what is left out."""

    row: Name
    class_name: Name
    border: str
    other: Name
    other_class: Name
    other_border: str
    differences: tuple[Difference, ...]
    left_out: str
    summary: Sentence
    caption: Sentence


@dataclass(frozen=True)
class Sides:
    """Of picked rows: what stands beside them, and the marks of those close to the border."""

    pairs: Mapping[Key, Contrast]
    borders: Mapping[Key, str]


def sides(results: Results, says: Voice, *, paired: bool) -> Sides:
    """The marks of all picked rows, and their pairs where these are wanted."""
    rows = (row for pick in results.picks for row in pick.rows)
    return Sides(
        pairs=pairs(results, says) if paired else {},
        borders={(row.row, row.class_name): border(row, results) for row in rows},
    )


def pairs(results: Results, says: Voice) -> dict[Key, Contrast]:
    """Every picked row that has a neighbour of another class worth showing.

    Rows are as far apart as they have features with different values: the distance that LIME's kernel knows. Of equally
    near ones the nearest is that whose differing features weigh least in the row. Parts of images and spans of series
    are the same in every row and say nothing; texts differ by their words, where all of them are stored.
    """
    if says.regression or says.domain not in {"tabular", "text"}:
        return {}
    rows = {(r.row, r.class_name): r for p in results.picks for r in p.rows}
    usable = [r for r in rows.values() if says.tabular or len(r.features) < _STORED]
    held = {(r.row, r.class_name): {f.feature: f for f in r.features} for r in usable}
    found = {}
    for row in usable:
        mine = held[row.row, row.class_name]
        others = [
            (other, _apart(mine, held[other.row, other.class_name], words=not says.tabular))
            for other in usable
            if other.class_name != row.class_name
        ]
        if others:
            other, apart = min(others, key=lambda o: (len(o[1]), sum(abs(_weight(mine, f)) for f in o[1])))
            theirs = held[other.row, other.class_name]
            shared = len(mine.keys() & theirs.keys()) - (len(apart) if says.tabular else 0)
            found[row.row, row.class_name] = Contrast(
                row=name(row.row, 24),
                class_name=name(row.class_name, 40),
                border=border(row, results),
                other=name(other.row, 24),
                other_class=name(other.class_name, 40),
                other_border=border(other, results),
                differences=_differences(mine, theirs, apart, says),
                left_out=_left_out(len(apart), shared, says),
                summary=say(
                    f"Beside {says.row.one} ",
                    name(other.row, 24),
                    ", ",
                    name(other.class_name, 40),
                    f": {says.feature.count(len(apart))} {'differs' if len(apart) == 1 else 'differ'}",
                ),
                caption=say(
                    f"What differs from {says.row.one} ",
                    name(other.row, 24),
                    ", the nearest picked one of another class; each weight is for the class of its own ",
                    says.row.one,
                ),
            )
    return found


def margin(row: PickedRow, n_classes: int) -> float | None:
    """By how much the likeliest class is ahead of the second; of two classes the output of one tells it."""
    if row.margin is None and n_classes == _TWO:
        return abs(2 * row.predicted - 1)
    return row.margin


def border(row: PickedRow, results: Results) -> str:
    """The mark of a row that stands close to the border between two classes; empty for others."""
    if results.model.task == "regression":
        return ""
    ahead = margin(row, sum(c.name != ALL_CLASSES for c in results.classes))
    return f"close to the border, {number(ahead, 2)} ahead" if ahead is not None and ahead < BORDER else ""


def _apart(mine: Mapping[str, LocalFeature], other: Mapping[str, LocalFeature], *, words: bool) -> list[str]:
    """The features with different values; of a table those that both rows show, of a text words that only one has."""
    if words:
        return sorted(mine.keys() ^ other.keys())
    return [f for f in mine if f in other and _value(mine[f]) != _value(other[f])]


def _value(feature: LocalFeature) -> str:
    return feature.value or feature.raw


def _weight(held: Mapping[str, LocalFeature], feature: str) -> float:
    return held[feature].weight if feature in held else 0.0


def _differences(
    mine: Mapping[str, LocalFeature], theirs: Mapping[str, LocalFeature], apart: Sequence[str], says: Voice
) -> tuple[Difference, ...]:
    shown = sorted(apart, key=lambda f: -max(abs(_weight(mine, f)), abs(_weight(theirs, f))))[:_SHOWN]
    places = decimals(side[f].weight for f in shown for side in (mine, theirs) if f in side)

    def told(side: Mapping[str, LocalFeature], feature: str) -> tuple[Name, str]:
        found = side.get(feature)
        if found is None:
            return Name("not in it"), NONE
        return name(_told(found), 60) if says.tabular else Name("in it"), signed(found.weight, places)

    return tuple(Difference(name(f), *told(mine, f), *told(theirs, f)) for f in shown)


def _told(feature: LocalFeature) -> str:
    """A value as a reader meets it: as it is, with its interval where it has one."""
    return feature.raw if feature.raw == feature.value or not feature.value else f"{feature.raw} ({feature.value})"


def _left_out(apart: int, shared: int, says: Voice) -> str:
    same = f"{says.feature.count(shared)} {'is' if shared == 1 else 'are'} the same"
    more = apart - _SHOWN
    return (
        f"{more:,} more {'differs' if more == 1 else 'differ'}; {same}."
        if more > 0
        else f"{same[0].upper()}{same[1:]}."
    )
