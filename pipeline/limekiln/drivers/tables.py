"""A table's rows: one shared pool of perturbed rows for all of them, or fresh ones for each."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Final

import numpy as np

from limekiln import matrix, sample, shapley, summary
from limekiln.aggregate import folds
from limekiln.aggregate.floor import ProbeTally
from limekiln.bench import Bench
from limekiln.cohorts import values as cohorts
from limekiln.domains.tabular import data_pool
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Space
from limekiln.drivers import redacted, two_methods
from limekiln.drivers.told import Further, Inputs, Known, OneRow, Told, labelled
from limekiln.drivers.two_methods import TwoMethods
from limekiln.drivers.two_pools import TwoPools
from limekiln.errors import InputError, InstanceError, RefusedError, RunError
from limekiln.evidence import MethodComparison
from limekiln.kernels import default_width
from limekiln.local import shapley as local_shapley
from limekiln.local.shapley import ShapleyJob, TableRows
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
    take,
)
from limekiln.record import Notice
from limekiln.settings import Settings
from limekiln.summary import Illustration
from limekiln.values import Array, Failure, Index, LocalExplanations, concatenate

ROWS_A_PREDICTION: Final = 4096
"""Rows of the data predicted at once; a constant, since a model's last bits may depend on it."""

PROBED: Final = 1000
"""Rows that are explained with probes, shared out among the outputs; 10 to 100 for each."""

_PROBED_EACH: Final = 100
_PROBED_LEAST: Final = 10
_NO_ROWS: Final[Index] = np.empty(0, dtype=np.int64)
_POOLED_BATCHES: Final = 500
_POOLED_BATCH: Final = (128, 4096)
"""Rows in a batch at least and at most, where all share a pool; between them, as many as make 500 batches."""
_FRESH_BATCH: Final = 8


