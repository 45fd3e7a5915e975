"""The interpretable space of a table: all its columns, fitted to a background once and then only read."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from limekiln.domains.tabular import columns as col
from limekiln.domains.tabular.columns import Column, Discretizer
from limekiln.values import Array, Codes, Index, Mask


@dataclass(frozen=True)
class Space:
    """d columns; `discretized` tells whether continuous ones are matched by interval or kept as numbers."""

    columns: tuple[Column, ...]
    discretized: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, (d,)."""
        return tuple(c.name for c in self.columns)

    @property
    def sizes(self) -> Index:
        """How many codes each column has, missing and unseen included."""
        return np.array([len(c.labels) for c in self.columns], dtype=np.int64)

    @property
    def matched(self) -> Mask:
        """Columns (d,) whose interpretable value is 1 where a perturbed row has the row's own code."""
        return np.array([self.discretized or c.kind == "categorical" for c in self.columns])


@dataclass(frozen=True)
class Perturbed:
    """n perturbed rows: as the model sees them, their codes (n, d), and their standardised numbers (n, d)."""

    frame: pd.DataFrame
    codes: Codes
    standardised: Array


def fit(
    background: pd.DataFrame,
    *,
    discretizer: Discretizer,
    categorical: Collection[str] = (),
    classes: Index | None = None,
    seed: int = 0,
) -> Space:
    """Fits intervals, categories and frequencies to a background.

    Args:
        background: (N, d) rows that perturbations are drawn like.
        discretizer: how continuous columns are cut; see `columns.fit_continuous`.
        categorical: numeric columns whose numbers are names.
        classes: (N,) the rows' classes, for the entropy discretizer.
        seed: of the entropy discretizer's trees.
    """
    fitted = []
    for name in background.columns:
        values = background[name]
        if name in categorical or not col.is_continuous(values):
            fitted.append(col.fit_categorical(values))
        else:
            fitted.append(col.fit_continuous(values, discretizer, classes, seed))
    return Space(tuple(fitted), discretized=discretizer != "none")


def encode(space: Space, frame: pd.DataFrame) -> Codes:
    """Codes of rows, (n, d)."""
    return np.column_stack([col.encode(c, frame[c.name]) for c in space.columns])


def standardise(space: Space, frame: pd.DataFrame) -> Array:
    """Standardised numbers of rows, (n, d); 0 for categories and missing values."""
    return np.column_stack([col.standardise(c, frame[c.name]) for c in space.columns])


def perturb(space: Space, n: int, rng: np.random.Generator) -> Perturbed:
    """Draws n perturbed rows, each column by itself: its code by frequency, then its value within the code.

    The law does not depend on any explained row (lime's `__data_inverse`), which is what lets rows share them.
    """
    draw = col.draw_within if space.discretized else col.draw_around_mean
    series, codes = [], []
    for column in space.columns:
        drawn = col.draw_codes(column, n, rng)
        series.append(draw(column, drawn, rng))
        codes.append(drawn if space.discretized else col.encode(column, series[-1]))
    frame = pd.concat(series, axis=1)
    return Perturbed(frame, np.column_stack(codes), standardise(space, frame))
