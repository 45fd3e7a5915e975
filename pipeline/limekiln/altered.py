"""What of model, data, config and software is not the same in two runs, from their documents."""

from collections.abc import Iterator, Mapping
from typing import Final

from limekiln.change import Altered, Part
from limekiln.record import Manifest, Results, RunRecord
from limekiln.yaml_tree import Plain, YamlProblem, read

_LONGEST: Final = 300


def between(old: RunRecord, new: RunRecord) -> tuple[Altered, ...]:
    """Everything that differs: model, data, config key by key, software; where they ran and when is left out."""
    return (
        *_differing("model", _model(old), _model(new)),
        *_differing("data", _data(old), _data(new)),
        *_differing("config", _config(old.manifest), _config(new.manifest)),
        *_differing("software", _software(old.manifest), _software(new.manifest)),
    )


def _differing(part: Part, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Altered]:
    for what in dict.fromkeys((*old, *new)):
        if old.get(what) != new.get(what):
            yield Altered(part=part, what=what, old=_short(old.get(what)), new=_short(new.get(what)))


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _model(record: RunRecord) -> dict[str, str]:
    m = record.results.model
    facts = {"name": m.name, "version": m.version, "kind": m.kind, "SHA-256": record.manifest.model_sha256}
    return {what: value for what, value in facts.items() if value}


def _data(record: RunRecord) -> dict[str, str]:
    d = record.results.data
    facts = {"source": d.source, "SHA-256": d.sha256, "rows": f"{d.rows:,}", "features": f"{d.n_features:,}"}
    return facts | _columns(record.results)


def _columns(results: Results) -> dict[str, str]:
    return {f"column {f.name}": f.kind for f in results.data.features}


def _software(manifest: Manifest) -> dict[str, str]:
    return {"limekiln": manifest.limekiln, **manifest.environment}


def _config(manifest: Manifest) -> dict[str, str]:
    """The config by dotted keys, with what the command line put over it."""
    try:
        flat = dict(_flat(read(manifest.config_text).value))
        for option in manifest.config_overrides:
            key, _, text = option.partition("=")
            key = key.strip()
            flat = {k: v for k, v in flat.items() if k != key and not k.startswith((f"{key}.", f"{key}["))}
            flat |= dict(_flat(read(text).value, key))
    except YamlProblem:
        return {"SHA-256": manifest.config_sha256}
    return flat


def _flat(value: Plain, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, tuple) and any(isinstance(inner, dict) for inner in value):
        for i, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{i}]")
    else:
        yield path, _text(value)


def _text(value: Plain) -> str:
    """A value as a config has it; a list's items in brackets."""
    if isinstance(value, tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    return "{}" if isinstance(value, dict) else str(value)
