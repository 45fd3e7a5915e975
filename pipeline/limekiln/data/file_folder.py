"""A folder of files → a table: one row a file, with its path within the folder, its folder's name and its bytes."""

import hashlib
import os
from pathlib import Path
from typing import Final

import pandas as pd

from limekiln.data.files import bytes_of, is_url, nearest_file, without_credentials
from limekiln.data.raw import RawTable
from limekiln.errors import InputError
from limekiln.settings import FolderSource

FILE: Final = "file"
FOLDER: Final = "folder"
CONTENT: Final = "content"


def read(source: FolderSource, folder: Path) -> RawTable:
    """Read every file that matches, in the order of their names; hidden ones are passed over.

    Args:
        source: the folder, and which of its files.
        folder: the config's folder, which a relative path starts from.

    Returns:
        The columns `file`, `folder` and `content` (bytes), and the SHA-256 over names, lengths and bytes.

    Raises:
        InputError: there is no such folder, nothing matches, or a file cannot be read.
    """
    if is_url(source.path):
        shown = without_credentials(source.path)
        raise InputError(f"{shown}: a folder must be on disk; read a table with a column of URLs instead")
    root = folder / source.path
    if not root.is_dir():
        wrong = "is a file, no folder" if root.is_file() else f"no such folder{nearest_file(root)}"
        raise InputError(f"{source.path}: {wrong}")
    names = _names(root, source)
    contents = [_content(root, source, name) for name in names]
    parents = [(root / name).parent for name in names]
    columns = {
        FILE: names,
        FOLDER: [parent.name or parent.resolve().name for parent in parents],
        CONTENT: contents,
    }
    table = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    return RawTable(table, _sha256(names, contents), source.path, from_folder=True)


def _names(root: Path, source: FolderSource) -> list[str]:
    """The files' paths within the folder, with slashes, sorted. Links to folders are not followed."""
    pattern = source.pattern
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise InputError(f"data.source.pattern: {pattern}: expected a glob within the folder, such as **/*.png")
    if pattern == "**" or pattern.endswith("/**"):  # folders alone in some versions of Python
        pattern = f"{pattern}/*"
    for _ in os.walk(root, onerror=_raise_unreadable):  # a glob passes over folders that it may not look into
        pass
    try:
        found = [path.relative_to(root) for path in root.glob(pattern)]
    except (ValueError, NotImplementedError, IndexError) as error:
        raise InputError(f"data.source.pattern: {pattern}: no glob: {error}") from error
    seen = sorted({p.as_posix() for p in found if not any(part.startswith(".") for part in p.parts)})
    names = [name for name in seen if not (root / name).is_dir()]
    if not names:
        raise InputError(f"{source.path}: no file matches {pattern} (data.source.pattern)")
    return names


def _raise_unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read: {error.strerror or error}") from error


def _content(root: Path, source: FolderSource, name: str) -> bytes:
    shown = f"{source.path.rstrip('/')}/{name}"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{shown.encode('utf-8', 'backslashreplace').decode()}: the name is not UTF-8") from error
    place = root / name
    if not place.is_file():
        what = "a link to a file that is not there" if place.is_symlink() else "is no file"
        raise InputError(f"{shown}: {what}; remove it, or narrow data.source.pattern")
    return bytes_of(place, shown)


def _sha256(names: list[str], contents: list[bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in zip(names, contents, strict=True):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
