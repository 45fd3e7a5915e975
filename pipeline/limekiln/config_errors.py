"""What pydantic says about a config → sentences that name the key, the expectation, the value and the way out."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from limekiln.settings import CONTRADICTIONS
from limekiln.yaml_tree import Path, Plain

Schema = Mapping[str, Any]

_PATTERNS: Final[Mapping[str, str]] = {
    r"^[0-9a-f]{64}$": "64 hexadecimal digits in lower case",
    r"^[\w.]+:[\w.]+$": 'a text like "module:callable"',
    r"\S": "a text that is not blank",
    r"^(inline|local|(tcp|tls)://.+)$": '"inline", "local", "tcp://…" or "tls://…"',
    r"^[A-Za-z_][A-Za-z0-9_]*$": "the name of an environment variable",
    r"^https?://.+$": '"http://…" or "https://…"',
}


@dataclass(frozen=True)
class Complaint:
    """One thing wrong: where (a path into the config), what, and whether the key and not its value is wrong."""

    path: Path
    text: str
    at_key: bool = False


def complaints(errors: Sequence[Mapping[str, Any]], raw: Plain, schema: Schema) -> list[Complaint]:
    """Say each of pydantic's errors in words, one a place.

    Args:
        errors: what `ValidationError.errors()` gave.
        raw: the values that were validated.
        schema: the JSON Schema of the settings.
    """
    found: dict[Path, Complaint] = {}
    for error in errors:
        for complaint in _said(error, raw, schema):
            found.setdefault(complaint.path, complaint)
    return list(found.values())


def dotted(path: Path) -> str:
    """Give ("a", "b", 0) as `a.b[0]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{shown_key(step)}" for step in path)
    return text.removeprefix(".")


def shown_key(key: str) -> str:
    """Give a key as it is, or quoted and shortened where it is no word."""
    return key if re.fullmatch(r"[\w-]{1,60}", key) else shown(key)


def shown(value: Plain) -> str:
    """Give a value as a message quotes it, in at most 80 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys and values" if value else "an empty map"
    if isinstance(value, tuple):
        return "a list" if value else "an empty list"
    text = repr(value) if isinstance(value, float) else _json(value)
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004 - as the docstring says


def _json(value: Plain) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except ValueError:  # an integer of thousands of digits cannot be written in decimal
        return "a number of very many digits"


def _said(error: Mapping[str, Any], raw: Plain, root: Schema) -> Iterator[Complaint]:
    if error["type"] == CONTRADICTIONS:
        for key, text in error["ctx"]["problems"]:
            yield Complaint(_path(key), text)
        return
    path, schema = _located(tuple(error["loc"]), root)
    value = _at(raw, path)
    match error["type"]:
        case "missing":
            yield Complaint(path, f"missing{_meaning(schema)}")
        case "extra_forbidden":
            yield Complaint(path, _unknown(path, root, raw), at_key=True)
        case "value_error":
            yield Complaint(path, f"{error['ctx']['error']}, got {shown(value)}")
        case "string_too_long" if isinstance(value, str) and error["ctx"]["max_length"] > 1:
            yield Complaint(path, f"expected at most {error['ctx']['max_length']:,} characters, got {len(value):,}")
        case "union_tag_not_found" | "model_attributes_type":
            yield from _without_kind(path, value, schema)
        case "union_tag_invalid":
            yield _of_no_kind((*path, _kind_key(schema)), raw, schema)
        case _:
            yield Complaint(path, _unexpected(value, schema))


def _unexpected(value: Plain, schema: Schema) -> str:
    text = f"expected {_expected(schema, value)}, got {shown(value)}"
    if isinstance(value, bool | int | float) and _wants_any_text(schema):
        return f"{text}; put it in quotes"
    if isinstance(value, float) and value.is_integer() and _wants(schema, "integer"):
        return f"{text}; write {int(value)}" if abs(value) < 1e15 else text  # noqa: PLR2004 - more would be noise
    if isinstance(value, str):
        choices = [c for c in _choices(schema) if isinstance(c, str)]
        if near := get_close_matches(value.lower(), choices, n=1):
            return f'{text}; did you mean "{near[0]}"?'
        if _wants(schema, "array"):
            return f"{text}{_as_list(value, schema.get('items', {}))}"
    return text


def _as_list(value: str, items: Schema) -> str:
    """How a list of the one value is written; nothing where it is no such list's value."""
    if not (kinds := _choices(_kinds(items))):
        return f"; write [{shown(value)}]"
    return f"; write [{{{_kind_key(items)}: {value}}}]" if value in kinds else ""


def _without_kind(path: Path, value: Plain, schema: Schema) -> Iterator[Complaint]:
    key = _kind_key(schema)
    if isinstance(value, dict):
        yield Complaint((*path, key), f"missing; expected {_expected(_kinds(schema), None)}")
    elif value in _choices(_kinds(schema)):
        yield Complaint(path, f"expected {_keys_such_as(schema)}, got {shown(value)}; write {{{key}: {value}}}")
    else:
        yield Complaint(path, f"expected {_keys_such_as(schema)}, got {shown(value)}")


def _of_no_kind(path: Path, raw: Plain, schema: Schema) -> Complaint:
    return Complaint(path, _unexpected(_at(raw, path), _kinds(schema)))


def _unknown(path: Path, root: Schema, raw: Plain) -> str:
    key = str(path[-1])
    _, section = _located(path[:-1], root)
    # a union's own keys: the branch is not known here, so all branches count
    siblings = sorted({k for branch in _of_rule(_branches(section, root), path, raw) for k in branch["properties"]})
    if near := get_close_matches(key, siblings, n=1):
        return f"unknown key; did you mean {near[0]}?"
    elsewhere = [dotted(p) for p in _all_keys(root, root) if p[-1] == key]
    if elsewhere:
        return f"unknown key here; did you mean {elsewhere[0]}?"
    return f"unknown key; expected {_any_of(siblings)}"


def _of_rule(branches: Sequence[Schema], path: Path, raw: Plain) -> list[Schema]:
    """Those with keys; of gates, the one with this gate's rule: no rule takes the keys of another."""
    with_keys = [b for b in branches if "properties" in b]
    gate = _at(raw, path[:-1])
    rule = gate.get("rule") if isinstance(gate, dict) else None
    own = [b for b in with_keys if b["properties"].get("rule", {}).get("const", b) == rule]
    return own or with_keys


def _located(loc: tuple[str | int, ...], root: Schema) -> tuple[Path, Schema]:
    """Walk the schema along pydantic's location, which also names union branches that are no part of the path."""
    path: Path = ()
    schema = _resolved(root, root)
    for step in loc:
        branches = _branches(schema, root)
        if isinstance(step, int):
            schema = _resolved(next((item for b in branches if (item := _item(b, step))), {}), root)
        elif hit := [b["properties"][step] for b in branches if step in b.get("properties", {})]:
            schema = _resolved(hit[0], root)
        elif step in schema.get("discriminator", {}).get("mapping", {}):
            schema = _resolved({"$ref": schema["discriminator"]["mapping"][step]}, root)
            continue
        elif discriminated := [b for b in branches if step in b.get("discriminator", {}).get("mapping", {})]:
            schema = _resolved({"$ref": discriminated[0]["discriminator"]["mapping"][step]}, root)
            continue
        elif any("properties" in b for b in branches):
            schema = {}  # an unknown key
        elif named := [b for b in branches if isinstance(b.get("additionalProperties"), Mapping)]:
            schema = _resolved(named[0]["additionalProperties"], root)
        else:
            continue  # the name of a union's branch
        path = (*path, step)
    return path, schema


def _path(key: str) -> Path:
    """Take `a.b[0]` apart, as ("a", "b", 0)."""
    steps: list[str | int] = []
    for part in key.split("."):
        listed = re.fullmatch(r"(.+)\[(\d+)\]", part)
        steps += [part] if listed is None else [listed[1], int(listed[2])]
    return tuple(steps)


def _item(schema: Schema, position: int) -> Schema:
    """What may stand at a list's position; nothing in particular where the schema is of no list."""
    fixed: Sequence[Schema] = schema.get("prefixItems", ())
    found: Schema = fixed[position] if position < len(fixed) else schema.get("items", {})
    return found


def _at(value: Plain, path: Path) -> Plain:
    """The value at a path; None where there is none."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, tuple) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        target = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def _branches(schema: Schema, root: Schema) -> list[Schema]:
    """The schema itself, or each of its alternatives; a discriminated union stays whole beside its branches."""
    schema = _resolved(schema, root)
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    own = [] if "anyOf" in schema else [schema]
    return [*own, *(b for branch in inner for b in _branches(branch, root))]


def _all_keys(schema: Schema, root: Schema, path: Path = ()) -> Iterator[Path]:
    for branch in _branches(schema, root):
        for key, inner in branch.get("properties", {}).items():
            yield (*path, key)
            yield from _all_keys(inner, root, (*path, key))


def _kinds(schema: Schema) -> Schema:
    mapping = schema.get("discriminator", {}).get("mapping", {})
    for branch in schema.get("anyOf", ()):
        mapping = mapping or branch.get("discriminator", {}).get("mapping", {})
    return {"enum": list(mapping)}


def _kind_key(schema: Schema) -> str:
    """The key that tells the kinds of a section apart: `kind`, and of a gate `rule`."""
    own: Sequence[Schema] = (schema, *schema.get("anyOf", ()))
    return next((s["discriminator"]["propertyName"] for s in own if "discriminator" in s), "kind")


def _keys_such_as(schema: Schema) -> str:
    key = _kind_key(schema)
    return "keys such as kind and path" if key == "kind" else f"keys such as {key}"


def _choices(schema: Schema) -> list[Any]:
    own = [schema["const"]] if "const" in schema else list(schema.get("enum", ()))
    return own + [c for branch in schema.get("anyOf", ()) for c in _choices(branch)]


def _wants(schema: Schema, kind: str) -> bool:
    return schema.get("type") == kind or any(_wants(branch, kind) for branch in schema.get("anyOf", ()))


def _wants_any_text(schema: Schema) -> bool:
    """Whether a text is expected that is none of a few words, and no number would do."""
    words = _choices(schema) or _wants(schema, "integer") or _wants(schema, "number")
    return _wants(schema, "string") and not words


def _meaning(schema: Schema) -> str:
    """A key's description as the end of "missing", in its first sentence."""
    text = str(schema.get("description", "")).split(". ")[0].rstrip(".")
    return f"; {text[0].lower()}{text[1:]}" if text else ""


def _expected(schema: Schema, value: Plain) -> str:
    if "anyOf" in schema:
        return _any_of([word for branch in schema["anyOf"] for word in _words(branch, value)])
    if choices := _choices(schema):
        return _any_of([shown(c) for c in choices])
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        return f"{'an integer' if kind == 'integer' else 'a number'}{_bounds(schema, value)}"
    if kind == "string":
        return _text_expected(schema)
    if kind == "array":
        return _list_expected(schema)
    names = {"boolean": "true or false", "null": "null", "object": "a map of keys and values"}
    return names.get(str(kind), _keys_such_as(schema) if "oneOf" in schema else "another value")


def _words(schema: Schema, value: Plain) -> list[str]:
    """What one alternative expects: each of its choices, or one phrase."""
    return [shown(c) for c in _choices(schema)] or [_expected(schema, value)]


def _list_expected(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(_expected(item, None) for item in schema['prefixItems'])}]"
    items = _expected(schema.get("items", {}), None)
    if "oneOf" in schema.get("items", {}):
        return f"a list of entries with {items}"
    return f"a list of {'texts' if items == 'a text' else items}"


def _text_expected(schema: Schema) -> str:
    if "pattern" in schema:
        return _PATTERNS.get(schema["pattern"], f"a text that matches {schema['pattern']}")
    if schema.get("maxLength") == 1:
        return "a single character"
    return "a text that is not empty" if "minLength" in schema else "a text"


def _bounds(schema: Schema, value: Plain) -> str:
    """The bounds in words. A far upper bound is told only to one who went beyond it."""
    numeric = isinstance(value, int | float)
    low = [f"≥ {schema['minimum']}"] if "minimum" in schema else []
    low += [f"> {schema['exclusiveMinimum']:g}"] if "exclusiveMinimum" in schema else []
    high = []
    if "maximum" in schema and (not low or schema["maximum"] <= 1 or (numeric and value > schema["maximum"])):
        high = [f"≤ {schema['maximum']}"]
    if "exclusiveMaximum" in schema and numeric and value >= schema["exclusiveMaximum"]:
        high = [f"< {schema['exclusiveMaximum']}"]
    return "".join(f" {text}" for text in [" and ".join(low + high)] if text)


def _any_of(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
