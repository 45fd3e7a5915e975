"""The run folder: names, guards, atomic writing, and errors that a reader can act on."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gate_cases import FAILED, PASSED, UNDECIDED
from limekiln import store
from limekiln.errors import InputError, RunError
from report import sample_record as sample


@pytest.mark.parametrize(
    ("name", "folder"),
    [("German credit risk", "german-credit-risk"), ("x", "x"), ("Churn_v2 EU", "churn-v2-eu")],
)
def test_plain_names_make_plain_folders(name: str, folder: str) -> None:
    assert store.slug(name) == folder


@given(st.text(min_size=1))
def test_any_name_makes_one_safe_folder_name(name: str) -> None:
    folder = store.slug(name)
    assert 0 < len(folder.encode()) <= 100
    assert set(folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert folder[0] != "-"


def test_names_that_differ_in_lost_signs_do_not_share_a_folder() -> None:
    assert len({store.slug(n) for n in ("a/b", "a\\b", "../a b", "a:b", "a b")}) == 5


def test_rows_whose_names_differ_by_case_do_not_share_a_page() -> None:
    assert store.slug("w0", exact=True) == "w0"
    assert len({store.slug(n, exact=True) for n in ("w0", "W0", "w 0", "w-0")}) == 4


@pytest.mark.parametrize("cell", ["=1+1", "+x", "-x", "@x", "\tx", "\rx", "\0x"])
def test_formulas_are_guarded(cell: str) -> None:
    assert store.guard(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["x=1", "", -0.5, None, " =1"])
def test_other_cells_are_left_as_they_are(cell: object) -> None:
    assert store.guard(cell) == cell


def test_a_failed_run_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), store.staging(tmp_path / "model", "run") as folder:  # noqa: PT012  # the block is the run
        (folder / "half").write_text("a part")
        raise ZeroDivisionError
    assert list((tmp_path / "model").iterdir()) == []


def test_an_output_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file, not a folder")
    with pytest.raises(InputError, match="output: cannot write to"), store.staging(tmp_path / "reports" / "m", "run"):
        pass


def test_a_published_run_appears_whole(tmp_path: Path) -> None:
    with store.staging(tmp_path, "run") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "run").exists()
        store.publish(folder, tmp_path / "run")
    assert [f.name for f in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run" / "a").read_text() == "1"


def test_a_taken_run_id_gets_a_number(tmp_path: Path) -> None:
    assert store.free_run_id(tmp_path, "r") == "r"
    (tmp_path / "r").mkdir()
    (tmp_path / "r-2").mkdir()
    assert store.free_run_id(tmp_path, "r") == "r-3"


def test_the_newest_run_is_the_last_finished_one(tmp_path: Path) -> None:
    for name in ("20260101T000000Z-a", "20260201T000000Z-b", "20260301T000000Z-c"):
        (tmp_path / name).mkdir()
    for name in ("20260101T000000Z-a", "20260201T000000Z-b"):
        (tmp_path / name / "manifest.json").write_text("{}")
    found = store.newest(tmp_path, before="20260401T000000Z-d")
    assert found is not None
    assert found.run_id == "20260201T000000Z-b"
    braces = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of the two bytes {}
    assert (found.manifest_sha256, found.seal) == (braces, None)
    assert store.newest(tmp_path / "no such folder", before="x") is None


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a run folder: results\.json cannot be read"):
        store.read(tmp_path)


def test_a_results_file_of_another_shape_names_the_place(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"schema_number": 1}))
    with pytest.raises(InputError, match=r"results\.json: model: Field required"):
        store.read(tmp_path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.mkdir()
    with pytest.raises(RunError, match="cannot write"):
        store.write_bytes(target, b"new")
    assert [f.name for f in tmp_path.iterdir()] == ["file"]


def test_numbers_that_json_lacks_are_refused() -> None:
    class Document(BaseModel):
        x: float

    with pytest.raises(ValueError, match="JSON"):
        store.to_json(Document(x=math.nan))


def test_texts_that_utf8_lacks_are_written_escaped(tmp_path: Path) -> None:
    store.write_text(tmp_path / "f", "a\udc80b")
    assert (tmp_path / "f").read_text("utf-8") == "a\\udc80b"


def test_csv_headers_and_cells_are_guarded_and_numbers_are_not() -> None:
    frame = pd.DataFrame({"=x": ["=1", "b"], "n": [-1.5, 2.0]})
    assert store.to_csv(frame) == "'=x,n\n'=1,-1.5\nb,2.0\n"


def test_gates_get_two_files_of_their_own_and_a_config_without_gates_none(tmp_path: Path) -> None:
    record = sample.credit()
    store.write_results(tmp_path, record)
    assert not list(tmp_path.glob("gates*"))
    given = record.results.model_copy(update={"gates": (PASSED, UNDECIDED, FAILED)})
    store.write_results(tmp_path, replace(record, results=given))
    document = json.loads((tmp_path / "gates.json").read_bytes())
    assert (document["verdict"], document["schema_number"]) == ("fail", 1)
    assert document["gates"] == json.loads((tmp_path / "results.json").read_bytes())["gates"]
    assert [(g["value"], g["threshold"], g["verdict"]) for g in document["gates"]] == [
        (0.25, 0.3, "pass"),
        (None, 0.2, "undecided"),
        (0.25, 0.2, "fail"),
    ]
    assert (tmp_path / "gates.junit.xml").read_text("utf-8").startswith("<?xml")
    assert {"gates.json", "gates.junit.xml"} <= set(store.hashes(tmp_path))
