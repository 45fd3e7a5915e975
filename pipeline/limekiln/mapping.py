"""The mapping of a report's sections to clauses of laws and standards: a YAML file, limekiln's own or the user's."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from limekiln.config import LoadedConfig
from limekiln.config_errors import Complaint, complaints, dotted
from limekiln.errors import ConfigError
from limekiln.governance import GovernanceMapping, MappingSource
from limekiln.report import sections
from limekiln.settings.report import NO_MAPPING
from limekiln.yaml_tree import MAX_BYTES, Tree, YamlProblem, read

OWN: Final = "limekiln"
_FILE: Final = "mapping.yaml"


@dataclass(frozen=True)
class Mapped:
    """A mapping and where it is from."""

    mapping: GovernanceMapping
    source: MappingSource


def of_config(config: LoadedConfig) -> Mapped | None:
    """The mapping that a config asks for; None where it wants none.

    Raises:
        ConfigError: the file cannot be read, or is no mapping; with a line for each thing that is wrong, such as
            `mapping.yaml:7:9: regimes[0].clauses[0].sections[0]: no section is called "method2"`.
    """
    chosen = config.settings.report.mapping
    if chosen == NO_MAPPING:
        return None
    if chosen is None:
        data = files("limekiln").joinpath(_FILE).read_bytes()
        return Mapped(_of_bytes(data, _FILE), MappingSource(file=OWN, sha256=hashlib.sha256(data).hexdigest()))
    path = config.folder / chosen
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        told = getattr(error, "strerror", None) or error
        raise ConfigError(f"report.mapping: {path} cannot be read: {told}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"report.mapping: {path} is larger than {MAX_BYTES:,} bytes; that is not a mapping")
    source = MappingSource(file=Path(chosen).name, sha256=hashlib.sha256(data).hexdigest())
    return Mapped(_of_bytes(data, str(path)), source)


def _of_bytes(data: bytes, place: str) -> GovernanceMapping:
    try:
        tree = read(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{place}: not a text in UTF-8; save it so") from error
    except YamlProblem as problem:
        raise ConfigError(f"{place}:{problem.line}:{problem.column}: {problem.text}") from problem
    if not isinstance(tree.value, dict):
        raise ConfigError(f"{place}:1:1: expected the keys name and regimes")
    try:
        mapping = GovernanceMapping.model_validate(tree.value)
    except ValidationError as error:
        schema = GovernanceMapping.model_json_schema()
        raise _refused(complaints(error.errors(include_url=False), tree.value, schema), tree, place) from error
    if unknown := list(_unknown_sections(mapping)):
        raise _refused(unknown, tree, place)
    return mapping


def _unknown_sections(mapping: GovernanceMapping) -> list[Complaint]:
    known = ", ".join(sections.ANCHORS)
    return [
        Complaint(
            ("regimes", r, "clauses", c, "sections", s), f"no section is called {anchor!r}; the sections are {known}"
        )
        for r, regime in enumerate(mapping.regimes)
        for c, clause in enumerate(regime.clauses)
        for s, anchor in enumerate(clause.sections)
        if anchor not in sections.ANCHORS
    ]


def _refused(found: list[Complaint], tree: Tree, place: str) -> ConfigError:
    lines = sorted((tree.position(c.path, at_key=c.at_key), dotted(c.path), c.text) for c in found)
    return ConfigError("\n".join(f"{place}:{line}:{column}: {key}: {text}" for (line, column), key, text in lines))
