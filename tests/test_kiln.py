"""Whole runs on a small case: what they write, that it adds up, and that it is the same wherever it ran."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kiln_cases
import limekiln.fanout
from limekiln import chain, config, kiln, seal, store
from limekiln.errors import ConfigError, InputError, RunError
from limekiln.record import TABLES
from limekiln.values import Progress

TABLES_OF_A_TABLE = {name: columns for name, columns in TABLES.items() if name not in store.OPTIONAL}
MADE_FROM_INPUTS = (
    "results.json",
    "importances.csv",
    "mapping.json",
    "picks.csv",
    *(f"{name}.parquet" for name in TABLES_OF_A_TABLE),
)


def fire(path: Path, *overrides: str) -> kiln.Finished:
    return kiln.run(config.load(path, overrides))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in MADE_FROM_INPUTS}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> kiln.Finished:
    return fire(kiln_cases.write(tmp_path_factory.mktemp("case"), report__formats=["html", "pdf"]))


def test_the_run_folder_holds_the_contract(finished: kiln.Finished) -> None:
    expected = {*MADE_FROM_INPUTS, "report.html", "report.pdf", "manifest.json"}
    assert {f.name for f in finished.folder.iterdir()} == expected
    assert finished.folder.parent.name == "small-case"
    assert finished.missing is None


def test_nothing_else_is_left_beside_it(finished: kiln.Finished) -> None:
    assert {f.name for f in finished.folder.parent.iterdir()} == {finished.folder.name, chain.INDEX}


def test_the_manifest_holds_the_hash_of_every_file(finished: kiln.Finished) -> None:
    manifest = json.loads((finished.folder / "manifest.json").read_text("utf-8"))
    assert manifest["files"] == store.hashes(finished.folder)
    assert set(manifest["files"]) == {f.name for f in finished.folder.iterdir()} - {"manifest.json"}


def test_every_row_is_accounted_for(finished: kiln.Finished) -> None:
    counts = finished.record.results.counts
    rows = finished.record.tables["rows"]
    assert (counts.requested, counts.explained, counts.failed) == (240, 240, 0)
    assert rows["row"].tolist() == [f"r{i:04d}" for i in range(240)]
    assert counts.model_rows == 240 + 600


def test_tables_have_the_contracts_columns(finished: kiln.Finished) -> None:
    stored = store.read(finished.folder)
    assert set(stored.tables) == set(TABLES_OF_A_TABLE)
    for name, columns in TABLES_OF_A_TABLE.items():
        assert tuple(stored.tables[name].columns) == columns


def test_the_stored_run_is_the_run(finished: kiln.Finished) -> None:
    stored = store.read(finished.folder)
    assert stored.results == finished.record.results
    assert stored.manifest == finished.record.manifest


def test_importances_follow_from_the_explanations(finished: kiln.Finished) -> None:
    table = finished.record.tables
    weights = table["explanations"].assign(size=lambda t: t["weight"].abs())
    weights["share"] = weights["size"] / weights.groupby("row")["size"].transform("sum")
    for name in kiln_cases.CLASSES:
        mine = weights[weights["class"] == name]
        scores = table["importances"].query("`class` == @name and level == 'feature'").set_index("feature")
        for feature, group in mine.groupby("feature"):
            assert scores.loc[str(feature), "share"] == pytest.approx(group["share"].mean(), rel=1e-12)
            assert scores.loc[str(feature), "weighted"] == pytest.approx(
                (group["share"] * group["size"]).mean(), rel=1e-12
            )
            assert scores.loc[str(feature), "support"] == len(group)


def test_a_constant_column_weighs_exactly_nothing(finished: kiln.Finished) -> None:
    assert "wave" not in set(finished.record.tables["explanations"]["feature"])
    assert "constant_columns" in {n.code for n in finished.record.results.notices}


def test_noise_ranks_below_what_the_model_uses(finished: kiln.Finished) -> None:
    scores = finished.record.tables["importances"].query("`class` == '*' and level == 'feature'")
    assert scores["feature"].tolist()[:3] != []
    assert set(scores["feature"].tolist()[:3]) == {"age", "income", "city"}


def test_an_outsider_can_check_the_certificate(finished: kiln.Finished) -> None:
    """From the stored tables alone, with two lines of arithmetic for the bound."""
    tables = {name: pd.read_parquet(finished.folder / f"{name}.parquet") for name in TABLES_OF_A_TABLE}
    for chosen in finished.record.results.picks:
        proof = tables["certificates"].query("scope == @chosen.scope")
        dual = proof.set_index(["feature", "value"])["dual"]
        mine = tables["explanations"]
        if chosen.scope != "*":
            mine = mine[mine["class"] == chosen.scope]
        keys = zip(mine["feature"], mine["value"], strict=True)
        worth = pd.Series([float(dual[key]) for key in keys]).groupby(mine["row"].to_numpy()).sum()
        bound = (proof["importance"] - proof["dual"]).sum() + worth.nlargest(chosen.budget).sum()
        assert bound == pytest.approx(chosen.upper_bound, rel=1e-9)
        assert chosen.covered <= bound * (1 + 1e-12)
        assert chosen.covered == pytest.approx(proof.loc[proof["covered"], "importance"].sum(), rel=1e-12)


def test_a_run_keeps_the_mapping_that_it_was_drawn_with(tmp_path: Path) -> None:
    path = kiln_cases.write(tmp_path, report__mapping="own.yaml", report__formats=["html"])
    own = tmp_path / "own.yaml"
    own.write_text("name: ours\nregimes: [{name: Law 9, clauses: [{clause: a, asks: b, sections: [method]}]}]\n")
    done = kiln.run(config.load(path))
    own.write_text("no mapping any more")
    drawn = (done.folder / "report.html").read_bytes()
    kiln.render(done.folder)
    assert (done.folder / "report.html").read_bytes() == drawn
    assert b"Law 9" in drawn
    assert "mapping.json" in done.record.manifest.files
    with pytest.raises(ConfigError, match=r"own\.yaml:1:1: expected the keys name and regimes"):
        kiln.check(config.load(path))


def test_rendering_again_writes_the_same_bytes(finished: kiln.Finished) -> None:
    before = {f.name: f.read_bytes() for f in finished.folder.iterdir()}
    again = kiln.render(finished.folder)
    assert {f.name: f.read_bytes() for f in finished.folder.iterdir()} == before
    assert again.folder == finished.folder


def test_a_second_run_has_the_same_results_and_names_the_first(tmp_path: Path) -> None:
    path = kiln_cases.write(tmp_path)
    first, second = fire(path), fire(path)
    assert contents(first.folder) == contents(second.folder)
    assert first.folder != second.folder
    assert second.record.manifest.previous_run == first.folder.name
    assert second.record.manifest.previous_manifest_sha256 == seal.sha256(first.folder / "manifest.json")


def test_another_seed_gives_other_results(tmp_path: Path) -> None:
    path = kiln_cases.write(tmp_path)
    assert contents(fire(path).folder) != contents(fire(path, "sample.seed=1").folder)


@pytest.mark.parametrize(("pool", "numbers"), [("marginal", (1, 2, 4)), ("none", (2,))])
def test_results_are_the_same_bytes_on_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: str, numbers: tuple[int, ...]
) -> None:
    monkeypatch.setattr(limekiln.fanout, "START_COST_S", -1.0)  # workers always pay
    monkeypatch.setattr(limekiln.fanout, "SEND_COST_S", -1.0)
    path = kiln_cases.write(tmp_path, explain__pool=pool, sample__rows=60)
    inline = contents(fire(path).folder)
    for workers in numbers:
        there = fire(path, "cluster.scheduler=local", f"cluster.workers={workers}")
        assert "on workers" in str(there.record.manifest.cluster["stages"])
        assert contents(there.folder) == inline


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A scheduler and a worker as a user would start them: two processes from the command line."""
    scheduler_file = folder / "scheduler.json"
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    common = [sys.executable, "-m", "dask"]
    there = ["--scheduler-file", str(scheduler_file)]
    commands = [
        [*common, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *there],
        [*common, "worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", *there],
    ]

    processes = []
    try:
        for command in commands:
            processes.append(
                subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL, cwd=folder)
            )
            while not scheduler_file.exists():
                assert processes[0].poll() is None, "the scheduler did not start"
                time.sleep(0.1)
        yield json.loads(scheduler_file.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)


