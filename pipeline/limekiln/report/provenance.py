"""Where the report comes from: hashes, versions, timings, the config."""

import shlex
from dataclasses import dataclass

from limekiln.record import Manifest, RunRecord
from limekiln.report.names import Name, name, storable
from limekiln.report.words import NONE, count, day_and_time, duration

_CONFIG = 20_000


@dataclass(frozen=True)
class Provenance:
    """The section on provenance."""

    facts: tuple[tuple[str, Name], ...]
    hashes: tuple[tuple[str, Name], ...]
    environment: tuple[tuple[Name, Name], ...]
    cluster: tuple[tuple[Name, Name], ...]
    timings: tuple[tuple[Name, str], ...]
    files: tuple[tuple[Name, str], ...]
    config_file: Name
    config_text: str
    config_more: str
    commands: tuple[tuple[str, str], ...]


def build(record: RunRecord) -> Provenance:
    """What is needed to check the run and to run it again."""
    manifest, results = record.manifest, record.results
    config = storable(manifest.config_text)
    total = sum(manifest.timings.values())
    timings = [(name(stage, 40), duration(seconds)) for stage, seconds in manifest.timings.items()]
    return Provenance(
        facts=(
            ("Run", name(manifest.run_id)),
            ("Created", Name(day_and_time(manifest.created))),
            ("limekiln", name(manifest.limekiln)),
            ("Seed", Name(str(manifest.seed))),
            ("Data source", name(results.data.source, 200)),
            ("Previous run", name(manifest.previous_run) if manifest.previous_run else Name("none")),
        ),
        hashes=(
            ("Model", _hash(manifest.model_sha256, "none: the model is a function, not a file")),
            ("Data", _hash(manifest.data_sha256, NONE)),
            ("Config", _hash(manifest.config_sha256, NONE)),
            *_mapping(manifest),
            *_templates(manifest),
            ("Previous manifest", _hash(manifest.previous_manifest_sha256, "none")),
        ),
        environment=tuple((name(k, 40), name(v, 120)) for k, v in sorted(manifest.environment.items())),
        cluster=tuple(
            (name(k.replace("_", " "), 40), name(NONE if v is None else str(v), 120))
            for k, v in manifest.cluster.items()
        ),
        timings=(*timings, (Name("all stages"), duration(total))) if timings else (),
        files=tuple((name(path, 80), digest) for path, digest in sorted(manifest.files.items())),
        config_file=name(manifest.config_file or "given from Python", 120),
        config_text=config[:_CONFIG],
        config_more=(
            f"and {count(len(config) - _CONFIG, 'more character')} in manifest.json" if len(config) > _CONFIG else ""
        ),
        commands=_commands(record),
    )


def _mapping(manifest: Manifest) -> tuple[tuple[str, Name], ...]:
    source = manifest.mapping
    if source is None:
        return ()
    whose = "limekiln's own" if source.file == "limekiln" else source.file
    return ((f"Governance mapping ({storable(whose)})", Name(source.sha256)),)


def _templates(manifest: Manifest) -> tuple[tuple[str, Name], ...]:
    return tuple(
        (
            f"Template {storable(t.name)}, not limekiln's" + (f": {', '.join(t.blocks)}" if t.blocks else ""),
            Name(t.sha256),
        )
        for t in manifest.templates
    )


def _hash(digest: str | None, without: str) -> Name:
    return Name(digest or without)


def _commands(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """The commands that give the same numbers again; paths stand as the run was given them."""
    if not record.manifest.config_file:
        return ()
    config = shlex.quote(storable(record.manifest.config_file))
    config += "".join(f" --set {shlex.quote(storable(text))}" for text in record.manifest.config_overrides)
    first = next((row.row for pick in record.results.picks for row in pick.rows), None)
    commands = [("the whole run again", f"limekiln run {config}")]
    if first is not None:
        commands.append(("one row's explanation", f"limekiln explain {config} --row {shlex.quote(storable(first))}"))
    return tuple(commands)
