"""A change in two parts: what the new model does to the old rows, and what the new rows add.

Old model on old data → new model on the same rows of the old data → new model on new data. The run in the middle is
made here, the two ends are stored runs.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from limekiln import comparison, stages, store
from limekiln.bench import Bench
from limekiln.change import Change
from limekiln.errors import InputError
from limekiln.fanout import executor
from limekiln.record import RunRecord
from limekiln.reopen import Reopened, reopen
from limekiln.settings import Settings
from limekiln.values import Listener, silent

MIDDLE = "(new model, old rows)"


@dataclass(frozen=True)
class Split:
    """The model's part and the data's part of a change; the run in the middle ends the one and begins the other."""

    middle: RunRecord
    model: Change
    data: Change


def split(
    old: Path, new: Path, config_folder: Path | None = None, listener: Listener = silent, *, rows: int | None = None
) -> Split:
    """Splits the change between two stored runs.

    Args:
        old: the earlier run folder.
        new: the later run folder.
        config_folder: as in `reopen`, of both runs.
        listener: hears of progress.
        rows: how many of the old run's rows the new model is asked for, drawn by the run's seed; None for all.

    Raises:
        InputError: a model or data set is gone or changed, the two do not fit, or the runs cannot be compared.
        RunError: the new model refuses too many of the old rows.
    """
    before, after = store.read(old), store.read(new)
    whole = comparison.between(before, after)
    if not whole.compared:
        raise InputError(f"--split: the two runs cannot be compared: {'; '.join(whole.reasons)}")
    then, now = reopen(old, before, config_folder), reopen(new, after, config_folder)
    middle = _middle(then, now, rows, listener)
    # the middle has the old run's documents, which do not know that the model is another
    by_model = tuple(a for a in whole.altered if a.part == "model" or a.what.startswith("model."))
    others = tuple(a for a in whole.altered if a not in by_model)
    return Split(
        middle,
        comparison.between(before, middle).model_copy(update={"altered": by_model}),
        comparison.between(middle, after).model_copy(update={"altered": others}),
    )


def _middle(then: Reopened, now: Reopened, n: int | None, listener: Listener) -> RunRecord:
    """The new model explained on the rows that the old run explained, as the old run did."""
    inputs, model = then.inputs, now.inputs.model
    had = list(inputs.frame.features.columns)
    if list(now.inputs.frame.features.columns) != had:
        raise InputError(
            "--split: the new model gets other columns than the old one, so that it cannot have the old rows"
        )
    places = {name: i for i, name in enumerate(inputs.frame.names)}
    explained = then.record.tables["rows"]["row"].unique()
    rows = np.array([places[row] for row in explained], dtype=np.int64)
    if n is not None and n < len(rows):
        rows = np.random.default_rng(then.record.manifest.seed).choice(rows, n, replace=False)
    mixed = replace(inputs, model=model, ref=now.inputs.ref, folder=now.inputs.folder)
    settings = _settings(then, now)
    with executor(settings.cluster) as workers:
        fired = stages.of_rows(mixed, settings, rows, Bench(workers, listener))
    manifest = then.record.manifest.model_copy(update={"run_id": MIDDLE, "model_sha256": model.sha256})
    return RunRecord(fired.results, manifest, fired.tables)


def _settings(then: Reopened, now: Reopened) -> Settings:
    """The old run's, with the new model, the perturbations that the old one had at last, and nothing compared."""
    settings = then.config.settings
    explain = {"perturbations": then.record.results.method.perturbations, "compare_pools": False, "second_method": None}
    update = {
        "model": now.config.settings.model,
        "explain": settings.explain.model_copy(update=explain),
        "cluster": settings.cluster.model_copy(update={"scheduler": "inline"}),
        "gates": (),
    }
    return settings.model_copy(update=update)