def test_a_running_scheduler_gives_the_same_bytes(tmp_path: Path) -> None:
    path = kiln_cases.write(tmp_path / "case", sample__rows=60)
    inline = fire(path)
    with cluster(tmp_path) as address:
        there = fire(path, f"cluster.scheduler={address}")
    assert there.record.manifest.cluster["scheduler"] == address
    assert contents(there.folder) == contents(inline.folder)


def test_a_regression_is_explained(tmp_path: Path) -> None:
    done = fire(kiln_cases.write(tmp_path, regression=True, report__formats=["html", "pdf"]))
    results = done.record.results
    assert results.model.task == "regression"
    assert results.classes[0].name == "*"
    assert len(results.classes) == 2
    assert {f.feature for f in results.classes[0].features[:3]} == {"age", "income", "city"}
    assert [p.scope for p in results.picks] == ["*"]


@pytest.mark.parametrize(
    "changes",
    [
        {"explain__pool": "none", "sample__rows": 40},
        {"explain__discretizer": "none"},
        {"explain__discretizer": "entropy"},
        {"explain__discretizer": "decile", "explain__features": 2},
        {"explain__features": 3, "explain__selection": "lasso_path", "sample__rows": 40},
        {"explain__features": 3, "explain__selection": "highest_weights"},
        {"aggregate__score": "share"},
        {"data__categorical": ["age"]},
        {"sample__stratify": "target", "sample__rows": 50},
        {"sample__stratify": "city", "sample__rows": 50},
        {"sample__stratify": "income", "sample__rows": 50},
        {"sample__stratify": "none", "sample__rows": 50},
        {"data__background": {"kind": "csv", "path": "data.csv"}},
        {"pick__per_class": False},
        {"sample__rows": 1},
    ],
    ids=str,
)
def test_every_setting_runs(tmp_path: Path, changes: dict[str, Any]) -> None:
    done = fire(kiln_cases.write(tmp_path, **changes))
    wanted = changes.get("sample__rows", 240)
    assert done.record.results.counts.explained == wanted
    assert (done.folder / "report.html").stat().st_size > 0
    features = changes.get("explain__features")
    if features is not None:
        used = done.record.tables["explanations"].groupby("row").size()
        assert used.max() <= features


