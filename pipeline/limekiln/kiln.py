"""What the commands do: read the inputs, fire the stages, store the run, draw the report."""

import os
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

import limekiln
from limekiln import (
    chain,
    checkpoint,
    data,
    drawing,
    drivers,
    gates,
    governance,
    mapping,
    models,
    proxies,
    seal,
    software,
    stages,
    store,
    templates_of_user,
    verdicts,
)
from limekiln.bench import Bench, Stopwatch
from limekiln.cohorts import values as cohorts
from limekiln.config import LoadedConfig
from limekiln.data.frame import Frame
from limekiln.drivers import Inputs, two_methods, two_pools
from limekiln.drivers.cohorts import model_rows as rows_of_cohorts
from limekiln.errors import InputError, LimekilnError
from limekiln.fanout import executor
from limekiln.models import Model, ModelRef
from limekiln.models.estimator import COLUMNS_UNNAMED
from limekiln.record import Manifest, RunRecord
from limekiln.redaction import discretion
from limekiln.report.local import SHOWN, LocalClass, LocalView
from limekiln.settings import Settings
from limekiln.stages import Fired
from limekiln.summary import Illustration, raw_text
from limekiln.values import Listener, chosen, silent

_CREDENTIALS: Final = re.compile(r"(\w+://)[^/\s@]+@")
_TRIAL_ROWS: Final = 100
_TRIAL_CELLS: Final = 8
_TRIAL_SECONDS: Final = 0.2
_DECISIONS_COMPARED: Final = 1000
_WHOLE_SAMPLE: Final = "all"
_WHAT: Final = {"tabular": "rows, {features} features", "text": "texts", "images": "images", "sequences": "series"}