@dataclass
class TableDriver:
    """Explains rows of a table; fits the interpretable space to the background first.

    `stage` begins the names of the stages that ask the model for explanations.
    """

    inputs: Inputs
    settings: Settings
    bench: Bench
    stage: str = ""
    space: Space = field(init=False)

    def __post_init__(self) -> None:
        self.space = _space(self.inputs, self.settings)

    def predict(self, rows: Index) -> tuple[Array, list[Failure]]:
        """The model's outputs for rows of the data (n, C), NaN where a row failed, and the failures."""
        return self._predict("predict", rows)

    def _predict(self, stage: str, rows: Index) -> tuple[Array, list[Failure]]:
        pieces = [rows[s : s + ROWS_A_PREDICTION] for s in range(0, len(rows), ROWS_A_PREDICTION)]
        frames = [self.inputs.frame.features.iloc[p] for p in pieces]
        outcomes = self.bench.map(stage, predict_batch, self.inputs.ref, frames)
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
        outcomes, pool, pool_refused = self._outcomes(batch)
        self.bench.model_rows += sum(o.model_rows for o in outcomes)
        local = _as_asked([o.explanations for o in outcomes], batch)
        failed = {f.row: f for o in outcomes for f in o.failures}
        return Told(
            vocabulary=matrix.of_space(self.space),
            explanations=matrix.of_table(self.space, local),
            failures=tuple(failed.values()),
            refused=pool_refused + sum(o.refused for o in outcomes),
            folds=sum((o.folds for o in outcomes[1:]), start=outcomes[0].folds),
            probes=_sum([o.probes for o in outcomes if o.probes is not None]),
            compare=self._pools(batch, pool).compare if self.settings.explain.compare_pools else None,
            second=self._second(batch, local),
            cohorts=folds.joined(tallied) if (tallied := [o.cohorts for o in outcomes if o.cohorts]) else None,
            further=None if pool is None else partial(self._further, pool),
            width=self._local().width,
            features=summary.feature_facts(self.space, self.inputs.frame.features),
        )

    def _outcomes(self, batch: Rows) -> tuple[list[Batch], Pool | None, int]:
        """The batches' explanations, the pool they share, and the rows that the model refused before any of them."""
        if self.settings.explain.method == "kernelshap":
            game = self._game()
            with self.bench.clock.stage(f"{self.stage}explain"):
                pieces = local_shapley.split(self._table(batch), _FRESH_BATCH)
                outcomes = self.bench.map(f"{self.stage}explain", local_shapley.explain_shapley, game, pieces)
            return outcomes, None, game.background.refused
        job, refused = self._job(_NO_ROWS if self.stage else _probed(batch))
        with self.bench.clock.stage(f"{self.stage}explain"):
            if isinstance(job, PooledJob):
                outcomes = self.bench.map(f"{self.stage}explain", explain_pooled, job, _pooled_batches(batch))
                return outcomes, job.pool, refused
            return self.bench.map(f"{self.stage}explain", explain_fresh, job, split(batch, _FRESH_BATCH)), None, refused

    def _further(self, pool: Pool, rows: Index, known: Known, numbers: Index) -> Further | None:
        """Explains rows beyond the sample from its pool, for cohorts by number; see `Told`."""
        there = np.isin(rows, known.rows).all()  # a sample by predicted classes leaves none to be asked for
        order = np.argsort(known.rows)
        predicted = (
            known.predicted[order[np.searchsorted(known.rows[order], rows)]]
            if there
            else self._predict("cohorts predict", rows)[0]
        )
        rows, predicted, labels = labelled(self.inputs.model, rows, predicted)
        if not len(rows):
            return None
        asked = self._rows(rows, predicted, labels)
        batches = _pooled_batches(asked)
        outcomes = self.bench.map("cohorts explain", explain_pooled, PooledJob(self._local(), pool, numbers), batches)
        return Further(
            explanations=matrix.of_table(self.space, _as_asked([o.explanations for o in outcomes], asked)),
            cohorts=folds.joined([o.cohorts for o in outcomes if o.cohorts is not None]),
        )

    def _pools(self, batch: Rows, pool: Pool | None) -> TwoPools:
        return TwoPools(self.inputs, self.settings, self.bench, self._local(), batch, pool)

    def _second(self, batch: Rows, local: LocalExplanations) -> Callable[[], MethodComparison | Notice] | None:
        second = two_methods.settings_of(self.settings, len(self.space.columns))
        if second is None:
            return None

        def ask(rows: Rows) -> list[Batch]:
            return TableDriver(self.inputs, second, self.bench, two_methods.STAGE)._outcomes(rows)[0]  # noqa: SLF001

        return TwoMethods(self.inputs, self.settings, second, self.bench, self.space, batch, local, ask).compare

    def _table(self, batch: Rows) -> TableRows:
        return TableRows(batch, self.inputs.frame.features.iloc[batch.rows])

    def _game(self) -> ShapleyJob:
        """What KernelSHAP needs; the background is asked for here, since it is small and all rows share the answer."""
        n, allowed = self.settings.perturbations, self.settings.explain.max_failed_fraction
        if n < (least := shapley.least(len(self.space.columns))):
            raise InputError(
                f"explain.perturbations: kernelshap needs at least {least:,} for {len(self.space.columns):,} features, "
                f"got {n:,}"
            )
        features, seed = self.inputs.background.features, self.settings.sample.seed
        positions = data_pool.choose(len(features), self.settings.explain.background, seed)
        with self.bench.clock.stage(f"{self.stage}pool"):
            try:
                background = local_shapley.ask_background(self.inputs.ref, features.iloc[positions])
            except ValueError as error:
                raise RefusedError(str(error)) from error
            self.bench.model_rows += len(positions)
        if background.refused > allowed * len(positions):
            raise RefusedError(
                f"the model refused {background.refused:,} of {len(positions):,} background rows, more than "
                f"explain.max_failed_fraction allows ({allowed:g}); the first reason: {background.error}"
            )
        return ShapleyJob(self.space, self.inputs.ref, background, n, seed, allowed)

    def one_row(self, position: int, predicted: Array) -> OneRow:
        """Explains one row for every output, from the pool that a run would use."""
        row = self._rows(np.array([position]), predicted[None], np.array([int(np.argmax(predicted))]))
        if self.settings.explain.method == "kernelshap":
            try:
                surrogates, own = local_shapley.explain_all_outputs(self._game(), self._table(row))
            except InstanceError as error:
                raise RunError(f"row {self.inputs.frame.names[position]!r} cannot be explained: {error}") from error
        else:
            surrogates, own = explain_all_classes(self._job()[0], row)
        vocabulary = matrix.of_space(self.space)
        keys = matrix.table_keys(self.space, row.codes)[0]
        frame = self.inputs.frame.told(np.array([position]))
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

    def _local(self, probed: Index = _NO_ROWS) -> Local:
        e = self.settings.explain
        width = e.kernel_width or default_width(len(self.space.columns))
        return Local(space=self.space, width=width, selection=e.selection, features=e.features, probed=probed)

    def _job(self, probed: Index = _NO_ROWS) -> tuple[PooledJob | FreshJob, int]:
        """What a batch needs, and how many perturbed rows of the pool the model refused."""
        local, seed, n = self._local(probed), self.settings.sample.seed, self.settings.perturbations
        allowed = self.settings.explain.max_failed_fraction
        if self.settings.pool == "none":
            return FreshJob(local, self.inputs.ref, n, seed, allowed), 0
        with self.bench.clock.stage(f"{self.stage}pool"):
            if self.settings.pool == "data":
                features = self.inputs.background.features
                positions = data_pool.choose(len(features), n, seed)
                rows, n = data_pool.parts(features, positions), len(positions)
                job = data_pool.DataPoolJob(self.space, self.inputs.ref)
                parts = self.bench.map("pool", data_pool.predict_part, job, rows)
                what, hint = "rows of the background", ""
            else:
                draw = PoolJob(self.space, self.inputs.ref, seed)
                parts = self.bench.map(f"{self.stage}pool", predict_part, draw, pool_parts(n))
                what, hint = (
                    "perturbed rows",
                    " A numeric column whose numbers are codes belongs into data.categorical.",
                )
            self.bench.model_rows += n
            refused = sum(p.failed for p in parts)
            if refused > allowed * n or refused == n:
                reason = next(p.error for p in parts if p.error)
                raise RefusedError(
                    f"the model refused {refused:,} of {n:,} {what}, more than explain.max_failed_fraction allows "
                    f"({allowed:g}); the first reason: {reason}.{hint}"
                )
            compared = () if self.stage else cohorts.of_frame(self.inputs.frame, self.settings)
            pool = join_pool(self.space, parts)
            return PooledJob(local, pool, cohorts.numbered(compared)) if compared else PooledJob(local, pool), refused


