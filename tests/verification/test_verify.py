"""Whole verifications of a small run: confirmed as it is, and refuted after any change to any byte of any file."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kiln_cases
import limekiln
from limekiln import chain, kiln, seal, software, verification
from limekiln.errors import InputError
from limekiln.verification import Verification
from limekiln.verification.opened import opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with gates and a PDF; never changed."""
    home = tmp_path_factory.mktemp("made") / "home"
    gates = [{"rule": "max_failed", "value": 0.01}]
    path = kiln_cases.write(home, sample__rows=40, report__formats=["html", "pdf"], gates=gates)
    run = limekiln.run(path).folder
    assert run is not None
    return run


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """The run once more, with its home, to be spoilt."""
    home = made.parents[2]
    shutil.copytree(home, tmp_path / "home")
    return tmp_path / "home" / made.relative_to(home)


def verdicts(found: Verification) -> dict[str, set[str]]:
    parts: dict[str, set[str]] = {}
    for check in found.checks:
        parts.setdefault(check.part, set()).add(check.verdict)
    return parts


def refuted(path: Path, **more: Any) -> set[str]:
    """What is refuted, by name; fails where nothing is."""
    found = limekiln.verify(path, **{"rows": 0, **more})
    assert found.verdict == "refuted"
    return {check.about for check in found.checks if check.verdict == "refuted"}


def reseal(run: Path, **changes: Any) -> None:
    """As somebody would who knows how limekiln works: the hashes are right again, and so is the seal."""
    manifest = json.loads((run / "manifest.json").read_bytes()) | changes
    manifest["files"] = {name: seal.sha256(run / name) for name in manifest["files"]}
    manifest["seal"] = seal.of(manifest)
    (run / "manifest.json").write_bytes(seal.as_json(manifest))


def zipped(run: Path, to: Path, top: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for file in sorted(run.iterdir()):
            archive.write(file, f"{top}{file.name}")
    return to


def test_a_run_as_it_is_is_confirmed(made: Path) -> None:
    found = limekiln.verify(made, rows="all")
    assert found.verdict == "confirmed"
    parts = {"files", "manifest", "chain", "contents", "reports", "rows"}
    assert verdicts(found) == {part: {"confirmed"} for part in parts} | {"signatures": {"not checked"}}
    assert found.run_id == made.name
    assert next(check.words for check in found.checks if check.part == "rows").endswith("to the last bit")


def test_nothing_is_written(made: Path) -> None:
    def everything() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in made.parents[2].rglob("*") if p.is_file()}

    before = everything()
    limekiln.verify(made, rows=3)
    assert everything() == before


def test_the_seed_draws_the_rows_and_there_is_another_each_time(made: Path) -> None:
    assert len({verification.verify(made, rows=0).seed for _ in range(3)}) > 1
    assert limekiln.verify(made, rows=0, seed=5).seed == 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_change_to_any_byte_of_any_file_is_found(made: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(made.iterdir())))
    content = file.read_bytes()
    i = data.draw(st.integers(0, len(content) - 1))
    flipped = bytes([content[i] ^ (1 << data.draw(st.integers(0, 7)))])
    more = data.draw(st.binary(min_size=1, max_size=4))
    spoilt = data.draw(
        st.sampled_from(
            [
                content[:i],
                content + more,
                more + content,
                content[:i] + flipped + content[i + 1 :],
                content[:i] + more + content[i:],
            ]
        )
    )
    try:
        file.write_bytes(spoilt)
        assert file.name in refuted(made)
    finally:
        file.write_bytes(content)


def test_a_file_that_is_gone_renamed_or_too_much_is_found(run: Path) -> None:
    for file in sorted(run.iterdir()):
        content = file.read_bytes()
        file.unlink()
        assert file.name in refuted(run)
        (run / "other").write_bytes(content)
        assert file.name in refuted(run)
        (run / "other").unlink()
        file.write_bytes(content)
    for name in ("more.txt", ".hidden"):
        (run / name).write_text("")
        assert refuted(run) == {name}
        (run / name).unlink()
    (run / "folder").mkdir()
    assert refuted(run) == {"folder"}


def test_a_zip_is_as_good_as_the_folder(made: Path, tmp_path: Path) -> None:
    for top in ("", f"{made.name}/"):
        found = limekiln.verify(zipped(made, tmp_path / "run.zip", top), rows=2, config_folder=made.parents[2])
        assert found.verdict == "confirmed"
        assert "not checked" in verdicts(found)["chain"]
    with zipfile.ZipFile(tmp_path / "run.zip", "a") as archive:
        archive.writestr(f"{made.name}/more", "")
    assert refuted(tmp_path / "run.zip") == {"more"}


