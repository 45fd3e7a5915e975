"""Runs one after another: the change since the last, its gate, and a last run that is broken."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import kiln_cases
from limekiln import cli, config, kiln, store
from limekiln.change import Change
from limekiln.kiln import Finished

MODELS = """
import numpy as np


def steady(frame):
    p = 1 / (1 + np.exp(-((frame["age"] - 50) / 10 + (frame["income"] > 22000))))
    return np.column_stack([1 - p, p])


def even(frame):
    p = 1 / (1 + np.exp(-((frame["age"] - 50) / 30 + (frame["income"] - 25000) / 20000 + frame["noise"] / 2)))
    return np.column_stack([1 - p, p])


def planted(frame):
    p = 1 / (1 + np.exp(-((frame["age"] - 50) / 10 + (frame["income"] > 22000) + 5 * frame["noise"])))
    return np.column_stack([1 - p, p])
"""
GATE = {"rule": "stable_since_last", "ndcg": 0.9}


def write(folder: Path, model: str, **changes: Any) -> Path:
    source = {"kind": "python", "path": f"made:{model}", "classes": ["young", "old"]}
    keys: dict[str, Any] = {"model__source": source, "explain__compare_pools": False, "gates": [GATE]} | changes
    path = kiln_cases.write(folder, **keys)
    (folder / "made.py").write_text(MODELS, "utf-8")
    return path


def run(folder: Path, model: str, **changes: Any) -> Finished:
    return kiln.run(config.load(write(folder, model, **changes)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Finished, Path]:
    """A first run, the same again, and a config whose model has a feature that was made important."""
    folder = tmp_path_factory.mktemp("runs")
    return run(folder, "steady"), run(folder, "steady"), write(folder, "planted")


def test_a_first_run_passes_and_says_that_there_is_nothing_to_compare_with(runs: tuple[Finished, ...]) -> None:
    first = runs[0]
    assert first.record.change is None
    assert not (first.folder / "change.json").exists()
    (outcome,) = first.record.results.gates
    assert (outcome.verdict, outcome.value) == ("pass", None)
    assert "nothing to compare with" in outcome.reason


def test_the_same_run_twice_moves_nothing(runs: tuple[Finished, ...]) -> None:
    change = runs[1].record.change
    assert change is not None
    assert change.old.run_id == runs[0].folder.name
    assert change.old.manifest_sha256 == runs[1].record.manifest.previous_manifest_sha256
    assert (change.verdict, change.altered, change.moved) == ("comparable", (), 0)
    assert {c.ndcg for c in change.classes} == {1.0}
    assert runs[1].record.results.gates[0].verdict == "pass"


def test_a_planted_feature_fails_the_gate_is_the_first_mover_and_ends_with_3(
    runs: tuple[Finished, Finished, Path],
) -> None:
    result = CliRunner().invoke(cli.app, ["run", str(runs[2])])
    assert result.exit_code == 3, result.output
    assert "FAILED     stable_since_last, nDCG since the last run" in result.stderr
    folder = Path(result.stdout.splitlines()[-1])
    record = store.read(folder)
    assert record.change is not None
    assert record.change.old.run_id == runs[1].folder.name
    assert record.change.classes[0].features[0].feature == "noise"
    assert all(c.features[0].moved for c in record.change.classes)
    digest = hashlib.sha256((folder / "change.json").read_bytes()).hexdigest()
    assert json.loads((folder / "manifest.json").read_bytes())["files"]["change.json"] == digest
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    kiln.render(folder)
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == before, "drawn again from change.json alone"
    assert "Change since the last run" in before["report.html"].decode("utf-8")


def test_a_few_rows_leave_it_undecided(tmp_path: Path) -> None:
    few = {"sample__rows": 40, "explain__perturbations": 60, "aggregate__min_support": 5}
    run(tmp_path, "even", **few)
    again = run(tmp_path, "even", sample__seed=1, **few)
    assert again.record.results.gates[0].verdict == "undecided", again.record.results.gates[0]


@pytest.mark.parametrize("broken", ["results.json", "importances.parquet"])
def test_a_last_run_that_is_broken_costs_no_run_and_passes_nothing(tmp_path: Path, broken: str) -> None:
    first = run(tmp_path, "steady")
    (first.folder / broken).write_bytes(b"{}")
    second = run(tmp_path, "steady")
    assert second.record.change is not None
    assert second.record.change.verdict == "unreadable"
    assert broken in second.record.change.reasons[0]
    assert second.record.results.gates[0].verdict == "undecided"
    assert "Nothing could be compared" in (second.folder / "report.html").read_text("utf-8")


def test_results_without_the_gate_do_not_depend_on_the_last_run(tmp_path: Path) -> None:
    first = run(tmp_path, "steady", gates=[])
    second = run(tmp_path, "steady", gates=[])
    assert second.record.change is not None
    assert (first.folder / "results.json").read_bytes() == (second.folder / "results.json").read_bytes()


def test_any_two_runs_are_compared_beside_the_runs_and_no_run_folder_changes(runs: tuple[Finished, ...]) -> None:
    first, second = runs[0].folder, runs[1].folder
    before = {f: f.read_bytes() for folder in (first, second) for f in folder.iterdir()}
    result = CliRunner().invoke(cli.app, ["compare", str(first), str(second)])
    assert result.exit_code == 0, result.output
    page = Path(result.stdout.splitlines()[-1])
    assert page == first.parent / "changes" / f"{first.name}--{second.name}.html"
    assert "all together: nDCG 1.000 (1.000 to 1.000), 0 of 4 moved" in result.stdout.splitlines()
    assert "has no hash" in result.stdout
    document = Change.model_validate_json(page.with_suffix(".json").read_bytes())
    change = runs[1].record.change
    assert change is not None
    assert document.classes == change.classes, "as the second run itself was compared with the first"
    assert document.old == change.old
    assert {f: f.read_bytes() for folder in (first, second) for f in folder.iterdir()} == before


def test_what_is_no_run_cannot_be_compared(runs: tuple[Finished, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["compare", str(runs[0].folder), str(tmp_path)])
    assert result.exit_code == 2
    assert "is not a run folder" in result.stderr
