"""The stages between a read data set and its results: predict, sample, pool, explain, aggregate, pick.

Nothing here reads or writes a file. What is asked of the model goes through the executor, so that the same
stages run in this process, on this machine's workers or on a cluster, to the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from limekiln import certainty, importances, looks, sample, summary
from limekiln.aggregate.folds import FOLDS
from limekiln.bench import Bench
from limekiln.certainty import Asked
from limekiln.data.frame import Frame
from limekiln.drivers import Driver, Inputs, Known, OneRow, Told, driver, labelled
from limekiln.drivers.cohorts import CohortRun
from limekiln.errors import InputError, RunError
from limekiln.evidence import CohortComparison, MethodComparison, PoolComparison
from limekiln.models import Model
from limekiln.notices import of_noise, of_pools, of_run
from limekiln.record import Counts, DataFacts, MethodFacts, ModelFacts, Notice, RedactedColumn, Results
from limekiln.redaction import Redaction
from limekiln.sample import Sample, Strata
from limekiln.settings import Settings
from limekiln.surrogate import RIDGE
from limekiln.values import Array, Failure, Index

Predicted = tuple[Array, list[Failure]]
"""Predictions (n, C), NaN where a row failed, and the failures."""


@dataclass(frozen=True)
class Fired:
    """What the stages made: the results, the tables of `record.TABLES`, and the explanations behind them."""

    results: Results
    tables: dict[str, pd.DataFrame]
    explained: summary.Explained


@dataclass(frozen=True)
class Comparisons:
    """What is still to be compared once the rows are explained, or why it cannot be; None where nobody asks.

    Attributes:
        pools: perturbed and real rows.
        methods: the run's own method and a second one.
        cohorts: rows by the values of columns; with the table `cohorts`.
    """

    pools: Callable[[], PoolComparison | Notice] | None
    methods: Callable[[], MethodComparison | Notice] | None
    cohorts: Callable[[], tuple[CohortComparison, pd.DataFrame]] | None


def fire(inputs: Inputs, settings: Settings, bench: Bench) -> Fired:
    """Runs all stages; with `aggregate.until_decided` in rounds, each with more rows or a larger pool.

    Raises:
        InputError: the settings do not fit the data.
        RunError: more rows failed than `explain.max_failed_fraction` allows.
    """
    if not settings.aggregate.until_decided:
        return _compared(*_fire(inputs, settings, bench, None), bench)
    settings = looks.first(settings, len(inputs.frame.features))
    with bench.clock.stage("predict"):
        everything = driver(inputs, settings, bench).predict(np.arange(len(inputs.frame.features)))
    predicted_rows = bench.model_rows
    while True:
        bench.model_rows = predicted_rows  # a larger pool begins with the smaller one, which is not asked for again
        fired, comparisons = _fire(inputs, settings, bench, everything)
        larger = looks.next_settings(settings, fired.results, bench.look)
        if larger is None:
            return _compared(fired, comparisons, bench)
        settings = larger
        bench.look += 1


def of_rows(inputs: Inputs, settings: Settings, rows: Index, bench: Bench) -> Fired:
    """All stages but the comparisons, once, for rows that were chosen before: another model's, say.

    Raises:
        InputError: the settings do not fit the data.
        RunError: more rows failed than `explain.max_failed_fraction` allows.
    """
    return _fire(inputs, settings, bench, None, sample.given(rows, len(inputs.frame.features)))[0]


def _fire(
    inputs: Inputs, settings: Settings, bench: Bench, everything: Predicted | None, given: Sample | None = None
) -> tuple[Fired, Comparisons]:
    """All stages but the comparisons, once; `everything` holds the predictions of all rows where they are known."""
    way = driver(inputs, settings, bench)
    with bench.clock.stage("predict"):
        chosen, predicted, failures, known = _choose_rows(inputs, settings, way, everything, given)
    _check_failures(failures, len(chosen.rows), settings)
    told = _explain(way, inputs.model, chosen.rows, predicted)
    failures = [*failures, *told.failures]
    _check_failures(failures, len(chosen.rows), settings)
    explained = replace(
        _explained(inputs, settings, told), margins=_margins(inputs.model, told, chosen.rows, predicted)
    )

    with bench.clock.stage("aggregate"):
        tallies = importances.tally(told.vocabulary, told.explanations, len(inputs.model.classes))
        ranked = importances.rank(
            tallies, inputs.model.classes, settings.aggregate.score, settings.aggregate.min_support
        )
        asked = _asked(settings, len(chosen.rows) / len(inputs.frame.features), bench.look)
        ranked = importances.above(ranked, told.probes)
        ranked = certainty.measure(ranked, told.vocabulary, told.explanations, told.folds, asked)
    with bench.clock.stage("pick"):
        picks = summary.choose(explained, settings.pick.budget, per_class=settings.pick.per_class)
        members = sorted({int(m) for p in picks for m in p.members})
        shown = {m: told.illustrate(m) for m in members} if told.illustrate else {}
    counts = Counts(
        requested=len(chosen.rows),
        explained=len(np.unique(told.explanations.rows)),
        failed=len(failures),
        pool_failed=told.refused,
        model_rows=bench.model_rows,
    )
    if counts.requested != counts.explained + counts.failed:
        raise RunError(f"rows were lost: {counts}; this is a defect of limekiln")
    target = inputs.frame.target
    truth = None if target is None else target.iloc[told.explanations.rows]
    accuracy, accuracy_notices = summary.accuracy(
        explained, _texts(truth), shown=inputs.frame.redaction.shows(settings.data.target)
    )
    class_facts = summary.class_facts(
        explained,
        ranked,
        top=settings.aggregate.top,
        min_support=settings.aggregate.min_support,
        folds=None if told.folds is None else FOLDS,
        look=bench.look,
    )
    notices = [*inputs.frame.notices, *inputs.model.notices, *told.notices, *accuracy_notices]
    results = Results(
        model=_model_facts(inputs.model, settings),
        data=_data_facts(inputs, settings, told),
        sample=summary.sample_facts(chosen, settings.sample.stratify or "none", settings.sample.seed),
        method=_method_facts(settings, told, _perturbations(inputs, settings)),
        counts=counts,
        fidelity=summary.fidelity(told.explanations.r2),
        accuracy=accuracy,
        classes=class_facts,
        picks=tuple(summary.pick_facts(explained, p, shown) for p in picks),
        notices=(*notices, *of_noise(class_facts), *of_run(settings, counts, explained, told.features)),
    )
    tables = summary.tables(explained, ranked, picks, failures, inputs.frame.names)
    pictures = summary.pictures(explained, shown, told.concepts)
    fired = Fired(results, tables if pictures.empty else {**tables, "pictures": pictures}, explained)
    cohorts = CohortRun(inputs, settings, bench, told, chosen.rows) if settings.report.cohorts else None
    return fired, Comparisons(
        pools=partial(told.compare, known) if told.compare else None,
        methods=told.second,
        cohorts=partial(cohorts.compare, known) if cohorts else None,
    )


def _compared(fired: Fired, comparisons: Comparisons, bench: Bench) -> Fired:
    """The run with what was compared; a finding on perturbed and real rows comes before all other notices."""
    found = {
        "pools": comparisons.pools() if comparisons.pools else None,
        "methods": comparisons.methods() if comparisons.methods else None,
    }
    cohorts, table = comparisons.cohorts() if comparisons.cohorts else (None, None)
    results, pools = fired.results, found["pools"]
    first = of_pools(pools, regression=results.model.task == "regression") if isinstance(pools, PoolComparison) else []
    last = [f for f in found.values() if isinstance(f, Notice)]
    updates = {
        **{part: None if isinstance(f, Notice) else f for part, f in found.items()},
        "cohorts": cohorts,
        "notices": (*first, *results.notices, *last),
        "counts": results.counts.model_copy(update={"model_rows": bench.model_rows}),
    }
    tables = fired.tables if table is None else {**fired.tables, "cohorts": table}
    return replace(fired, results=results.model_copy(update=updates), tables=tables)


def one_row(inputs: Inputs, settings: Settings, position: int, bench: Bench) -> tuple[Array, OneRow]:
    """One row's predictions (C,), and its explanation for every output.

    Raises:
        RunError: the row cannot be predicted or explained.
    """
    way = driver(inputs, settings, bench)
    predicted, failures = way.predict(np.array([position], dtype=np.int64))
    if failures:
        raise RunError(f"row {inputs.frame.names[position]!r} cannot be explained: {failures[0].error}")
    return predicted[0], way.one_row(position, predicted[0])


def again(inputs: Inputs, settings: Settings, rows: Index, bench: Bench) -> dict[str, pd.DataFrame]:
    """The tables `explanations` and `rows` for some rows of the data alone, as a run makes them.

    Raises:
        RunError: none of them can be explained.
    """
    way = driver(inputs, settings, bench)
    told = _explain(way, inputs.model, rows, way.predict(rows)[0])
    return summary.of_rows(_explained(inputs, settings, told))


def _choose_rows(
    inputs: Inputs, settings: Settings, way: Driver, everything: Predicted | None, given: Sample | None
) -> tuple[Sample, Array, list[Failure], Known]:
    """The sample, its predictions (n, C), its failures, and all that is predicted: every row where strata need it."""
    if given is not None:
        predicted, failures = way.predict(given.rows)
        return given, predicted, failures, Known(given.rows, predicted)
    frame, stratify = inputs.frame, settings.sample.stratify or "none"
    whole = np.arange(len(frame.features))
    if everything is None and stratify == "predicted":
        everything = way.predict(whole)
    if everything is not None and stratify == "predicted":
        strata = _predicted_strata(everything[0], inputs.model)
    else:
        strata = _strata(frame, stratify)
    chosen = sample.draw(sample.hash_keys(frame.keys), strata, settings.sample.rows, settings.sample.seed)
    if everything is None:
        predicted, failures = way.predict(chosen.rows)
        return chosen, predicted, failures, Known(chosen.rows, predicted)
    predicted, failures = everything
    wanted = set(chosen.rows.tolist())
    return chosen, predicted[chosen.rows], [f for f in failures if f.row in wanted], Known(whole, predicted)


def _explain(way: Driver, model: Model, rows: Index, predicted: Array) -> Told:
    """Explains each row for its likeliest class, or for each of the values that the model gives."""
    rows, predicted, labels = labelled(model, rows, predicted)
    if not len(rows):
        raise RunError("no row could be explained: the model refused all of them")
    return way.explain(rows, predicted, labels)


def _asked(settings: Settings, explained: float, look: int) -> Asked:
    a = settings.aggregate
    return Asked(
        score=a.score,
        confidence=a.confidence,
        indifference=a.indifference,
        top=a.top,
        min_support=a.min_support,
        explained=explained,
        shared=settings.pool != "none",
        look=look,
        several_looks=a.until_decided,
    )


def _strata(frame: Frame, stratify: str) -> Strata:
    if stratify == "none":
        return sample.one_stratum(len(frame.features))
    if stratify == "target":
        if frame.target is None:
            raise InputError('sample.stratify: "target" needs data.target, which names no column')
        return _told(sample.strata_of(frame.target), frame.redaction, str(frame.target.name))
    return _told(sample.strata_of(frame.column(stratify)), frame.redaction, stratify)


def _told(strata: Strata, redaction: Redaction, column: str) -> Strata:
    """Strata of a column that is not shown by number, the largest first: their names are its values."""
    if redaction.shows(column):
        return strata
    by_size = np.argsort(-np.bincount(strata.codes, minlength=len(strata.names)), kind="stable")
    places = np.argsort(by_size) + 1
    return Strata(strata.codes, tuple(f"stratum {n}" for n in places))


def _predicted_strata(predicted: Array, model: Model) -> Strata:
    """Predicted classes; tenths of the prediction for a regression; rows without one in a stratum of their own."""
    failed = ~np.isfinite(predicted).all(axis=-1)
    if model.task == "regression":
        return sample.strata_of(pd.Series(predicted[:, 0]))
    labels = np.where(failed, len(model.classes), np.argmax(np.nan_to_num(predicted), axis=1))
    names = (*model.classes, "(no prediction)") if failed.any() else model.classes
    return Strata(labels.astype(np.int64), names)


def _check_failures(failures: list[Failure], requested: int, settings: Settings) -> None:
    allowed = settings.explain.max_failed_fraction
    if len(failures) > allowed * requested:
        first = failures[0]
        raise RunError(
            f"{len(failures):,} of {requested:,} rows failed, more than explain.max_failed_fraction allows "
            f"({allowed:g}); the first, in stage {first.stage}: {first.error}"
        )


def _explained(inputs: Inputs, settings: Settings, told: Told) -> summary.Explained:
    frame, local = inputs.frame, told.explanations
    targets = frame.told_targets(local.rows)
    table = frame.told(local.rows) if told.features else pd.DataFrame(index=local.rows)
    return summary.Explained(
        vocabulary=told.vocabulary,
        local=local,
        classes=inputs.model.classes,
        row_keys=[frame.names[p] for p in local.rows],
        targets=_texts(targets),
        features=table,
        perturbations=_perturbations(inputs, settings),
        several=inputs.model.task == "regression" and len(inputs.model.classes) > 1,
    )


def _margins(model: Model, told: Told, rows: Index, predicted: Array) -> Array | None:
    """By how much each explained row's likeliest class is ahead of the second; None for a regression."""
    if model.task == "regression" or len(model.classes) == 1:
        return None
    ordered = np.sort(predicted, axis=1)
    by_row = np.argsort(rows)
    found: Array = (ordered[:, -1] - ordered[:, -2])[by_row[np.searchsorted(rows[by_row], told.explanations.rows)]]
    return found


