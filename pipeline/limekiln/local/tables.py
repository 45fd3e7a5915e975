"""A batch of rows to local explanations: the functions that the fan-out calls, over values it can send."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from limekiln import stability, surrogate
from limekiln.aggregate import floor, folds
from limekiln.aggregate.floor import ProbeTally
from limekiln.aggregate.folds import FOLDS, FoldTally, GroupTally
from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import probes
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Perturbed, Space
from limekiln.surrogate import Moments, Selection, Surrogate
from limekiln.values import Array, Codes, Failure, Index, LocalExplanations, Outputs, Predictor, batches

POOL_PART = 4096
"""Perturbed rows drawn and predicted at once; a constant, since a model's last bits may depend on it."""

_ALL = slice(None)
_REPEATS = 4
"""Quarters of the perturbations, as repeats of the same explanation."""


@dataclass(frozen=True)
class Rows:
    """A batch of n rows to explain.

    Attributes:
        rows: (n,) positions in the data.
        keys: (n,) 64-bit keys that the rows' own seeds come from.
        codes: (n, d) and numbers (n, d): the rows in the interpretable space.
        predicted: (n, C) the model's predictions for the rows themselves.
        labels: (n,) the class that each row is explained for.
    """

    rows: Index
    keys: np.ndarray
    codes: Codes
    numbers: Array
    predicted: Array
    labels: Index


@dataclass(frozen=True)
class Local:
    """How a neighbourhood becomes a surrogate: kernel width, and which features it keeps.

    Attributes:
        probed: positions in the data of the rows that are explained with probes beside their features; none where
            nobody asks for the noise floor.
    """

    space: Space
    width: float
    selection: Selection
    features: int | None
    probed: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class PooledJob:
    """What every batch needs when all rows share one pool; no model.

    Attributes:
        cohorts: (rows of the data, K) the numbers of the cohorts that each row counts for, below 0 for none; without
            rows where nobody compares cohorts.
    """

    local: Local
    pool: Pool
    cohorts: Index = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))


@dataclass(frozen=True)
class FreshJob:
    """What every batch needs when each row gets perturbations of its own."""

    local: Local
    model: Predictor
    perturbations: int
    seed: int
    max_refused: float


@dataclass(frozen=True)
class PoolPart:
    """A part of the pool before its predictions: `n` rows drawn from the seed and the part's number."""

    part: int
    n: int


@dataclass(frozen=True)
class PoolJob:
    """What is needed to draw and predict parts of the pool."""

    space: Space
    model: Predictor
    seed: int


@dataclass(frozen=True)
class PredictedPart:
    """A part of the pool with predictions; rows that the model refused are dropped and counted."""

    codes: Codes
    numbers: Array
    outputs: Array
    failed: int
    error: str


@dataclass(frozen=True)
class Batch:
    """The outcome of a batch: explanations, failures, and how many rows the model was asked for and refused.

    `folds` tallies the explanations as folds of the perturbations are left out, `probes` those of probed rows; None
    where the method has no probes. `cohorts` tallies them by cohort and class (`cohort_groups`); None where nobody
    compares cohorts.
    """

    explanations: LocalExplanations
    folds: FoldTally
    failures: tuple[Failure, ...]
    model_rows: int
    refused: int = 0
    probes: ProbeTally | None = None
    cohorts: GroupTally | None = None


@dataclass(frozen=True)
class _Fits:
    """One row's surrogates: weights (d,), and those without each fold (G, d) and from each half alone (2, d).

    `probes` are the weights (R, d) of each feature's probes; None where the row has none.
    """

    weights: Array
    intercept: float
    at_row: float
    r2: float
    without: Array
    halves: Array
    vsi: float
    csi: float
    probes: Array | None


def predict_batch(model: Predictor, frame: pd.DataFrame) -> Outputs:
    """Predicts rows of the data themselves."""
    return model.predict_rows(frame)


def pool_parts(perturbations: int, first: int = 0) -> list[PoolPart]:
    """Splits a pool into parts of `POOL_PART` rows, the last one shorter, and numbers them from `first`."""
    starts = range(0, perturbations, POOL_PART)
    return [PoolPart(first + i, min(POOL_PART, perturbations - start)) for i, start in enumerate(starts)]


def predict_part(job: PoolJob, part: PoolPart) -> PredictedPart:
    """Draws a part of the pool and asks the model for it; the same rows wherever it runs."""
    rng = np.random.default_rng([job.seed, part.part])
    return _predicted(spaces.perturb(job.space, part.n, rng), job.model)


def join_pool(space: Space, parts: list[PredictedPart]) -> Pool:
    """One pool from its parts, in order."""
    codes, numbers, outputs = (
        np.concatenate([getattr(p, name) for p in parts]) for name in ("codes", "numbers", "outputs")
    )
    return pools.make(space, codes, numbers, outputs)


def split(batch: Rows, size: int) -> list[Rows]:
    """Batches of `size` rows, in order; a row is in one batch, whatever it is explained for."""
    return [take(batch, np.arange(s.start, s.stop)) for s in batches(batch.rows, size)]


