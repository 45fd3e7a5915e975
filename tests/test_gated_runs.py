"""Whole runs under a gate: exit codes, streams, files, the report; on models that are fooled, honest, or too few."""

import json
import os
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

import limekiln
from drivers import test_two_pools as cases
from limekiln import cli, seal
from limekiln.errors import PdfUnavailableError
from limekiln.report import pdf as pdf_report

GATE = "gates=[{rule: pools_agree}]"


class Ran(NamedTuple):
    """A command that ended, and the run folder that it named."""

    result: Result
    folder: Path


def command(config: Path, *options: str) -> Ran:
    there = Path.cwd()
    os.chdir(config.parent)
    try:
        result = CliRunner().invoke(cli.app, ["run", config.name, *options])
    finally:
        os.chdir(there)
    return Ran(result, config.parent / result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return command(cases.write(tmp_path_factory.mktemp("fooled"), "fooled"), "--set", GATE, "--resume")


def test_a_gate_that_holds_ends_with_0(tmp_path: Path) -> None:
    ran = command(cases.write(tmp_path, "honest"), "--set", GATE)
    assert ran.result.exit_code == 0
    assert "gates: 1 passed" in ran.result.stderr
    assert json.loads((ran.folder / "gates.json").read_bytes())["verdict"] == "pass"


def test_a_gate_that_fails_ends_with_3_and_the_run_is_written(failed: Ran) -> None:
    assert failed.result.exit_code == 3
    assert failed.result.stdout.count("\n") == 1
    told = failed.result.stderr.splitlines()
    assert told[-3] == "gates: 1 failed"
    assert told[-2].startswith("  FAILED     pools_agree, ")
    assert "group takes" in told[-1]
    assert "Gates: 1 failed" in (failed.folder / "report.html").read_text("utf-8")


def test_a_gate_that_nothing_settles_ends_with_4(tmp_path: Path) -> None:
    ran = command(cases.write(tmp_path, "honest", 90), "--set", GATE)
    assert ran.result.exit_code == 4
    assert "  UNDECIDED  pools_agree" in ran.result.stderr
    assert "not measured, asked for below 0.08" in ran.result.stderr
    assert "it takes 100 rows of the background, and there are 90" in ran.result.stderr.splitlines()[-1]
    (suite,) = ET.parse(ran.folder / "gates.junit.xml").getroot()  # noqa: S314 - our own document
    assert [child.tag for child in suite[0]] == ["error"]


def test_the_files_of_the_gates_are_in_the_manifest(failed: Ran) -> None:
    files = json.loads((failed.folder / "manifest.json").read_bytes())["files"]
    for name in ("gates.json", "gates.junit.xml"):
        assert files[name] == seal.sha256(failed.folder / name)


def test_drawing_a_run_again_leaves_its_gates_and_is_no_failure(failed: Ran) -> None:
    before = {f.name: f.read_bytes() for f in failed.folder.iterdir()}
    again = CliRunner().invoke(cli.app, ["render", str(failed.folder)])
    assert again.exit_code == 0
    assert {f.name: f.read_bytes() for f in failed.folder.iterdir()} == before


def test_a_pdf_that_is_missing_does_not_hide_a_failed_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pango(*_: object) -> bytes:
        raise PdfUnavailableError("no Pango here")

    monkeypatch.setattr(pdf_report, "render", no_pango)
    both = "report.formats=[html, pdf]"
    gated = command(cases.write(tmp_path, "fooled"), "--set", GATE, "--set", both)
    assert (gated.result.exit_code, gated.result.stderr.splitlines()[-1]) == (3, "error: no Pango here")
    assert command(tmp_path / "config.yaml", "--set", both).result.exit_code == 1


def test_a_gate_changes_no_other_result_and_no_kept_batch(tmp_path: Path) -> None:
    config = cases.write(tmp_path, "fooled")
    plain, gated = command(config), command(config, "--set", GATE)
    left, right = (json.loads((ran.folder / "results.json").read_bytes()) for ran in (plain, gated))
    assert (left.pop("gates"), len(right.pop("gates"))) == ([], 1)
    assert left == right
    assert plain.folder.name.split("-")[1] == gated.folder.name.split("-")[1]


def test_python_gives_the_gates_as_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = cases.write(tmp_path, "fooled")
    monkeypatch.chdir(tmp_path)
    settings = limekiln.config.load(config, [GATE]).settings
    table = limekiln.run(settings).gates
    assert table[["rule", "feature", "verdict"]].to_numpy().tolist() == [["pools_agree", "group", "fail"]]
    assert table["value"][0] > table["threshold"][0]
    none = limekiln.run(settings.model_copy(update={"gates": ()})).gates
    assert (len(none), list(none.columns)) == (0, list(table.columns))
