"""Data into geometry: what the SVG macros in `templates/charts/` draw, in the drawing's own units.

A chart is a frozen value with a title, an alternative text and rounded coordinates; nothing is computed in a
template. Colours are literal there, because `var()` paints black in a PDF's SVG.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from limekiln.report.words import MINUS, percent

Sign = Literal["for", "against"]
BAR_HEIGHT = 11
_PAIRED = 7
_DOT = 4
_HATCH_STEP = 4
_SEEN = 1.5  # a floor nearer to the axis cannot be told from it
_LIGHT, _DEEP = (0xF2, 0xF6, 0xFA), (0x00, 0x5B, 0x94)
_MIDDLE, _OPPOSED = (0xF7, 0xF7, 0xF5), (0xB0, 0x45, 0x00)
_EQUAL_CONTRAST = 0.1791  # the luminance at which black and white text read equally well, 4.58:1


@dataclass(frozen=True)
class Mark:
    """A filled part of a bar; `hatch` holds the strokes (x1, y1, x2, y2) that tell `against` without colour."""

    sign: Sign
    x: float
    y: float
    width: float
    height: float
    hatch: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Bar:
    """One bar of a table row: its marks, the zero line, and an interval's whisker and a noise floor where known."""

    title: str
    width: float
    height: float
    zero: float
    marks: tuple[Mark, ...]
    whisker: tuple[float, float] | None
    floor: float | None = None


@dataclass(frozen=True)
class Pair:
    """Two values of one table row as bars one above the other, by their lengths: the first filled, the second open."""

    title: str
    width: float
    height: float
    first: float
    second: float


@dataclass(frozen=True)
class Move:
    """A value before and after, in one table row: an open and a filled dot with their intervals, and what joins them.

    An interval is (from, to) along the axis, None where there is none. `moved` draws the joining line strong.
    """

    title: str
    width: float
    height: float
    old: float
    old_range: tuple[float, float] | None
    new: float
    new_range: tuple[float, float] | None
    moved: bool


@dataclass(frozen=True)
class Tick:
    """A tick: where along its axis, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Steps:
    """The coverage curve: what a pick of 1, 2, … rows covers, and what no such pick can exceed."""

    title: str
    alt: str
    width: float
    height: float
    left: float
    right: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    covered: str
    bound: str
    between: str
    covered_label: tuple[float, str]
    bound_label: tuple[float, str]
    axis: str


@dataclass(frozen=True)
class Bin:
    """A bar of the histogram; `low` marks the bins under the line that the report draws."""

    x: float
    y: float
    width: float
    height: float
    low: bool
    hatch: tuple[tuple[float, float, float, float], ...]
    text: str


@dataclass(frozen=True)
class Histogram:
    """How many rows have which fidelity, with the median as a line."""

    title: str
    alt: str
    width: float
    height: float
    left: float
    right: float
    bottom: float
    bins: tuple[Bin, ...]
    ticks: tuple[Tick, ...]
    median: Tick | None


@dataclass(frozen=True)
class Cell:
    """A cell of a heat map: its fill, its number where there is room, and strokes where it is against instead."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    ink: str
    text: str
    hatch: tuple[tuple[float, float, float, float], ...]


def stacked_bar(
    title: str,
    *,
    score: float,
    positive: float,
    negative: float,
    top: float,
    interval: tuple[float, float] | None = None,
    floor: float | None = None,
    width: float = 150,
    whole: bool = True,
) -> Bar:
    """A bar as long as `score` on a scale that ends at `top`, split in the ratio of its signed parts.

    `whole` keeps the drawing `width` wide; otherwise it ends with the bar, for a value to stand beside it.
    """
    scale = width / top if top > 0 else 0.0
    length = max(0.0, score) * scale
    marks = _split(length, positive, negative, y=0, height=BAR_HEIGHT)
    whisker = None if interval is None else (_r(max(0.0, interval[0]) * scale), _r(min(width, interval[1] * scale)))
    reached = None if floor is None or floor * scale < _SEEN else _r(min(width, floor * scale))
    return Bar(title, width if whole else max(1, _r(length)), BAR_HEIGHT, 0, marks, whisker, reached)


def diverging_bar(title: str, weight: float, *, reach: float, width: float = 150) -> Bar:
    """A bar from a zero line in the middle: to the right for the output, to the left against it."""
    zero = width / 2
    length = abs(weight) / reach * zero if reach > 0 else 0.0
    sign: Sign = "for" if weight >= 0 else "against"
    mark = _mark(sign, zero if sign == "for" else zero - length, 0, length, BAR_HEIGHT)
    return Bar(title, width, BAR_HEIGHT, zero, () if mark is None else (mark,), None)