def explain_pooled(job: PooledJob, batch: Rows) -> Batch:
    """Explains rows from the shared pool. Rows with equal codes share their moments over the pool."""
    fits: list[_Fits | None] = [None] * len(batch.rows)
    for alike in _alike(job.local.space, batch):
        raw = _raw(job.local, job.pool, batch, alike[0], int(batch.labels[alike[0]]))
        for i in alike:
            fits[i] = _fits(job.local, job.pool, take(batch, np.array([i])), raw)
    done = [f for f in fits if f is not None]
    found = _batch(batch, done, (), 0, 0)
    if not len(job.cohorts):
        return found
    groups = cohort_groups(job.cohorts[batch.rows], batch.labels[:, None], batch.predicted.shape[1])
    return replace(found, cohorts=folds.by_group(np.array([f.without for f in done]), groups))


def cohort_groups(cohorts: Index, labels: Index, n_classes: int) -> Index:
    """The number of each cohort's share of a class; below 0 where there is no cohort. Arguments broadcast."""
    return np.where(cohorts < 0, -1, cohorts * n_classes + labels)


def pooled_weights(job: PooledJob, batch: Rows) -> Array:
    """The weights (n, d) that `explain_pooled` gives, up to their last bits, without what tells how sure they are."""
    raw = np.stack([_raw(job.local, job.pool, batch, i, int(c)).sum(axis=0) for i, c in enumerate(batch.labels)])
    own = _own(job.local, batch, raw)
    predicted = np.take_along_axis(batch.predicted, batch.labels[:, None], axis=1)
    return _fit(job.local, raw, own, predicted - job.pool.offset[batch.labels][:, None]).coef[:, 0]


def explain_fresh(job: FreshJob, batch: Rows) -> Batch:
    """Explains each row from perturbations of its own, seeded by the run's seed and the row's key."""
    kept, fits, failures, refused, drawn = [], [], [], 0, 0
    own: Pool | None = None
    for i, row in enumerate(batch.rows):
        if i == 0 or row != batch.rows[i - 1]:  # a row that is explained for several outputs is asked for once
            part = _row_part(job, int(batch.keys[i]))
            drawn += 1
            refused += part.failed
            lost = not len(part.outputs) or part.failed > job.max_refused * job.perturbations
            own = None if lost else join_pool(job.local.space, [part])
            if lost:
                reason = f"the model refused {part.failed:,} of {job.perturbations:,} perturbed rows: {part.error}"
                failures.append(Failure(int(row), "perturb", reason))
        if own is None:
            continue
        label = int(batch.labels[i])
        raw = _raw(job.local, own, batch, i, label)
        fits.append(_fits(job.local, own, take(batch, np.array([i])), raw))
        kept.append(i)
    rows = take(batch, np.array(kept, dtype=np.int64))
    return _batch(rows, fits, tuple(failures), job.perturbations * drawn, refused)


def explain_all_classes(job: PooledJob | FreshJob, row: Rows) -> tuple[Surrogate, Array]:
    """One row's surrogates for every class, (1, C, d), and its own interpretable values (1, d)."""
    pool = job.pool if isinstance(job, PooledJob) else join_pool(job.local.space, [_row_part(job, int(row.keys[0]))])
    raw = _raw(job.local, pool, row, 0, _ALL).sum(axis=0)[None]
    own = _own(job.local, row, raw)
    fitted = _fit(job.local, raw, own, row.predicted - pool.offset)
    return Surrogate(fitted.coef, fitted.intercept + pool.offset, fitted.r2), own


def _raw(local: Local, pool: Pool, batch: Rows, i: int, labels: slice | int) -> Array:
    return pools.raw_moments(
        pool, local.space, batch.codes[i], batch.numbers[i], labels=labels, width=local.width, folds=FOLDS
    )


def _alike(space: Space, batch: Rows) -> list[list[int]]:
    """The rows that see the pool alike, which share their moments over it; groups in the order of their first rows."""
    only_codes = space.matched.all()
    groups: dict[bytes, list[int]] = {}
    for i in range(len(batch.rows)):
        measured = b"" if only_codes else batch.numbers[i].tobytes()
        groups.setdefault(batch.codes[i].tobytes() + measured + bytes(batch.labels[i : i + 1]), []).append(i)
    return list(groups.values())


def _fits(local: Local, pool: Pool, row: Rows, raw: Array) -> _Fits:
    """One row's surrogates from its moments over the folds (G, p, p): from all, without each fold, from parts alone."""
    offset = pool.offset[row.labels[0]]
    whole = raw.sum(axis=0)
    quarters, halves = (raw.reshape(n, -1, *whole.shape).sum(axis=1) for n in (_REPEATS, 2))
    every = np.concatenate([whole[None], whole - raw, quarters, halves])
    alike = take(row, np.zeros(len(every), dtype=np.int64))
    own = _own(local, alike, every)
    m = _moments(every, own, alike.predicted[:, alike.labels[:1]] - offset)
    kept = surrogate.select(m, local.selection, local.features, own)
    fitted = surrogate.fit(m, kept)
    coef = fitted.coef[:, 0]
    parts = slice(1 + len(raw), 1 + len(raw) + _REPEATS)
    error = surrogate.standard_errors(m, fitted)[parts, 0]
    return _Fits(
        weights=coef[0],
        intercept=float(fitted.intercept[0, 0] + offset),
        at_row=float(fitted.at(own)[0, 0] + offset),
        r2=float(fitted.r2[0, 0]),
        without=coef[1 : 1 + len(raw)],
        halves=coef[parts.stop :],
        vsi=stability.variables(coef[parts]),
        csi=stability.coefficients(coef[parts], error),
        probes=_probes(local, pool, row, raw) if np.isin(row.rows[0], local.probed) else None,
    )


