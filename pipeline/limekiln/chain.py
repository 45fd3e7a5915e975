"""The index of a model's runs: `index.jsonl` beside them, to which each run adds a line when it is published.

A line holds the SHA-256 of every line that no line before it had named, so each line vouches for all lines that its
writer saw. Two runs that end at once may vouch for the same lines; nobody waits and nothing is locked.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from limekiln.errors import RunError
from limekiln.evidence import Stored

INDEX: Final = "index.jsonl"


class Line(Stored):
    """One run. `seal` is `seal.of_run`'s; `after` are hashes of the lines that no line had named yet."""

    run_id: str
    created: str
    seal: str
    after: tuple[str, ...]


@dataclass(frozen=True)
class Index:
    """What an index holds.

    Attributes:
        lines: those that can be read, in order.
        broken: in words, where a line vouches for another that is not there as it was.
    """

    lines: tuple[Line, ...]
    broken: tuple[str, ...]

    def seals(self, run_id: str) -> set[str]:
        """The seals that a run has in it; more than one only where somebody added a line."""
        return {line.seal for line in self.lines if line.run_id == run_id}


def append(folder: Path, run_id: str, created: str, seal: str) -> None:
    """Adds a line to the index in `folder`; in one write, so that lines of two writers do not mix.

    Raises:
        RunError: it cannot be written.
    """
    path = folder / INDEX
    try:
        content = path.read_bytes() if path.exists() else b""
        written = _split(content)
        named = {digest for line in map(_parse, written) if line for digest in line.after}
        loose = tuple(digest for digest in map(_sha256, written) if digest not in named)
        line = Line(run_id=run_id, created=created, seal=seal, after=loose)
        torn = b"\n" if content and not content.endswith(b"\n") else b""  # what a crash left of a line stays one
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, torn + json.dumps(line.model_dump(mode="json")).encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunError(f"the run is whole, but {path} cannot be written: {error.strerror}") from error


def read(path: Path) -> Index | None:
    """The index, checked; None where there is none.

    Old lines may have been cut off at the beginning: what the first lines vouch for need not be there.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    seen: set[str] = set()
    lines: list[Line] = []
    broken: list[str] = []
    anchored = False
    for number, written in enumerate(_split(content), start=1):
        line = _parse(written)
        if line is not None:
            unknown = [digest for digest in line.after if digest not in seen]
            if unknown and anchored:
                broken.append(f"line {number} vouches for a line with SHA-256 {unknown[0]}, which is not before it")
            anchored = anchored or not unknown
            lines.append(line)
        seen.add(_sha256(written))
    return Index(tuple(lines), tuple(broken))


def _split(content: bytes) -> Sequence[bytes]:
    return [line for line in content.split(b"\n") if line]


def _parse(written: bytes) -> Line | None:
    try:
        return Line.model_validate_json(written)
    except ValidationError:
        return None


def _sha256(written: bytes) -> str:
    return hashlib.sha256(written).hexdigest()