def pair(title: str, first: float, second: float, *, top: float, width: float = 150) -> Pair:
    """Two bars on a scale that ends at `top`."""
    scale = (width - 1) / top if top > 0 else 0.0  # the open bar's outline needs the last unit
    return Pair(title, width, 2 * _PAIRED + 3, _r(max(0.0, first) * scale), _r(max(0.0, second) * scale))


def move(
    title: str,
    old: tuple[float, float | None, float | None],
    new: tuple[float, float | None, float | None],
    *,
    top: float,
    moved: bool,
    width: float = 170,
) -> Move:
    """Two values, each with the ends of its interval, on a scale from 0 to `top`."""
    scale = (width - 2 * _DOT) / top if top > 0 else 0.0

    def at(value: float) -> float:
        return _r(_DOT + min(max(0.0, value), top) * scale)

    def ends(of: tuple[float, float | None, float | None]) -> tuple[float, float] | None:
        return None if of[1] is None or of[2] is None else (at(of[1]), at(of[2]))

    return Move(title, width, 18, at(old[0]), ends(old), at(new[0]), ends(new), moved)


def coverage_steps(
    title: str, alt: str, covered: Sequence[float], bound: Sequence[float], axis: str = "rows picked"
) -> Steps:
    """The curve from shares of the total, one for each number of rows picked."""
    width, height, left, right, top, bottom = 460.0, 216.0, 40.0, 356.0, 10.0, 180.0
    n = len(covered)

    def x(rows: float) -> float:
        return _r(left + (right - left) * (rows - 0.5) / n) if n else left

    def y(share: float) -> float:
        return _r(bottom - (bottom - top) * min(1.0, max(0.0, share)))

    steps, ceiling = _staircase(covered, x, y), _staircase(bound, x, y)
    back = " ".join(f"L{px} {py}" for px, py in reversed(ceiling))
    low = y(covered[-1]) if n else bottom
    high = y(bound[-1]) if n else bottom
    if low - high < 30:  # noqa: PLR2004  two lines of text at the same end need this room
        middle = (low + high) / 2
        high, low = middle - 15, middle + 15
    every = max(1, math.ceil(n / 10))
    return Steps(
        title=title,
        alt=alt,
        width=width,
        height=height,
        left=left,
        right=right,
        bottom=bottom,
        x_ticks=tuple(Tick(x(k), str(k)) for k in range(1, n + 1, every)),
        y_ticks=tuple(Tick(y(k / 4), f"{25 * k}%") for k in range(5)),
        covered=_path(steps),
        bound=_path(ceiling),
        between=f"{_path(steps)} {back} Z" if n else "",
        covered_label=(_r(low + 4), f"covered: {percent(covered[-1])}" if n else ""),
        bound_label=(_r(high + 4), f"at most: {percent(min(1.0, bound[-1]))}" if n else ""),
        axis=axis,
    )


def histogram(title: str, alt: str, values: Sequence[float], *, median: float | None, line: float) -> Histogram:
    """Twenty bins from 0 to 1 and one for everything below 0; bins under `line` are marked as low."""
    width, height, left, right, top, bottom, n = 640.0, 178.0, 8.0, 632.0, 18.0, 142.0, 20
    counts = [0] * (n + 1)
    for value in values:
        counts[0 if value < 0 else 1 + min(n - 1, int(value * n + 1e-9))] += 1
    step = (right - left) / (n + 1)
    tallest = max([*counts, 1])
    bins = []
    for i, k in enumerate(counts):
        tall = (bottom - top) * k / tallest
        low = i == 0 or (i - 1) / n < line - 1e-9
        mark = _mark("against" if low else "for", left + i * step + 1, bottom - tall, step - 2, tall)
        if mark is not None:
            bins.append(Bin(mark.x, mark.y, mark.width, mark.height, low, mark.hatch, f"{k:,}"))
    ticks = [Tick(_r(left + step / 2), "below 0")]
    ticks += [Tick(_r(left + step * (1 + k * n / 4)), f"{k / 4:g}") for k in range(1, 4)]
    ticks += [Tick(right - 4, "1")]
    at = None
    if median is not None and math.isfinite(median):
        place = left + step / 2 if median < 0 else left + step * (1 + n * min(1.0, median))
        at = Tick(_r(place), f"median {median:.2f}")
    return Histogram(title, alt, width, height, left, right, bottom, tuple(bins), tuple(ticks), at)


