"""A table's rows to Shapley values (KernelSHAP), by a game against rows of the background.

The value of a coalition is the mean, over B background rows, of the model's outputs for rows that show the explained
row's own values in the coalition's features and the background row's in all others (Lundberg & Lee 2017,
arXiv:1705.07874, section 4, with features taken as independent). A perturbed row contains the row it explains, so rows
cannot share them as they do in `local.tables`; that the background is asked for itself, they do share.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from limekiln import shapley, stability
from limekiln.aggregate import folds
from limekiln.aggregate.folds import FOLDS
from limekiln.domains.tabular.space import Space
from limekiln.errors import InstanceError
from limekiln.local.tables import Batch, Rows
from limekiln.shapley import Coalitions, Repeats, Shapley
from limekiln.surrogate import Surrogate
from limekiln.values import Array, Failure, Fresh, Index, Instances, LocalExplanations, Mask, Predictor, batches

BACKGROUND: Final = 100
"""Rows of the background that a caller chooses unless it knows better; each multiplies the model's work."""
MODEL_ROWS: Final = 4096
"""Perturbed rows that reach the model at once, or one coalition's; a constant, since last bits may depend on it."""


@dataclass(frozen=True)
class Background:
    """What hidden features show.

    Attributes:
        frame: (B, D) rows that the model can predict.
        base: (C,) the mean of its outputs for them, the value of knowing nothing of a row.
        refused: how many more rows the model refused.
        error: the first reason; empty where none was.
    """

    frame: pd.DataFrame
    base: Array
    refused: int
    error: str


@dataclass(frozen=True)
class ShapleyJob:
    """What every batch needs.

    Attributes:
        space: the features; a group's columns are hidden together.
        model: who is asked.
        background: from `ask_background`.
        perturbations: coalitions for each row, at most, of B model rows each; at least `shapley.least(d)`.
        seed: the run's.
        max_refused: a row fails when the model refuses more than this share of its perturbed rows.
    """

    space: Space
    model: Predictor
    background: Background
    perturbations: int
    seed: int
    max_refused: float


@dataclass(frozen=True)
class TableRows:
    """A batch of n rows to explain, and the rows as the model gets them, (n, D)."""

    rows: Rows
    frame: pd.DataFrame


@dataclass(frozen=True)
class _Values:
    """The values that perturbed rows are put together from.

    Attributes:
        columns: by name in the model's order, the background's B values and then the n rows' own, in one type.
        feature: (D,) the feature that each column belongs to.
        background: B.
        differs: (n, d) whether a feature of the row differs from any background row's; else it can have no effect.
    """

    columns: dict[str, Any]
    feature: Index
    background: int
    differs: Mask


@dataclass(frozen=True)
class _Asked:
    """A row's coalitions of the features that differ, and their values (m, C); rows asked, and those refused."""

    features: Index
    coalitions: Coalitions
    values: Array
    asked: int
    refused: int
    error: str


@dataclass(frozen=True)
class _Fit:
    """The explanation of the row at position `i` of its batch for its label: weights (d,), (FOLDS, d) and (2, d)."""

    i: int
    weights: Array
    base: float
    r2: float
    without: Array
    halves: Array
    vsi: float
    csi: float


def ask_background(model: Predictor, frame: pd.DataFrame) -> Background:
    """Asks the model for background rows themselves, once for all rows; those it refuses are left out.

    Raises:
        ValueError: there is no row that the model can predict.
    """
    outputs, failed = model.predict_rows(frame)
    good = np.flatnonzero(np.isfinite(outputs).all(axis=1))
    error = failed[0][1] if failed else ""
    if not len(good):
        raise ValueError(f"the model refused all {len(frame):,} background rows: {error}")
    return Background(frame.iloc[good], outputs[good].mean(axis=0), len(frame) - len(good), error)


def split(batch: TableRows, size: int) -> list[TableRows]:
    """Batches of `size` rows, in order; a row is in one batch, whatever it is explained for."""
    r = batch.rows
    return [
        TableRows(
            Rows(r.rows[s], r.keys[s], r.codes[s], r.numbers[s], r.predicted[s], r.labels[s]), batch.frame.iloc[s]
        )
        for s in batches(r.rows, size)
    ]