def _pooled_batches(rows: Rows) -> list[Rows]:
    """Rows that see the pool alike one after another, in as few batches as can be: they share the work."""
    least, most = _POOLED_BATCH
    alike = take(rows, np.lexsort(rows.codes.T))
    return split(alike, min(most, max(least, len(rows.rows) // _POOLED_BATCHES)))


def _as_asked(parts: list[LocalExplanations], rows: Rows) -> LocalExplanations:
    """All explanations in the order of the rows that they were asked for, each by its row and class."""
    told, classes = concatenate(parts), rows.predicted.shape[1]
    asked, got = rows.rows * classes + rows.labels, told.rows * classes + told.labels
    by_name = np.argsort(asked)
    order = np.argsort(by_name[np.searchsorted(asked[by_name], got)])
    return LocalExplanations(**{f.name: getattr(told, f.name)[order] for f in fields(LocalExplanations)})


def _probed(batch: Rows) -> Index:
    """Positions of the rows that get probes: of each output the first by their keys, which are as good as random."""
    labels = np.unique(batch.labels)
    few = min(_PROBED_EACH, max(_PROBED_LEAST, PROBED // len(labels)))
    found = []
    for label in labels:
        mine = np.flatnonzero(batch.labels == label)
        found.append(batch.rows[mine[np.argsort(batch.keys[mine], kind="stable")[:few]]])
    return np.unique(np.concatenate(found))


def _sum(tallies: list[ProbeTally]) -> ProbeTally | None:
    return sum(tallies[1:], start=tallies[0]) if tallies else None


def _space(inputs: Inputs, settings: Settings) -> Space:
    classes = None
    if settings.explain.discretizer == "entropy":
        if inputs.background.target is None:
            raise InputError('explain.discretizer: "entropy" cuts columns by the true classes and needs data.target')
        classes = sample.strata_of(inputs.background.target).codes
    fitted = spaces.fit(
        inputs.background.features,
        discretizer=settings.explain.discretizer,
        categorical=settings.data.categorical,
        groups=settings.data.groups,
        classes=classes,
        seed=settings.sample.seed & 0xFFFFFFFF,  # scikit-learn takes 32 bits
    )
    return redacted.space(fitted, inputs.background.features, inputs.frame.redaction)
