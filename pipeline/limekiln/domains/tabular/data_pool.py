"""A pool of the background's own rows: no row that the model could tell from real ones.

Perturbed rows draw each column by itself, and so lie where no data are; a model can behave well on exactly those
(Slack et al. 2020, arXiv 1911.02508). Here the rows that a surrogate is fitted to are real ones, in the same `Pool`,
with the same matches and the same kernel. What changes is the law: columns keep their dependence, so that a weight is
what a column says beside the others that go with it, and columns that always go together share it (the ridge splits it
evenly).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Space
from limekiln.values import Array, Codes, Index, Predictor

DATA_PART: Final = 4096
"""Rows predicted at once; a constant, since a model's last bits may depend on it."""

_STREAM: Final = 0xDA7A
"""Sets this draw apart from others of the same seed."""


@dataclass(frozen=True)
class DataPoolJob:
    """What is needed to encode and predict parts of the pool."""

    space: Space
    model: Predictor


@dataclass(frozen=True)
class PredictedRows:
    """Real rows with predictions; those that the model refused are dropped and counted.

    Attributes:
        codes: (m, d).
        numbers: (m, d) standardised numbers.
        outputs: (m, C), all finite.
        failed: how many rows were refused.
        error: the first reason; empty where none was.
    """

    codes: Codes
    numbers: Array
    outputs: Array
    failed: int
    error: str


def choose(n_background: int, wanted: int, seed: int) -> Index:
    """Positions of at most `wanted` rows of the background, each once, in random order.

    All of them where there are no more: a row that stood twice would say nothing new and look as if it did. The order
    is random so that a slice of the pool is a sample of it, however the background was sorted.
    """
    rng = np.random.default_rng([seed, _STREAM])
    return rng.permutation(n_background)[:wanted].astype(np.int64)


def parts(background: pd.DataFrame, positions: Index) -> list[pd.DataFrame]:
    """The chosen rows in parts of `DATA_PART`, in the order given, the last one shorter."""
    return [background.iloc[positions[s : s + DATA_PART]] for s in range(0, len(positions), DATA_PART)]


def predict_part(job: DataPoolJob, rows: pd.DataFrame) -> PredictedRows:
    """Encodes a part of the pool and asks the model for it."""
    outputs, failed = job.model.predict_rows(rows)
    return predicted(job.space, rows, outputs, failed[0][1] if failed else "")


def predicted(space: Space, rows: pd.DataFrame, outputs: Array, error: str = "") -> PredictedRows:
    """A part whose predictions are there already, as a run's own rows have them: no model call.

    Args:
        space: the interpretable space.
        rows: (m, D) rows.
        outputs: (m, C) predictions, NaN in rows that the model refused.
        error: why it refused the first of them.
    """
    good = np.isfinite(outputs).all(axis=1)
    codes, numbers = spaces.encode(space, rows)[good], spaces.standardise(space, rows)[good]
    return PredictedRows(codes, numbers, outputs[good], int((~good).sum()), error)


def join(space: Space, found: Sequence[PredictedRows]) -> Pool:
    """One pool from its parts, in order; what `local.tables.explain_pooled` takes.

    Raises:
        ValueError: the model refused every row.
    """
    if not sum(len(part.outputs) for part in found):
        raise ValueError("a pool of the data's own rows needs at least one row that the model can predict")
    codes, numbers, outputs = (
        np.concatenate([getattr(part, name) for part in found]) for name in ("codes", "numbers", "outputs")
    )
    return pools.make(space, codes, numbers, outputs)