def explain_shapley(job: ShapleyJob, batch: TableRows) -> Batch:
    """Explains each row from coalitions of its own, seeded by the run's seed and the row's key.

    Raises:
        ValueError: `job.perturbations` are too few for the features.
    """
    values = _values(job, batch.frame)
    rows = batch.rows
    fits: list[_Fit] = []
    failures: list[Failure] = []
    model_rows = refused = 0
    found: tuple[Shapley, Repeats] | None = None
    for i, row in enumerate(rows.rows):
        if i == 0 or row != rows.rows[i - 1]:  # a row that is explained for several outputs is asked for once
            asked = _ask(job, values, i, int(rows.keys[i]))
            model_rows += asked.asked
            refused += asked.refused
            found = None
            try:
                found = _solved(job, asked, rows.predicted[i])
            except InstanceError as error:
                failures.append(Failure(int(row), "perturb", str(error)))
        if found is not None:
            fits.append(_fit(i, int(rows.labels[i]), *found))
    return _batch(rows, fits, tuple(failures), model_rows, refused)


def explain_all_outputs(job: ShapleyJob, row: TableRows) -> tuple[Surrogate, Array]:
    """One row's Shapley values for every output as linear models (1, C, d), and where they stand for it, ones (1, d).

    Raises:
        InstanceError: the model refuses too many of the row's perturbed rows.
        ValueError: `job.perturbations` are too few for the features.
    """
    asked = _ask(job, _values(job, row.frame), 0, int(row.rows.keys[0]))
    found, _ = _solved(job, asked, row.rows.predicted[0])
    return Surrogate(found.phi[None], found.base[None], found.r2[None]), np.ones((1, found.phi.shape[1]))


def steadiness(again: Repeats, label: int) -> tuple[float, float]:
    """VSI and CSI of one output's Shapley values, over quarters of the coalitions.

    Standard errors are the jackknife's over the folds; a quarter's are twice the whole's.
    """
    without, quarters = again.without[:, label], again.quarters[:, label]
    error = 2 * np.sqrt((FOLDS - 1) * without.var(axis=0))
    return float(stability.variables(quarters)), float(
        stability.coefficients(quarters, np.broadcast_to(error, quarters.shape))
    )


def _values(job: ShapleyJob, frame: pd.DataFrame) -> _Values:
    background = job.background.frame
    B, n = len(background), len(frame)
    columns = {name: _joined(background[name], frame[name]) for name in job.space.order}
    feature_of = {member: j for j, f in enumerate(job.space.columns) for member in f.members}
    differs = np.zeros((n, len(job.space.columns)), dtype=bool)
    for name, values in columns.items():
        codes, _ = pd.factorize(values)  # a missing value equals another
        differs[:, feature_of[name]] |= (codes[B:, None] != codes[:B]).any(axis=1)
    return _Values(columns, np.array([feature_of[name] for name in columns]), B, differs)


def _joined(background: pd.Series, own: pd.Series) -> Any:
    """The values of both one after another, categories still categories where the two name different ones."""
    kinds = background.dtype, own.dtype
    if kinds[0] != kinds[1] and all(isinstance(kind, pd.CategoricalDtype) for kind in kinds):
        return union_categoricals([background, own], ignore_order=True)
    return pd.concat([background, own]).array


