"""The index of runs: each line vouches for those before it, old lines may go, and nobody waits for anybody."""

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limekiln import chain
from limekiln.errors import RunError


def index_of(folder: Path, n: int) -> Path:
    for i in range(n):
        chain.append(folder, f"run-{i}", "2026-01-01T00:00:00Z", f"seal-{i}")
    return folder / chain.INDEX


def broken(path: Path) -> bool:
    found = chain.read(path)
    assert found is not None
    return bool(found.broken)


def test_runs_are_found_with_their_seals(tmp_path: Path) -> None:
    found = chain.read(index_of(tmp_path, 3))
    assert found is not None
    assert (found.seals("run-1"), found.seals("run-9"), found.broken) == ({"seal-1"}, set(), ())
    assert [len(line.after) for line in found.lines] == [0, 1, 1]


def test_there_need_not_be_an_index(tmp_path: Path) -> None:
    assert chain.read(tmp_path / chain.INDEX) is None


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_old_lines_may_be_cut_off(tmp_path: Path, kept: int) -> None:
    path = index_of(tmp_path, 4)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[-kept:]))
    assert not broken(path)


@given(st.data())
def test_a_line_changed_or_taken_out_of_the_middle_is_seen(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = index_of(tmp_path_factory.mktemp("index"), 5)
    lines = path.read_bytes().splitlines(keepends=True)
    i = data.draw(st.integers(1, 3))
    byte = data.draw(st.integers(0, len(lines[i]) - 2))
    flipped = bytes([lines[i][byte] ^ (1 << data.draw(st.integers(0, 7)))])
    changed = data.draw(st.sampled_from([b"", lines[i][:byte] + flipped + lines[i][byte + 1 :]]))
    path.write_bytes(b"".join([*lines[:i], changed, *lines[i + 1 :]]))
    assert broken(path)


def test_lines_in_another_order_are_seen(tmp_path: Path) -> None:
    path = index_of(tmp_path, 4)
    first, second, third, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + third + second + last)
    assert broken(path)


def test_what_a_crash_left_of_a_line_spoils_no_other(tmp_path: Path) -> None:
    path = index_of(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-20])
    chain.append(tmp_path, "run-2", "2026-01-01T00:00:00Z", "seal-2")
    found = chain.read(path)
    assert found is not None
    assert [line.run_id for line in found.lines] == ["run-0", "run-2"]
    assert not found.broken


def _append(job: tuple[Path, int]) -> None:
    chain.append(job[0], f"run-{job[1]}", "2026-01-01T00:00:00Z", "s")


def test_runs_that_end_at_once_all_have_their_line(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.map(_append, [(tmp_path, i) for i in range(40)], chunksize=1)
    found = chain.read(tmp_path / chain.INDEX)
    assert found is not None
    assert {line.run_id for line in found.lines} == {f"run-{i}" for i in range(40)}
    assert not found.broken


def test_two_that_saw_the_same_lines_are_both_vouched_for_by_the_next(tmp_path: Path) -> None:
    path = index_of(tmp_path, 2)
    first, second = path.read_bytes().splitlines(keepends=True)
    sibling = second.replace(b"run-1", b"run-x")
    path.write_bytes(first + second + sibling)
    chain.append(tmp_path, "run-2", "2026-01-01T00:00:00Z", "seal-2")
    assert not broken(path)
    last = path.read_bytes().splitlines(keepends=True)[-1]
    for left in (second, sibling):
        path.write_bytes(first + left + last)
        assert broken(path)


def test_an_index_that_cannot_be_written_says_that_the_run_is_whole(tmp_path: Path) -> None:
    (tmp_path / chain.INDEX).mkdir()
    with pytest.raises(RunError, match="the run is whole, but"):
        index_of(tmp_path, 1)
