"""YAML text → plain values and the place of each: the part of YAML 1.2 that a config needs, and no more.

Scalars, lists and maps with text keys are read; anchors, aliases, tags and further documents are refused,
so that a small file stays small in memory and no value is made by anything but this module.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

Path = tuple[str | int, ...]
Plain = None | bool | int | float | str | tuple["Plain", ...] | dict[str, "Plain"]

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 20

_SCALARS: Final[tuple[tuple[re.Pattern[str], Callable[[str], Plain]], ...]] = (
    (re.compile(r"(?:~|null|Null|NULL|)"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 0)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)
_NOT_PRINTABLE = re.compile("[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Tree:
    """A document. `values` and `keys` map a path to the line and column, from 1, of its value and its key."""

    value: Plain
    values: Mapping[Path, tuple[int, int]]
    keys: Mapping[Path, tuple[int, int]]

    def position(self, path: Path, *, at_key: bool) -> tuple[int, int]:
        """Give the place of a path's value or key, or of the nearest section that is there."""
        exact = self.keys if at_key else self.values
        if path in exact:
            return exact[path]
        for end in range(len(path), 0, -1):
            places = self.values if isinstance(path[end - 1], int) else self.keys  # a list's items have no key
            if path[:end] in places:
                return places[path[:end]]
        return 1, 1


class YamlProblem(Exception):  # noqa: N818 - it never leaves the package; config.py turns it into a ConfigError
    """Text that cannot be read, at a line and column that count from 1."""

    def __init__(self, line: int, column: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.column = column
        self.text = text


def read(text: str) -> Tree:
    """Read one document.

    Raises:
        YamlProblem: at the first thing that is not plain YAML 1.2.
    """
    if bad := _NOT_PRINTABLE.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - (text.rfind("\n", 0, bad.start()) + 1) + 1
        raise YamlProblem(line, column, f"the character U+{ord(bad.group()):04X} is not allowed in YAML")
    builder = _Builder(_events(text))
    try:
        value = builder.document()
    except MarkedYAMLError as error:
        raise _from_parser(error) from error
    except YAMLError as error:
        raise YamlProblem(1, 1, f"not valid YAML: {_one_line(str(error))}") from error
    return Tree(value, builder.values, builder.keys)


def scalar(text: str) -> Plain:
    """Give the value of a plain scalar by YAML 1.2's core schema; dates stay text.

    Raises:
        ValueError: an integer of more digits than Python converts.
    """
    return next((convert(text) for pattern, convert in _SCALARS if pattern.fullmatch(text)), text)


def _events(text: str) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except YAMLError:
        raise
    except Exception as error:  # the parser lets a ValueError or an IndexError through on some broken texts
        raise YamlProblem(1, 1, f"not valid YAML: {_one_line(str(error)) or type(error).__name__}") from error


class _Builder:
    """Parser events → values; it holds the place where it reads."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self.values: dict[Path, tuple[int, int]] = {}
        self.keys: dict[Path, tuple[int, int]] = {}

    def document(self) -> Plain:
        value: Plain = None
        seen = False
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if seen:
                    raise _problem(event, "a second document; a config is one document")
                seen = True
                value = self._value(next(self._events), ())
        return value

    def _value(self, event: Any, path: Path) -> Plain:
        _check(event)
        # the parser puts a value that is not there at the next thing in the file
        absent = isinstance(event, ScalarEvent) and event.style is None and not event.value
        self.values[path] = self.keys.get(path, _place(event)) if absent else _place(event)
        if len(path) > MAX_DEPTH:
            raise _problem(event, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, ScalarEvent):
            return _scalar_of(event)
        if isinstance(event, SequenceStartEvent):
            return self._list(path)
        if isinstance(event, MappingStartEvent):
            return self._map(path)
        raise _problem(event, f"unexpected {type(event).__name__}")

    def _list(self, path: Path) -> tuple[Plain, ...]:
        items: list[Plain] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return tuple(items)

    def _map(self, path: Path) -> dict[str, Plain]:
        entries: dict[str, Plain] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            _check(event)
            if not isinstance(event, ScalarEvent):
                raise _problem(event, "a key must be a single word or text")
            key = _text_of(event)
            if key in entries:
                line, _ = self.keys[(*path, key)]
                raise _problem(event, f'the key "{key}" stands twice, first on line {line}')
            self.keys[(*path, key)] = _place(event)
            entries[key] = self._value(next(self._events), (*path, key))
        return entries


def _scalar_of(event: ScalarEvent) -> Plain:
    text = _text_of(event)
    if event.style is not None:
        return text
    try:
        return scalar(text)
    except ValueError as error:  # an integer of thousands of digits
        raise _problem(event, "a number with too many digits") from error


def _text_of(event: ScalarEvent) -> str:
    text = str(event.value)
    if bad := _NOT_TEXT.search(text):
        raise _problem(event, f"the character U+{ord(bad.group()):04X} is not allowed in a text")
    return text


def _check(event: Any) -> None:
    if isinstance(event, AliasEvent):
        raise _problem(event, f"an alias (*{event.anchor}) is not allowed in a config; write the value out")
    if getattr(event, "anchor", None) is not None:
        raise _problem(
            event, f"an anchor (&{event.anchor}) is not allowed in a config; write the value where it is used"
        )
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise _problem(event, f"a tag ({_one_line(str(tag))}) is not allowed in a config; write the plain value")


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _problem(event: Any, text: str) -> YamlProblem:
    return YamlProblem(*_place(event), text)


def _from_parser(error: MarkedYAMLError) -> YamlProblem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    problem = _one_line(str(error.problem or error.context or "it cannot be parsed"))
    if "'\\t'" in problem or "\t" in str(error.problem):
        return YamlProblem(line, column, "a tab cannot indent YAML; use blanks")
    if "quoted scalar" in str(error.context) and "end of stream" in problem and error.context_mark is not None:
        start = error.context_mark
        return YamlProblem(start.line + 1, start.column + 1, "the quote that opens here is never closed")
    context = f" ({_one_line(str(error.context))})" if error.context and error.problem else ""
    return YamlProblem(line, column, f"not valid YAML: {problem}{context}")


def _one_line(text: str, limit: int = 200) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
