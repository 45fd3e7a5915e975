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
    sections = _sections(root["properties"], root)
    for name, section in sections.items():
        lines += [f"## {name}", "", _sentence(section["description"]), ""]
        lines += _section(section, name, root)
    lists = {name: key for name, key in root["properties"].items() if _kinds(key.get("items", {}), root)}
    for name, key in lists.items():
        lines += list(_list(name, key, root))
    plain = {name: key for name, key in root["properties"].items() if name not in {*sections, *lists}}
    lines += ["## At the top level", "", *_table(plain, root["required"], root)]
    return "\n".join(lines).rstrip() + "\n"


def _list(name: str, key: Schema, root: Schema) -> Iterator[str]:
    """A list of sections of several kinds, such as the gates."""
    kind = key["items"]["discriminator"]["propertyName"]
    yield from (
        f"## {name}",
        "",
        f"{_sentence(key['description'])} A list; each entry has a `{kind}`, and is one of:",
        "",
    )
    for variant in _kinds(key["items"], root):
        called = variant["properties"][kind]["const"]
        yield from (f"### {name} of {kind} `{called}`", "", _sentence(variant["description"]), "")
        keys = {n: k for n, k in variant["properties"].items() if n != kind}
        yield from _table(keys, variant.get("required", ()), root)


def _section(section: Schema, path: str, root: Schema) -> Iterator[str]:
    kinds = {name: key for name, key in section["properties"].items() if _kinds(key, root)}
    inside = _sections(section["properties"], root)
    plain = {name: key for name, key in section["properties"].items() if name not in inside}
    yield from _table(plain, section.get("required", ()), root, path)
    for name, key in kinds.items():
        if f"{path}.{name}" == "data.background":
            continue
        for variant in _kinds(key, root):
            kind = variant["properties"]["kind"]["const"]
            yield from (f"### {path}.{name} of kind `{kind}`", "", _sentence(variant["description"]), "")
            keys = {n: k for n, k in variant["properties"].items() if n != "kind"}
            yield from _table(keys, variant.get("required", ()), root)
    entries = {n: _resolved(k["items"], root) for n, k in plain.items() if "$ref" in k.get("items", {})}
    for name, entry in entries.items():
        yield from (f"### entries of {path}.{name}", "", _sentence(entry["description"]), "")
        yield from _table(entry["properties"], entry.get("required", ()), root)
    for name, inner in _sections(section["properties"], root).items():
        yield from (f"### {path}.{name}", "", _sentence(inner["description"]), "")
        yield from _section(inner, f"{path}.{name}", root)


def _sections(keys: Schema, root: Schema) -> dict[str, Schema]:
    """The keys that are sections of their own, resolved."""
    resolved = {name: _resolved(key, root) for name, key in keys.items()}
    return {name: key for name, key in resolved.items() if "properties" in key}


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
    if key.get("type") in {"array", "object"}:
        return _collection(key, root)
    words = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": "null"}
    return words[key["type"]] + _limits(key)


def _collection(key: Schema, root: Schema) -> str:
    if key["type"] == "object":
        return f"map of names to {_type(key['additionalProperties'], root)}"
    if "prefixItems" in key:
        return f"[{', '.join(_type(item, root) for item in key['prefixItems'])}]"
    return "list of entries, below" if "$ref" in key["items"] else f"list of {_type(key['items'], root)}"


def _limits(key: Schema) -> str:
    if pattern := key.get("pattern"):
        known = {"^[0-9a-f]{64}$": " of 64 hexadecimal digits", r"^[\w.]+:[\w.]+$": " (`module:callable`)"}
        return known.get(pattern, "")
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
