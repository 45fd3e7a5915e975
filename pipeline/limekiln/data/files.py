"""Files by path, glob or URL → their bytes, read once: what is hashed is what is parsed."""

import glob
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from limekiln.errors import InputError

_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*(://|::)")
_USER: Final = re.compile(r"(://)[^/@\s]*@")
_QUERY: Final = re.compile(r"[?#][^:]*")
_COMPRESSED: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}


@dataclass(frozen=True)
class File:
    """A file's bytes, and its name as messages show it."""

    name: str
    data: bytes


def read_files(path: str, folder: Path) -> list[File]:
    """Read what a path, a glob or an fsspec URL names, sorted by name.

    Raises:
        InputError: nothing is there, it cannot be read, or it is compressed.
    """
    files = _from_url(path) if _URL.match(path) else _from_disk(path, folder)
    for file in files:
        for magic, kind in _COMPRESSED.items():
            if file.data.startswith(magic):
                raise InputError(f"{file.name}: compressed ({kind}); unpack it first")
    return files


def read_one(path: str, folder: Path) -> File:
    """Read the one file that a path or an fsspec URL names; nothing in it is a wildcard.

    Raises:
        InputError: it is not there, cannot be read, or is a URL inside a URL.
    """
    if "::" in path:  # a chained URL can name file systems that run templates of what they read
        raise InputError(f"{without_credentials(path)}: a URL inside a URL is not read here")
    if _URL.match(path):
        shown = without_credentials(path)
        system, root = _tried(lambda: _file_system(path), shown)
        return _fetched(system, root, shown)
    place = folder / path
    try:
        if not place.is_file():
            raise InputError(f"{path}: {_why_no_file(place)}")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    return File(path, bytes_of(place, path))


def _why_no_file(place: Path) -> str:
    if place.is_symlink() and not place.exists():
        return "a link to a file that is not there"
    return "is a folder" if place.is_dir() else "no such file" if not place.exists() else "is no file"


def is_url(path: str) -> bool:
    """Whether a path is an fsspec URL."""
    return _URL.match(path) is not None


def without_credentials(path: str) -> str:
    """Give a path as a reader may see it: a URL without user, password, query and fragment."""
    return _QUERY.sub("", _USER.sub(r"\1", path)) if _URL.match(path) else path


def nearest_file(missing: Path) -> str:
    """Say which file of the same folder has the most similar name, as the end of a message."""
    if not missing.parent.is_dir():
        return f" (there is no folder {missing.parent})"
    near = get_close_matches(missing.name, [p.name for p in missing.parent.iterdir()], n=1)
    return f"; did you mean {missing.with_name(near[0]).name}?" if near else ""


def _from_disk(path: str, folder: Path) -> list[File]:
    exact = folder / path
    if exact.is_file():
        return [File(path, bytes_of(exact, path))]
    if exact.is_dir():
        raise InputError(f'{path}: is a folder; name its files, for example "{path.rstrip("/")}/*"')
    if glob.has_magic(path):
        found = sorted(glob.glob(path, root_dir=folder, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        names = [name for name in found if (folder / name).is_file()]
        if not names:
            raise InputError(f"{path}: no file matches in {folder.absolute()}")
        return [File(name, bytes_of(folder / name, name)) for name in names]
    raise InputError(f"{path}: no such file{nearest_file(exact)}")


def bytes_of(file: Path, name: str) -> bytes:
    """Read a file. Raises InputError where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error


def _from_url(path: str) -> list[File]:
    shown = without_credentials(path)
    system, root = _tried(lambda: _file_system(path), shown)
    names = [root]
    if "*" in path or "[" in path:
        names = sorted(_tried(lambda: system.glob(root), shown))
        if not names:
            raise InputError(f"{shown}: no file matches")
    return [_fetched(system, name, shown if name == root else without_credentials(name)) for name in names]


def _file_system(path: str) -> tuple[Any, str]:
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - ships no types; only a URL needs it

    system, root = fsspec.core.url_to_fs(path)
    return system, root


def _fetched(system: Any, name: str, shown: str) -> File:
    return File(shown, _tried(lambda: system.cat_file(name), shown))


def _tried(step: Callable[[], Any], shown: str) -> Any:
    try:
        return step()
    except FileNotFoundError as error:
        raise InputError(f"{shown}: no such file") from error
    except ImportError as error:
        raise InputError(f"{shown}: reading it needs a package that is not installed: {error}") from error
    except Exception as error:  # every file system has its own errors
        reason = without_credentials_in(str(error)) or type(error).__name__
        raise InputError(f"{shown}: cannot be read: {reason}") from error


def without_credentials_in(message: str) -> str:
    """Take users, passwords and queries out of every URL that stands in a message."""
    return re.sub(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+", lambda url: without_credentials(url.group()), message)
