"""A user's table of codes: feature, or feature and value, to a code and its text."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from limekiln import yaml_tree
from limekiln.errors import InputError

_KEYS: Final = ("feature", "value", "code", "text")
_NEEDED: Final = ("feature", "code")
_YAML: Final = frozenset({".yaml", ".yml"})


@dataclass(frozen=True)
class Entry:
    """One line: what it is for, its code, its text, and where it stands."""

    feature: str
    value: str | None
    code: str
    text: str
    line: int


@dataclass(frozen=True)
class CodeTable:
    """The entries by feature and value (None: any value), and the hash of the file's bytes."""

    entries: Mapping[tuple[str, str | None], Entry]
    sha256: str

    def of(self, feature: str, value: str) -> Entry | None:
        """The entry of a feature's value, else of the feature."""
        return self.entries.get((feature, value)) or self.entries.get((feature, None))


def read(path: Path) -> CodeTable:
    """Reads a CSV file with the columns feature, value (if need be), code and text, or a YAML list of such entries.

    Raises:
        InputError: the file cannot be read, an entry is not complete, or one stands twice.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"--codes: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"--codes: {path} is not UTF-8; save it as UTF-8") from error
    entries: dict[tuple[str, str | None], Entry] = {}
    for entry in _of_yaml(text, path) if path.suffix.lower() in _YAML else _of_csv(text, path):
        key = (entry.feature, entry.value)
        if key in entries:
            what = entry.feature if entry.value is None else f"{entry.feature} = {entry.value}"
            raise InputError(f"{path}:{entry.line}: {what} has a code already, on line {entries[key].line}")
        entries[key] = entry
    if not entries:
        raise InputError(f"{path}: holds no codes; write one line for each feature: feature,value,code,text")
    return CodeTable(entries, hashlib.sha256(content).hexdigest())


def check(table: CodeTable, path: Path, values: Mapping[str, set[str]]) -> list[str]:
    """Sees that the table speaks of the run's features; gives a note for each value that no explained row has.

    Args:
        table: what was read from `path`.
        path: for the messages.
        values: by feature the values of the explained rows.

    Raises:
        InputError: a feature is not the run's; the message names the nearest one.
    """
    notes = []
    for entry in table.entries.values():
        if entry.feature not in values:
            hint = _near(entry.feature, values) or f"the run has {', '.join(list(values)[:5])}, …"
            raise InputError(f'{path}:{entry.line}: the run has no feature "{entry.feature}"; {hint}')
        if entry.value is not None and entry.value not in values[entry.feature]:
            hint = _near(entry.value, values[entry.feature])
            notes.append(
                f"{path}:{entry.line}: no explained row has {entry.feature} = {entry.value}{hint and f'; {hint}'}"
            )
    return notes


def _near(name: str, names: Mapping[str, set[str]] | set[str]) -> str:
    found = get_close_matches(name, sorted(names), n=1, cutoff=0.5)
    return f'did you mean "{found[0]}"?' if found else ""


def _of_csv(text: str, path: Path) -> Iterator[Entry]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        if strange := sorted(set(names) - set(_KEYS)) or sorted(set(_NEEDED) - set(names)):
            raise InputError(f"{path}:1: expected the columns feature, value, code and text; see {strange[0]!r}")
        for line in reader:
            yield _entry({k: v for k, v in line.items() if k in _KEYS}, path, reader.line_num)
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not valid CSV: {error}") from error


def _of_yaml(text: str, path: Path) -> Iterator[Entry]:
    try:
        tree = yaml_tree.read(text)
    except yaml_tree.YamlProblem as problem:
        raise InputError(f"{path}:{problem.line}:{problem.column}: {problem.text}") from problem
    if not isinstance(tree.value, tuple):
        raise InputError(f"{path}: expected a list of entries such as: - {{feature: age, code: A1, text: …}}")
    for i, item in enumerate(tree.value):
        line, _ = tree.position((i,), at_key=False)
        if not isinstance(item, dict) or set(item) - set(_KEYS):
            raise InputError(f"{path}:{line}: expected feature, value, code and text, and no other key")
        if bad := [k for k, v in item.items() if isinstance(v, tuple | dict | bool)]:
            raise InputError(f"{path}:{line}: {bad[0]}: expected a text; put it in quotes")
        yield _entry({k: None if v is None else str(v) for k, v in item.items()}, path, line)


def _entry(found: Mapping[str, str | None], path: Path, line: int) -> Entry:
    cells = {key: (found.get(key) or "").strip() for key in _KEYS}
    for key in _NEEDED:
        if not cells[key]:
            raise InputError(f"{path}:{line}: {key}: missing; an entry has a feature and a code")
    return Entry(cells["feature"], cells["value"] or None, cells["code"], cells["text"], line)
