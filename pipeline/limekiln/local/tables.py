"""A batch of rows to local explanations: the functions that the fan-out calls, over values it can send."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from limekiln import surrogate
from limekiln.aggregate import floor, folds
from limekiln.aggregate.floor import ProbeTally
from limekiln.aggregate.folds import FOLDS, FoldTally, GroupTally
from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import probes
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Perturbed, Space
from limekiln.local import fits
from limekiln.local.fits import Block, Fits
from limekiln.surrogate import Moments, Selection, Surrogate
from limekiln.values import Array, Codes, Failure, Index, LocalExplanations, Outputs, Predictor, batches

POOL_PART = 4096
"""Perturbed rows drawn and predicted at once; a constant, since a model's last bits may depend on it."""

_ALL = slice(None)


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
class _Found:
    """What became of n rows of a batch.

    Attributes:
        places: (n,) their places in the batch.
        fits: their surrogates.
        probed: (m,) which of them have probes.
        probes: (m, R, d) the weights of these.
    """

    places: Index
    fits: Fits
    probed: Index
    probes: Array


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
    found = _joined(list(_explained(job.local, job.pool, batch)), batch.codes.shape[1])
    explained = _batch(batch, found, (), 0, 0)
    if not len(job.cohorts):
        return explained
    groups = cohort_groups(job.cohorts[batch.rows], batch.labels[:, None], batch.predicted.shape[1])
    return replace(explained, cohorts=folds.by_group(found.fits.without, groups))


def cohort_groups(cohorts: Index, labels: Index, n_classes: int) -> Index:
    """The number of each cohort's share of a class; below 0 where there is no cohort. Arguments broadcast."""
    return np.where(cohorts < 0, -1, cohorts * n_classes + labels)


def pooled_weights(job: PooledJob, batch: Rows) -> Array:
    """The weights (n, d) that `explain_pooled` gives, up to their last bits, without what tells how sure they are."""
    found = np.empty(batch.numbers.shape)
    for b in _blocks(job.local, job.pool, batch):
        found[b.places] = fits.weights(b, job.local.selection, job.local.features)
    return found


def explain_fresh(job: FreshJob, batch: Rows) -> Batch:
    """Explains each row from perturbations of its own, seeded by the run's seed and the row's key."""
    found: list[_Found] = []
    failures, refused, drawn = [], 0, 0
    every = np.arange(len(batch.rows))
    for places in (every[s] for s in batches(batch.rows, 1)):  # a row explained for several outputs is asked for once
        part = _row_part(job, int(batch.keys[places[0]]))
        drawn += 1
        refused += part.failed
        if not len(part.outputs) or part.failed > job.max_refused * job.perturbations:
            reason = f"the model refused {part.failed:,} of {job.perturbations:,} perturbed rows: {part.error}"
            failures.append(Failure(int(batch.rows[places[0]]), "perturb", reason))
            continue
        own = join_pool(job.local.space, [part])
        found += [replace(f, places=places[f.places]) for f in _explained(job.local, own, take(batch, places))]
    kept = np.sort(np.concatenate([every[:0], *(f.places for f in found)]))
    found = [replace(f, places=np.searchsorted(kept, f.places)) for f in found]
    joined = _joined(found, batch.codes.shape[1])
    return _batch(take(batch, kept), joined, tuple(failures), job.perturbations * drawn, refused)


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


def _explained(local: Local, pool: Pool, batch: Rows) -> Iterator[_Found]:
    for b in _blocks(local, pool, batch):
        labels = batch.labels[b.places]
        found = fits.fit(b, local.selection, local.features)
        found = replace(
            found, intercept=found.intercept + pool.offset[labels], at_row=found.at_row + pool.offset[labels]
        )
        asked = np.isin(batch.rows[b.places], local.probed) & probes.measurable(pool)
        probed = np.flatnonzero(asked)
        shadows = [_probes(local, pool, take(batch, b.places[[i]]), b.raw[b.of[i]]) for i in probed]
        yield _Found(b.places, found, probed, np.array(shadows).reshape(-1, probes.PROBES, b.own.shape[1]))


