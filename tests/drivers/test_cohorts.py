"""Whole runs with cohorts: a planted difference, a split by chance, and what cohorts leave as it was."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from limekiln import config, kiln, store
from limekiln.cohorts import findings
from limekiln.evidence import CohortComparison, CohortFacts
from limekiln.record import TABLES, RunRecord

MODEL = """
import numpy as np

def predict(frame):
    with open({trace!r}, "a") as trace:
        trace.write(f"{{len(frame)}}\\n")
    pull = np.where(frame["where"] == "north", frame["a"], frame["b"]) * 2 + frame["c"] * 0.5
    p = 1 / (1 + np.exp(-pull))
    return np.column_stack([1 - p, p])
"""


def write(folder: Path, **changes: Any) -> Path:
    """In the north the model rests on a, elsewhere on b; `coin` and `few` are columns that it does not get."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    n = 400
    data = pd.DataFrame({name: rng.normal(size=n) for name in "abc"})
    data["where"] = rng.choice(["north", "south", "west"], n, p=[0.3, 0.4, 0.3])
    data["coin"] = rng.choice(["Kopf", "Zahl"], n)
    data["few"] = np.where(np.arange(n) < 380, "common", "rare")
    data["truth"] = rng.choice(["no", "yes"], n)
    data.to_csv(folder / "data.csv", index=False)
    (folder / "ours.py").write_text(MODEL.format(trace=str(folder / "trace")), "utf-8")
    sections: dict[str, Any] = {
        "model": {
            "name": "Planted",
            "source": {"kind": "python", "path": "ours:predict", "classes": ["no", "yes"]},
        },
        "data": {"source": {"kind": "csv", "path": "data.csv"}, "exclude": ["coin", "few"], "target": "truth"},
        "sample": {"rows": 150},
        # a wide kernel would reach into the other cohorts
        "explain": {"perturbations": 2000, "compare_pools": False, "kernel_width": 0.5},
        "aggregate": {"min_support": 10},
        "report": {"formats": ["html"], "cohorts": ["where"], "cohort_rows": 60},
        "cluster": {"scheduler": "inline"},
    }
    for dotted, value in changes.items():
        section, key = dotted.split("__")
        sections[section][key] = value
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(sections, file)
    return path


def run(folder: Path, **changes: Any) -> RunRecord:
    return kiln.run(config.load(write(folder, **changes))).record


def compared(record: RunRecord) -> CohortComparison:
    assert record.results.cohorts is not None
    return record.results.cohorts


def cohort(record: RunRecord, column: str, name: str) -> CohortFacts:
    (found,) = (c for c in compared(record).columns if c.column == column)
    return next(f for f in found.cohorts if f.name == name)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunRecord]:
    folder = tmp_path_factory.mktemp("planted")
    finished = kiln.run(config.load(write(folder, report__cohorts=["where", "coin", "few"])))
    return finished.folder, finished.record


def test_a_feature_that_counts_in_one_cohort_alone_is_its_first_difference(planted: tuple[Path, RunRecord]) -> None:
    north = cohort(planted[1], "where", "north")
    first, second = (d for d in north.differences if d.class_name == "*" and d.feature != "where")
    assert (first.feature, second.feature) == ("b", "a"), "the largest first"
    assert first.difference_high < 0
    assert second.difference_low > 0
    assert max(first.p, second.p) < 0.01
    assert (north.first[0], cohort(planted[1], "where", "south").first[0]) == ("a", "b")


def test_a_split_by_chance_shows_no_difference(planted: tuple[Path, RunRecord]) -> None:
    assert [cohort(planted[1], "coin", side).found for side in ("Kopf", "Zahl")] == [0, 0]
    assert cohort(planted[1], "coin", "Kopf").tested > 0


def test_a_cohort_with_few_rows_in_the_sample_gets_all_it_has(planted: tuple[Path, RunRecord]) -> None:
    rare = cohort(planted[1], "few", "rare")
    assert (rare.of, rare.rows, rare.failed) == (20, 20, 0)
    assert 10 <= rare.added < 20
    common = cohort(planted[1], "few", "common")
    assert (common.of, common.added) == (380, 0)
    assert rare.rows - rare.added + common.rows == 150, "the sample's rows, each in one cohort"


