"""Features that lie in a plane, as heat maps: cells of a grid over images, or channels × spans of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from limekiln.record import Layout
from limekiln.report.figures import Cell, Tick, diverging, plane_cell, signed_points
from limekiln.report.names import Name, fit, name
from limekiln.report.voice import Voice

_WIDE, _TALL, _LEAST = 34.0, 34.0, 12.0
_SMALL = 116.0
_ROOM = 620.0
_HIGH = 330.0
_NUMBERS_FROM = 25.0
_EM = 11.0
_NAMED = 3
_TOP = 18.0

Net = Mapping[tuple[str, str], float]
"""By class and feature: the share of its weights that is for the output, less the share against it."""


@dataclass(frozen=True)
class Map:
    """A heat map. `rows` and `columns` tick the axes; where cells are too small for numbers, `against` are hatched."""

    name: Name
    note: str
    alt: str
    width: float
    height: float
    cells: tuple[Cell, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    left: float
    top: float
    axis: str


@dataclass(frozen=True)
class Scale:
    """The legend of all maps of a report: fills from the most against to the most for, and the scale's end."""

    fills: tuple[str, ...]
    end: str


def net_shares(table: pd.DataFrame) -> Net:
    """The net share of every feature that is used, by class, from `importances.parquet`."""
    part = table[(table["level"] == "feature") & (table["support"] > 0)]
    columns = (part[c] for c in ("class", "feature", "positive", "negative"))
    return {(str(c), str(f)): float(p) - float(n) for c, f, p, n in zip(*columns, strict=True)}


def reach(layout: Layout, net: Net, classes: Sequence[str]) -> float:
    """The end of the scale that all maps share."""
    return max((abs(net.get((c, f), 0.0)) for c in classes for f in layout.features), default=0.0)


def draw(layout: Layout, net: Net, class_: str, end: float, says: Voice, *, small: bool = False, note: str = "") -> Map:
    """One class's map: each cell has its net share, in percent where there is room for a number.

    Args:
        layout: where the features lie.
        net: `net_shares` of the run.
        class_: whose map.
        end: the share at the end of the scale.
        says: the words of this run.
        small: for several side by side, without numbers and ticks.
        note: printed beside the name.
    """
    n_rows, n_columns = len(layout.rows), len(layout.columns)
    left = 0.0 if small else min(150.0, 8 + max(map(len, _plain(layout.rows)[1]), default=0) * 6.6)
    common, columns = _plain(layout.columns)
    wide, tall = _cell_size(n_rows, n_columns, _SMALL if small else _ROOM - left, small=small)
    if not small:
        labels = 6 + 6.4 * max(map(len, columns), default=0)
        wide = max(wide, min(labels, (_ROOM - left) / max(1, n_columns)))
    top = 0.0 if small else _TOP
    numbers = not small and wide >= _NUMBERS_FROM and tall >= 15  # noqa: PLR2004  a number's line
    cells = []
    for i, feature in enumerate(layout.features):
        r, c = divmod(i, n_columns)
        cells.append(
            plane_cell(
                left + c * wide, top + r * tall, wide, tall, share=net.get((class_, feature)), end=end, numbers=numbers
            )
        )
    every = max(1, -(-n_columns * 26 // max(1, int(n_columns * wide))))
    return Map(
        name=name(class_, 30 if small else 60),
        note=note,
        alt=_alt(layout, net, class_, says),
        width=round(left + n_columns * wide, 1),
        height=round(top + n_rows * tall, 1),
        cells=tuple(cells),
        rows=()
        if small
        else tuple(
            Tick(round(top + (r + 0.5) * tall + 4, 1), fit(text, left / _EM))
            for r, text in enumerate(_plain(layout.rows)[1])
        ),
        columns=()
        if small
        else tuple(
            Tick(round(left + (c + 0.5) * wide, 1), fit(text, every * wide / _EM))
            for c, text in enumerate(columns)
            if c % every == 0
        ),
        left=left,
        top=top,
        axis="" if common == "column" else common,
    )


def scale(end: float) -> Scale:
    """The legend's fills in eleven steps."""
    return Scale(tuple(diverging(k / 5, 1.0)[0] for k in range(-5, 6)), signed_points(end).lstrip("+"))


def _cell_size(rows: int, columns: int, room: float, *, small: bool) -> tuple[float, float]:
    """Square cells for a grid as far as they fit; the cells of a few channels over many spans are wide."""
    if small:
        side = min(room / columns, room / rows)
        wide = room / columns if rows < columns / 2 else side
        return round(wide, 2), round(min(side * 2, wide, 14.0) if rows < columns / 2 else side, 2)
    tall = max(_LEAST, min(_TALL, _HIGH / rows)) if rows <= _HIGH / 6 else _HIGH / rows
    wide = room / columns if room / columns < _WIDE else max(_WIDE, tall)
    return round(wide, 2), round(min(tall, wide) if rows * 2 > columns else tall, 2)


def _plain(labels: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """What all labels begin and end with, for the axis, and what is left of each."""
    if len(labels) < 2:  # noqa: PLR2004  one label has nothing in common with another
        return "", tuple(labels)
    words = [label.split(" ") for label in labels]
    head, tail = 0, 0
    shortest = min(map(len, words)) - 1
    while head < shortest and len({w[head] for w in words}) == 1:
        head += 1
    while tail < shortest - head and len({w[-1 - tail] for w in words}) == 1:
        tail += 1
    common = " ".join([*words[0][:head], *(["…"] if tail else []), *words[0][len(words[0]) - tail :]])
    return common, tuple(" ".join(w[head : len(w) - tail]) for w in words)


def _alt(layout: Layout, net: Net, class_: str, says: Voice) -> str:
    ranked = sorted(layout.features, key=lambda f: -abs(net.get((class_, f), 0.0)))[:_NAMED]
    told = [f"{f} ({signed_points(net[class_, f])}%)" for f in ranked if net.get((class_, f))]
    what = f"Heat map of {len(layout.rows)} × {len(layout.columns)} {says.feature.many} for {name(class_, 60).short}"
    return f"{what}; heaviest: {', '.join(told)}." if told else f"{what}; none has any weight."
