"""The values that pass between the stages of a run, and the names of their array types."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

Outputs = tuple[Array, list[tuple[int, str]]]
"""Predictions (n, C), NaN where a row failed, and those rows' positions with the reason."""


class Predictor(Protocol):
    """A model that a worker can get hold of: small to send, loaded where it is used."""

    def predict_rows(self, frame: pd.DataFrame) -> Outputs:
        """Predicts each row; a row that cannot be predicted is a failure, not an exception."""
        ...


@dataclass(frozen=True)
class Failure:
    """A row that could not be explained: its position in the data, the stage, and the reason."""

    row: int
    stage: str
    error: str


@dataclass(frozen=True)
class LocalExplanations:
    """Explanations of n rows over d features, each for one class.

    Attributes:
        rows: (n,) positions of the rows in the data.
        labels: (n,) the class that each row is explained for.
        codes: (n, d) the interval or category that each value fell in.
        weights: (n, d) the surrogates' coefficients.
        intercept: (n,) the surrogates' intercepts.
        surrogate: (n,) the surrogates' predictions for the row itself.
        predicted: (n,) the model's predictions for the row itself.
        r2: (n,) weighted R² of the surrogates; NaN where the model's output did not vary.
    """

    rows: Index
    labels: Index
    codes: Codes
    weights: Array
    intercept: Array
    surrogate: Array
    predicted: Array
    r2: Array


def concatenate(parts: list[LocalExplanations]) -> LocalExplanations:
    """Joins batches in the order given. Raises ValueError for no batch."""
    return LocalExplanations(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(LocalExplanations)}
    )


@dataclass(frozen=True)
class Progress:
    """An event: `done` of `total` items of a stage are finished."""

    stage: str
    done: int
    total: int


Listener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The listener that ignores what it hears."""