def _ask(job: ShapleyJob, values: _Values, i: int, key: int) -> _Asked:
    """Draws the coalitions of a row's features that differ, and asks the model for their values, in bounded batches."""
    features = np.flatnonzero(values.differs[i])
    rng = np.random.default_rng([job.seed, key])
    drawn = shapley.draw(max(len(features), 1), job.perturbations, rng)
    B, found, refused, error = values.background, [np.empty((0, len(job.background.base)))], 0, ""
    for kept in _slices(drawn.kept, max(1, MODEL_ROWS // B)):
        outputs, failed = job.model.predict_rows(_composed(values, i, features, kept))
        refused += int((~np.isfinite(outputs).all(axis=1)).sum())
        error = error or (failed[0][1] if failed else "")
        found.append(outputs.reshape(len(kept), B, -1).mean(axis=1))
    answered = np.concatenate(found)
    good = np.flatnonzero(np.isfinite(answered).all(axis=1))
    return _Asked(features, drawn.only(good), answered[good], B * len(drawn.kept), refused, error)


def _slices(kept: Mask, size: int) -> Iterator[Mask]:
    return (kept[start : start + size] for start in range(0, len(kept), size))


def _composed(values: _Values, i: int, features: Index, kept: Mask) -> Fresh:
    """The rows of some coalitions: each coalition's B rows one after another."""
    B = values.background
    shown = np.zeros((len(kept), values.differs.shape[1]), dtype=bool)
    shown[:, features] = kept

    def make(some: slice) -> Instances:
        coalition, behind = np.divmod(np.arange(len(kept) * B)[some], B)
        taken = {
            name: column.take(np.where(shown[coalition, j], B + i, behind))
            for (name, column), j in zip(values.columns.items(), values.feature, strict=True)
        }
        return pd.DataFrame(taken)

    return Fresh(len(kept) * B, make)


def _solved(job: ShapleyJob, asked: _Asked, predicted: Array) -> tuple[Shapley, Repeats]:
    """A row's Shapley values and their repeats; features that do not differ have exactly 0.

    Raises:
        InstanceError: the model refused too much.
    """
    lost = f"the model refused {asked.refused:,} of {asked.asked:,} perturbed rows: {asked.error}"
    if asked.refused > job.max_refused * asked.asked:
        raise InstanceError(lost)
    d, base = len(job.space.columns), job.background.base
    if not len(asked.features):
        nothing = np.zeros((len(base), d))
        same = np.broadcast_to(nothing, (FOLDS, *nothing.shape))
        return Shapley(nothing, base, np.full(len(base), np.nan)), Repeats(same, same[:2], same[: shapley.REPEATS])
    game = asked.coalitions, asked.values, base, predicted
    try:
        few, again = shapley.solve(*game), shapley.repeats(*game)
    except ValueError as error:
        raise InstanceError(f"{error}; {lost}") from error

    def among_all(phi: Array) -> Array:
        whole = np.zeros((*phi.shape[:-1], d))
        whole[..., asked.features] = phi
        return whole

    everything = Repeats(among_all(again.without), among_all(again.halves), among_all(again.quarters))
    return Shapley(among_all(few.phi), base, few.r2), everything


def _fit(i: int, label: int, found: Shapley, again: Repeats) -> _Fit:
    """One output's share."""
    vsi, csi = steadiness(again, label)
    return _Fit(
        i=i,
        weights=found.phi[label],
        base=float(found.base[label]),
        r2=float(found.r2[label]),
        without=again.without[:, label],
        halves=again.halves[:, label],
        vsi=vsi,
        csi=csi,
    )


def _batch(rows: Rows, fits: list[_Fit], failures: tuple[Failure, ...], model_rows: int, refused: int) -> Batch:
    d, kept = rows.codes.shape[1], np.array([f.i for f in fits], dtype=np.int64)

    def stacked(name: str, *shape: int) -> Array:
        values = [getattr(f, name) for f in fits]
        return np.array(values, dtype=np.float64).reshape(len(fits), *shape)

    labels, weights, base = rows.labels[kept], stacked("weights", d), stacked("base")
    explained = LocalExplanations(
        rows=rows.rows[kept],
        labels=labels,
        codes=rows.codes[kept],
        weights=weights,
        intercept=base,
        surrogate=base + weights.sum(axis=1),
        predicted=rows.predicted[kept, labels],
        r2=stacked("r2"),
        vsi=stacked("vsi"),
        csi=stacked("csi"),
    )
    tallied = folds.tally(
        stacked("without", FOLDS, d), stacked("halves", 2, d), weights, labels, rows.predicted.shape[1]
    )
    return Batch(explained, tallied, failures, model_rows, refused)
