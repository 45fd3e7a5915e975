"""Texts, images and series to local explanations: each from perturbations of its own, parts kept or hidden.

No pool can be shared here, since a perturbation contains the row that it perturbs (docs/explanation/masks.md). For
KernelSHAP a perturbation is a coalition of the parts that are kept, and the row with every part hidden the empty one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from limekiln import shapley, surrogate
from limekiln.domains import Decomposed, Domain, masks
from limekiln.domains.masks import Design, Masks
from limekiln.errors import InstanceError
from limekiln.local.shapley import steadiness
from limekiln.shapley import Coalitions
from limekiln.surrogate import Selection, Surrogate
from limekiln.values import (
    Array,
    Failure,
    Fresh,
    Index,
    Instances,
    Mask,
    Outputs,
    PartExplanations,
    Predictor,
    Traits,
    batches,
)

_ALL = slice(None)


@dataclass(frozen=True)
class Cells:
    """A batch of n texts, images or series to explain.

    Attributes:
        rows: (n,) positions in the data; a row that is explained for several outputs stands once for each,
            one after another.
        keys: (n,) 64-bit keys that the rows' own seeds come from.
        cells: the n cells.
        predicted: (n, C) the model's predictions for the rows themselves.
        labels: (n,) the class or output that each is explained for.
    """

    rows: Index
    keys: np.ndarray
    cells: tuple[object, ...]
    predicted: Array
    labels: Index


@dataclass(frozen=True)
class PartsJob:
    """What every batch needs.

    Attributes:
        domain: what the cells are.
        model: who is asked.
        perturbations: how many for each row, at most; where they can all be listed, fewer.
        batch: how many of them reach the model at once, at most.
        design: how masks are drawn.
        width: of the kernel, in units of the cosine distance.
        selection, features: which parts the surrogate keeps.
        seed: the run's.
        max_refused: a row fails when the model refuses more than this share of its perturbations.
        method: `kernelshap` keeps every part; `design`, `width`, `selection` and `features` are lime's.
    """

    domain: Domain
    model: Predictor
    perturbations: int
    batch: int
    design: Design
    width: float
    selection: Selection
    features: int | None
    seed: int
    max_refused: float
    method: Literal["lime", "kernelshap"] = "lime"


@dataclass(frozen=True)
class CellsJob:
    """What is needed to predict the rows themselves."""

    domain: Domain
    model: Predictor
    batch: int


@dataclass(frozen=True)
class PartBatch:
    """The outcome of a batch: explanations, their parts' traits, failures, and the model rows asked and refused."""

    explanations: PartExplanations
    traits: Traits
    failures: tuple[Failure, ...]
    model_rows: int
    refused: int


@dataclass(frozen=True)
class _Asked:
    """One row's perturbations that the model answered, and its outputs for them (m, C).

    `masks` are how they were drawn. The row with every part hidden is not among coalitions: its output is `base` (C,).
    """

    parts: Decomposed
    traits: Traits
    masks: Masks | Coalitions
    outputs: Array
    asked: int
    refused: int
    error: str
    base: Array


@dataclass(frozen=True)
class _Fitted:
    """One row's local model (1, L, d) of L outputs, its value (1, L) at the row itself, and its steadiness."""

    model: Surrogate
    at: Array
    vsi: float
    csi: float


def predict_cells(job: CellsJob, cells: Sequence[object]) -> Outputs:
    """Predicts rows of the data themselves; instances of one shape reach the model together.

    A cell that holds nothing to explain is a failure, not an exception.
    """
    decoded: dict[object, list[tuple[int, str | np.ndarray]]] = {}
    failed: list[tuple[int, str]] = []
    for i, cell in enumerate(cells):
        try:
            instance = job.domain.decode(cell)
        except InstanceError as error:
            failed.append((i, str(error)))
        else:
            shape = "" if isinstance(instance, str) else (instance.shape, str(instance.dtype))
            decoded.setdefault(shape, []).append((i, instance))
    outputs: Array | None = None
    for alike in decoded.values():
        for start in range(0, len(alike), job.batch):
            positions = [i for i, _ in alike[start : start + job.batch]]
            answers, refused = job.model.predict_rows(together([x for _, x in alike[start : start + job.batch]]))
            if outputs is None:
                outputs = np.full((len(cells), answers.shape[1]), np.nan)
            outputs[positions] = answers
            failed += [(positions[i], reason) for i, reason in refused]
    return np.full((len(cells), 1), np.nan) if outputs is None else outputs, sorted(failed)


