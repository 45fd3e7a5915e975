"""A run of a few made-up rows, for drawing a report before the real run is there: the user's model is not asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

import limekiln
from limekiln import config as configs
from limekiln import stages
from limekiln.bench import Bench
from limekiln.data import in_memory
from limekiln.drivers import Inputs
from limekiln.fanout import executor
from limekiln.governance import ReportFacts
from limekiln.models import InMemory, Model
from limekiln.record import Manifest, RunRecord

_CLASSES: Final = ("no", "yes")
_SETTINGS: Final[Mapping[str, Any]] = {
    "model": {
        "name": "Rehearsal",
        "source": {"kind": "python", "path": "rehearsal:predict", "classes": list(_CLASSES)},
    },
    "data": {"source": {"kind": "csv", "path": "rehearsal"}},
    "sample": {"rows": "all", "stratify": "none"},
    "explain": {"perturbations": 200, "compare_pools": False},
    "pick": {"budget": 2},
    "cluster": {"scheduler": "inline"},
}


def rehearsed(facts: ReportFacts, templates: tuple[tuple[str, str], ...] = ()) -> RunRecord:
    """A run of 40 rows and three columns with what the config says of its report."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(size=40), "b": rng.normal(size=40), "c": rng.choice(["x", "y"], 40)})
    loaded = configs.from_mapping(_SETTINGS, Path())
    model = Model.from_function(_predict, "probability", _CLASSES)
    frame = in_memory(rows, loaded.settings.data, None)
    inputs = Inputs(frame=frame, background=frame, model=model, ref=InMemory(model), folder=Path())
    with executor(loaded.settings.cluster) as workers:
        fired = stages.fire(inputs, loaded.settings, Bench(workers))
    manifest = Manifest(
        run_id="rehearsal", limekiln=limekiln.__version__, created="2026-01-01T00:00:00Z", config_file="config.yaml",
        config_text=loaded.text, config_sha256=loaded.sha256, model_sha256=None, data_sha256=frame.sha256, seed=0,
        environment={}, cluster={}, counts=fired.results.counts, timings={}, report=facts, formats=("html",),
        previous_run=None, previous_manifest_sha256=None, files={},
    )  # fmt: skip
    return RunRecord(fired.results, manifest, fired.tables, templates=templates)


def _predict(rows: pd.DataFrame) -> np.ndarray:
    yes = 1 / (1 + np.exp(-(rows["a"].to_numpy(float) + (rows["c"] == "x").to_numpy(float))))
    return np.column_stack([1 - yes, yes])
