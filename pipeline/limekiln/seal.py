"""What makes every byte of a run folder count: the manifest holds each file's SHA-256, and a seal on itself.

All of it works on the JSON as it was read and not on `record.Manifest`, so that a run of another version, whose
manifest has other fields, can be checked too.
"""

import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MANIFEST: Final = "manifest.json"
REPORTS: Final = ("report.html", "report.pdf")

_SEAL: Final = "seal"
_SINCE_SEALS: Final = "code_sha256"
_DRAWN: Final = (_SEAL, "drawn_by")


@dataclass(frozen=True)
class Fault:
    """A file that is not as the manifest says.

    Attributes:
        file: its name.
        expected: what the manifest says; None where the file should not be there.
        found: what is there; None where the file is missing.
        words: what is wrong, to follow the file's name.
    """

    file: str
    expected: str | None
    found: str | None
    words: str


def as_json(document: object) -> bytes:
    """A JSON value as limekiln writes it: indented, keys in their order, UTF-8 with lone surrogates escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def of(manifest: Mapping[str, Any]) -> str:
    """A manifest's seal: the SHA-256 of all the rest of it."""
    return hashlib.sha256(as_json({key: value for key, value in manifest.items() if key != _SEAL})).hexdigest()


def undrawn(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest without what the drawing of the reports adds; a report can hold it, and drawing again leaves it."""
    files = {name: digest for name, digest in manifest["files"].items() if name not in REPORTS}
    return {key: files if key == "files" else value for key, value in manifest.items() if key not in _DRAWN}


def of_run(manifest: Mapping[str, Any]) -> str:
    """The seal of a run, whatever its reports look like: the SHA-256 of the manifest as it travels in the PDF."""
    return hashlib.sha256(as_json(undrawn(manifest))).hexdigest()


def read(content: bytes) -> dict[str, Any]:
    """A manifest's JSON.

    Raises:
        ValueError: it is none; the message says why.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from error
    files = found.get("files") if isinstance(found, dict) else None
    if not isinstance(files, dict) or not all(isinstance(digest, str) for digest in files.values()):
        raise ValueError("holds no list of files")
    result: dict[str, Any] = found
    return result


def faults(folder: Path) -> list[Fault]:
    """Whatever in a run folder is not as its manifest and its manifest's seal say; nothing where all is."""
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError:
        return [Fault(MANIFEST, "the manifest of a run", None, "is missing")]
    try:
        manifest = read(content)
    except ValueError as error:
        return [Fault(MANIFEST, "the manifest of a run", None, str(error))]
    return [*_of_manifest(manifest, content), *_of_files(folder, manifest["files"])]


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_manifest(manifest: Mapping[str, Any], content: bytes) -> list[Fault]:
    found = []
    sealed = manifest.get(_SEAL)
    if sealed is None and _SINCE_SEALS in manifest:
        found.append(Fault(MANIFEST, of(manifest), None, "has lost its seal"))
    if sealed is not None and sealed != of(manifest):
        found.append(Fault(MANIFEST, f"{sealed}", of(manifest), "does not have the SHA-256 of its own seal"))
    written = as_json(manifest)
    if written != content:  # blanks, the order of a pair twice: what JSON does not count
        expected, got = hashlib.sha256(written).hexdigest(), hashlib.sha256(content).hexdigest()
        found.append(Fault(MANIFEST, expected, got, "is not written as limekiln writes these values"))
    return found


def _of_files(folder: Path, files: Mapping[str, str]) -> list[Fault]:
    there = {entry.name: entry for entry in folder.iterdir() if entry.name != MANIFEST}
    found = []
    for name, expected in files.items():
        entry = there.pop(name, None)
        if entry is None:
            found.append(Fault(name, expected, None, "is missing"))
        elif not stat.S_ISREG(entry.lstat().st_mode):
            found.append(Fault(name, expected, "a link or a folder", "is no plain file"))
        elif (digest := sha256(entry)) != expected:
            found.append(Fault(name, expected, digest, "does not have its SHA-256"))
    found += [Fault(name, None, "a file", "does not belong to the run") for name in sorted(there)]
    return found
