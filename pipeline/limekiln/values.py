"""The values that pass between the stages of a run, and the names of their array types."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

Instances = pd.DataFrame | list[str] | NDArray[Any]
"""What a model is asked with: n rows of a table, n texts, or n images or series stacked along the first axis."""

Traits = dict[str, NDArray[Any]]
"""Named arrays over the parts of one row, or of many rows one after another."""

Outputs = tuple[Array, list[tuple[int, str]]]
"""Predictions (n, C), NaN where a row failed, and those rows' positions with the reason."""


@dataclass(frozen=True)
class Fresh:
    """Instances that are made each time a model is asked for them, which may then keep and change them: no copies.

    Attributes:
        count: n, how many there are.
        make: gives those of a slice.
    """

    count: int
    make: Callable[[slice], Instances]

    def __len__(self) -> int:
        """How many there are."""
        return self.count


class Predictor(Protocol):
    """A model that a worker can get hold of: small to send, loaded where it is used."""

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """Predicts each instance; one that cannot be predicted is a failure, not an exception."""
        ...


def part(instances: Instances | Fresh, start: int, stop: int) -> Instances:
    """The instances from `start` to `stop`, which a model may write to: a copy of those that are there already."""
    if isinstance(instances, Fresh):
        return instances.make(slice(start, stop))
    if isinstance(instances, pd.DataFrame):
        return instances.iloc[start:stop].copy()
    return list(instances[start:stop]) if isinstance(instances, list) else instances[start:stop].copy()


def chosen(instances: Instances, positions: Sequence[int]) -> Instances:
    """The instances at some positions, in that order, as a copy."""
    if isinstance(instances, pd.DataFrame):
        return instances.iloc[list(positions)].copy()
    return [instances[i] for i in positions] if isinstance(instances, list) else instances[list(positions)].copy()


def batches(rows: Index, size: int) -> list[slice]:
    """Slices of `size` different rows, in order; a row that stands several times, one after another, is in one."""
    starts = np.flatnonzero(np.diff(rows, prepend=rows[:1] - 1))[::size].tolist()
    return [slice(start, stop) for start, stop in pairwise([*starts, len(rows)])]


@dataclass(frozen=True)
class Failure:
    """A row that could not be explained: its position in the data, the stage, and the reason."""

    row: int
    stage: str
    error: str


@dataclass(frozen=True)
class LocalExplanations:
    """Explanations of n rows of a table over its d features, each for one class.

    Attributes:
        rows: (n,) positions of the rows in the data.
        labels: (n,) the class that each row is explained for.
        codes: (n, d) the interval or category that each value fell in.
        weights: (n, d) the surrogates' coefficients.
        intercept: (n,) the surrogates' intercepts.
        surrogate: (n,) the surrogates' predictions for the row itself.
        predicted: (n,) the model's predictions for the row itself.
        r2: (n,) weighted R² of the surrogates; NaN where the model's output did not vary.
        vsi, csi: (n,) agreement of repeats, see `stability`; NaN where it was not measured.
    """

    rows: Index
    labels: Index
    codes: Codes
    weights: Array
    intercept: Array
    surrogate: Array
    predicted: Array
    r2: Array
    vsi: Array
    csi: Array


@dataclass(frozen=True)
class PartExplanations:
    """Explanations of n texts, images or series, each over parts of its own, each for one class.

    Attributes:
        sizes: (n,) how many parts each has; Σ sizes = N.
        weights: (N,) the surrogates' coefficients, row after row.
        rows, labels, intercept, surrogate, predicted, r2, vsi, csi: as in `LocalExplanations`.
    """

    rows: Index
    labels: Index
    sizes: Index
    weights: Array
    intercept: Array
    surrogate: Array
    predicted: Array
    r2: Array
    vsi: Array
    csi: Array


Joined = TypeVar("Joined", LocalExplanations, PartExplanations)


def concatenate(parts: Sequence[Joined]) -> Joined:
    """Joins batches in the order given. Raises IndexError for no batch."""
    kind = type(parts[0])
    return kind(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(kind)})


@dataclass(frozen=True)
class Vocabulary:
    """What all rows' weights are keyed by: F features, and K keys, each a feature or one value of a feature.

    Attributes:
        features: (F,) the features' names.
        feature: (K,) the feature that each key belongs to.
        values: (K,) the value that each key stands for; empty texts where features have none.
        pick: (K,) the key that a weight of this key covers in a pick: itself, or the first of its feature where
            the feature counts as a whole.
        whole: (F,) the features that count as a whole in a pick.
    """

    features: tuple[str, ...]
    feature: Index
    values: tuple[str, ...]
    pick: Index
    whole: Mask

    @property
    def has_values(self) -> bool:
        """Whether features have values that can be told apart."""
        return any(self.values)


def plain_vocabulary(features: Sequence[str]) -> Vocabulary:
    """Features without values: one key each."""
    keys = np.arange(len(features))
    return Vocabulary(tuple(features), keys, ("",) * len(features), keys, np.zeros(len(features), dtype=bool))


@dataclass(frozen=True)
class Explanations:
    """Explanations of n rows, each for one class, by the keys of a `Vocabulary`.

    Attributes:
        weights: (n, K) CSR; column indices sorted, each once; a weight of 0 may be stored.
        rows, labels, intercept, surrogate, predicted, r2, vsi, csi: as in `LocalExplanations`.
    """

    rows: Index
    labels: Index
    weights: sparse.csr_array
    intercept: Array
    surrogate: Array
    predicted: Array
    r2: Array
    vsi: Array
    csi: Array

    def entries(self, i: int) -> tuple[Index, Array]:
        """Keys and weights of row i."""
        start, stop = self.weights.indptr[i], self.weights.indptr[i + 1]
        return self.weights.indices[start:stop], self.weights.data[start:stop]


@dataclass(frozen=True)
class Progress:
    """An event: `done` of `total` items of a stage are finished."""

    stage: str
    done: int
    total: int


Listener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The listener that ignores what it hears."""