def split(cells: Cells, size: int) -> list[Cells]:
    """Batches of `size` rows, in order; a row is in one batch, whatever it is explained for."""
    return [
        Cells(cells.rows[s], cells.keys[s], cells.cells[s], cells.predicted[s], cells.labels[s])
        for s in batches(cells.rows, size)
    ]


def explain_parts(job: PartsJob, batch: Cells) -> PartBatch:
    """Explains each row from perturbations of its own, seeded by the run's seed and the row's key."""
    fitted: list[tuple[int, _Fitted]] = []
    traits: list[Traits] = []
    failures: list[Failure] = []
    asked: _Asked | None = None
    model_rows = refused = 0
    for i, row in enumerate(batch.rows):
        if i == 0 or row != batch.rows[i - 1]:
            asked = None
            try:
                asked = _ask(job, batch.cells[i], int(batch.keys[i]))
            except InstanceError as error:
                failures.append(Failure(int(row), "decompose", str(error)))
                continue
            model_rows += asked.asked
            refused += asked.refused
            if asked.refused == asked.asked or asked.refused > job.max_refused * asked.asked:
                failures.append(Failure(int(row), "perturb", _lost(asked)))
                asked = None
        if asked is not None:
            label = int(batch.labels[i])
            try:
                fitted.append((i, _fitted(job, asked, batch.predicted[i], slice(label, label + 1))))
            except InstanceError as error:
                failures.append(Failure(int(row), "perturb", str(error)))
                asked = None
                continue
            traits.append(asked.traits)
    explanations = _explanations(batch, fitted)
    names = traits[0] if traits else {}
    joined = {name: np.concatenate([t[name] for t in traits]) for name in names}
    return PartBatch(explanations, joined, tuple(failures), model_rows, refused)


def explain_all_outputs(job: PartsJob, cell: object, key: int, predicted: Array) -> tuple[Decomposed, Surrogate]:
    """One row in its parts, and its surrogates for every output, (1, C, d).

    Raises:
        InstanceError: the cell cannot be explained, or the model refuses every perturbation.
    """
    asked = _ask(job, cell, key)
    if asked.refused == asked.asked:
        raise InstanceError(f"the model refused all {asked.asked:,} perturbations: {asked.error}")
    return asked.parts, _fitted(job, asked, predicted, _ALL).model


def part_seed(seed: int, key: int) -> int:
    """The seed of a row's decomposition."""
    return int(np.random.default_rng([seed, key, 1]).integers(2**32))


def join_traits(batches: Sequence[PartBatch]) -> Traits:
    """The traits of all parts, in order; batches without explained rows have none."""
    told = [b.traits for b in batches if b.traits]
    return {name: np.concatenate([t[name] for t in told]) for name in (told[0] if told else {})}


def _ask(job: PartsJob, cell: object, key: int) -> _Asked:
    """Draws a row's masks and asks the model for what they leave, `batch` at a time."""
    parts = job.domain.decompose(cell, part_seed(job.seed, key))
    if parts.size < job.domain.least:
        raise InstanceError("it has a single part: there is nothing to compare it with")
    traits = parts.traits()  # first, since an encoder may refuse the row
    drawn = _drawn(job, parts.size, np.random.default_rng([job.seed, key]))
    hidden = np.zeros((int(isinstance(drawn, Coalitions)), parts.size), dtype=bool)  # the empty coalition
    kept = np.concatenate([hidden, drawn.kept])
    outputs, error = [], ""
    for start in range(0, len(kept), job.batch):
        answers, failed = job.model.predict_rows(_composed(parts, kept[start : start + job.batch]))
        outputs.append(answers)
        error = error or (failed[0][1] if failed else "")
    answered = np.concatenate(outputs)
    good = np.atleast_1d(np.isfinite(answered).all(axis=1))
    base, answered = answered[: len(hidden)], answered[len(hidden) :]
    which = np.flatnonzero(good[len(hidden) :])
    found = drawn.only(which)
    return _Asked(parts, traits, found, answered[which], good.size, int((~good).sum()), error, base.sum(axis=0))


