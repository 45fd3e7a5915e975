# ruff: noqa: INP001 - a script that stands alone, not a package
"""Prints config.md, the reference of every key, from the config's JSON Schema.

python docs/reference/make_config.py > docs/reference/config.md
"""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from limekiln.config import schema

HEAD = """# config.yaml

<!-- Written by docs/reference/make_config.py from the JSON Schema; a test fails when it is stale. -->

Every key, its type, its default and its meaning. A key without a default must be given. Unknown keys are
errors. Paths are relative to the config's folder. `limekiln schema` prints the JSON Schema for editors;
`limekiln init` writes a commented file to start from; `--set key=value` replaces a value by its dotted key.
"""

Schema = Mapping[str, Any]


def markdown() -> str:
    """The whole page."""
    root = schema()
    lines = [HEAD]
    for name, key in root["properties"].items():
        section = _resolved(key, root)
        if "properties" in section:
            lines += [f"## {name}", "", _sentence(section["description"]), ""]
            lines += _section(section, name, root)
    plain = {name: key for name, key in root["properties"].items() if "properties" not in _resolved(key, root)}
    lines += ["## At the top level", "", *_table(plain, root["required"], root)]
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Schema, path: str, root: Schema) -> Iterator[str]:
    kinds = {name: key for name, key in section["properties"].items() if _kinds(key, root)}
    yield from _table(section["properties"], section.get("required", ()), root, path)
    for name, key in kinds.items():
        if f"{path}.{name}" == "data.background":
            continue
        for variant in _kinds(key, root):
            kind = variant["properties"]["kind"]["const"]
            yield from (f"### {path}.{name} of kind `{kind}`", "", _sentence(variant["description"]), "")
            keys = {n: k for n, k in variant["properties"].items() if n != "kind"}
            yield from _table(keys, variant.get("required", ()), root)


def _table(keys: Schema, required: Any, root: Schema, path: str = "") -> list[str]:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, key in keys.items():
        default = "" if name in required else f"`{json.dumps(key.get('default'), ensure_ascii=False)}`"
        meaning = key.get("description", "")
        if path == "data" and name == "background":
            meaning += " Kinds as in `data.source`."
        rows.append(f"| `{name}` | {_type(key, root)} | {default} | {meaning} |".replace("|  |", "| |"))
    return [*rows, ""]


def _type(key: Schema, root: Schema) -> str:
    if kinds := _kinds(key, root):
        named = ", ".join(f"`{k['properties']['kind']['const']}`" for k in kinds)
        return f"a source: {named}" + (" or null" if _nullable(key) else "")
    if "anyOf" in key:
        return " or ".join(_type(option, root) for option in key["anyOf"])
    if "const" in key:
        return f"`{json.dumps(key['const'])}`"
    if "enum" in key:
        return ", ".join(f"`{choice}`" for choice in key["enum"])
    if key.get("type") == "array":
        return f"list of {_type(key['items'], root)}"
    words = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": "null"}
    return words[key["type"]] + _limits(key)


def _limits(key: Schema) -> str:
    if pattern := key.get("pattern"):
        return {"^[0-9a-f]{64}$": " of 64 hexadecimal digits"}.get(pattern, "")
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {key[name]:,}" for name, sign in signs.items() if name in key and key[name] < 2**53]
    return f" {', '.join(limits)}" if limits else ""


def _kinds(key: Schema, root: Schema) -> list[Schema]:
    """The variants of a key that is one of several kinds, also where it may be null."""
    for option in (key, *key.get("anyOf", ())):
        if "discriminator" in option:
            return [_resolved(variant, root) for variant in option["oneOf"]]
    return []


def _nullable(key: Schema) -> bool:
    return any(option.get("type") == "null" for option in key.get("anyOf", ()))


def _resolved(key: Schema, root: Schema) -> Schema:
    name = key.get("$ref", "").rpartition("/")[2]
    return root["$defs"][name] if name else key


def _sentence(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.stdout.write(markdown())
