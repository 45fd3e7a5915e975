"""The stages between a read data set and its results: predict, sample, pool, explain, aggregate, pick.

Nothing here reads or writes a file. What is asked of the model goes through the executor, so that the same
stages run in this process, on this machine's workers or on a cluster, to the same bits.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln import importances, sample, summary
from limekiln.checkpoint import Checkpoint, Nothing
from limekiln.data.frame import Frame
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.space import Space
from limekiln.errors import InputError, RunError
from limekiln.fanout import Executor
from limekiln.kernels import default_width
from limekiln.local import (
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
from limekiln.models import Model
from limekiln.notices import of_run
from limekiln.record import Counts, DataFacts, MethodFacts, ModelFacts, Results
from limekiln.sample import Sample, Strata
from limekiln.settings import Settings
from limekiln.surrogate import RIDGE, Surrogate
from limekiln.values import Array, Failure, Index, Listener, LocalExplanations, Predictor, Progress, concatenate, silent

ROWS_A_PREDICTION: Final = 4096
"""Rows of the data predicted at once; a constant, since a model's last bits may depend on it."""

_POOLED_BATCH: Final = 128
_FRESH_BATCH: Final = 8


@dataclass(frozen=True)
class Inputs:
    """What a run explains: the data, the rows that perturbations are drawn like, and the model."""

    frame: Frame
    background: Frame
    model: Model
    ref: Predictor


@dataclass(frozen=True)
class Fired:
    """What the stages made: the results, the tables of `record.TABLES`, and the explanations behind them."""

    results: Results
    tables: dict[str, pd.DataFrame]
    explained: summary.Explained


