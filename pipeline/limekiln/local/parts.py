"""Texts, images and series to local explanations: each from perturbations of its own, parts kept or hidden.

No pool can be shared here, since a perturbation contains the row that it perturbs (docs/explanation/masks.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limekiln import surrogate
from limekiln.domains import Decomposed, Domain, masks
from limekiln.domains.masks import Design
from limekiln.errors import InstanceError
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
    """One row's perturbations that the model answered: masks (m, d), weights (m,), outputs (m, C)."""

    parts: Decomposed
    traits: Traits
    kept: Mask
    weights: Array
    outputs: Array
    asked: int
    error: str


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
    fitted: list[tuple[int, Surrogate, Array]] = []
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
            lost = asked.asked - len(asked.outputs)
            model_rows += asked.asked
            refused += lost
            if not asked.outputs.shape[0] or lost > job.max_refused * asked.asked:
                reason = f"the model refused {lost:,} of {asked.asked:,} perturbations: {asked.error}"
                failures.append(Failure(int(row), "perturb", reason))
                asked = None
        if asked is not None:
            label = int(batch.labels[i])
            fitted.append((i, *_fitted(job, asked, batch.predicted[i], slice(label, label + 1))))
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
    if not asked.outputs.shape[0]:
        raise InstanceError(f"the model refused all {asked.asked:,} perturbations: {asked.error}")
    model, _ = _fitted(job, asked, predicted, _ALL)
    return asked.parts, model


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
    rng = np.random.default_rng([job.seed, key])
    drawn = masks.draw(parts.size, job.perturbations, rng, law=job.domain.law, design=job.design, width=job.width)
    outputs, error = [], ""
    for start in range(0, len(drawn.kept), job.batch):
        answers, failed = job.model.predict_rows(_composed(parts, drawn.kept[start : start + job.batch]))
        outputs.append(answers)
        error = error or (failed[0][1] if failed else "")
    answered = np.concatenate(outputs)
    good = np.isfinite(answered).all(axis=1)
    return _Asked(parts, traits, drawn.kept[good], drawn.weights[good], answered[good], good.size, error)


def _composed(parts: Decomposed, kept: Mask) -> Fresh:
    return Fresh(len(kept), lambda some: parts.compose(kept[some]))


def _fitted(job: PartsJob, asked: _Asked, predicted: Array, labels: slice) -> tuple[Surrogate, Array]:
    """The surrogate (1, L, d) of the chosen outputs, and its value (1, L) at the row itself.

    The row itself belongs to its neighbourhood with weight 1, as in lime. A part that no perturbation keeps is
    left out, since its weight would come from the row alone; but a single part is compared with its absence.
    """
    outputs = asked.outputs[:, labels]
    offset = np.average(outputs, axis=0, weights=asked.weights)
    root = np.sqrt(asked.weights)
    columns = np.concatenate([np.ones((len(root), 1)), asked.kept, outputs - offset], axis=1) * root[:, None]
    raw = columns.T @ columns
    d = asked.parts.size
    own = ((np.diagonal(raw)[1 : 1 + d] > 0) | (d == 1)).astype(np.float64)[None]
    itself = np.concatenate([[1.0], own[0], predicted[labels] - offset])
    m = surrogate.centre((raw + itself[:, None] * itself)[None], d)
    model = surrogate.fit(m, surrogate.select(m, job.selection, job.features, own))
    lifted = Surrogate(model.coef, model.intercept + offset, model.r2)
    return lifted, lifted.at(own)


def _explanations(batch: Cells, fitted: list[tuple[int, Surrogate, Array]]) -> PartExplanations:
    kept = np.array([i for i, _, _ in fitted], dtype=np.int64)
    labels = batch.labels[kept]

    def each(values: list[float]) -> Array:
        return np.array(values, dtype=np.float64)

    return PartExplanations(
        rows=batch.rows[kept],
        labels=labels,
        sizes=np.array([model.coef.shape[2] for _, model, _ in fitted], dtype=np.int64),
        weights=np.concatenate([np.empty(0), *(model.coef[0, 0] for _, model, _ in fitted)]),
        intercept=each([model.intercept[0, 0] for _, model, _ in fitted]),
        surrogate=each([at[0, 0] for _, _, at in fitted]),
        predicted=batch.predicted[kept, labels],
        r2=each([model.r2[0, 0] for _, model, _ in fitted]),
        vsi=np.full(len(fitted), np.nan),
        csi=np.full(len(fitted), np.nan),
    )


def together(instances: Sequence[str | np.ndarray]) -> Instances:
    """Texts as a list, arrays of one shape as one array."""
    if isinstance(instances[0], str):
        return [str(text) for text in instances]
    return np.stack([np.asarray(array) for array in instances])