def test_numbers_kept_as_numbers_are_covered_above_average(tmp_path: Path) -> None:
    done = fire(kiln_cases.write(tmp_path, explain__discretizer="none", data__exclude=["amount"]))
    whole = done.record.results.picks[0]
    assert whole.covered <= whole.upper_bound <= whole.total * (1 + 1e-12)


def test_a_row_that_the_model_refuses_is_a_failure_and_its_neighbours_are_explained(tmp_path: Path) -> None:
    data = kiln_cases.table()
    path = kiln_cases.write_own_model(tmp_path, limit=77, explain__max_failed_fraction=0.2)
    done = fire(path)
    refused = set(data.loc[data["age"] > 77, "id"])
    failures = done.record.tables["failures"]
    assert refused
    assert set(failures["row"]) == refused
    assert set(failures["stage"]) == {"predict"}
    assert failures["error"].str.contains("too old for me").all()
    assert set(done.record.tables["rows"]["row"]) == set(data["id"]) - refused
    assert done.record.results.counts.pool_failed > 0


def test_too_many_failures_end_the_run(tmp_path: Path) -> None:
    path = kiln_cases.write_own_model(tmp_path, limit=40)
    with pytest.raises(RunError, match=r"\d+ of 240 rows failed, more than explain.max_failed_fraction allows"):
        fire(path)
    assert not [f for f in (tmp_path / "reports" / "small-case").iterdir() if not f.name.startswith(".")]


def asked(folder: Path) -> int:
    return sum(int(line) for line in (folder / "trace").read_text().split())


@pytest.mark.parametrize("stage", ["predict", "pool", "explain"])
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path, stage: str) -> None:
    path = kiln_cases.write(tmp_path)
    undisturbed = fire(path)

    def interrupt(event: Progress) -> None:
        if event.stage == stage and event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kiln.run(config.load(path), interrupt)
    done: list[Progress] = []
    resumed = kiln.run(config.load(path), done.append, resume=True)
    assert next(e.done for e in done if e.stage == stage) == 1, "the finished batch was made again"
    assert contents(resumed.folder) == contents(undisturbed.folder)
    left = {f.name for f in resumed.folder.parent.iterdir()}
    assert left == {undisturbed.folder.name, resumed.folder.name, chain.INDEX}


def test_resuming_with_another_setting_starts_anew(tmp_path: Path) -> None:
    path = kiln_cases.write(tmp_path)

    def interrupt(event: Progress) -> None:
        if event.stage == "explain" and event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kiln.run(config.load(path), interrupt)
    done: list[Progress] = []
    kiln.run(config.load(path, ["sample.seed=3"]), done.append, resume=True)
    assert next(e.done for e in done if e.stage == "explain") == 0


def test_the_plan_says_what_the_run_then_does(tmp_path: Path) -> None:
    loaded = config.load(kiln_cases.write(tmp_path, sample__rows=100))
    plan = kiln.check(loaded)
    counts = kiln.run(loaded).record.results.counts
    assert (plan.rows, plan.of, plan.what) == (100, 240, "rows, 5 features")
    assert plan.model_rows == counts.model_rows == 240 + 600


def test_one_row_is_explained_as_in_the_run(tmp_path: Path, finished: kiln.Finished) -> None:
    local = kiln.explain_row(config.load(kiln_cases.write(tmp_path)), "r0042")
    run = finished.record.tables["explanations"].query("row == 'r0042'").set_index("feature")["weight"]
    row = finished.record.tables["rows"].query("row == 'r0042'").iloc[0]
    best = local.classes[0]
    assert best.name == row["class"]
    assert best.predicted == row["predicted"]
    assert best.r2 == pytest.approx(row["r2"], abs=1e-12)
    for feature in best.features:
        assert feature.weight == pytest.approx(run.get(feature.feature, 0.0), abs=1e-12)
    assert len(local.classes) == 3
    weights = np.array([[f.weight for f in sorted(c.features, key=lambda f: f.feature)] for c in local.classes])
    assert np.allclose(weights.sum(axis=0), 0.0, atol=1e-10)  # probabilities sum to 1


