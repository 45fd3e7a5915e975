"""The run folder: the only place where results are written and read back.

A run is written beside its place and renamed into it, so a reader never sees half a run. `manifest.json`
comes last and holds the SHA-256 of every other file and a seal on itself.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from limekiln import gates, junit, seal
from limekiln.change import Change
from limekiln.errors import InputError, RunError
from limekiln.governance import GovernanceMapping, TemplateFacts
from limekiln.record import TABLES, Gates, Manifest, Results, RunRecord

Document = TypeVar("Document", bound=BaseModel)

MANIFEST: Final = seal.MANIFEST
RESULTS: Final = "results.json"
MAPPING: Final = "mapping.json"
CHANGE: Final = "change.json"
GATES: Final = "gates.json"
GATES_FOR_CI: Final = "gates.junit.xml"
EVALUATIONS: Final = "evaluations"
REASONS: Final = "reasons"
CHANGES: Final = "changes"
OPTIONAL: Final = frozenset({"pictures", "cohorts"})
"""The tables that a run may lack."""
CSV_TWINS: Final = ("importances", "picks")

_LONGEST: Final = 91  # and a hyphen and eight digits of a hash: 100 bytes
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\0")


def slug(name: str, *, exact: bool = False) -> str:
    """A file name for a model or a row: lower-case letters, digits and hyphens, at most 100 bytes.

    A name that loses anything but blanks, hyphens and case (or, if `exact`, anything at all) gets a short
    hash of itself, so that two never share a file by accident.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-")
    if plain == name or (
        not exact and re.fullmatch(r"[A-Za-z0-9]+([ _-][A-Za-z0-9]+)*", name) and len(name) <= _LONGEST
    ):
        return plain
    return f"{plain or 'model'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@contextmanager
