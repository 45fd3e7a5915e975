"""A table's rows: one shared pool of perturbed rows for all of them, or fresh ones for each."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from limekiln import matrix, sample, summary
from limekiln.bench import Bench
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.space import Space
from limekiln.drivers.told import Inputs, OneRow, Told
from limekiln.errors import InputError, RunError
from limekiln.kernels import default_width
from limekiln.local.tables import (
    Batch,
    FreshJob,
    Local,
    PooledJob,
    PoolJob,
    Rows,
    explain_all_classes,
    explain_fresh,
    explain_pooled,
    join_pool,
    pool_parts,
    predict_batch,
    predict_part,
    split,
)
from limekiln.settings import Settings
from limekiln.summary import Illustration
from limekiln.values import Array, Failure, Index, concatenate

ROWS_A_PREDICTION: Final = 4096
"""Rows of the data predicted at once; a constant, since a model's last bits may depend on it."""

_POOLED_BATCH: Final = 128
_FRESH_BATCH: Final = 8


@dataclass
class TableDriver:
    """Explains rows of a table; fits the interpretable space to the background first."""

    inputs: Inputs
    settings: Settings
    bench: Bench
    space: Space = field(init=False)

    def __post_init__(self) -> None:
        self.space = _space(self.inputs, self.settings)

    def predict(self, rows: Index) -> tuple[Array, list[Failure]]:
        """The model's outputs for rows of the data (n, C), NaN where a row failed, and the failures."""
        pieces = [rows[s : s + ROWS_A_PREDICTION] for s in range(0, len(rows), ROWS_A_PREDICTION)]
        frames = [self.inputs.frame.features.iloc[p] for p in pieces]
        outcomes = self.bench.map("predict", predict_batch, self.inputs.ref, frames)
        self.bench.model_rows += len(rows)
        failures = [
            Failure(int(piece[i]), "predict", error)
            for piece, (_, failed) in zip(pieces, outcomes, strict=True)
            for i, error in failed
        ]
        return np.concatenate([outputs for outputs, _ in outcomes]), failures

    def explain(self, rows: Index, predicted: Array, labels: Index) -> Told:
        """Explains rows for one output each; see `Driver`."""
        batch = self._rows(rows, predicted, labels)
        job, pool_refused = self._job()
        with self.bench.clock.stage("explain"):
            pooled = isinstance(job, PooledJob)
            function = explain_pooled if pooled else explain_fresh
            batches = split(batch, _POOLED_BATCH if pooled else _FRESH_BATCH)
            outcomes: list[Batch] = self.bench.map("explain", function, job, batches)
        self.bench.model_rows += sum(o.model_rows for o in outcomes)
        local = concatenate([o.explanations for o in outcomes])
        failed = {f.row: f for o in outcomes for f in o.failures}
        return Told(
            vocabulary=matrix.of_space(self.space),
            explanations=matrix.of_table(self.space, local),
            failures=tuple(failed.values()),
            refused=pool_refused + sum(o.refused for o in outcomes),
            folds=sum((o.folds for o in outcomes[1:]), start=outcomes[0].folds),
            width=self._local().width,
            features=summary.feature_facts(self.space, self.inputs.frame.features),
        )

    def one_row(self, position: int, predicted: Array) -> OneRow:
        """Explains one row for every output, from the pool that a run would use."""
        row = self._rows(np.array([position]), predicted[None], np.array([int(np.argmax(predicted))]))
        job, _ = self._job()
        surrogates, own = explain_all_classes(job, row)
        vocabulary = matrix.of_space(self.space)
        keys = matrix.table_keys(self.space, row.codes)[0]
        frame = self.inputs.frame.features.iloc[[position]]
        return OneRow(
            surrogates=surrogates,
            at_row=surrogates.at(own)[0],
            features=tuple(
                summary.local_features(vocabulary, frame, keys, coef, at_most=len(keys)) for coef in surrogates.coef[0]
            ),
            illustrate=lambda _: Illustration(),
        )

    def _rows(self, positions: Index, predicted: Array, labels: Index) -> Rows:
        frame = self.inputs.frame
        features = frame.features.iloc[positions]
        return Rows(
            rows=positions,
            keys=sample.hash_keys([frame.keys[p] for p in positions]),
            codes=spaces.encode(self.space, features),
            numbers=spaces.standardise(self.space, features),
            predicted=predicted,
            labels=labels,
        )

    def _local(self) -> Local:
        e = self.settings.explain
        width = e.kernel_width or default_width(len(self.space.columns))
        return Local(space=self.space, width=width, selection=e.selection, features=e.features)

    def _job(self) -> tuple[PooledJob | FreshJob, int]:
        """What a batch needs, and how many perturbed rows of the pool the model refused."""
        local, seed, n = self._local(), self.settings.sample.seed, self.settings.perturbations
        allowed = self.settings.explain.max_failed_fraction
        if self.settings.pool == "none":
            return FreshJob(local, self.inputs.ref, n, seed, allowed), 0
        with self.bench.clock.stage("pool"):
            job = PoolJob(self.space, self.inputs.ref, seed)
            parts = self.bench.map("pool", predict_part, job, pool_parts(n))
            self.bench.model_rows += n
            refused = sum(p.failed for p in parts)
            if refused > allowed * n:
                reason = next(p.error for p in parts if p.error)
                raise RunError(
                    f"the model refused {refused:,} of {n:,} perturbed rows, more than explain.max_failed_fraction "
                    f"allows ({allowed:g}); the first reason: {reason}. A numeric column whose numbers are codes "
                    "belongs into data.categorical."
                )
            return PooledJob(local, join_pool(self.space, parts)), refused


def _space(inputs: Inputs, settings: Settings) -> Space:
    classes = None
    if settings.explain.discretizer == "entropy":
        if inputs.background.target is None:
            raise InputError('explain.discretizer: "entropy" cuts columns by the true classes and needs data.target')
        classes = sample.strata_of(inputs.background.target).codes
    return spaces.fit(
        inputs.background.features,
        discretizer=settings.explain.discretizer,
        categorical=settings.data.categorical,
        groups=settings.data.groups,
        classes=classes,
        seed=settings.sample.seed & 0xFFFFFFFF,  # scikit-learn takes 32 bits
    )