@dataclass(frozen=True)
class Stopwatch:
    """Seconds spent in each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to the stage's account."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass
class Bench:
    """Where the stages work: the executor, who listens, what is kept, and the account of time and model rows."""

    executor: Executor
    listener: Listener = silent
    checkpoint: Checkpoint = field(default_factory=Nothing)
    clock: Stopwatch = field(default_factory=Stopwatch)
    model_rows: int = 0

    def map(self, name: str, function: Callable[[Any, Any], Any], shared: object, items: Sequence[Any]) -> list[Any]:
        """Fans out the items that are not kept from before, keeps each result, and tells the listener."""
        results = [self.checkpoint.load(name, i) for i in range(len(items))]
        missing = [i for i, kept in enumerate(results) if kept is None]
        done = len(items) - len(missing)
        self.listener(Progress(name, done, len(items)))
        fresh = self.executor.map(function, shared, [items[i] for i in missing], label=name)
        for i, result in zip(missing, fresh, strict=True):
            self.checkpoint.save(name, i, result)
            results[i] = result
            done += 1
            self.listener(Progress(name, done, len(items)))
        return results


def fire(inputs: Inputs, settings: Settings, bench: Bench) -> Fired:
    """Runs all stages.

    Raises:
        InputError: the settings do not fit the data.
        RunError: more rows failed than `explain.max_failed_fraction` allows.
    """
    with bench.clock.stage("predict"):
        chosen, predicted, failures = _choose_rows(inputs, settings, bench)
    usable = np.isfinite(predicted).all(axis=1)
    _check_failures(failures, len(chosen.rows), settings)
    space = _space(inputs, settings)
    batch = _rows(inputs.frame, space, chosen.rows[usable], predicted[usable])
    explanations, more, pool_failed = _explain(inputs, settings, space, batch, bench)
    failures = [*failures, *more]
    _check_failures(failures, len(chosen.rows), settings)
    explained = _explained(inputs, settings, space, explanations)

    with bench.clock.stage("aggregate"):
        tallies = importances.tally(space, explanations, len(inputs.model.classes))
        ranked = importances.rank(
            tallies, inputs.model.classes, settings.aggregate.score, settings.aggregate.min_support
        )
    with bench.clock.stage("pick"):
        picks = summary.choose(explained, settings.pick.budget, per_class=settings.pick.per_class)
    counts = Counts(
        requested=len(chosen.rows),
        explained=len(explanations.rows),
        failed=len(failures),
        pool_failed=pool_failed,
        model_rows=bench.model_rows,
    )
    if counts.requested != counts.explained + counts.failed:
        raise RunError(f"rows were lost: {counts}; this is a defect of limekiln")
    accuracy, accuracy_notices = summary.accuracy(explained)
    class_facts = summary.class_facts(
        explained, ranked, top=settings.aggregate.top, min_support=settings.aggregate.min_support
    )
    notices = [*inputs.frame.notices, *inputs.model.notices, *accuracy_notices]
    results = Results(
        model=_model_facts(inputs.model, settings),
        data=_data_facts(inputs, settings, space),
        sample=summary.sample_facts(chosen, settings.sample.stratify or "none", settings.sample.seed),
        method=_method_facts(settings, space),
        counts=counts,
        fidelity=summary.fidelity(explanations.r2),
        accuracy=accuracy,
        classes=class_facts,
        picks=tuple(summary.pick_facts(explained, p) for p in picks),
        notices=tuple(notices + of_run(settings, counts, explained)),
    )
    tables = summary.tables(explained, ranked, picks, failures, inputs.frame.keys)
    return Fired(results, tables, explained)


def one_row(inputs: Inputs, settings: Settings, position: int, bench: Bench) -> tuple[Space, Rows, Surrogate, Array]:
    """One row's surrogates for every class, from the pool that a run would use.

    Returns the space, the row, its surrogates (1, C, d), and its own interpretable values (1, d).
    """
    position_index = np.array([position], dtype=np.int64)
    predicted, failures = _predict(inputs, position_index, bench)
    if failures:
        raise RunError(f"row {inputs.frame.keys[position]!r} cannot be explained: {failures[0].error}")
    space = _space(inputs, settings)
    row = _rows(inputs.frame, space, position_index, predicted)
    job, _ = _job(inputs, settings, space, bench)
    surrogates, own = explain_all_classes(job, row)
    return space, row, surrogates, own


def _choose_rows(inputs: Inputs, settings: Settings, bench: Bench) -> tuple[Sample, Array, list[Failure]]:
    """The sample, its predictions (n, C) and its failures; all rows are predicted where strata need it."""
    everything = np.arange(len(inputs.frame.features))
    keys = sample.hash_keys(inputs.frame.keys)
    rows, seed = settings.sample.rows, settings.sample.seed
    stratify = settings.sample.stratify or "none"
    if stratify != "predicted":
        chosen = sample.draw(keys, _strata(inputs.frame, stratify), rows, seed)
        predicted, failures = _predict(inputs, chosen.rows, bench)
        return chosen, predicted, failures
    predicted, failures = _predict(inputs, everything, bench)
    chosen = sample.draw(keys, _predicted_strata(predicted, inputs.model), rows, seed)
    wanted = set(chosen.rows.tolist())
    return chosen, predicted[chosen.rows], [f for f in failures if f.row in wanted]


def _predict(inputs: Inputs, rows: Index, bench: Bench) -> tuple[Array, list[Failure]]:
    starts = range(0, len(rows), ROWS_A_PREDICTION)
    pieces = [rows[s : s + ROWS_A_PREDICTION] for s in starts]
    frames = [inputs.frame.features.iloc[p] for p in pieces]
    outcomes = bench.map("predict", predict_batch, inputs.ref, frames)
    bench.model_rows += len(rows)
    failures = [
        Failure(int(piece[i]), "predict", error)
        for piece, (_, failed) in zip(pieces, outcomes, strict=True)
        for i, error in failed
    ]
    return np.concatenate([outputs for outputs, _ in outcomes]), failures


def _strata(frame: Frame, stratify: str) -> Strata:
    if stratify == "none":
        return sample.one_stratum(len(frame.features))
    if stratify == "target":
        if frame.target is None:
            raise InputError('sample.stratify: "target" needs data.target, which names no column')
        return sample.strata_of(frame.target)
    return sample.strata_of(frame.column(stratify))


def _predicted_strata(predicted: Array, model: Model) -> Strata:
    """Predicted classes; tenths of the prediction for a regression; rows without one in a stratum of their own."""
    failed = ~np.isfinite(predicted).all(axis=-1)
    if model.task == "regression":
        return sample.strata_of(pd.Series(predicted[:, 0]))
    labels = np.where(failed, len(model.classes), np.argmax(np.nan_to_num(predicted), axis=1))
    names = (*model.classes, "(no prediction)") if failed.any() else model.classes
    return Strata(labels.astype(np.int64), names)


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
        classes=classes,
        seed=settings.sample.seed & 0xFFFFFFFF,  # scikit-learn takes 32 bits
    )


def _rows(frame: Frame, space: Space, positions: Index, predicted: Array) -> Rows:
    features = frame.features.iloc[positions]
    return Rows(
        rows=positions,
        keys=sample.hash_keys([frame.keys[p] for p in positions]),
        codes=spaces.encode(space, features),
        numbers=spaces.standardise(space, features),
        predicted=predicted,
        labels=np.argmax(predicted, axis=1).astype(np.int64),
    )


def _local(settings: Settings, space: Space) -> Local:
    e = settings.explain
    width = e.kernel_width or default_width(len(space.columns))
    return Local(space=space, width=width, selection=e.selection, features=e.features)


def _job(inputs: Inputs, settings: Settings, space: Space, bench: Bench) -> tuple[PooledJob | FreshJob, int]:
    """What a batch needs, and how many perturbed rows of the pool the model refused."""
    local, seed, n = _local(settings, space), settings.sample.seed, settings.explain.perturbations
    if settings.explain.pool == "none":
        return FreshJob(local, inputs.ref, n, seed, settings.explain.max_failed_fraction), 0
    with bench.clock.stage("pool"):
        parts = bench.map("pool", predict_part, PoolJob(space, inputs.ref, seed), pool_parts(n))
        bench.model_rows += n
        failed = sum(p.failed for p in parts)
        if failed > settings.explain.max_failed_fraction * n:
            reason = next(p.error for p in parts if p.error)
            raise RunError(
                f"the model refused {failed:,} of {n:,} perturbed rows, more than explain.max_failed_fraction "
                f"allows ({settings.explain.max_failed_fraction:g}); the first reason: {reason}. A numeric column "
                "whose numbers are codes belongs into data.categorical."
            )
        return PooledJob(local, join_pool(space, parts)), failed


def _explain(
    inputs: Inputs, settings: Settings, space: Space, batch: Rows, bench: Bench
) -> tuple[LocalExplanations, list[Failure], int]:
    """All explanations in order of the data, the rows that failed, and the pool rows that were refused."""
    if not len(batch.rows):
        raise RunError("no row could be explained: the model refused all of them")
    job, pool_failed = _job(inputs, settings, space, bench)
    with bench.clock.stage("explain"):
        pooled = isinstance(job, PooledJob)
        function = explain_pooled if pooled else explain_fresh
        batches = split(batch, _POOLED_BATCH if pooled else _FRESH_BATCH)
        outcomes: list[Batch] = bench.map("explain", function, job, batches)
    bench.model_rows += sum(o.model_rows for o in outcomes)
    local = concatenate([o.explanations for o in outcomes])
    refused = pool_failed + sum(o.refused for o in outcomes)
    return local, [f for o in outcomes for f in o.failures], refused


def _check_failures(failures: list[Failure], requested: int, settings: Settings) -> None:
    allowed = settings.explain.max_failed_fraction
    if len(failures) > allowed * requested:
        first = failures[0]
        raise RunError(
            f"{len(failures):,} of {requested:,} rows failed, more than explain.max_failed_fraction allows "
            f"({allowed:g}); the first, in stage {first.stage}: {first.error}"
        )


def _explained(inputs: Inputs, settings: Settings, space: Space, local: LocalExplanations) -> summary.Explained:
    frame = inputs.frame
    targets = None if frame.target is None else frame.target.iloc[local.rows]
    return summary.Explained(
        space=space,
        local=local,
        classes=inputs.model.classes,
        row_keys=[frame.keys[p] for p in local.rows],
        targets=None if targets is None else ["" if pd.isna(t) else summary.raw_text(t) for t in targets],
        features=frame.features.iloc[local.rows],
        perturbations=settings.explain.perturbations,
    )


def _model_facts(model: Model, settings: Settings) -> ModelFacts:
    return ModelFacts(
        name=settings.model.name,
        version=settings.model.version,
        task=model.task,
        output=settings.model.output,
        kind=model.kind,
        description=model.description,
        sha256=model.sha256,
    )


def _data_facts(inputs: Inputs, settings: Settings, space: Space) -> DataFacts:
    return DataFacts(
        source=inputs.frame.source,
        rows=len(inputs.frame.features),
        features=summary.feature_facts(space, inputs.frame.features),
        target=settings.data.target,
        id=settings.data.id,
        sha256=inputs.frame.sha256,
    )


def _method_facts(settings: Settings, space: Space) -> MethodFacts:
    e, local = settings.explain, _local(settings, space)
    return MethodFacts(
        method=e.method,
        pool=e.pool,
        perturbations=e.perturbations,
        discretizer=e.discretizer,
        kernel_width=local.width,
        selection="none" if e.features is None else e.selection,
        features=e.features,
        ridge=RIDGE,
        score=settings.aggregate.score,
        min_support=settings.aggregate.min_support,
        top=settings.aggregate.top,
        budget=settings.pick.budget,
    )
