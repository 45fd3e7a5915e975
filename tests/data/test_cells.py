"""Texts, images and series → a frame with one column of objects; a cell that cannot be read fails its row alone."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from limekiln import data
from limekiln.data import Frame, Unreadable
from limekiln.errors import InputError
from limekiln.settings import DataSettings

RED, BLUE = b"\x89PNG red", b"\x89PNG blue"


def settings(kind: str, path: str, domain: str, **more: Any) -> DataSettings:
    options = more.pop("options", {})
    return DataSettings.model_validate(
        {"domain": domain, "source": {"kind": kind, "path": path, **options}, **more}, strict=False
    )


def framed(given: DataSettings, folder: Path) -> Frame:
    raw = data.read(given.source, folder, as_text=data.text_columns(given))
    return data.frame_of(raw, given, folder, None)


def refused(given: DataSettings, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        framed(given, folder)
    return str(caught.value)


def cells(frame: Frame) -> list[Any]:
    assert frame.features.shape[1] == 1
    assert frame.features.iloc[:, 0].dtype == object
    return list(frame.features.iloc[:, 0])


def write_jsonl(folder: Path, rows: list[dict[str, Any]]) -> str:
    (folder / "d.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return "d.jsonl"


def test_texts_of_a_csv_stay_as_they_are_written(tmp_path: Path) -> None:
    content = "n,say,label\n01,007,x\n02,NA,y\n03,,x\n04,?,y\n05, ,x\n"
    (tmp_path / "d.csv").write_text(content, encoding="utf-8")
    options = {"na_values": ["?"]}
    frame = framed(settings("csv", "d.csv", "text", column="say", target="label", id="n", options=options), tmp_path)
    assert cells(frame) == ["007", "NA", "", None, " "]
    assert list(frame.features.columns) == ["say"]
    assert frame.keys == ("01", "02", "03", "04", "05")
    assert frame.target is not None
    assert list(frame.target) == ["x", "y", "x", "y", "x"]
    assert list(frame.others.columns) == ["n", "label"]
    assert list(frame.column("label")) == list("xyxyx")
    assert list(frame.column("say")) == cells(frame)
    assert frame.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert frame.notices == ()


def test_texts_of_any_type(tmp_path: Path) -> None:
    values = ["é\n", None, 5, 2.5, True, "", ["a"], {"a": 1}, "\ud800"]
    frame = framed(settings("jsonl", write_jsonl(tmp_path, [{"t": v} for v in values]), "text", column="t"), tmp_path)
    made = cells(frame)
    assert made[:6] == ["é\n", None, "5", "2.5", "True", ""]
    assert made[6:] == [
        Unreadable("expected a text, got a value of type list"),
        Unreadable("expected a text, got a value of type dict"),
        Unreadable("half a character at position 0, a lone surrogate"),
    ]
    wanted = "3 of 9 texts cannot be read; the first, in row 6 (from 0): expected a text, got a value of type list."
    assert [(n.code, n.text) for n in frame.notices] == [("rows_unreadable", wanted)]


@pytest.mark.parametrize("dtype", ["object", "string", "category", "string[pyarrow]"])
def test_missing_texts_of_every_type_are_none(tmp_path: Path, dtype: Any) -> None:
    pd.DataFrame({"t": pd.Series(["a", None, "a"]).astype(dtype)}).to_parquet(tmp_path / "d.parquet")
    assert cells(framed(settings("parquet", "d.parquet", "text", column="t"), tmp_path)) == ["a", None, "a"]


def test_numbers_with_gaps_as_texts(tmp_path: Path) -> None:
    pd.DataFrame({"t": [1.5, np.nan], "b": [b"caf\xc3\xa9", b"caf\xe9"]}).to_parquet(tmp_path / "d.parquet")
    assert cells(framed(settings("parquet", "d.parquet", "text", column="t"), tmp_path)) == ["1.5", None]
    made = cells(framed(settings("parquet", "d.parquet", "text", column="b"), tmp_path))
    assert made == ["café", Unreadable("expected a text, got bytes that are not UTF-8 (0xe9)")]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"column": "T"}, 'data.column: d.jsonl: no column "T"; did you mean "t"?'),
        ({"column": "none"}, 'd.jsonl: the column "none": none of the 2 texts can be read; the first: no value'),
        ({"column": "t", "target": "t"}, 'data.target: "t" holds the texts themselves; name another column'),
        ({"column": "t", "target": "label"}, 'data.target: d.jsonl: no column "label"; it has "t", "none"'),
    ],
)
def test_columns_that_hold_no_texts(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = write_jsonl(tmp_path, [{"t": "a", "none": None}, {"t": "b", "none": None}])
    assert refused(settings("jsonl", path, "text", **changed), tmp_path) == message


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos" / "red").mkdir(parents=True)
    (tmp_path / "photos" / "red" / "1.png").write_bytes(RED)
    (tmp_path / "photos" / "2.png").write_bytes(BLUE)
    (tmp_path / "photos" / "none.png").write_bytes(b"")
    return tmp_path


def test_images_of_a_folder(photos: Path) -> None:
    given = settings("folder", "photos", "images", target="folder")
    frame = framed(given, photos)
    assert cells(frame) == [BLUE, Unreadable("an image of 0 bytes"), RED]
    assert list(frame.features.columns) == ["image"]
    assert frame.keys == ("2.png", "none.png", "red/1.png")
    assert frame.target is not None
    assert list(frame.target) == ["photos", "photos", "red"]
    assert list(frame.others.columns) == ["file", "folder"]
    assert frame.sha256 == data.read(given.source, photos).sha256
    named = framed(settings("folder", "photos", "images", column="photo"), photos)
    assert list(named.features.columns) == ["photo"]
    taken = settings("folder", "photos", "images", column="file")
    assert refused(taken, photos) == 'data.column: photos has a column "file" already; give the rows another name'


def paths(folder: Path, *names: str) -> DataSettings:
    (folder / "d.csv").write_text("\n".join(["path,id", *(f"{name},{i}" for i, name in enumerate(names))]), "utf-8")
    return settings("csv", "d.csv", "images", column="path", id="id", redact={"path": "show"})


def test_images_by_path_fail_one_by_one(photos: Path) -> None:
    (photos / "photos" / "lost.png").symlink_to(photos / "nowhere")
    names = ("photos/2.png", "photos/3.png", "", "photos", "photos/red/1.png", "photos/lost.png", "photos/2.png")
    frame = framed(paths(photos, *names), photos)
    made = cells(frame)
    assert [made[0], made[4], made[6]] == [BLUE, RED, BLUE]
    assert [cell.reason for cell in made if isinstance(cell, Unreadable)] == [
        "photos/3.png: no such file",
        "no path",
        "photos: is a folder",
        "photos/lost.png: a link to a file that is not there",
    ]
    assert frame.keys == tuple("0123456")
    assert [n.code for n in frame.notices] == ["rows_unreadable"]


def test_the_hash_of_images_by_path_is_of_the_table_and_of_every_file(photos: Path) -> None:
    both = paths(photos, "photos/2.png", "photos/red/1.png")
    seen = [framed(both, photos).sha256]
    assert framed(both, photos).sha256 == seen[0]
    (photos / "photos" / "2.png").write_bytes(b"other")
    seen.append(framed(both, photos).sha256)
    (photos / "photos" / "2.png").unlink()
    seen.append(framed(both, photos).sha256)
    (photos / "photos" / "2.png").write_bytes(BLUE)
    seen.append(framed(paths(photos, "photos/red/1.png", "photos/2.png"), photos).sha256)
    assert len(set(seen)) == 4


def test_each_file_is_read_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = paths(photos, *["photos/2.png"] * 5)
    read, real = [], Path.read_bytes

    def counted(path: Path) -> bytes:
        read.append(path.name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    assert cells(framed(given, photos)) == [BLUE] * 5
    assert read == ["d.csv", "2.png"]


def test_images_by_url(photos: Path) -> None:
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - ships no types

    fsspec.filesystem("memory").pipe("/bucket/*.png", RED)
    nested = "reference::memory://bucket/x.json"
    made = cells(framed(paths(photos, "memory://bucket/*.png", "memory://me:pw@bucket/no.png", nested), photos))
    assert made[0] == RED
    assert isinstance(made[1], Unreadable)
    assert made[1].reason == "memory://bucket/no.png: no such file"
    assert made[2] == Unreadable(f"{nested}: a URL inside a URL is not read here")


def test_paths_that_no_file_system_takes(photos: Path) -> None:
    odd = ["photos/2.png", "x" * 5000, "a\0b", 5, ["photos/2.png"]]
    path = write_jsonl(photos, [{"path": name} for name in odd])
    made = cells(framed(settings("jsonl", path, "images", column="path"), photos))
    assert made[0] == BLUE
    assert all(isinstance(cell, Unreadable) and len(cell.reason) <= 300 for cell in made[1:])


def test_bytes_in_a_table_are_images(photos: Path) -> None:
    table = pd.DataFrame(
        {"raw": [RED, b"", None], "held": [{"bytes": BLUE, "path": "x"}, {"bytes": None, "path": "photos/2.png"}, None]}
    )
    table.to_parquet(photos / "d.parquet")
    raw = framed(settings("parquet", "d.parquet", "images", column="raw"), photos)
    assert cells(raw) == [RED, Unreadable("an image of 0 bytes"), Unreadable("no path")]
    assert raw.sha256 == hashlib.sha256((photos / "d.parquet").read_bytes()).hexdigest()
    held = framed(settings("parquet", "d.parquet", "images", column="held"), photos)
    assert cells(held) == [BLUE, BLUE, Unreadable("no path")]


def test_where_no_image_is_there_nothing_runs(photos: Path) -> None:
    assert refused(paths(photos, "a.png", "b.png"), photos) == (
        'd.csv: the column "path": none of the 2 images can be read; the first: a.png: no such file; '
        "paths start from the config's folder"
    )


@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 3, 2, 1), (4, 3, 2, 3), (4, 3, 2, 4)])
def test_images_of_an_array(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    np.savez(tmp_path / "d.npz", x=pixels, y=np.array(list("abab")))
    frame = framed(settings("numpy", "d.npz", "images", target="y"), tmp_path)
    np.testing.assert_array_equal(np.stack(cells(frame)), pixels)
    assert cells(frame)[0].dtype == np.uint16
    assert list(frame.features.columns) == ["image"]
    assert frame.keys == tuple("0123")
    assert list(frame.column("y")) == list("abab")


@pytest.mark.parametrize(
    ("shape", "domain", "message"),
    [
        ((2, 9), "images", "an array of shape (2, 9); images are (n, H, W) or (n, H, W, C)"),
        (
            (2, 3, 9, 9),
            "images",
            "an array of shape (2, 3, 9, 9) has 9 channels; channels come last: array.transpose(0, 2, 3, 1)",
        ),
        ((2, 9, 9, 9), "images", "an array of shape (2, 9, 9, 9) has 9 channels; expected one to four"),
        ((2, 3, 4, 5), "sequences", "an array of shape (2, 3, 4, 5); series are (n, T) or (n, T, C)"),
    ],
)
def test_arrays_of_other_shapes(tmp_path: Path, shape: tuple[int, ...], domain: str, message: str) -> None:
    np.save(tmp_path / "d.npy", np.zeros(shape))
    assert refused(settings("numpy", "d.npy", domain), tmp_path) == f"d.npy: {message}"


def test_series_of_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.arange(6, dtype=np.int16).reshape(2, 3))
    frame = framed(settings("numpy", "d.npy", "sequences"), tmp_path)
    assert [cell.shape for cell in cells(frame)] == [(3, 1), (3, 1)]
    assert cells(frame)[1].dtype == np.float64
    assert cells(frame)[1].ravel().tolist() == [3, 4, 5]
    np.save(tmp_path / "d.npy", np.zeros((2, 5, 3)))
    assert [cell.shape for cell in cells(framed(settings("numpy", "d.npy", "sequences"), tmp_path))] == [(5, 3), (5, 3)]
    named = settings("numpy", "d.npy", "sequences", sequences={"channels": ("x", "y")})
    assert refused(named, tmp_path) == (
        "d.npy: an array of shape (2, 5, 3) has 3 channels, but data.sequences.channels names 2"
    )


RAGGED: list[Any] = [
    [[1, 2], [3, 4], [5, 6]],
    [[1.5, None]],
    None,
    [],
    [[1, 2], [3]],
    [["1", "2"]],
    [[1, 2, 3]],
    7,
    [[[1]]],
]
REASONS = [
    "no series",
    "a series of length 0",
    "its steps have different numbers of values; each needs one for every channel",
    "expected numbers, got texts",
    "a series of 3 channels, expected 2",
    "expected a list of numbers, got a value of type int",
    "a series of shape (1, 1, 1), expected (T) or (T, channels)",
]


def test_series_of_lists_may_differ_in_length_and_fail_one_by_one(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path, [{"s": value} for value in RAGGED])
    made = cells(framed(settings("jsonl", path, "sequences", column="s"), tmp_path))
    np.testing.assert_array_equal(made[0], [[1.0, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(made[1], [[1.5, np.nan]])
    assert [cell.reason for cell in made[2:]] == REASONS


def test_series_of_parquet(tmp_path: Path) -> None:
    nested = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, None]], None, [[1.0, 2.0], [3.0]]]
    pd.DataFrame({"s": nested, "u": [[1, 2, 3], [4], [], [5, 6]]}).to_parquet(tmp_path / "d.parquet")
    made = cells(framed(settings("parquet", "d.parquet", "sequences", column="s"), tmp_path))
    np.testing.assert_array_equal(made[0], [[1.0, 2], [3, 4]])
    np.testing.assert_array_equal(made[1], [[5.0, np.nan]])
    assert [cell.reason for cell in made[2:]] == [REASONS[0], REASONS[2]]
    made = cells(framed(settings("parquet", "d.parquet", "sequences", column="u"), tmp_path))
    assert [cell.shape for cell in made if not isinstance(cell, Unreadable)] == [(3, 1), (1, 1), (2, 1)]


def test_the_config_s_channels_decide_which_series_fit(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path, [{"s": [[1, 2]]}, {"s": [[1, 2]]}, {"s": [1, 2]}])
    given = settings("jsonl", path, "sequences", column="s", sequences={"channels": ("x",)})
    made = cells(framed(given, tmp_path))
    assert made[0] == Unreadable("a series of 2 channels, expected 1")
    assert made[2].shape == (2, 1)


def test_no_series_at_all(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path, [{"s": "1,2"}, {"s": "3"}])
    assert refused(settings("jsonl", path, "sequences", column="s"), tmp_path) == (
        'd.jsonl: the column "s": none of the 2 series can be read; the first: expected a list of numbers, '
        "got a value of type str"
    )


def test_a_background_of_series_needs_the_same_channels_and_nothing_else(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 4, 2)), y=np.array(list("aba")))
    np.save(tmp_path / "b.npy", np.ones((5, 7, 2)))
    np.save(tmp_path / "c.npy", np.ones((5, 4)))
    back = {"kind": "numpy", "path": "b.npy"}
    given = settings("numpy", "d.npz", "sequences", target="y", background=back)
    frame = framed(given, tmp_path)
    assert given.background is not None
    made = data.background_of(data.read(given.background, tmp_path), given, tmp_path, frame)
    assert [cell.shape for cell in cells(made)] == [(7, 2)] * 5
    assert made.target is None
    other = data.read(given.background.model_copy(update={"path": "c.npy"}), tmp_path)
    with pytest.raises(InputError, match=r"^data.background: c.npy: series of 1 channels, but of 2 in d.npz$"):
        data.background_of(other, given, tmp_path, frame)


def test_a_background_of_series_is_whole(tmp_path: Path) -> None:
    given = settings("jsonl", write_jsonl(tmp_path, [{"s": [1]}, {"s": None}]), "sequences", column="s")
    frame = framed(given, tmp_path)
    with pytest.raises(InputError, match=r"^data.background: d.jsonl: row 1 \(from 0\): no series$"):
        data.background_of(data.read(given.source, tmp_path), given, tmp_path, frame)


def test_tables_go_through_the_same_door(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b\n1,x\n2,y\n", encoding="utf-8")
    given = settings("csv", "d.csv", "tabular", target="b")
    frame = framed(given, tmp_path)
    assert list(frame.features["a"]) == [1, 2]
    back = data.background_of(data.read(given.source, tmp_path), given, tmp_path, frame)
    assert list(back.features.columns) == ["a"]


def test_an_unreadable_cell_travels() -> None:
    cell = Unreadable("no such file")
    assert pickle.loads(pickle.dumps(cell)) == cell  # noqa: S301 - our own bytes
    assert hash(cell) == hash(Unreadable("no such file"))
