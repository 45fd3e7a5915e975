"""The pump: each fault shows itself in one sensor at one time, and that is what the report must find."""

import os
import runpy
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from limekiln import config, kiln
from limekiln.record import RunRecord

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("torch", reason="limekiln[torch] is an extra, and here Keras' backend")
keras: Any = pytest.importorskip("keras", reason="limekiln[keras] is an extra")

PUMP: Final = Path(__file__).parents[2] / "examples" / "sequences"
PLANTED: Final = {
    "slow run-up": ["current, steps 11–20"],
    "cavitation": ["pressure, steps 41–50", "pressure, steps 51–60"],
    "bearing": ["vibration, steps 71–80"],
}
MEANINGLESS: Final = ["vibration, steps 11–20", "pressure, steps 81–90"]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    overrides = [f"output={tmp_path_factory.mktemp('runs')}", "cluster.scheduler=inline", "report.formats=[html]"]
    smaller = ["sample.rows=80", "explain.perturbations=250", f"model.source.backend={keras.config.backend()}"]
    return kiln.run(config.load(PUMP / "config.yaml", [*overrides, *smaller])).record


def ranked(record: RunRecord, name: str) -> pd.DataFrame:
    mine = record.tables["importances"]
    return mine[(mine["class"] == name) & (mine["level"] == "feature")].sort_values("rank").set_index("feature")


def test_the_data_are_what_the_script_makes() -> None:
    made = runpy.run_path(str(PUMP / "generate.py"))
    rng = np.random.default_rng(made["SEED"])
    kinds = rng.permutation(np.repeat(made["FAULTS"], made["STARTS"] // len(made["FAULTS"])))
    with np.load(PUMP / "series.npz") as data:
        assert data["fault"].tolist() == kinds.tolist()
        assert data["series"].shape == (400, 100, 4)
        for i in range(5):
            assert data["series"][i] == pytest.approx(made["start"](str(kinds[i]), rng), abs=0.006)


def test_every_start_is_explained_by_channel_and_span(record: RunRecord) -> None:
    assert record.results.counts.explained == 80
    layout = record.results.data.layout
    assert layout is not None
    assert layout.rows == ("vibration", "temperature", "current", "pressure")
    assert len(layout.columns) == 10
    assert record.tables["rows"]["r2"].median() > 0.95


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_is_found_in_its_sensor_at_its_time(record: RunRecord, fault: str) -> None:
    spans = ranked(record, fault)
    planted = PLANTED[fault]
    assert list(spans.index[: len(planted)].sort_values()) == sorted(planted)
    assert (spans.loc[planted, "positive"] > 3 * spans.loc[planted, "negative"]).all()


def test_no_fault_is_told_by_all_the_places_where_one_would_show(record: RunRecord) -> None:
    places = sorted(place for planted in PLANTED.values() for place in planted)
    assert sorted(ranked(record, "none").index[:4]) == places


@pytest.mark.parametrize("name", [*PLANTED, "none"])
def test_what_happens_in_starts_of_every_kind_weighs_little(record: RunRecord, name: str) -> None:
    spans = ranked(record, name)
    assert spans.loc[MEANINGLESS, "weighted"].max() < 0.2 * spans["weighted"].iloc[0]
