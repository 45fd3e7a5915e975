"""Data sources: files, a folder, arrays or a database in; a table, its frame and the hash of its bytes out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from limekiln.data import cells, csv_file, file_folder, frame, jsonl_file, numpy_file, parquet_file, sql
from limekiln.data.files import File, read_files, without_credentials
from limekiln.data.frame import Frame
from limekiln.data.guard import guarded
from limekiln.data.join import join
from limekiln.data.raw import RawTable, fingerprint, sha256_of
from limekiln.data.unreadable import Unreadable
from limekiln.errors import InputError
from limekiln.settings import CsvSource, DataSettings, DataSource, JsonlSource, ParquetSource

__all__ = [
    "Frame",
    "RawTable",
    "Unreadable",
    "background_of",
    "fingerprint",
    "frame_of",
    "guarded",
    "in_memory",
    "read",
    "text_columns",
]


def text_columns(settings: DataSettings) -> list[str]:
    """Give the columns that `read` should keep as they are written: the id, and the texts or the images' paths."""
    kept = [settings.id] if settings.domain in {"tabular", "sequences"} else [settings.id, settings.column]
    return [name for name in kept if name is not None]


def read(source: DataSource, folder: Path, as_text: Sequence[str] = ()) -> RawTable:
    """Read a source: every file of it, in the order of their names; or the rows of its query.

    Args:
        source: what the config says.
        folder: what relative paths start from.
        as_text: columns of a CSV file that keep their text, such as an id with leading zeros.

    Raises:
        InputError: a file is missing or broken, files do not fit together, or there are no rows.
    """
    match source.kind:
        case "sql":
            return sql.read(source, folder)
        case "folder":
            return file_folder.read(source, folder)
        case "numpy":
            return numpy_file.read(source, folder)
        case _:
            return _read_tables(source, folder, as_text)


def frame_of(raw: RawTable, settings: DataSettings, folder: Path, model_features: Sequence[str] | None) -> Frame:
    """Make the rows that are explained, whatever they are: `frame.make` for a table, else `cells.make`.

    Args:
        raw: what `read` gave.
        settings: the domain, and the roles of the columns.
        folder: what the relative paths of images start from.
        model_features: the columns that the model names, in its order; for tables alone.

    Raises:
        InputError: a column is missing or unfit, or no row can be read.
    """
    if settings.domain == "tabular":
        return frame.make(numpy_file.as_columns(raw), settings, model_features=model_features)
    return cells.make(raw, settings, folder)


def in_memory(
    rows: pd.DataFrame | Sequence[object] | np.ndarray,
    settings: DataSettings,
    target: Sequence[object] | pd.Series | None,
) -> Frame:
    """Take rows that are there already, for the Python API; they are named by position.

    Raises:
        InputError: there are none, or they are unfit; the target has another length.
    """
    if settings.domain == "tabular":
        return frame.in_memory(rows, target)  # type: ignore[arg-type]  # what is no DataFrame is refused there
    return cells.in_memory(rows, settings, target)  # type: ignore[arg-type]  # a DataFrame's rows are no cells


def background_of(raw: RawTable, settings: DataSettings, folder: Path, like: Frame) -> Frame:
    """Make the rows that only say what perturbations look like; they need no target, no id and no further column.

    Args:
        raw: what `read` gave for data.background.
        settings: as of the explained rows.
        folder: what relative paths start from.
        like: the explained rows, which the background must fit.

    Raises:
        InputError: they do not fit.
    """
    if settings.domain == "tabular":
        return frame.make_background(numpy_file.as_columns(raw), settings, like=like)
    return cells.make_background(raw, settings, folder, like)


def _read_tables(source: CsvSource | ParquetSource | JsonlSource, folder: Path, as_text: Sequence[str]) -> RawTable:
    files = read_files(source.path, folder)
    shown = without_credentials(source.path)
    table = join([(file.name, _parsed(file, source, as_text)) for file in files])
    if table.empty:
        raise InputError(f"{shown}: no rows")
    return RawTable(table, sha256_of(files), shown)


def _parsed(file: File, source: CsvSource | ParquetSource | JsonlSource, as_text: Sequence[str]) -> pd.DataFrame:
    match source.kind:
        case "csv":
            return csv_file.parse(file, source, as_text)
        case "parquet":
            return parquet_file.parse(file)
        case "jsonl":
            return jsonl_file.parse(file)