def test_a_row_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--row: no row is called 'r9999'; the first rows are r0000, r0001, r0002"):
        kiln.explain_row(config.load(kiln_cases.write(tmp_path)), "r9999")


def test_the_manifest_keeps_no_password_and_names_the_overrides(tmp_path: Path) -> None:
    path = kiln_cases.write(tmp_path)
    path.write_text(path.read_text("utf-8") + "# data were s3://user:secret@bucket/data.csv\n", "utf-8")
    done = fire(path, "sample.rows=30", "model.version=s3://me:hush@here")
    kept = (done.folder / "manifest.json").read_text("utf-8")
    assert "secret" not in kept
    assert "hush" not in kept
    assert "s3://***@bucket/data.csv" in done.record.manifest.config_text
    assert done.record.manifest.config_overrides == ("sample.rows=30", "model.version=s3://***@here")
    assert done.record.manifest.config_sha256 == seal.sha256(path)


def test_a_pick_that_covers_everything_is_said_to_cover_exactly_all(tmp_path: Path) -> None:
    done = fire(kiln_cases.write(tmp_path, pick__budget=40))
    for chosen in done.record.results.picks:
        assert chosen.covered == chosen.total == chosen.upper_bound
        assert chosen.rows[-1].coverage == chosen.total
        assert chosen.optimal
        assert len(chosen.rows) < 40


def test_a_model_that_never_changes_its_mind_is_reported_and_not_divided_by(tmp_path: Path) -> None:
    path = kiln_cases.write_own_model(tmp_path)
    (tmp_path / "ours.py").write_text(
        "import numpy as np\ndef predict(frame):\n    return np.tile([0.25, 0.75], (len(frame), 1))\n"
    )
    done = fire(path, "report.formats=[html, pdf]")
    results = done.record.results
    assert results.fidelity.median is None
    assert all(score.weighted == 0 for score in results.classes[0].features)
    assert set(done.record.tables["rows"]["flags"]) == {"constant_output"}
    assert "class_never_predicted" in {n.code for n in results.notices}


def test_refused_perturbations_count_without_a_shared_pool_too(tmp_path: Path) -> None:
    """The model takes every row of the data, and refuses what no row of the data is: old, with noise of its own."""
    path = kiln_cases.write_own_model(tmp_path, explain__pool="none", sample__rows=30)
    (tmp_path / "ours.py").write_text(
        "import numpy as np, pandas as pd\n"
        f"known = set(pd.read_csv({str(tmp_path / 'data.csv')!r})['noise'])\n"
        "def predict(frame):\n"
        "    if ((frame['age'] > 70) & ~frame['noise'].isin(known)).any():\n"
        "        raise ValueError('never seen')\n"
        "    p = 1 / (1 + np.exp(-(frame['age'].to_numpy() - 50) / 10))\n"
        "    return np.column_stack([1 - p, p])\n"
    )
    with pytest.raises(RunError, match=r"in stage perturb: the model refused \d+ of 600 perturbed rows: .*never seen"):
        fire(path)
    done = fire(path, "explain.max_failed_fraction=0.5")
    assert done.record.results.counts.failed == 0
    assert done.record.results.counts.pool_failed > 0
    assert "pool_rows_refused" in {n.code for n in done.record.results.notices}


def test_a_picked_rows_margin_is_the_lead_of_its_class_over_the_second() -> None:
    rows = pd.DataFrame({"x": np.repeat([0.0, 1.0, 2.0], 20), "y": np.tile(np.arange(4.0), 15)})
    known = {0.0: (0.5, 0.3, 0.2), 1.0: (0.1, 0.48, 0.42), 2.0: (0.05, 0.05, 0.9)}
    leads = {0: 0.2, 1: 0.06, 2: 0.85}

    def predict(frame: pd.DataFrame) -> np.ndarray:
        return np.array([known[min(known, key=lambda k: abs(k - x))] for x in frame["x"]])

    found = limekiln.explain(predict, rows.sample(frac=1, random_state=1), classes=["a", "b", "c"], perturbations=200)
    order = rows.sample(frac=1, random_state=1)["x"].to_numpy()
    picked = [row for pick in found.results.picks for row in pick.rows]
    assert {int(order[int(row.row)]) for row in picked} == {0, 1, 2}
    for row in picked:
        assert row.margin == pytest.approx(leads[int(order[int(row.row)])])
