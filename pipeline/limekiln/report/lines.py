"""A series as small line charts, one for each of its heaviest channels, its spans shaded by their weights."""

from dataclasses import dataclass
from typing import Final

from limekiln.record import Series
from limekiln.report.figures import Cell, Tick, plane_cell
from limekiln.report.names import fit
from limekiln.report.words import count, number

_CHANNELS: Final = 4
_PALER: Final = 1.8  # so that the line can be read on the strongest shade
_WIDTH, _LEFT, _RIGHT = 440.0, 4.0, 392.0
_CHART, _GAP, _LABEL = 46.0, 10.0, 15.0


@dataclass(frozen=True)
class Channel:
    """One channel: its name, its spans' backgrounds, the line, the ends of its axis."""

    name: str
    y: float
    spans: tuple[Cell, ...]
    line: str
    ends: tuple[Tick, Tick]


@dataclass(frozen=True)
class Chart:
    """A series as it is drawn."""

    alt: str
    width: float
    height: float
    left: float
    right: float
    bottom: float
    channels: tuple[Channel, ...]
    ticks: tuple[Tick, ...]
    more: str


def chart(series: Series | None, alt: str) -> Chart | None:
    """The chart of a series; None where there is none, or nothing in it."""
    if series is None or not series.values or not series.values[0]:
        return None
    worth = [sum(map(abs, w)) for w in series.weights]
    chosen = sorted(range(len(series.channels)), key=lambda c: -worth[c])[:_CHANNELS]
    end = max((abs(w) for weights in series.weights for w in weights), default=0.0)
    steps = len(series.values[0])
    made = tuple(_channel(series, c, end, k * (_LABEL + _CHART + _GAP) + _LABEL) for k, c in enumerate(sorted(chosen)))
    bottom = made[-1].y + _CHART
    left = len(series.channels) - len(chosen)
    return Chart(
        alt=alt,
        width=_WIDTH,
        height=bottom + 16,
        left=_LEFT,
        right=_RIGHT,
        bottom=bottom,
        channels=made,
        ticks=(Tick(_LEFT, "start"), Tick(_RIGHT, f"end ({count(steps, 'point')})")),
        more=f"{count(left, 'more channel')} {'weighs' if left == 1 else 'weigh'} less." if left else "",
    )


def _channel(series: Series, c: int, end: float, y: float) -> Channel:
    values, steps = series.values[c], len(series.values[c])
    low, high = min(values), max(values)
    room = high - low or 1.0

    def x(at: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * at / steps, 1)

    starts = [*series.starts, steps]
    spans = tuple(
        plane_cell(x(a), y, max(0.5, x(b) - x(a)), _CHART, share=w, end=_PALER * end, numbers=False)
        for a, b, w in zip(starts, starts[1:], series.weights[c], strict=False)
    )
    points = [(x(i + 0.5), round(y + 4 + (_CHART - 8) * (1 - (v - low) / room), 1)) for i, v in enumerate(values)]
    return Channel(
        name=fit(series.channels[c], 30),
        y=y,
        spans=spans,
        line=" ".join(f"{'L' if i else 'M'}{px} {py}" for i, (px, py) in enumerate(points)),
        ends=(Tick(y + 9, number(high)), Tick(y + _CHART - 1, number(low))),
    )