def _texts(values: pd.Series | None) -> list[str] | None:
    return None if values is None else ["" if pd.isna(v) else summary.raw_text(v) for v in values]


def _model_facts(model: Model, settings: Settings) -> ModelFacts:
    return ModelFacts(
        name=settings.model.name,
        version=settings.model.version,
        task=model.task,
        output=settings.model.output,
        unit=settings.model.unit,
        kind=model.kind,
        description=model.description,
        sha256=model.sha256,
    )


def _data_facts(inputs: Inputs, settings: Settings, told: Told) -> DataFacts:
    redaction = inputs.frame.redaction
    return DataFacts(
        source=inputs.frame.source,
        domain=settings.data.domain,
        rows=len(inputs.frame.features),
        features=told.features,
        n_features=len(told.vocabulary.features),
        parts=told.parts,
        layout=told.layout,
        target=settings.data.target,
        id=None if redaction.rule(settings.data.id) == "drop" else settings.data.id,
        sha256=inputs.frame.sha256,
        redacted=tuple(
            RedactedColumn(column=redaction.name(column), how=rule, by_default=column in redaction.by_default)
            for column, rule in redaction.rules.items()
        ),
    )


def _perturbations(inputs: Inputs, settings: Settings) -> int:
    """How many rows each explanation rests on; of the data's own there may be fewer than were asked for."""
    own = len(inputs.background.features) if settings.pool == "data" else settings.perturbations
    return min(own, settings.perturbations)


def _method_facts(settings: Settings, told: Told, perturbations: int) -> MethodFacts:
    e, tabular = settings.explain, settings.data.domain == "tabular"
    return MethodFacts(
        method=e.method,
        pool=settings.pool,
        perturbations=perturbations,
        masks=None if tabular or e.method == "kernelshap" else e.masks,
        hidden=told.hidden,
        discretizer=e.discretizer if tabular else None,
        kernel_width=told.width,
        selection="none" if e.features is None else e.selection,
        features=e.features,
        ridge=0.0 if e.method == "kernelshap" else RIDGE,
        background=e.background if tabular and e.method == "kernelshap" else None,
        score=settings.aggregate.score,
        min_support=settings.aggregate.min_support,
        top=settings.aggregate.top,
        budget=settings.pick.budget,
        confidence=settings.aggregate.confidence,
        indifference=settings.aggregate.indifference,
    )
