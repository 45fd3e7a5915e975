"""Multivariate time series: each channel is cut into spans, and a hidden span shows what is usual there.

The parts of a series of C channels and s spans are numbered channel · s + span.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from limekiln.errors import InputError, InstanceError
from limekiln.settings.data import SequenceSettings
from limekiln.values import Array, Codes, Index, Mask, Traits

_DIMENSIONS: Final = 2


@dataclass(frozen=True, eq=False)
class Series:
    """One series in its parts.

    Attributes:
        values: (T, C) the series.
        hidden: (T, C) what hidden parts show.
        starts: (s,) the first step of each span.
        spans: how many spans the settings ask for; a series shorter than that has one a step.
    """

    values: Array
    hidden: Array
    starts: Index
    spans: int

    @property
    def size(self) -> int:
        """How many parts there are: channels × spans."""
        return len(self.starts) * int(self.values.shape[1])

    @property
    def parts(self) -> Codes:
        """(T, C) the part of each value."""
        span = np.repeat(np.arange(len(self.starts)), np.diff([*self.starts, len(self.values)]))
        return (span[:, None] + len(self.starts) * np.arange(self.values.shape[1])).astype(np.int32)

    def compose(self, kept: Mask) -> Array:
        """Series with the parts kept that `kept` (m, d) says, as (m, T, C)."""
        return np.where(kept[:, self.parts], self.values, self.hidden)

    def traits(self) -> Traits:
        """`cell` (d,): channel · spans + span, with the settings' number of spans."""
        channel, span = np.divmod(np.arange(self.size), len(self.starts))
        return {"cell": channel * self.spans + span}


@dataclass(frozen=True, eq=False)
class Sequences:
    """How series are cut and hidden.

    Attributes:
        settings: the config's `data.sequences`.
        channels: (C,) the channels' names.
        mean, deviation: (C,) of each channel, over all steps of the background.
        length: T where all series of the background have it, else None.
        background: series that hidden parts may show; empty where they show something else.
    """

    settings: SequenceSettings
    channels: tuple[str, ...]
    mean: Array
    deviation: Array
    length: int | None
    background: tuple[Array, ...] = ()

    @property
    def law(self) -> Literal["coin"]:
        """Each part is hidden by the toss of a coin, as an image's are."""
        return "coin"

    @property
    def least(self) -> int:
        """Of a single span nothing can be told apart."""
        return 2

    def decode(self, cell: object) -> np.ndarray:
        """The series as the model gets it, (T, C) as float64.

        Raises:
            InstanceError: the cell holds no series of numbers, or one of other channels.
        """
        values = _values(cell)
        if values.shape[1] != len(self.channels):
            raise InstanceError(f"the series has {values.shape[1]} channels, expected {len(self.channels)}")
        return values

    def decompose(self, cell: object, seed: int) -> Series:
        """A series in its parts.

        Args:
            cell: (T, C), or (T,) for one channel.
            seed: of the noise, or of which background series is shown.

        Raises:
            InstanceError: as `decode`, or no background series differs from this one.
        """
        values = self.decode(cell)
        spans = np.array_split(np.arange(len(values)), min(self.settings.segments, len(values)))
        starts = np.array([span[0] for span in spans], dtype=np.int64)
        return Series(values, self._hidden(values, np.random.default_rng(seed)), starts, self.settings.segments)

    def _hidden(self, values: Array, rng: np.random.Generator) -> Array:
        if self.settings.hide == "noise":
            return rng.normal(self.mean, self.deviation, values.shape)
        if self.settings.hide == "mean":
            return np.broadcast_to(self.mean, values.shape).copy()
        for i in rng.permutation(len(self.background)):
            other = resample(self.background[i], len(values))
            if not np.array_equal(other, values):
                return other
        raise InstanceError("hiding shows another series, and no series of the background differs from this one")


def fit(settings: SequenceSettings, background: Sequence[object]) -> Sequences:
    """Series by the config.

    Args:
        settings: `data.sequences`.
        background: cells with series; those that hold none are passed over, since they become failed rows.

    Raises:
        InputError: no series can be read, their channels differ in number, or they are not as many as the names.
    """
    series, reason = [], "there is none"
    for cell in background:
        try:
            series.append(_values(cell))
        except InstanceError as error:
            reason = str(error)
    if not series:
        raise InputError(f"data.sequences: no series can be read: {reason}")
    count = _channel_count(series)
    names = settings.channels or tuple(f"channel {c + 1}" for c in range(count))
    if len(names) != count:
        raise InputError(f"data.sequences.channels: {len(names)} names, and the series have {count} channels")
    lengths = {len(s) for s in series}
    steps = np.concatenate(series)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = steps.mean(axis=0), steps.std(axis=0)
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise InputError("data.sequences: the series' values are too large to take their mean and deviation")
    return Sequences(
        settings=settings,
        channels=names,
        mean=mean,
        deviation=deviation,
        length=lengths.pop() if len(lengths) == 1 else None,
        background=tuple(series) if settings.hide == "background" else (),
    )


def globalise(sequences: Sequences, traits: Traits) -> tuple[list[str], Index]:
    """The features of the whole data set: every channel's spans.

    Args:
        sequences: the domain.
        traits: of the parts of all series, one after another; N of them.

    Returns:
        The features' names, such as "speed, steps 1–10", and (N,) each part's feature.
    """
    channels, spans = axes(sequences)
    return [f"{channel}, {span}" for channel in channels for span in spans], traits["cell"].astype(np.int64)


def axes(sequences: Sequences) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The channels' names, and the spans': their steps, counted from 1, where all series are equally long."""
    count = sequences.settings.segments
    if sequences.length is None or sequences.length < count:
        return sequences.channels, tuple(f"span {k + 1} of {count}" for k in range(count))
    spans = np.array_split(np.arange(1, sequences.length + 1), count)
    return sequences.channels, tuple(_steps(int(span[0]), int(span[-1])) for span in spans)


def resample(series: Array, length: int) -> Array:
    """A series (T, C) at another length, linear between its steps."""
    at = np.linspace(0, len(series) - 1, length)
    steps = np.arange(len(series))
    return np.stack([np.interp(at, steps, column) for column in series.T], axis=1)


def _steps(first: int, last: int) -> str:
    return f"step {first}" if first == last else f"steps {first}–{last}"


def _channel_count(series: Sequence[Array]) -> int:
    counts = sorted({int(s.shape[1]) for s in series})
    if len(counts) > 1:
        raise InputError(f"data.sequences: expected series of equally many channels, got {counts[0]} and {counts[1]}")
    return counts[0]


def _values(cell: Any) -> Array:
    """A cell as (T, C) floats. Raises InstanceError where it is nothing like that."""
    if (reason := getattr(cell, "reason", None)) is not None:
        raise InstanceError(str(reason))
    if cell is None:
        raise InstanceError("the series is missing")
    try:
        values = np.array(_nested(cell), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InstanceError(
            f"expected a series of numbers (steps, channels), each step as long as the others: {error}"
        ) from error
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != _DIMENSIONS:
        raise InstanceError(f"expected a series (steps, channels), got an array of shape {values.shape}")
    if 0 in values.shape:
        raise InstanceError(f"the series has no values: its shape is {values.shape}")
    if not np.isfinite(values).all():
        raise InstanceError("the series holds values that are missing or infinite")
    return values


def _nested(cell: Any) -> Any:
    """Arrays of arrays, as Parquet gives lists of lists, as nested lists."""
    is_nested = isinstance(cell, np.ndarray) and cell.dtype == object
    return [_nested(inner) for inner in cell] if is_nested else cell
