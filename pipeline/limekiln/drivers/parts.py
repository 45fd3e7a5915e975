"""Texts, images and series: each row from perturbations of its own, and what its parts are for all rows."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from limekiln import matrix, sample, summary
from limekiln.bench import Bench
from limekiln.domains import Decomposed
from limekiln.drivers.kinds import Kind
from limekiln.drivers.told import Inputs, OneRow, Told
from limekiln.errors import InstanceError, RunError
from limekiln.local.parts import (
    Cells,
    CellsJob,
    PartBatch,
    PartsJob,
    explain_all_outputs,
    explain_parts,
    join_traits,
    part_seed,
    predict_cells,
    split,
)
from limekiln.settings import Settings
from limekiln.summary import Illustration
from limekiln.values import Array, Failure, Index, PartExplanations, concatenate

WIDTH: Final = 0.25
"""lime's kernel width for images, and for texts (25 there, where the cosine distance is a percentage)."""


@dataclass
class PartsDriver:
    """Explains texts, images or series."""

    inputs: Inputs
    settings: Settings
    bench: Bench
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        self.kind = kind_of(self.inputs, self.settings)

    def predict(self, rows: Index) -> tuple[Array, list[Failure]]:
        """The model's outputs for rows of the data (n, C), NaN where a row failed, and the failures."""
        size = self.kind.batch
        pieces = [rows[s : s + size] for s in range(0, len(rows), size)]
        job = CellsJob(self.kind.domain, self.inputs.ref, size)
        outcomes = self.bench.map("predict", predict_cells, job, [self._cells(p) for p in pieces])
        self.bench.model_rows += len(rows)
        failures = [
            Failure(int(piece[i]), "predict", error)
            for piece, (_, failed) in zip(pieces, outcomes, strict=True)
            for i, error in failed
        ]
        n_outputs = len(self.inputs.model.classes)
        outputs = [o if o.shape[1] == n_outputs else np.full((len(o), n_outputs), np.nan) for o, _ in outcomes]
        return np.concatenate(outputs), failures

    def explain(self, rows: Index, predicted: Array, labels: Index) -> Told:
        """Explains rows for one output each; see `Driver`.

        Raises:
            RunError: none of them could be explained.
        """
        cells = Cells(rows, self._keys(rows), self._cells(rows), predicted, labels)
        with self.bench.clock.stage("explain"):
            batches = split(cells, self.kind.rows_a_batch)
            outcomes: list[PartBatch] = self.bench.map("explain", explain_parts, self._job(), batches)
        self.bench.model_rows += sum(o.model_rows for o in outcomes)
        local = concatenate([o.explanations for o in outcomes])
        failed = {f.row: f for o in outcomes for f in o.failures}
        if not len(local.rows):
            first = next(iter(failed.values()))
            raise RunError(f"no row could be explained; the first, in stage {first.stage}: {first.error}")
        with self.bench.clock.stage("aggregate"):
            shared = self.kind.share(join_traits([self._with_traits(o) for o in outcomes]), local)
        explanations = matrix.of_parts(shared.vocabulary, local, shared.features)

        def illustrate(i: int) -> Illustration:
            return self._illustrate(local, i)

        return Told(
            vocabulary=shared.vocabulary,
            explanations=explanations,
            failures=tuple(failed.values()),
            refused=sum(o.refused for o in outcomes),
            width=self._job().width,
            parts=self.kind.parts,
            hidden=self.kind.hidden,
            layout=shared.layout,
            notices=(*self.kind.notices(self._cells(np.unique(rows))), *shared.notices),
            illustrate=illustrate,
            concepts=shared.concepts(self._cell, self._seed) if shared.concepts else {},
        )

    def one_row(self, position: int, predicted: Array) -> OneRow:
        """Explains one row for every output; names its parts by themselves, without the other rows."""
        cell, key = self._cell(position), int(self._keys(np.array([position]))[0])
        try:
            parts, surrogates = explain_all_outputs(self._job(), cell, key, predicted)
        except InstanceError as error:
            raise RunError(f"row {self.inputs.frame.names[position]!r} cannot be explained: {error}") from error
        self.bench.model_rows += self.settings.perturbations
        names = self.kind.part_names(parts)
        coef = surrogates.coef[0]
        return OneRow(
            surrogates=surrogates,
            at_row=surrogates.at(np.ones((1, parts.size)))[0],
            features=tuple(summary.part_features(names, weights) for weights in coef),
            illustrate=lambda output: self.kind.illustrate(parts, coef[output]),
        )

    def _with_traits(self, batch: PartBatch) -> PartBatch:
        """A batch with the traits of its rows' parts, which an interrupted run may not have kept."""
        rows = batch.explanations.rows
        if batch.traits or not len(rows):
            return batch
        found = {int(row): self._parts(int(row)).traits() for row in np.unique(rows)}
        told = [found[int(row)] for row in rows]
        return replace(batch, traits={name: np.concatenate([t[name] for t in told]) for name in told[0]})

    def _illustrate(self, local: PartExplanations, i: int) -> Illustration:
        start = int(local.sizes[:i].sum())
        parts = self._parts(int(local.rows[i]))
        return self.kind.illustrate(parts, local.weights[start : start + int(local.sizes[i])])

    def _parts(self, position: int) -> Decomposed:
        return self.kind.domain.decompose(self._cell(position), self._seed(position))

    def _cell(self, position: int) -> object:
        return self.inputs.frame.features.iloc[position, 0]

    def _cells(self, positions: Index) -> tuple[object, ...]:
        return tuple(self.inputs.frame.features.iloc[positions, 0])

    def _keys(self, positions: Index) -> np.ndarray:
        return sample.hash_keys([self.inputs.frame.keys[p] for p in positions])

    def _seed(self, position: int) -> int:
        return part_seed(self.settings.sample.seed, int(self._keys(np.array([position]))[0]))

    def _job(self) -> PartsJob:
        e = self.settings.explain
        return PartsJob(
            domain=self.kind.domain,
            model=self.inputs.ref,
            perturbations=self.settings.perturbations,
            batch=self.kind.batch,
            design=e.masks,
            width=e.kernel_width or WIDTH,
            selection=e.selection,
            features=e.features,
            seed=self.settings.sample.seed,
            max_refused=e.max_failed_fraction,
            method=e.method,
        )


def kind_of(inputs: Inputs, settings: Settings) -> Kind:
    """What is particular to the configured domain.

    Raises:
        InputError: the settings do not fit the data.
    """
    match settings.data.domain:
        case "text":
            from limekiln.drivers import texts  # noqa: PLC0415 - a run needs one domain, and some are slow to import

            return texts.kind(settings, inputs.folder, inputs.frame.redaction)
        case "images":
            from limekiln.drivers import images  # noqa: PLC0415 - the same

            return images.kind(settings, inputs.folder, inputs.frame.redaction)
        case _:
            from limekiln.drivers import series  # noqa: PLC0415 - the same

            return series.kind(settings, inputs.background, inputs.frame.redaction)