def _blocks(local: Local, pool: Pool, batch: Rows) -> Iterator[Block]:
    """The rows of a batch in blocks of a size that fits a core's cache; rows that see the pool alike are in one."""
    first, of = _alike(local.space, batch)
    size = fits.rows_a_block(FOLDS, batch.codes.shape[1])
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(0, len(first) + size, size))
    predicted = np.take_along_axis(batch.predicted, batch.labels[:, None], axis=1)[:, 0] - pool.offset[batch.labels]
    own = pools.own_values(local.space, batch.codes[first], batch.numbers[first])
    for b, (start, stop) in enumerate(pairwise(starts)):
        here = slice(b * size, (b + 1) * size)
        raw = np.stack([_raw(local, pool, batch, int(i), int(batch.labels[i])) for i in first[here]])
        places = order[start:stop]
        yield Block(places, of[places] - here.start, raw, own[here], predicted[places])


def _alike(space: Space, batch: Rows) -> tuple[Index, Index]:
    """The first of the rows that see the pool alike (U,), and which of these each row (n,) is like."""
    only_codes = space.matched.all()
    groups: dict[bytes, int] = {}
    first: list[int] = []
    of = np.empty(len(batch.rows), dtype=np.int64)
    for i in range(len(batch.rows)):
        measured = b"" if only_codes else batch.numbers[i].tobytes()
        of[i] = groups.setdefault(batch.codes[i].tobytes() + measured + bytes(batch.labels[i : i + 1]), len(groups))
        if of[i] == len(first):
            first.append(i)
    return np.array(first, dtype=np.int64), of


def _joined(blocks: list[_Found], d: int) -> _Found:
    """All rows of a batch over d features, in order of their places."""
    none = np.empty(0, dtype=np.int64)
    found = [_Found(none, fits.nothing(FOLDS, d), none, np.empty((0, probes.PROBES, d))), *blocks]
    places = np.concatenate([f.places for f in found])
    order = np.argsort(places, kind="stable")
    every = [np.concatenate([getattr(f.fits, name.name) for f in found])[order] for name in fields(Fits)]
    probed = np.concatenate([f.places[f.probed] for f in found])
    by_place = np.argsort(probed, kind="stable")
    shadows = np.concatenate([f.probes for f in found])[by_place]
    return _Found(places[order], Fits(*every), np.searchsorted(places[order], probed[by_place]), shadows)


def _probes(local: Local, pool: Pool, row: Rows, raw: Array) -> Array:
    """Weights (R, d) of the probes of one row's features, 0 where selection would not keep one."""
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


def _batch(rows: Rows, found: _Found, failures: tuple[Failure, ...], model_rows: int, refused: int) -> Batch:
    C, fitted = rows.predicted.shape[1], found.fits
    explained = LocalExplanations(
        rows=rows.rows,
        labels=rows.labels,
        codes=rows.codes,
        weights=fitted.weights,
        intercept=fitted.intercept,
        surrogate=fitted.at_row,
        predicted=np.take_along_axis(rows.predicted, rows.labels[:, None], axis=1)[:, 0],
        r2=fitted.r2,
        vsi=fitted.vsi,
        csi=fitted.csi,
    )
    tallied = folds.tally(fitted.without, fitted.halves, fitted.weights, rows.labels, C)
    floors = floor.tally(found.probes, fitted.weights[found.probed], rows.labels[found.probed], C)
    return Batch(explained, tallied, failures, model_rows, refused, floors)


def _own(local: Local, batch: Rows, raw: Array) -> Array:
    """The rows' own interpretable values (n, d), 0 for one that no perturbed row shares."""
    squares = np.einsum("nii->ni", raw)[:, 1 : 1 + batch.codes.shape[1]]
    return fits.known(pools.own_values(local.space, batch.codes, batch.numbers), squares)


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