@dataclass(frozen=True)
class Plan:
    """What a run would do, from a look at its inputs.

    `seconds` is a guess from a short trial of the model: predictions only, on one core.
    """

    model: str
    task: str
    classes: tuple[str, ...]
    rows: int
    of: int
    what: str
    perturbations: int
    pool: str
    model_rows: int
    seconds: float
    redacted: tuple[str, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """A run in its place.

    Attributes:
        folder: where it lies.
        record: what it holds.
        seconds: of each stage, drawing and writing included, which the manifest inside cannot know.
        missing: why a requested format was not written, if one was not.
    """

    folder: Path
    record: RunRecord
    seconds: dict[str, float]
    missing: LimekilnError | None


def read_inputs(config: LoadedConfig) -> Inputs:
    """The data, the background and the model that a config names.

    Raises:
        InputError: one of them cannot be read, or they do not fit each other.
    """
    settings = config.settings
    ref = ModelRef(
        source=settings.model.source, folder=config.folder, output=settings.model.output, outputs=settings.model.outputs
    ).pinned()
    model = ref.resolve()
    raw = data.read(settings.data.source, config.folder, as_text=data.text_columns(settings.data))
    frame = data.frame_of(raw, settings.data, config.folder, model.features)
    background = frame
    if settings.data.background is not None:
        raw = data.read(settings.data.background, config.folder, as_text=data.text_columns(settings.data))
        background = data.background_of(raw, settings.data, config.folder, like=frame)
    gates.check_names(settings.gates, _known(frame, model, settings))
    cohorts.check(frame, settings)
    with data.guarded(frame):
        return tried(_discreet(Inputs(frame, background, model, ref, config.folder), ref), settings)


def _discreet(inputs: Inputs, ref: ModelRef) -> Inputs:
    """The inputs, the model with an eye on what it says of rows that may not be told."""
    found = discretion(inputs.frame.redaction, [str(name) for name in inputs.frame.features.columns])
    if found is None:
        return inputs
    return replace(inputs, model=replace(inputs.model, discretion=found), ref=models.Discreet(ref, found))


def _known(frame: Frame, model: Model, settings: Settings) -> gates.Known:
    """What gates may name; the features of texts, images and series are known once rows are explained."""
    columns, groups = list(frame.features.columns), settings.data.groups
    return gates.Known(
        classes=model.classes,
        features=list(proxies.features_of(columns, groups)) if settings.data.domain == "tabular" else None,
        columns=[*columns, *(str(c) for c in frame.others.columns)],
        groups={member: name for name, members in groups.items() for member in members},
        id=settings.data.id,
    )


def run(config: LoadedConfig, listener: Listener = silent, *, resume: bool = False) -> Finished:
    """The whole pipeline: from a config to a finished run folder.

    Args:
        config: the config.
        listener: hears of progress.
        resume: take the batches that an interrupted run of the same config, model, data and versions kept.

    Raises:
        InputError: config, data or model are wrong.
        RunError: too many rows failed, or the folder could not be written.
    """
    started = datetime.now(UTC)
    parent = runs_folder(config)
    clock = Stopwatch()
    mapped, templates = mapping.of_config(config), templates_of_user.of_config(config)
    with clock.stage("read"):
        inputs = read_inputs(config)
    identity = _fingerprint(config.settings, inputs)
    run_id = store.free_run_id(parent, f"{started:%Y%m%dT%H%M%SZ}-{identity[:8]}")
    discreet = inputs.model.discretion is not None
    with (
        store.staging(parent, run_id) as staging,
        checkpoint.hold(parent, identity, resume=resume, discreet=discreet) as kept,
    ):
        with data.guarded(inputs.frame), executor(config.settings.cluster) as workers:
            fired = stages.fire(inputs, config.settings, Bench(workers, listener, kept, clock))
            manifest = make_manifest(config, inputs, fired, workers.description, (run_id, started))
        seconds = {s: round(t, 3) for s, t in clock.seconds.items()}
        clauses, source = (mapped.mapping, mapped.source) if mapped else (None, None)
        manifest = manifest.model_copy(
            update={"timings": seconds, "mapping": source, "templates": templates_of_user.facts(templates)}
        )
        record = RunRecord(fired.results, manifest, fired.tables, clauses, templates)
        with data.guarded(inputs.frame):
            record = verdicts.judged(record, config.settings, inputs.frame, parent)
        return _store(staging, parent / run_id, record)


def runs_folder(config: LoadedConfig) -> Path:
    """Where the runs of the config's model go."""
    place = config.folder / config.settings.output / store.slug(config.settings.model.name)
    return Path(os.path.normpath(place))  # as a reader would write it; not resolved, links stay links


def render(folder: Path, *, trust_templates: bool = False) -> Finished:
    """Draws the report of a stored run again, from its files alone.

    Args:
        folder: the run folder.
        trust_templates: draw it with the templates that it brings along, which are code.

    Raises:
        InputError: the folder holds no run that this version can read, or brings templates that nobody trusts.
    """
    record = store.read(folder)
    if record.templates and not trust_templates:
        named = ", ".join(store.template_file(name) for name, _ in record.templates)
        raise InputError(f"{folder}: the report is drawn with templates of its own, and templates are code; "
                         f"read {named}, and say --trust-templates")  # fmt: skip
    changed = [fault for fault in seal.faults(folder) if fault.file not in seal.REPORTS]
    if changed:
        raise InputError(f"{folder / changed[0].file}: {changed[0].words}; a run that was changed is not drawn again")
    clock = Stopwatch()
    drawn = drawing.draw(folder, record, clock)
    return Finished(folder, drawn.record, clock.seconds, drawn.missing)


def check(config: LoadedConfig) -> Plan:
    """Reads everything, asks the model for a few rows, and says what a run would do.

    Raises:
        InputError: a run would stop at once for the same reason.
    """
    mapping.of_config(config)
    templates_of_user.of_config(config)
    settings, inputs = config.settings, read_inputs(config)
    rows, tabular = len(inputs.frame.features), config.settings.data.domain == "tabular"
    taken = rows if settings.sample.rows == _WHOLE_SAMPLE else min(rows, settings.sample.rows)
    own = rows if settings.sample.stratify == "predicted" else taken
    fresh = settings.pool == "none"
    # at most: where the parts of a text, an image or a series are few, there are fewer ways to hide them
    shapley = settings.explain.method == "kernelshap"
    each = settings.explain.background if tabular and shapley else 1
    hidden = int(shapley and not tabular)  # the row with every part hidden, asked beside its perturbations
    model_rows = own + (settings.perturbations * each + hidden) * (taken if fresh else 1)
    background = None if inputs.background is inputs.frame else len(inputs.background.features)
    model_rows += two_pools.model_rows(settings, rows, background, own)
    model_rows += rows_of_cohorts(inputs, settings)
    classes = len(inputs.model.classes) if inputs.model.task == "classification" else 1
    model_rows += two_methods.model_rows(settings, taken, inputs.frame.features.shape[1], classes)
    notices = [n.text for n in (*inputs.frame.notices, *inputs.model.notices)]
    return Plan(
        model=inputs.model.description,
        task=inputs.model.task,
        classes=inputs.model.classes,
        rows=taken,
        of=rows,
        what=_WHAT[settings.data.domain].format(features=inputs.frame.features.shape[1]),
        perturbations=settings.perturbations,
        pool=settings.pool,
        model_rows=model_rows,
        seconds=_seconds_a_row(inputs, settings) * model_rows,
        redacted=tuple(inputs.frame.redaction.listed()),
        notices=tuple(notices),
    )


def explain_row(config: LoadedConfig, key: str, listener: Listener = silent) -> LocalView:
    """One row's explanation for every class, highest prediction first.

    Raises:
        InputError: no row has this key.
    """
    settings, inputs = config.settings, read_inputs(config)
    position = _position(inputs.frame, key)
    with data.guarded(inputs.frame), executor(settings.cluster) as workers:
        predicted, told = stages.one_row(inputs, settings, position, Bench(workers, listener))
    r2 = told.surrogates.r2[0]
    targets = inputs.frame.told_targets(np.array([position]))
    target = None if targets is None else targets.iloc[0]
    several = inputs.model.task == "regression"
    order = range(len(predicted)) if several else np.argsort(-predicted, kind="stable").tolist()
    pictured = {c: told.illustrate(c) for c in (order if several else order[:SHOWN])}
    classes = [
        LocalClass(
            name=inputs.model.classes[c],
            predicted=float(predicted[c]),
            surrogate=float(told.at_row[c]),
            r2=None if np.isnan(r2[c]) else float(r2[c]),
            features=told.features[c],
            marks=pictured.get(c, Illustration()).marks,
            picture=pictured.get(c, Illustration()).png,
            series=pictured.get(c, Illustration()).series,
        )
        for c in order
    ]
    return LocalView(
        model=settings.model.name,
        version=settings.model.version,
        task=inputs.model.task,
        output=settings.model.output,
        data=inputs.frame.source,
        row=inputs.frame.names[position],
        target=None if target is None or pd.isna(target) else raw_text(target),
        classes=tuple(classes),
        unit=settings.model.unit,
        domain=settings.data.domain,
    )


def _position(frame: Frame, key: str) -> int:
    """Where a row is, by the name that it has in reports, or by its id."""
    for names in (frame.names, frame.keys):
        if key in names:
            return names.index(key)
    raise InputError(f"--row: no row is called {key!r}; the first rows are {', '.join(frame.names[:3])}")


def tried(inputs: Inputs, settings: Settings) -> Inputs:
    """The inputs, the model with what a trial on the first rows tells; rows that it refuses are failures of the run.

    Raises:
        InputError: the model refuses every row of the trial.
    """
    model, n = inputs.model, _TRIAL_CELLS if settings.data.domain == "images" else _TRIAL_ROWS
    trial = drivers.trial(inputs, settings, n)
    _, failed = models.predict_rows(model, trial)
    if len(failed) == len(trial):
        raise InputError(f"the model refuses the first {len(trial)} rows of {inputs.frame.source}: {failed[0][1]}")
    refused = {position for position, _ in failed}
    good = chosen(trial, [i for i in range(len(trial)) if i not in refused])
    compared = drivers.trial(inputs, settings, _DECISIONS_COMPARED) if settings.data.domain != "images" else trial
    decisions = models.compare_decisions(model, compared)
    # only a table has columns that a model could name
    known = [n for n in model.notices if n.code != COLUMNS_UNNAMED or settings.data.domain == "tabular"]
    return replace(inputs, model=replace(model, notices=(*known, *models.probe(model, good), *decisions)))


def _seconds_a_row(inputs: Inputs, settings: Settings) -> float:
    """The model's pace, from its first rows; a quick model is asked for more, since a call has a price of its own."""
    trial = drivers.trial(inputs, settings, _TRIAL_CELLS if settings.data.domain == "images" else _TRIAL_ROWS)
    for copies in (1, 20):
        asked = chosen(trial, list(range(len(trial))) * copies)
        start = time.perf_counter()
        inputs.ref.predict_rows(asked)
        seconds = time.perf_counter() - start
        if seconds > _TRIAL_SECONDS:
            break
    return seconds / len(asked)


def _store(staging: Path, place: Path, record: RunRecord) -> Finished:
    clock = Stopwatch(dict(record.manifest.timings))
    with clock.stage("write"):
        store.write_results(staging, record)
        for name, text in record.templates:
            store.write_text(staging / store.template_file(name), text)
        manifest = record.manifest.model_copy(update={"files": store.hashes(staging)})
    drawn = drawing.draw(staging, replace(record, manifest=manifest), clock)
    with clock.stage("write"):
        store.publish(staging, place)
        sealed = seal.of_run(drawn.record.manifest.model_dump(mode="json"))
        chain.append(place.parent, manifest.run_id, manifest.created, sealed)
    return Finished(place, drawn.record, clock.seconds, drawn.missing)


def make_manifest(
    config: LoadedConfig,
    inputs: Inputs,
    fired: Fired,
    cluster: dict[str, str | int | None],
    identity: tuple[str, datetime],
) -> Manifest:
    """The manifest of a run before its files are written: `timings` and `files` are still empty."""
    settings, (run_id, started), redaction = config.settings, identity, inputs.frame.redaction
    previous = store.newest(runs_folder(config), before=run_id)
    return Manifest(
        run_id=run_id,
        limekiln=limekiln.__version__,
        created=f"{started:%Y-%m-%dT%H:%M:%SZ}",
        config_file=config.path.name,
        config_text=redaction.unnamed(_CREDENTIALS.sub(r"\1***@", config.text)),
        config_sha256=config.sha256,
        config_overrides=tuple(
            redaction.unnamed_option(_CREDENTIALS.sub(r"\1***@", text)) for text in config.overrides
        ),
        model_sha256=inputs.model.sha256,
        data_sha256=inputs.frame.sha256,
        seed=settings.sample.seed,
        environment=software.environment(),
        cluster=cluster,
        counts=fired.results.counts,
        timings={},
        report=governance.facts_of(settings),
        formats=settings.report.formats,
        previous_run=previous.run_id if previous else None,
        previous_manifest_sha256=previous.manifest_sha256 if previous else None,
        files={},
        previous_seal=previous.seal if previous else None,
        code_sha256=software.code_sha256(),
    )


def _fingerprint(settings: Settings, inputs: Inputs) -> str:
    """Everything that the stages' results depend on; where they run, what is asked and said of them is left out."""
    facts = settings.model_dump(mode="json", exclude={"cluster", "gates", "report", "output"})
    facts |= settings.report.model_dump(mode="json", include={"cohorts", "cohort_rows"})
    versions = software.environment(software.PACKAGES_OF_RESULTS)
    data = [inputs.frame.sha256, inputs.background.sha256]
    return checkpoint.fingerprint({"settings": facts, "model": inputs.model.sha256, "data": data, "software": versions})