def staging(parent: Path, run_id: str) -> Iterator[Path]:
    """An empty folder beside the run's place, gone again when what is inside the block fails.

    Raises:
        InputError: the output folder cannot be written.
    """
    folder = parent / f".{run_id}.partial"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    except OSError as error:
        raise InputError(f"output: cannot write to {parent}: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_run_id(parent: Path, wanted: str) -> str:
    """`wanted`, or with the first free number behind it: a clock that goes back never overwrites a run."""
    run_id, number = wanted, 2
    while (parent / run_id).exists():
        run_id, number = f"{wanted}-{number}", number + 1
    return run_id


def write_results(folder: Path, record: RunRecord) -> None:
    """Writes `results.json`, the tables and their CSV twins, and gates, mapping and change where there are any."""
    results, tables = record.results, record.tables
    write_text(folder / RESULTS, to_json(results))
    if results.gates:  # a job that reads them must not take a config that lost its gates for one that passes
        found = Gates(verdict=gates.verdict(results.gates), gates=results.gates)
        write_text(folder / GATES, to_json(found))
        write_text(folder / GATES_FOR_CI, junit.render(results))
    if record.mapping is not None:
        write_text(folder / MAPPING, to_json(record.mapping))
    if record.change is not None:
        write_text(folder / CHANGE, to_json(record.change))
    for name in (n for n in TABLES if n in tables):
        table = pa.Table.from_pandas(tables[name], preserve_index=False)
        pq.write_table(table.replace_schema_metadata(None), folder / f"{name}.parquet", compression="zstd")
    for name in CSV_TWINS:
        write_text(folder / f"{name}.csv", to_csv(tables[name]))


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV with guarded texts and headers; numbers stay numbers."""
    guarded = table.rename(columns=guard)
    for column in guarded.select_dtypes(exclude="number").columns:
        guarded[column] = guarded[column].map(guard, na_action="ignore")
    return guarded.to_csv(index=False, lineterminator="\n")


def guard(cell: object) -> object:
    """Text that a spreadsheet would take for a formula, with an apostrophe before it (OWASP ASVS 1.2.10)."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def publish(staging: Path, place: Path) -> None:
    """Flushes a finished run to disk and renames it into its place."""
    for file in staging.iterdir():
        _sync(file)
    _sync(staging)
    staging.rename(place)
    _sync(place.parent)


def read(folder: Path) -> RunRecord:
    """A stored run.

    Raises:
        InputError: the folder holds no run, or one whose documents or tables cannot be read.
    """
    results = _read_document(folder / RESULTS, Results)
    manifest = _read_document(folder / MANIFEST, Manifest)
    tables = {}
    for name in TABLES:
        if name in OPTIONAL and not (folder / f"{name}.parquet").exists():
            continue
        try:
            tables[name] = pq.read_table(folder / f"{name}.parquet").to_pandas()
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{folder / name}.parquet: cannot be read: {error}") from error
    mapping = _read_document(folder / MAPPING, GovernanceMapping) if manifest.mapping is not None else None
    templates = tuple((t.name, _read_template(folder, t)) for t in manifest.templates)
    change = _read_document(folder / CHANGE, Change) if CHANGE in manifest.files else None
    return RunRecord(results, manifest, tables, mapping, templates, change)


def template_file(name: str) -> str:
    """The file of the run folder that keeps a template of the user's."""
    return f"template.{name}"


def _read_template(folder: Path, facts: TemplateFacts) -> str:
    path = folder / template_file(facts.name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != facts.sha256:
        raise InputError(f"{path}: is not the template that the run was drawn with; manifest.json has another SHA-256")
    return data.decode("utf-8")


def evaluation_path(folder: Path, run_id: str) -> Path:
    """Where the evaluation of a run goes: beside the runs, since the manifest fixes what a run folder holds."""
    return _beside(folder) / EVALUATIONS / f"{run_id}.json"


def reasons_path(folder: Path, run_id: str, class_name: str) -> Path:
    """Where the candidate reasons for a class go, as CSV: beside the runs too."""
    return _beside(folder) / REASONS / f"{run_id}--{slug(class_name, exact=True)}.csv"


def change_path(folder: Path, old: str, new: str) -> Path:
    """Where the page on two runs goes: beside the runs of the new one, whose folder is given."""
    return _beside(folder) / CHANGES / f"{old}--{new}.html"


def _beside(folder: Path) -> Path:
    return folder.parent if folder.name not in {"", ".."} else folder.resolve().parent


def write_document(path: Path, document: BaseModel) -> None:
    """Writes a document as JSON, and the folder for it.

    Raises:
        InputError: the folder cannot be made.
        RunError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path.parent}: {error.strerror}") from error
    write_text(path, to_json(document))


@dataclass(frozen=True)
class Previous:
    """A run before another: its id, the SHA-256 of its manifest, and the seal that drawing it again leaves."""

    run_id: str
    manifest_sha256: str
    seal: str | None


def newest(parent: Path, before: str) -> Previous | None:
    """The newest finished run of a model, other than `before`; None for the first."""
    if not parent.is_dir():
        return None
    runs = [f.name for f in parent.iterdir() if not f.name.startswith(".") and (f / MANIFEST).is_file()]
    earlier = sorted(name for name in runs if name != before)
    if not earlier:
        return None
    content = (parent / earlier[-1] / MANIFEST).read_bytes()
    try:
        sealed = seal.of_run(seal.read(content))
    except ValueError:
        sealed = None
    return Previous(earlier[-1], hashlib.sha256(content).hexdigest(), sealed)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a run folder but the manifest itself, by name."""
    return {f.name: seal.sha256(f) for f in sorted(folder.iterdir()) if f.is_file() and f.name != MANIFEST}


def documents(record: RunRecord) -> dict[str, str]:
    """The two documents of a run as they travel inside its PDF, by file name.

    The manifest holds nothing there that comes from the drawing: a file cannot hold its own hash.
    """
    manifest = seal.undrawn(record.manifest.model_dump(mode="json"))
    return {MANIFEST: seal.as_json(manifest).decode("utf-8"), RESULTS: to_json(record.results)}


def undrawn(record: RunRecord) -> RunRecord:
    """The run as it was before its reports were drawn."""
    bare = {name: digest for name, digest in record.manifest.files.items() if name not in seal.REPORTS}
    changes = {"files": bare, "drawn_by": None, "seal": None}
    return replace(record, manifest=record.manifest.model_copy(update=changes))


def sealed(manifest: Manifest) -> Manifest:
    """The manifest with its seal."""
    return manifest.model_copy(update={"seal": seal.of(manifest.model_dump(mode="json"))})


def to_json(document: BaseModel) -> str:
    """A document as indented JSON with keys in their declared order; the same text for the same values."""
    return seal.as_json(document.model_dump(mode="json")).decode("utf-8")


def encode(text: str) -> bytes:
    """UTF-8, what it lacks escaped."""
    return text.encode("utf-8", "backslashreplace")


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 with bare line feeds on every platform.

    Raises:
        RunError: the file cannot be written.
    """
    write_bytes(path, encode(text))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes beside the place and renames, so that the file is the old one or the new one, never a part.

    Raises:
        RunError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error.strerror}") from error


def _read_document(path: Path, kind: type[Document]) -> Document:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path.parent} is not a run folder: {path.name} cannot be read") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}: {first['msg']}; was it written by another version?") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