def test_a_damaged_zip_is_refuted_with_the_files_name(made: Path, tmp_path: Path) -> None:
    path = zipped(made, tmp_path / "run.zip")
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("rows.parquet").header_offset + 200
    content = bytearray(path.read_bytes())
    content[start] ^= 1
    path.write_bytes(content)
    found = limekiln.verify(path, rows=0)
    assert [c.words for c in found.checks if c.verdict == "refuted"] == [
        "rows.parquet cannot be read from the zip: Bad CRC-32 for file 'rows.parquet'"
    ]


@pytest.mark.parametrize("name", ["../x", "/x", "a/b/x", "a/../x", "..\\x", "C:x", "./x", "elsewhere/x"])
def test_a_zip_that_would_write_anywhere_else_is_refused(made: Path, tmp_path: Path, name: str) -> None:
    path = zipped(made, tmp_path / "run.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "x")
    with pytest.raises(InputError, match="is not the zip of a run folder"):
        limekiln.verify(path)


def test_a_zip_with_two_files_of_a_name_is_refused(made: Path, tmp_path: Path) -> None:
    path = zipped(made, tmp_path / "run.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("manifest.json", "x")
    with pytest.raises(InputError, match=r"it holds 'manifest\.json'"):
        limekiln.verify(path)


def test_a_link_in_a_zip_is_refused(made: Path, tmp_path: Path) -> None:
    path = zipped(made, tmp_path / "run.zip")
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="it holds 'link'"):
        limekiln.verify(path)


def test_a_zip_that_unpacks_to_too_much_is_refused(made: Path, tmp_path: Path) -> None:
    path = zipped(made, tmp_path / "run.zip")
    with pytest.raises(InputError, match="holds more than 1,000 bytes"), opened(path, most_bytes=1000):
        pass


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_what_is_no_run_is_an_error_and_no_refutation(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "run.zip").write_bytes(content)
    with pytest.raises(InputError):
        limekiln.verify(tmp_path / "run.zip")
    with pytest.raises(InputError, match="is not a run folder"):
        limekiln.verify(tmp_path)


def change_result(run: Path) -> None:
    path = run / "results.json"
    path.write_bytes(path.read_bytes().replace(b'"accuracy": 0.', b'"accuracy": 0.0'))


def change_weight(run: Path) -> None:
    table = pd.read_parquet(run / "explanations.parquet")
    table["weight"] = table["weight"].where(table.index != 0, 1.01 * table["weight"])
    table.to_parquet(run / "explanations.parquet", index=False)


def change_prediction(run: Path) -> None:
    table = pd.read_parquet(run / "rows.parquet")
    table["predicted"] = table["predicted"].where(table.index != 0, table["predicted"] + 0.01)
    table.to_parquet(run / "rows.parquet", index=False)


def change_twin(run: Path) -> None:
    (run / "importances.csv").write_bytes((run / "importances.csv").read_bytes().replace(b"age", b"city", 1))


def change_gate(run: Path) -> None:
    for name in ("gates.json", "gates.junit.xml"):
        (run / name).write_bytes((run / name).read_bytes().replace(b"at most", b"at least"))


def change_page(run: Path) -> None:
    (run / "report.html").write_bytes((run / "report.html").read_bytes().replace(b"Small case", b"Small cave"))


def change_print(run: Path) -> None:
    (run / "report.pdf").write_bytes((run / "report.pdf").read_bytes() + b"\n")


@pytest.mark.parametrize(
    ("change", "about"),
    [
        (change_result, {"accuracy", "report.html", "report.pdf"}),
        (change_weight, {"importances.parquet", "r"}),
        (change_prediction, {"r"}),
        (change_twin, {"importances.csv"}),
        (change_gate, {"gates.json", "gates.junit.xml"}),
        (change_page, {"report.html"}),
        (change_print, {"report.pdf"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_change_with_hashes_and_seal_made_right_again_is_found(
    run: Path, change: Callable[[Path], None], about: set[str]
) -> None:
    """By what does not follow from it; and by the index."""
    change(run)
    reseal(run)
    found = {name.split(",")[0] for name in refuted(run, rows="all")}
    found = {"r" if name.startswith("r0") else name for name in found}
    drawn_alone = change in {change_page, change_print}  # which the seal of the run leaves out
    assert about | (set() if drawn_alone else {chain.INDEX}) <= found


def test_the_index_finds_what_nothing_else_does(run: Path) -> None:
    reseal(run, created="2020-01-01T00:00:00Z", formats=[])
    assert chain.INDEX in refuted(run)


def test_a_run_without_model_or_data_cannot_be_explained_again_and_says_so(run: Path) -> None:
    (run.parents[2] / "model.skops").unlink()
    found = limekiln.verify(run)
    assert found.verdict == "could not run"
    assert verdicts(found)["rows"] == {"could not run"}
    assert "model.skops" in next(check.words for check in found.checks if check.part == "rows")
    assert limekiln.verify(run, rows=0).verdict == "confirmed"


def test_other_data_are_no_proof(run: Path) -> None:
    with (run.parents[2] / "data.csv").open("a") as file:
        file.write("new,30,20000,Bonn,autumn,0,no,1\n")
    assert limekiln.verify(run).verdict == "could not run"


def test_a_run_without_a_seal_is_not_confirmed(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_bytes())
    for key in ("seal", "drawn_by", "previous_seal", "code_sha256"):
        del manifest[key]
    (run / "manifest.json").write_bytes(seal.as_json(manifest))
    found = limekiln.verify(run, rows=0)
    assert found.verdict == "refuted"  # by the index, which knows what the run was
    (run.parent / chain.INDEX).unlink()
    found = limekiln.verify(run, rows=0)
    assert found.verdict == "could not run"
    assert verdicts(found)["manifest"] == {"could not run"}


def test_rows_that_differ_with_other_software_are_open(run: Path) -> None:
    change_prediction(run)
    manifest = json.loads((run / "manifest.json").read_bytes())
    reseal(run, environment={**manifest["environment"], "numpy": "1.0"})
    (run.parent / chain.INDEX).unlink()
    found = limekiln.verify(run, rows="all")
    words = next(check.words for check in found.checks if check.part == "rows")
    assert verdicts(found)["rows"] == {"could not run"}
    assert "numpy 1.0 then" in words
    assert "predicted is stored as" in words


def test_reports_of_other_software_are_not_compared(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_page(run)
    reseal(run)
    monkeypatch.setattr(software, "code_sha256", lambda: "0" * 64)
    found = limekiln.verify(run, rows=0)
    words = [check.words for check in found.checks if check.about == "report.html"]
    assert words
    assert "cannot be compared: it was drawn by other software (code " in words[0]
    assert found.verdict == "confirmed"


@pytest.fixture
def two_runs(tmp_path: Path) -> tuple[Path, Path]:
    path = kiln_cases.write(tmp_path / "home", sample__rows=40)
    first, second = (limekiln.run(path).folder for _ in range(2))
    assert first is not None
    assert second is not None
    return first, second


def test_a_run_stands_on_the_one_before(two_runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = two_runs
    assert verdicts(limekiln.verify(second, rows=0))["chain"] == {"confirmed"}
    before = seal.sha256(first / "manifest.json")
    monkeypatch.setattr(software, "code_sha256", lambda: "0" * 64)
    kiln.render(first)
    assert seal.sha256(first / "manifest.json") != before
    assert [limekiln.verify(run, rows=0).verdict for run in two_runs] == ["confirmed", "confirmed"]
    monkeypatch.undo()
    kiln.render(first)
    assert seal.sha256(first / "manifest.json") == before


def test_a_changed_run_before_is_found_from_the_next(two_runs: tuple[Path, Path]) -> None:
    first, second = two_runs
    reseal(first, created="2020-01-01T00:00:00Z")
    assert first.name in refuted(second)


def test_a_run_before_that_is_gone_is_told_by_the_index_or_not_at_all(two_runs: tuple[Path, Path]) -> None:
    first, second = two_runs
    shutil.rmtree(first)
    assert verdicts(limekiln.verify(second, rows=0))["chain"] == {"confirmed"}
    (second.parent / chain.INDEX).unlink()
    found = limekiln.verify(second, rows=0)
    assert verdicts(found)["chain"] == {"not checked"}
    assert found.verdict == "confirmed"


def test_drawing_again_does_not_make_a_changed_run_right(run: Path) -> None:
    change_weight(run)
    with pytest.raises(InputError, match=r"explanations\.parquet: does not have its SHA-256"):
        kiln.render(run)


def test_templates_of_the_runs_own_are_code_and_not_drawn_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    text = '{% extends "limekiln/report.html.j2" %}{% block glossary %}Ours{% endblock %}'
    (tmp_path / "ours" / "report.html.j2").write_text(text)
    run = limekiln.run(
        kiln_cases.write(tmp_path, sample__rows=40, report__templates="ours", report__trust_templates=True)
    ).folder
    assert run is not None
    found = limekiln.verify(run, rows=0)
    assert (found.verdict, verdicts(found)["reports"]) == ("confirmed", {"not checked"})
    assert verdicts(limekiln.verify(run, rows=0, trust_templates=True))["reports"] == {"confirmed"}
