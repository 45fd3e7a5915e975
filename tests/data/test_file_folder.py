"""A folder → a row for each of its files."""

import os
from pathlib import Path

import pytest

from limekiln import data
from limekiln.errors import InputError
from limekiln.settings import FolderSource


def source(path: str = "photos", pattern: str = "**/*") -> FolderSource:
    return FolderSource(kind="folder", path=path, pattern=pattern)


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(f"<{name}>".encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "photos", "cat/b.png", "cat/a.png", "dog/old/c.jpg", "top.png", ".hidden.png", ".git/x.png")
    return tmp_path


def refused(given: FolderSource, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        data.read(given, folder)
    return str(caught.value)


def test_every_file_that_is_not_hidden_is_a_row_in_the_order_of_names(folder: Path) -> None:
    raw = data.read(source(), folder)
    assert list(raw.table["file"]) == ["cat/a.png", "cat/b.png", "dog/old/c.jpg", "top.png"]
    assert list(raw.table["folder"]) == ["cat", "cat", "old", "photos"]
    assert list(raw.table["content"]) == [f"<{name}>".encode() for name in raw.table["file"]]
    assert raw.source == "photos"


def test_the_config_s_own_folder_has_a_name_too(folder: Path) -> None:
    assert set(data.read(source("."), folder / "photos" / "cat").table["folder"]) == {"cat"}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.png", ["top.png"]),
        ("**/*.png", ["cat/a.png", "cat/b.png", "top.png"]),
        ("cat/*", ["cat/a.png", "cat/b.png"]),
        ("**", ["cat/a.png", "cat/b.png", "dog/old/c.jpg", "top.png"]),
        ("dog/**", ["dog/old/c.jpg"]),
    ],
)
def test_a_pattern_chooses(folder: Path, pattern: str, names: list[str]) -> None:
    assert list(data.read(source(pattern=pattern), folder).table["file"]) == names


def test_the_hash_is_of_names_and_bytes(folder: Path) -> None:
    photos = folder / "photos"
    seen = [data.read(source(), folder).sha256]
    write(photos, ".more")
    assert data.read(source(), folder).sha256 == seen[0]
    (photos / "cat/a.png").write_bytes(b"other")
    seen.append(data.read(source(), folder).sha256)
    (photos / "top.png").rename(photos / "peak.png")
    seen.append(data.read(source(), folder).sha256)
    assert len(set(seen)) == 3


def test_bytes_do_not_slide_from_one_file_to_the_next(tmp_path: Path) -> None:
    for name, first, second in (("p", b"ab", b"c"), ("q", b"a", b"bc")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").write_bytes(first)
        (tmp_path / name / "2").write_bytes(second)
    assert data.read(source("p"), tmp_path).sha256 != data.read(source("q"), tmp_path).sha256


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (source("photo"), "photo: no such folder; did you mean photos?"),
        (source("photos/top.png"), "photos/top.png: is a file, no folder"),
        (source(pattern="*.gif"), "photos: no file matches *.gif (data.source.pattern)"),
        (source(pattern="../*"), "data.source.pattern: ../*: expected a glob within the folder, such as **/*.png"),
        (source(pattern="/etc/*"), "data.source.pattern: /etc/*: expected a glob within the folder, such as **/*.png"),
        (
            source("s3://me:pw@bucket/photos"),
            "s3://bucket/photos: a folder must be on disk; read a table with a column of URLs instead",
        ),
    ],
)
def test_a_folder_that_gives_no_rows(folder: Path, given: FolderSource, message: str) -> None:
    assert refused(given, folder) == message


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    assert refused(source(), tmp_path) == "photos: no file matches **/* (data.source.pattern)"


def test_a_link_to_nothing_is_an_error_and_a_link_to_a_file_is_that_file(folder: Path) -> None:
    (folder / "photos" / "link.png").symlink_to(folder / "photos" / "top.png")
    assert b"<top.png>" in list(data.read(source(pattern="link.*"), folder).table["content"])
    (folder / "photos" / "lost.png").symlink_to(folder / "nowhere.png")
    assert refused(source(), folder) == (
        "photos/lost.png: a link to a file that is not there; remove it, or narrow data.source.pattern"
    )


def test_a_link_that_leads_back_up_does_not_go_round(folder: Path) -> None:
    (folder / "photos" / "cat" / "up").symlink_to(folder / "photos", target_is_directory=True)
    assert len(data.read(source(), folder).table) == 4


def test_what_is_no_file_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "photos" / "pipe")
    assert refused(source(), folder).startswith("photos/pipe: is no file; ")


def test_a_file_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert refused(source(), folder) == "photos/cat/a.png: cannot be read: Permission denied"


def test_a_name_that_is_no_text(folder: Path) -> None:
    place = os.fsencode(folder / "photos") + b"/caf\xe9.png"
    try:
        Path(os.fsdecode(place)).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    assert refused(source(), folder) == "photos/caf\\udce9.png: the name is not UTF-8"