def _drawn(job: PartsJob, d: int, rng: np.random.Generator) -> Masks | Coalitions:
    if job.method == "lime":
        return masks.draw(d, job.perturbations, rng, law=job.domain.law, design=job.design, width=job.width)
    if job.perturbations < (least := shapley.least(d)):
        raise InstanceError(
            f"kernelshap needs at least {least:,} perturbations for its {d:,} parts, and explain.perturbations is "
            f"{job.perturbations:,}"
        )
    return shapley.draw(d, job.perturbations, rng)


def _lost(asked: _Asked) -> str:
    return f"the model refused {asked.refused:,} of {asked.asked:,} perturbations: {asked.error}"


def _composed(parts: Decomposed, kept: Mask) -> Fresh:
    return Fresh(len(kept), lambda some: parts.compose(kept[some]))


def _fitted(job: PartsJob, asked: _Asked, predicted: Array, labels: slice) -> _Fitted:
    """The local model of the chosen outputs.

    Raises:
        InstanceError: the model refused what Shapley values cannot do without.
    """
    if isinstance(asked.masks, Coalitions):
        return _shared_out(asked, asked.masks, predicted, labels)
    model, at = _surrogate(job, asked, asked.masks, predicted, labels)
    return _Fitted(model, at, np.nan, np.nan)


def _shared_out(asked: _Asked, coalitions: Coalitions, predicted: Array, labels: slice) -> _Fitted:
    """Shapley values: the output less what it is with every part hidden, shared out among the parts."""
    if not np.isfinite(asked.base).all():
        raise InstanceError(f"{_lost(asked)}; among them the one with every part hidden")
    game = coalitions, asked.outputs[:, labels], asked.base[labels], predicted[labels]
    try:
        found, again = shapley.solve(*game), shapley.repeats(*game)
    except ValueError as error:
        raise InstanceError(f"{error}; {_lost(asked)}") from error
    model = Surrogate(found.phi[None], found.base[None], found.r2[None])
    return _Fitted(model, model.at(np.ones((1, asked.parts.size))), *steadiness(again, 0))


def _surrogate(job: PartsJob, asked: _Asked, drawn: Masks, predicted: Array, labels: slice) -> tuple[Surrogate, Array]:
    """The surrogate (1, L, d) of the chosen outputs, and its value (1, L) at the row itself.

    The row itself belongs to its neighbourhood with weight 1, as in lime. A part that no perturbation keeps is
    left out, since its weight would come from the row alone; but a single part is compared with its absence.
    """
    outputs = asked.outputs[:, labels]
    offset = np.average(outputs, axis=0, weights=drawn.weights)
    root = np.sqrt(drawn.weights)
    columns = np.concatenate([np.ones((len(root), 1)), drawn.kept, outputs - offset], axis=1) * root[:, None]
    raw = columns.T @ columns
    d = asked.parts.size
    own = ((np.diagonal(raw)[1 : 1 + d] > 0) | (d == 1)).astype(np.float64)[None]
    itself = np.concatenate([[1.0], own[0], predicted[labels] - offset])
    m = surrogate.centre((raw + itself[:, None] * itself)[None], d)
    model = surrogate.fit(m, surrogate.select(m, job.selection, job.features, own))
    lifted = Surrogate(model.coef, model.intercept + offset, model.r2)
    return lifted, lifted.at(own)


def _explanations(batch: Cells, fitted: list[tuple[int, _Fitted]]) -> PartExplanations:
    kept, found = np.array([i for i, _ in fitted], dtype=np.int64), [f for _, f in fitted]
    labels = batch.labels[kept]

    def each(values: list[float]) -> Array:
        return np.array(values, dtype=np.float64)

    return PartExplanations(
        rows=batch.rows[kept],
        labels=labels,
        sizes=np.array([f.model.coef.shape[2] for f in found], dtype=np.int64),
        weights=np.concatenate([np.empty(0), *(f.model.coef[0, 0] for f in found)]),
        intercept=each([f.model.intercept[0, 0] for f in found]),
        surrogate=each([f.at[0, 0] for f in found]),
        predicted=batch.predicted[kept, labels],
        r2=each([f.model.r2[0, 0] for f in found]),
        vsi=each([f.vsi for f in found]),
        csi=each([f.csi for f in found]),
    )


def together(instances: Sequence[str | np.ndarray]) -> Instances:
    """Texts as a list, arrays of one shape as one array."""
    if isinstance(instances[0], str):
        return [str(text) for text in instances]
    return np.stack([np.asarray(array) for array in instances])