def shade(share: float, top: float) -> tuple[str, str]:
    """A cell's fill and the colour of the text on it, from white to blue, for a share of the scale's end."""
    t = min(1.0, max(0.0, share / top)) if top > 0 else 0.0
    mixed = [round(a + (b - a) * t**0.8) for a, b in zip(_LIGHT, _DEEP, strict=True)]
    fill = "#" + "".join(f"{part:02x}" for part in mixed)
    return fill, "#ffffff" if _luminance(mixed) < _EQUAL_CONTRAST else "#000000"


def diverging(share: float, end: float) -> tuple[str, str]:
    """A cell's fill and the colour of the text on it: blue for what is for the output, orange against, pale at zero."""
    t = min(1.0, abs(share) / end) if end > 0 else 0.0
    deep = _DEEP if share > 0 else _OPPOSED
    mixed = [round(a + (b - a) * t**0.8) for a, b in zip(_MIDDLE, deep, strict=True)]
    fill = "#" + "".join(f"{part:02x}" for part in mixed)
    return fill, "#ffffff" if _luminance(mixed) < _EQUAL_CONTRAST else "#000000"


def plane_cell(
    x: float, y: float, width: float, height: float, *, share: float | None, end: float, numbers: bool
) -> Cell:
    """One cell at its place, a hair smaller than its room; a cell that nothing uses is left pale with a dash."""
    gap = min(1.0, width / 12)
    box = (_r(x), _r(y), _r(width - gap), _r(height - gap))
    if share is None:
        return Cell(*box, "#ffffff", "#5b6672", "–" if numbers else "", ())
    fill, ink = diverging(share, end)
    hatched = not numbers and share < 0 and end > 0 and -share / end >= 0.08  # noqa: PLR2004  what can be told from pale
    text = signed_points(share) if numbers else ""
    return Cell(*box, fill, ink, text, _hatch(*box) if hatched else ())


def signed_points(share: float) -> str:
    """A net share in percent with its sign; one decimal under ten."""
    text = f"{100 * abs(share):.{1 if abs(share) < 0.1 else 0}f}"  # noqa: PLR2004  two digits at least
    return text if not float(text) else f"{'+' if share > 0 else MINUS}{text}"


def _luminance(colour: Sequence[int]) -> float:
    """Relative luminance of an sRGB colour, by WCAG 2.2."""
    linear = [p / 255 / 12.92 if p <= 10 else ((p / 255 + 0.055) / 1.055) ** 2.4 for p in colour]  # noqa: PLR2004
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def _split(length: float, positive: float, negative: float, *, y: float, height: float) -> tuple[Mark, ...]:
    both = positive + negative
    first = length * (positive / both) if both > 0 else length
    marks = (_mark("for", 0, y, first, height), _mark("against", first, y, length - first, height))
    return tuple(mark for mark in marks if mark is not None)


def _mark(sign: Sign, x: float, y: float, width: float, height: float) -> Mark | None:
    if width < 0.05 or height < 0.05:  # noqa: PLR2004  less than a printer can show
        return None
    strokes = _hatch(x, y, width, height) if sign == "against" else ()
    return Mark(sign, _r(x), _r(y), _r(width), _r(height), strokes)


def _hatch(x: float, y: float, width: float, height: float) -> tuple[tuple[float, float, float, float], ...]:
    """Rising diagonals, cut at the edges of the rectangle."""
    strokes = []
    start = _HATCH_STEP - height
    while start < width:
        x1, x2 = max(0.0, start), min(width, start + height)
        strokes.append((_r(x + x1), _r(y + height - (x1 - start)), _r(x + x2), _r(y + height - (x2 - start))))
        start += _HATCH_STEP
    return tuple(strokes)


def _staircase(
    shares: Sequence[float], x: Callable[[float], float], y: Callable[[float], float]
) -> list[tuple[float, float]]:
    """One stair a row, as wide as the row's place on the axis."""
    points = [(x(0.5), y(0))]
    for k, share in enumerate(shares, start=1):
        points += [(x(k - 0.5), y(share)), (x(k + 0.5), y(share))]
    return points


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{'L' if i else 'M'}{x} {y}" for i, (x, y) in enumerate(points))


def _r(value: float) -> float:
    """One decimal: finer than any screen or printer, and the same text everywhere."""
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded
