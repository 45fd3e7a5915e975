"""A run folder to look into: as it lies, or out of its zip, of which nothing is believed."""

import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from limekiln.errors import InputError
from limekiln.seal import MANIFEST, Fault

MOST_FILES: Final = 200
MOST_BYTES: Final = 4 << 30
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Opened:
    """A run folder.

    Attributes:
        folder: where its files can be read.
        beside: the folder that it, or its zip, lies in; runs, index and signatures are looked for there.
        faults: files of a zip that cannot be read.
    """

    folder: Path
    beside: Path
    faults: tuple[Fault, ...] = ()


@contextmanager
def opened(path: Path, *, most_bytes: int = MOST_BYTES) -> Iterator[Opened]:
    """A run folder, or a zip of one, for the time of the block.

    Args:
        path: the folder or the zip; in the zip the files lie at the top, or in one folder.
        most_bytes: what a zip may hold, unpacked.

    Raises:
        InputError: there is no run there, or the zip holds something else.
    """
    beside = path.resolve().parent
    if path.is_dir():
        if not any((path / name).exists() for name in (MANIFEST, "results.json")):
            raise InputError(f"{path} is not a run folder: it has neither manifest.json nor results.json")
        yield Opened(path, beside)
        return
    if not path.is_file():
        raise InputError(f"{path}: no such run folder or zip file")
    with tempfile.TemporaryDirectory(prefix="limekiln-") as place:
        try:
            with zipfile.ZipFile(path) as archive:
                faults = _unpack(archive, path, Path(place), most_bytes)
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise InputError(f"{path}: is neither a run folder nor a zip file that can be read: {error}") from error
        yield Opened(Path(place), beside, faults)


def _unpack(archive: zipfile.ZipFile, path: Path, place: Path, most_bytes: int) -> tuple[Fault, ...]:
    members = _members(archive, path)
    left, faults = most_bytes, []
    for name, info in members.items():
        try:
            with archive.open(info) as source, (place / name).open("xb") as target:
                left -= _copy(source, target, left)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            (place / name).unlink(missing_ok=True)
            faults.append(Fault(name, "a file", None, f"cannot be read from the zip: {error}"))
        if left < 0:
            raise InputError(f"{path}: holds more than {most_bytes:,} bytes; unpack it yourself, and verify the folder")
    return tuple(faults)


def _copy(source: IO[bytes], target: IO[bytes], most: int) -> int:
    """How many bytes were copied; stops soon after `most`, whatever the zip says of its sizes."""
    copied = 0
    while copied <= most and (piece := source.read(_PIECE)):
        copied += target.write(piece)
    return copied


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by name, without the one folder that they may lie in.

    Raises:
        InputError: they would go anywhere else, or are links, or there are too many or two of a name.
    """
    files = [info for info in archive.infolist() if not info.is_dir()]
    if len(files) > MOST_FILES:
        raise InputError(f"{path}: holds {len(files):,} files, more than a run has")
    found: dict[str, zipfile.ZipInfo] = {}
    tops = set()
    for info in files:
        *above, name = info.filename.split("/")
        tops.add(tuple(above))
        plain = len(above) <= 1 and not {"", ".", ".."} & {name, *above} and not set("\\:\0") & set(info.filename)
        if not plain or stat.S_ISLNK(info.external_attr >> 16) or name in found:
            raise InputError(f"{path}: is not the zip of a run folder: it holds {info.filename!r}")
        found[name] = info
    if len(tops) > 1:
        raise InputError(f"{path}: is not the zip of a run folder: its files lie in several")
    if not {MANIFEST, "results.json"} & set(found):
        raise InputError(f"{path}: is not the zip of a run folder: it has neither manifest.json nor results.json")
    return found
