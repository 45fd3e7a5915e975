"""A manifest's seal: any change of any value, and of any byte between the values, is seen."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limekiln import seal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MANIFESTS = st.dictionaries(st.text(), VALUES, max_size=4).map(lambda rest: {**rest, "files": {}, "code_sha256": None})


def folder_of(place: Path, content: bytes) -> Path:
    (place / seal.MANIFEST).write_bytes(content)
    return place


def sealed(manifest: dict[str, object]) -> dict[str, object]:
    return {**manifest, "seal": seal.of(manifest)}


@given(MANIFESTS)
def test_what_was_written_reads_back_to_the_same_bytes(manifest: dict[str, object]) -> None:
    assert seal.as_json(seal.read(seal.as_json(manifest))) == seal.as_json(manifest)


@given(MANIFESTS, st.data())
def test_any_byte_of_a_manifest_counts(
    tmp_path_factory: pytest.TempPathFactory, manifest: dict[str, object], data: st.DataObject
) -> None:
    content = seal.as_json(sealed(manifest))
    place = tmp_path_factory.mktemp("run")
    assert seal.faults(folder_of(place, content)) == []
    i = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[i]))
    faults = seal.faults(folder_of(place, content[:i] + bytes([other]) + content[i + 1 :]))
    assert faults
    assert {fault.file for fault in faults} == {seal.MANIFEST}


def test_bytes_that_leave_the_same_value_are_seen(tmp_path: Path) -> None:
    manifest = sealed({"a": 1.0, "files": {}})
    compact = json.dumps(manifest).encode()
    twice = seal.as_json(manifest).replace(b'"a": 1.0,', b'"a": 2.0,\n  "a": 1.0,')
    for content in (compact, twice, seal.as_json(manifest) + b"\n", seal.as_json(manifest).replace(b"1.0", b"1.00")):
        assert seal.read(content) == manifest
        words = [fault.words for fault in seal.faults(folder_of(tmp_path, content))]
        assert words == ["is not written as limekiln writes these values"]


def test_drawing_changes_the_seal_and_not_the_runs() -> None:
    before: dict[str, object] = {"run_id": "r", "files": {"results.json": "1"}}
    drawn: dict[str, object] = {
        **before,
        "files": {"results.json": "1", "report.html": "2"},
        "drawn_by": {"report.html": {}},
    }
    assert seal.of(before) != seal.of(drawn)
    assert seal.of_run(before) == seal.of_run(sealed(drawn))
    assert seal.of_run(before) != seal.of_run({**drawn, "run_id": "s"})


@pytest.mark.parametrize("content", [b"", b"[]", b'{"files": []}', b'{"files": {"a": 1}}', b"[" * 100_000, b"\xff"])
def test_what_is_no_manifest_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    assert [fault.file for fault in seal.faults(folder_of(tmp_path, content))] == [seal.MANIFEST]


def test_missing_changed_strange_and_linked_files_are_named(tmp_path: Path) -> None:
    for name in ("right", "changed", "outside"):
        (tmp_path / name).write_text(name)
    digest = seal.sha256(tmp_path / "right")
    place = tmp_path / "run"
    place.mkdir()
    (place / "right").write_text("right")
    (place / "changed").write_text("wrong")
    (place / "linked").symlink_to(tmp_path / "right")
    (place / "strange").mkdir()
    files = dict.fromkeys(("right", "changed", "linked", "gone"), digest)
    faults = seal.faults(folder_of(place, seal.as_json(sealed({"files": files}))))
    assert {(fault.file, fault.words) for fault in faults} == {
        ("changed", "does not have its SHA-256"),
        ("linked", "is no plain file"),
        ("gone", "is missing"),
        ("strange", "does not belong to the run"),
    }
