"""A stored run's config, model and data again, each the very one that the run had."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from limekiln import config as configs
from limekiln import kiln, seal, store
from limekiln.config import LoadedConfig
from limekiln.drivers import Inputs
from limekiln.errors import ConfigError, InputError
from limekiln.record import TABLES, Manifest, RunRecord

_MASKED: Final = "***"


@dataclass(frozen=True)
class Reopened:
    """A run and what it was made from."""

    record: RunRecord
    config: LoadedConfig
    inputs: Inputs


def reopen(folder: Path, record: RunRecord, config_folder: Path | None = None, place: Path | None = None) -> Reopened:
    """Reads a run's model and data again.

    Args:
        folder: the run folder.
        record: what it holds.
        config_folder: what the config's paths are relative to; told from the run folder's place by default.
        place: where the run folder lies, where `folder` is a copy of it.

    Raises:
        InputError: the folder's files, the model or the data are gone, or are not what the manifest says.
    """
    check_files(folder, record.manifest)
    folder = place or folder
    config = _config(folder, record.manifest, config_folder)
    try:
        inputs = kiln.read_inputs(config)
    except ConfigError:
        raise
    except InputError as error:
        raise InputError(
            f"{folder}: the run's model or data cannot be read again: {error}. The config's paths were taken from "
            f"{config.folder}; if they start elsewhere, name that folder with --config-folder"
        ) from error
    manifest = record.manifest
    for what, now, then in (
        ("model", inputs.model.sha256, manifest.model_sha256),
        ("data", inputs.frame.sha256, manifest.data_sha256),
    ):
        if now != then:
            raise InputError(
                f"{folder}: the {what} changed since the run: SHA-256 is {now or 'not to be had'}, the manifest has "
                f"{then}; put the run's own back, or run again"
            )
    return Reopened(record, config, inputs)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Results and tables, not the reports, which may be drawn again."""
    for name in (store.RESULTS, *(f"{table}.parquet" for table in TABLES)):
        expected = manifest.files.get(name)
        if expected is not None and seal.sha256(folder / name) != expected:
            raise InputError(f"{folder / name}: is not the file that the run wrote; manifest.json has another SHA-256")


def _config(folder: Path, manifest: Manifest, config_folder: Path | None) -> LoadedConfig:
    data, overrides = manifest.config_text.encode("utf-8"), manifest.config_overrides
    if any(_MASKED in override for override in overrides):
        raise InputError(
            f"{folder}: the run was given a credential, or the name of a dropped column, by --set, and did not keep "
            "it; run again without"
        )
    if config_folder is None:
        stored = configs.of_bytes(data, Path(manifest.config_file), overrides)
        config_folder = _folder_above(folder, stored.settings.output)
    path = config_folder / manifest.config_file
    if hashlib.sha256(data).hexdigest() == manifest.config_sha256:
        return configs.of_bytes(data, path, overrides)
    found = configs.load(path, overrides)
    if found.sha256 != manifest.config_sha256:
        raise InputError(
            f"{path}: changed since the run, which kept its text without credentials and dropped columns' names; put "
            "the old one back"
        )
    return found


def _folder_above(folder: Path, output: str) -> Path:
    """The config's folder, where the run still lies at <config's folder>/<output>/<model>/<run>.

    Raises:
        InputError: it cannot be told.
    """
    above = Path(os.path.abspath(folder)).parent.parent  # noqa: PTH100 - as written; resolve() would follow links
    parts = Path(os.path.normpath(output)).parts
    told = not Path(output).is_absolute() and ".." not in parts
    if not told or (parts and above.parts[-len(parts) :] != parts):
        raise InputError(
            f"{folder}: its place does not tell which folder its config's paths start from (output: {output}); "
            "name it with --config-folder"
        )
    return Path(*above.parts[: len(above.parts) - len(parts)])