def test_the_table_holds_every_cohort_class_and_feature(planted: tuple[Path, RunRecord]) -> None:
    folder, record = planted
    table = store.read(folder).tables["cohorts"]
    assert tuple(table.columns) == TABLES["cohorts"]
    assert len(table) == (3 + 2 + 2) * 3 * 4
    told = sum(f.found for c in compared(record).columns for f in c.cohorts)
    assert int(table["found"].sum()) == compared(record).found == told
    tested = table[table["p"].notna()]
    assert len(tested) == compared(record).tested
    leaves = (tested["difference_low"] > 0) | (tested["difference_high"] < 0)
    assert (leaves == tested["found"]).all()
    np.testing.assert_allclose(table["score"] - table["other_score"], table["difference"], atol=1e-9)
    few = table[(table["cohort"] == "rare") & (table["class"] != "*")]
    assert few[few["support"] < 10]["p"].isna().all()


def test_all_else_is_as_without_cohorts(planted: tuple[Path, RunRecord], tmp_path: Path) -> None:
    folder, record = planted
    bare = kiln.run(config.load(write(tmp_path, report__cohorts=[])))
    assert not (bare.folder / "cohorts.parquet").exists()
    assert bare.record.results.cohorts is None
    assert record.results.model_copy(update={"cohorts": None}) == bare.record.results
    for name in ("importances", "explanations", "rows", "picks"):
        assert (folder / f"{name}.parquet").read_bytes() == (bare.folder / f"{name}.parquet").read_bytes()


def test_rows_that_are_added_are_asked_for_once_and_counted(tmp_path: Path) -> None:
    bare = run(tmp_path / "bare", report__cohorts=[], sample__stratify="none").results.counts.model_rows
    record = run(tmp_path / "two", report__cohorts=["few", "coin"], sample__stratify="none", report__cohort_rows=90)
    added = sum(f.added for c in compared(record).columns for f in c.cohorts)
    assert added > 20
    assert bare < record.results.counts.model_rows <= bare + added
    plan = kiln.check(config.load(tmp_path / "two" / "config.yaml")).model_rows
    assert record.results.counts.model_rows <= plan


def test_rows_with_perturbations_of_their_own_are_those_of_the_sample(tmp_path: Path) -> None:
    record = run(tmp_path, explain__pool="none", explain__perturbations=200, sample__rows=60)
    assert compared(record).each is None
    assert sum(f.rows for f in compared(record).columns[0].cohorts) == 60
    assert {f.added for f in compared(record).columns[0].cohorts} == {0}


def test_rows_of_one_cohort_alone_are_compared_with_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, report__cohorts=["few"])
    data = pd.read_csv(tmp_path / "data.csv").assign(few="common")
    data.to_csv(tmp_path / "data.csv", index=False)
    found = compared(kiln.run(config.load(path)).record)
    assert (found.tested, found.found, found.columns[0].cohorts[0].rows) == (0, 0, 150)


def test_the_values_of_a_masked_column_are_nowhere(tmp_path: Path) -> None:
    finished = kiln.run(config.load(write(tmp_path, data__redact={"coin": "mask"}, report__cohorts=["coin"])))
    assert [f.name for f in compared(finished.record).columns[0].cohorts] == ["cohort 1", "cohort 2"]
    for file in finished.folder.iterdir():
        assert not any(value in file.read_bytes() for value in (b"Kopf", b"Zahl")), file.name


def test_an_interrupted_run_goes_on_with_its_cohorts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = config.load(write(tmp_path))
    whole = kiln.run(loaded).record.results

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(findings, "compare", broken)
        with pytest.raises(KeyboardInterrupt):
            kiln.run(loaded)
    (tmp_path / "trace").unlink()
    assert kiln.run(loaded, resume=True).record.results == whole
    asked = sum(map(int, (tmp_path / "trace").read_text("utf-8").split()))
    assert asked < 2000, "the trial asks, and no perturbed row is asked for again"
