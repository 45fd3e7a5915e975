"""`config.yaml` → `Settings`, with the line and column of everything that is wrong in it.

Reading a config starts nothing and opens no other file.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML

from limekiln.config_errors import complaints, dotted
from limekiln.errors import ConfigError
from limekiln.settings import Settings
from limekiln.yaml_tree import MAX_BYTES, MAX_DEPTH, Plain, Tree, YamlProblem, read
from limekiln.yaml_tree import Path as KeyPath

IN_MEMORY_NAME: Final = "config.yaml"
"""The file name of a config that was given as values and not as a file."""


@dataclass(frozen=True)
class LoadedConfig:
    """A config that holds.

    Attributes:
        settings: every key, defaults filled in, overrides applied.
        path: the file; for a config given as values, the file that would hold it.
        folder: what the paths in the config are relative to.
        text: the file's text; for values, the same settings as YAML.
        sha256: of the file's bytes.
        overrides: the `--set` options, as given.
    """

    settings: Settings
    path: Path
    folder: Path
    text: str
    sha256: str
    overrides: tuple[str, ...] = ()


def load(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read a config file.

    Args:
        path: the file.
        overrides: `key=value` options; the key is dotted, the value YAML. They win over the file.

    Raises:
        ConfigError: with one line for each thing that is wrong, such as
            `config.yaml:23:5: explain.perturbations: expected an integer ≥ 50, got "many"`.
    """
    return of_bytes(_bytes_of(path), path, overrides)


def of_bytes(data: bytes, path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read a config from a file's bytes; `path` is where the file lies, or lay.

    Raises:
        ConfigError: as `load` does.
    """
    text = _text_of(data, path)
    try:
        tree = read(text)
    except YamlProblem as problem:
        raise ConfigError(f"{path}:{problem.line}:{problem.column}: {problem.text}") from problem
    if tree.value is None:
        raise ConfigError(f"{path}:1:1: the file holds no settings; `limekiln init` writes a config to start from")
    document = _Document(str(path), tree, deepcopy(tree.value))
    for option in overrides:
        document.override(option)
    settings = _validated(document)
    return LoadedConfig(settings, path, path.parent, text, hashlib.sha256(data).hexdigest(), tuple(overrides))


def from_mapping(values: Mapping[str, Any] | Settings, folder: Path) -> LoadedConfig:
    """Take a config given as values, for the Python API.

    Raises:
        ConfigError: with one line for each thing that is wrong, such as
            `config: explain.perturbations: expected an integer ≥ 50, got "many"`.
    """
    plain = _plain(values.model_dump() if isinstance(values, Settings) else values, ())
    settings = _validated(_Document(None, Tree(plain, {}, {}), plain))
    text = _as_yaml(settings)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return LoadedConfig(settings, folder / IN_MEMORY_NAME, folder, text, sha256)


def schema() -> dict[str, Any]:
    """Give the JSON Schema of `config.yaml`, with the meaning of every key, for editors and `limekiln schema`."""
    return deepcopy(_schema())


def starter() -> str:
    """Give the commented config that `limekiln init` writes."""
    return files("limekiln").joinpath("starter.yaml").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Settings.model_json_schema(),
        "title": "limekiln config",
    }


@dataclass
class _Document:
    """Values on their way to validation. `place` is the file's name, or None for values without a file."""

    place: str | None
    tree: Tree
    value: Plain
    options: dict[KeyPath, str] = field(default_factory=dict)

    def override(self, option: str) -> None:
        """Set one key; remember the option, for errors about its value.

        Raises:
            ConfigError: the option is not `key=value`, or its key or value cannot be read.
        """
        key, equals, text = option.partition("=")
        path: KeyPath = tuple(key.strip().split("."))
        if not equals or not all(re.fullmatch(r"[\w-]+", str(step)) for step in path) or len(path) > MAX_DEPTH:
            raise ConfigError(f"--set {option}: expected key=value, such as sample.rows=100")
        try:
            value = read(text).value
        except YamlProblem as problem:
            raise ConfigError(f"--set {option}: {problem.text}") from problem
        section = self.value
        for step in path[:-1]:
            section = self._inner(section, step, option)
        if not isinstance(section, dict):
            raise ConfigError(f"--set {option}: {dotted(path[:-1]) or 'the config'} has no keys that could be set")
        section[str(path[-1])] = value
        self.options = {p: o for p, o in self.options.items() if p[: len(path)] != path}
        self.options[path] = f"--set {option}"

    @staticmethod
    def _inner(section: Plain, step: str | int, option: str) -> Plain:
        if not isinstance(section, dict):
            raise ConfigError(f"--set {option}: there are no keys under which {step} could be set")
        if section.get(str(step)) is None:
            section[str(step)] = {}
        return section[str(step)]

    def where(self, path: KeyPath, *, at_key: bool) -> tuple[tuple[int, int], str]:
        """Give the place of a path as (line, column), for sorting, and as the start of a message."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.options:
                return (0, 0), self.options[path[:end]]
        made_by = [option for p, option in self.options.items() if p[: len(path)] == path]
        if made_by and path not in self.tree.keys:
            return (0, 0), made_by[0]
        if self.place is None:
            return (0, 0), "config"
        line, column = self.tree.position(path, at_key=at_key)
        return (line, column), f"{self.place}:{line}:{column}"


def _validated(document: _Document) -> Settings:
    if not isinstance(document.value, dict):
        _, place = document.where((), at_key=False)
        raise ConfigError(f"{place}: expected keys such as model and data, got {_named(document.value)}")
    try:
        return Settings.model_validate(document.value)
    except ValidationError as error:
        found = complaints(error.errors(include_url=False), document.value, _schema())
    lines = sorted((document.where(c.path, at_key=c.at_key), c.path == (), dotted(c.path), c.text) for c in found)
    raise ConfigError("\n".join(f"{place}: {key}: {text}" for (_, place), _, key, text in lines))


def _named(value: Plain) -> str:
    if isinstance(value, tuple):
        return "a list"
    return "nothing" if value is None else "a single value"


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file{_nearest_file(path)}; `limekiln init` writes a config to start from"
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(f"{path}: is a folder; name the config file in it") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes; that is not a config")
    return data


def _nearest_file(path: Path) -> str:
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return ""
    near = get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.parent / near[0]}?" if near else ""


def _text_of(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ConfigError(
            f"{path}:{line}:{column}: byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from error


def _plain(value: Any, path: KeyPath) -> Plain:
    """Values of Python and numpy → what a YAML file could hold."""
    if len(path) > MAX_DEPTH:
        raise ConfigError(f"config: {dotted(path[:3])}…: nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(inner, (*path, i)) for i, inner in enumerate(value))
    if isinstance(value, os.PathLike):
        return str(value)
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, str) and not re.search("[\x00\ud800-\udfff]", value):
        return str(value)
    raise ConfigError(f"config: {dotted(path)}: expected a text, a number, a list or a dict, got {_kind_of(value)}")


def _kind_of(value: object) -> str:
    return (
        "a text with characters that no file can hold"
        if isinstance(value, str)
        else f"a value of type {type(value).__name__}"
    )


def _as_yaml(settings: Settings) -> str:
    """Settings as YAML, every key in the schema's order: the same settings give the same text."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 1_000_000
    text = io.StringIO()
    yaml.dump(json.loads(settings.model_dump_json()), text)
    return text.getvalue()
