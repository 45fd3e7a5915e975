"""The folder of templates that a config names: read, checked, and drawn once on a run of a few made-up rows."""

import hashlib
from pathlib import Path
from typing import Final

from limekiln.config import LoadedConfig
from limekiln.errors import ConfigError, TemplateFaultError
from limekiln.governance import TemplateFacts, facts_of
from limekiln.rehearsal import rehearsed
from limekiln.report import html, own, view
from limekiln.report.own import Sources

_SUFFIX: Final = ".j2"
_MOST_FILES: Final = 50
_MOST_BYTES: Final = 1_000_000


def of_config(config: LoadedConfig) -> Sources:
    """The templates, each a file of its own in the folder; none where the config names no folder.

    Raises:
        ConfigError: the folder cannot be read, a file in it is no template that could be used, or the report cannot be
            drawn with them; with file and line.
    """
    if config.settings.report.templates is None:
        return ()
    folder = config.folder / config.settings.report.templates
    sources = _read(folder)
    try:
        for name, text in sources:
            own.blocks(name, text)
        trial = rehearsed(facts_of(config.settings), sources)
        for medium in ("screen", "print"):
            html.render(view.build(trial), medium)
    except TemplateFaultError as error:
        raise ConfigError(f"report.templates: {folder}/{error}") from error
    return sources


def facts(sources: Sources) -> tuple[TemplateFacts, ...]:
    """What a manifest says of templates."""
    return tuple(
        TemplateFacts(name=n, sha256=hashlib.sha256(t.encode()).hexdigest(), blocks=own.blocks(n, t))
        for n, t in sources
    )


def _read(folder: Path) -> Sources:
    if not folder.is_dir():
        raise ConfigError(f"report.templates: {folder} is not a folder of this machine; templates are never fetched")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name.endswith(_SUFFIX))
    if own.ENTRY not in {path.name for path in paths}:
        raise ConfigError(f"report.templates: {folder} has no {own.ENTRY}, the template that is drawn")
    if len(paths) > _MOST_FILES:
        raise ConfigError(f"report.templates: {folder} has {len(paths):,} templates; {_MOST_FILES} is the most")
    return tuple((path.name, _text(path)) for path in paths)


def _text(path: Path) -> str:
    if path.name in own.shipped_names():
        raise ConfigError(
            f"report.templates: {path} has the name of one of limekiln's own, of which single blocks can be replaced, "
            f"in {own.ENTRY}; give it another"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"report.templates: {path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"report.templates: {path} is larger than {_MOST_BYTES:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"report.templates: {path} is not a text in UTF-8") from error
