"""NumPy's files → rows and columns; nothing in them runs."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limekiln import data
from limekiln.errors import InputError
from limekiln.settings import DataSettings, NumpySource

ROWS = np.arange(24.0).reshape(4, 3, 2)


def source(path: str = "d.npz", array: str | None = None) -> NumpySource:
    return NumpySource(kind="numpy", path=path, array=array)


def refused(folder: Path, given: NumpySource | None = None) -> str:
    with pytest.raises(InputError) as caught:
        data.read(given or source(), folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_one_array_of_an_npy_file(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", ROWS.astype(">f4"))
    raw = data.read(source("d.npy"), tmp_path)
    assert raw.array is not None
    np.testing.assert_array_equal(raw.array, ROWS)
    assert raw.array.dtype.isnative
    assert raw.table.shape == (4, 0)
    assert "remove the key" in refused(tmp_path, source("d.npy", "x"))


def test_other_arrays_are_columns(tmp_path: Path) -> None:
    labels, numbers = np.array(["a", "b", "a", "c"]), np.arange(4, dtype=">i4")
    np.savez(tmp_path / "d.npz", x=ROWS, y=labels, id=numbers, mean=np.zeros(3), note=np.array("hello"))
    raw = data.read(source(), tmp_path)
    assert raw.array is not None
    np.testing.assert_array_equal(raw.array, ROWS)
    assert raw.table.to_dict("list") == {"y": ["a", "b", "a", "c"], "id": [0, 1, 2, 3]}
    wanted = 'd.npz: "mean", "note": not used, since not one value for each row.'
    assert [(n.code, n.text) for n in raw.notices] == [("arrays_not_used", wanted)]


def test_where_two_arrays_could_be_the_rows_the_config_says_which(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "d.npz", train=ROWS, test=ROWS[:2], y=np.zeros(2))
    assert refused(tmp_path) == (
        'data.source.array: missing; which array of d.npz holds the rows: "train" (4, 3, 2), "test" (2, 3, 2)?'
    )
    raw = data.read(source(array="test"), tmp_path)
    assert raw.array is not None
    assert raw.array.shape == (2, 3, 2)
    assert list(raw.table.columns) == ["y"]
    said = 'data.source.array: d.npz has no array "tset"; it has "train", "test", "y"'
    assert refused(tmp_path, source(array="tset")) == said


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (pytest.fail, ("a pickle was read",))


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    hostile = np.array([Bomb(), None], dtype=object)
    reason = "holds Python objects: reading them would run code; save it as an array of numbers or of texts"
    np.savez(tmp_path / "d.npz", x=ROWS, y=hostile)
    assert refused(tmp_path) == f'd.npz: the array "y": {reason}'
    np.save(tmp_path / "d.npy", hostile)
    assert refused(tmp_path, source("d.npy")) == f"d.npy: {reason}"
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Bomb()))
    assert refused(tmp_path, source("p.npy")) == "p.npy: no .npy or .npz file"


def npy(array: Any) -> bytes:
    held = io.BytesIO()
    np.save(held, array)
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "d.npy: no .npy or .npz file"),
        (b"a,b\n1,2\n", "d.npy: no .npy or .npz file"),
        (npy(ROWS)[:-8], "d.npy: cannot be read: "),
        (npy(ROWS)[:20], "d.npy: cannot be read: "),
        (b"PK\x03\x04 nonsense", "d.npy: cannot be read: "),
        (npy(np.zeros(4)), "d.npy: an array of shape (4,); rows need at least two dimensions"),
        (npy(np.zeros((0, 4))), "d.npy: no rows"),
        (npy(np.zeros((2, 0))), "d.npy: an array of shape (2, 0) has no values"),
        (npy(np.zeros((2, 2), dtype=complex)), "d.npy: holds complex128, expected numbers"),
        (npy(np.array([["a"]])), "d.npy: holds <U1, expected numbers"),
    ],
)
def test_what_is_no_array_of_rows(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "d.npy").write_bytes(content)
    assert refused(tmp_path, source("d.npy")).startswith(message)


def test_an_archive_without_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz")
    assert refused(tmp_path) == "d.npz: holds no array"
    assert refused(tmp_path, source("x.npz")) == "x.npz: no such file"


def test_a_table_s_columns_are_numbered(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.array([[1, 2], [3, 4]]), y=np.array(["a", "b"]))
    raw = data.read(source(), tmp_path)
    frame = data.frame_of(raw, DataSettings(source=source(), target="y"), tmp_path, None)
    assert frame.features.to_dict("list") == {"0": [1, 3], "1": [2, 4]}
    assert frame.target is not None
    assert list(frame.target) == ["a", "b"]
    np.save(tmp_path / "d.npy", ROWS)
    cube = data.read(source("d.npy"), tmp_path)
    with pytest.raises(InputError, match=r"^d.npy: an array of shape \(4, 3, 2\); a table needs \(rows, columns\)$"):
        data.frame_of(cube, DataSettings(source=source("d.npy")), tmp_path, None)