def _probes(local: Local, pool: Pool, row: Rows, raw: Array) -> Array | None:
    """Weights (R, d) of the probes of one row's features, 0 where selection would not keep one; None in a tiny pool."""
    if not probes.measurable(pool):
        return None
    whole = raw.sum(axis=0)[None]
    own = _own(local, row, whole)
    label = int(row.labels[0])
    output = row.predicted[:, label : label + 1] - pool.offset[label]
    m = _moments(whole, own, output)
    mask = surrogate.select(m, local.selection, local.features, own)
    rival = surrogate.rival(m, mask, local.selection, local.features, own)
    fitted = rival.fitted
    seen = probes.Seen(
        codes=row.codes[0],
        numbers=row.numbers[0],
        own=own[0],
        label=label,
        output=float(output[0, 0]),
        coef=fitted.coef[0, 0],
        intercept=float(fitted.intercept[0, 0]),
    )
    found = probes.probe(pool, local.space, seen, local.width)
    return np.where(rival.keeps(found.weights, found.cross), found.weights, 0.0)


def _batch(rows: Rows, fits: list[_Fits], failures: tuple[Failure, ...], model_rows: int, refused: int) -> Batch:
    d = rows.codes.shape[1]

    def stacked(name: str, *shape: int) -> Array:
        values = [getattr(f, name) for f in fits]
        return np.array(values, dtype=np.float64).reshape(len(fits), *shape)

    weights = stacked("weights", d)
    explained = LocalExplanations(
        rows=rows.rows,
        labels=rows.labels,
        codes=rows.codes,
        weights=weights,
        intercept=stacked("intercept"),
        surrogate=stacked("at_row"),
        predicted=np.take_along_axis(rows.predicted, rows.labels[:, None], axis=1)[:, 0],
        r2=stacked("r2"),
        vsi=stacked("vsi"),
        csi=stacked("csi"),
    )
    tallied = folds.tally(
        stacked("without", FOLDS, d), stacked("halves", 2, d), weights, rows.labels, rows.predicted.shape[1]
    )
    probed = np.array([i for i, f in enumerate(fits) if f.probes is not None], dtype=np.int64)
    shadows = np.array([fits[i].probes for i in probed], dtype=np.float64).reshape(len(probed), probes.PROBES, d)
    floors = floor.tally(shadows, weights[probed], rows.labels[probed], rows.predicted.shape[1])
    return Batch(explained, tallied, failures, model_rows, refused, floors)


def _own(local: Local, batch: Rows, raw: Array) -> Array:
    """The rows' own interpretable values (n, d); 0 for a value that no perturbed row shares.

    Such a feature (an unseen category, a very rare one) would get its weight from the row alone, by whatever
    its prediction is off. Without it the column is constant and weighs exactly 0: nothing is known of it.
    """
    d = batch.codes.shape[1]
    shared = np.einsum("nii->ni", raw)[:, 1 : 1 + d] > 0
    return np.where(shared, pools.own_values(local.space, batch.codes, batch.numbers), 0.0)


def _fit(local: Local, raw: Array, own: Array, outputs: Array) -> Surrogate:
    m = _moments(raw, own, outputs)
    return surrogate.fit(m, surrogate.select(m, local.selection, local.features, own))


def _moments(raw: Array, own: Array, outputs: Array) -> Moments:
    """Adds the row itself to its neighbourhood, at distance 0 and so with weight 1."""
    itself = np.concatenate([np.ones((len(own), 1)), own, outputs], axis=1)
    return surrogate.centre(raw + itself[:, :, None] * itself[:, None, :], own.shape[1])


def _row_part(job: FreshJob, key: int) -> PredictedPart:
    rng = np.random.default_rng([job.seed, key])
    return _predicted(spaces.perturb(job.local.space, job.perturbations, rng), job.model)


def _predicted(drawn: Perturbed, model: Predictor) -> PredictedPart:
    outputs, failed = model.predict_rows(drawn.frame)
    good = np.isfinite(outputs).all(axis=1)
    error = failed[0][1] if failed else ""
    return PredictedPart(drawn.codes[good], drawn.standardised[good], outputs[good], int((~good).sum()), error)


def take(batch: Rows, which: Index) -> Rows:
    """The rows at some positions of a batch."""
    return Rows(
        batch.rows[which],
        batch.keys[which],
        batch.codes[which],
        batch.numbers[which],
        batch.predicted[which],
        batch.labels[which],
    )
