"""Rows that are a text, an image or a series each → a frame whose one feature column holds them as objects.

| domain | a cell |
|---|---|
| text | `str`; None where there is none |
| images | the `bytes` of the encoded file, or the pixels: (H, W) or (H, W, C) of the array's type |
| sequences | (T, C) of float64: T times, C channels; NaN where a value is missing |

A cell that cannot be read is an `Unreadable`: its row fails, and the run goes on.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln.data import image_cells, series_cells, text_cells
from limekiln.data.file_folder import CONTENT, FILE
from limekiln.data.frame import Frame
from limekiln.data.names import check_names
from limekiln.data.private import settle
from limekiln.data.raw import RawTable
from limekiln.data.roles import check_roles, keys_of, no_column, place, target_of
from limekiln.data.unreadable import Unreadable
from limekiln.errors import InputError
from limekiln.record import Notice
from limekiln.redaction import SHOWN, without_values
from limekiln.settings import DataSettings

_CALLED: Final = {"text": "text", "images": "image", "sequences": "series"}
_MANY: Final = {"text": "texts", "images": "images", "sequences": "series"}


def make(raw: RawTable, settings: DataSettings, folder: Path) -> Frame:
    """Split off the column of texts, images or series, and read what its cells name.

    Args:
        raw: the rows.
        settings: the domain, and which columns hold the rows, the target and the names.
        folder: the config's folder, which paths of images start from.

    Returns:
        The frame. Its one feature is called as the column, or "image" or "series" where a folder or an array is read.

    Raises:
        InputError: a column is missing, ids are missing or repeated, an array has another shape, or no cell at all
            can be read.
    """
    check_names(raw.table.columns, raw.source)
    table = raw.table.reset_index(drop=True)
    check_roles(table, settings, raw.source)
    column = _column(raw, settings)
    name = settings.column or _CALLED[settings.domain]
    if column is None or column != name:
        _check_free(name, table, raw.source)
    if settings.target is not None and settings.target == column:
        raise InputError(f'data.target: "{column}" holds the {_MANY[settings.domain]} themselves; name another column')
    cells, sha256 = _cells(raw, table, column, settings, folder)
    by_file = settings.id is None and raw.from_folder
    named = settings.model_copy(update={"id": FILE}) if by_file else settings
    others = table.drop(columns=[] if column is None else [column])
    redaction = settle(others, settings, raw.source, features=[name], id_=named.id)
    if settings.domain == "images" and column is not None and not redaction.shows(name):
        cells = _without_paths(cells, table[column])
    where = raw.source if column is None or raw.from_folder else place(raw.source, column)
    _check_some(cells, where, settings)
    return Frame(
        features=pd.DataFrame({name: _objects(cells)}),
        target=target_of(table, settings, raw.source),
        keys=keys_of(table, named, raw.source),
        others=others,
        source=raw.source,
        sha256=sha256,
        notices=(*raw.notices, *_unreadable(cells, settings)),
        redaction=redaction,
    )


def in_memory(
    rows: Sequence[object] | np.ndarray, settings: DataSettings, target: Sequence[object] | pd.Series | None
) -> Frame:
    """Take texts, images or series that are there already, for the Python API; they are named by position.

    Raises:
        InputError: there are none, none can be read, or the target has another length.
    """
    place = f"{_MANY[settings.domain]} in memory"
    if not len(rows):
        raise InputError(f"no {place}")
    name = _CALLED[settings.domain]
    table = pd.DataFrame({name: _objects(list(rows))})
    if target is not None:
        if len(target) != len(rows):
            raise InputError(f"target: {len(target)} values for {len(rows)} rows")
        table["target"] = list(target)
    digest = hashlib.sha256(f"{len(rows)} {settings.domain}".encode())
    for row in rows:
        # other values by their text: the bytes of an array of objects are addresses
        content = (
            row if isinstance(row, bytes) else row.tobytes() if isinstance(row, np.ndarray) else repr(row).encode()
        )
        digest.update(f"\0{type(row).__name__} {np.shape(row)}\0".encode() + content)  # type: ignore[arg-type]  # any shape
    named = settings.model_copy(update={"column": name, "id": None, "target": None if target is None else "target"})
    made = make(RawTable(table, digest.hexdigest(), place), named, Path())
    return replace(made, redaction=SHOWN)  # they are the caller's, who holds them


def make_background(raw: RawTable, settings: DataSettings, folder: Path, like: Frame) -> Frame:
    """Take series that only say what perturbations look like: they need no target, no id, and no name.

    Args:
        raw: the rows.
        settings: as of the explained rows.
        folder: the config's folder.
        like: the explained rows; the background needs as many channels.

    Raises:
        InputError: a series cannot be read, or has another number of channels.
    """
    bare = settings.model_copy(update={"target": None, "id": None, "redact": {}})
    try:
        made = make(raw, bare, folder)
    except InputError as error:
        raise InputError(f"data.background: {error}") from error
    cells = list(made.features.iloc[:, 0])
    for row, cell in enumerate(cells):
        if isinstance(cell, Unreadable):
            raise InputError(f"data.background: {raw.source}: row {row} (from 0): {cell.reason}")
    here, there = _channels(cells), _channels(list(like.features.iloc[:, 0]))
    if here != there:
        raise InputError(f"data.background: {raw.source}: series of {here} channels, but of {there} in {like.source}")
    return replace(made, notices=raw.notices)


def _channels(cells: Sequence[Any]) -> int:
    return int(next(cell.shape[1] for cell in cells if not isinstance(cell, Unreadable)))


def _column(raw: RawTable, settings: DataSettings) -> str | None:
    """The column that holds the rows; None where an array does."""
    if raw.array is not None:
        return None
    if raw.from_folder:
        return CONTENT
    if settings.column is None:
        raise InputError(f"data.column: missing; the column of {raw.source} that holds the {_MANY[settings.domain]}")
    if settings.column not in raw.table.columns:
        raise InputError(f"data.column: {no_column(raw.source, settings.column, list(raw.table.columns))}")
    return settings.column


def _check_free(name: str, table: pd.DataFrame, source: str) -> None:
    if name in table.columns:
        raise InputError(f'data.column: {source} has a column "{name}" already; give the rows another name')


def _cells(
    raw: RawTable, table: pd.DataFrame, column: str | None, settings: DataSettings, folder: Path
) -> tuple[Sequence[Any], str]:
    channels = len(settings.sequences.channels) or None
    if column is None:
        array = raw.array if raw.array is not None else np.empty(0)
        if settings.domain == "images":
            return image_cells.from_array(array, raw.source), raw.sha256
        if settings.domain == "sequences":
            return series_cells.from_array(array, raw.source, channels), raw.sha256
        raise InputError(f"{raw.source}: an array holds no texts; expected csv, parquet, jsonl or sql")
    values = table[column]
    if settings.domain == "images":
        return image_cells.images(values, folder, raw.sha256)
    if settings.domain == "sequences":
        return series_cells.series(values, channels), raw.sha256
    missing = settings.source.na_values if settings.source.kind == "csv" else ()
    return text_cells.texts(values, missing), raw.sha256


def _without_paths(cells: Sequence[Any], values: pd.Series) -> Sequence[Any]:
    """Cells whose reasons to be unreadable do not quote the path that stood there, nor one that is like it."""
    return [
        Unreadable(without_values(cell.reason, [value]))
        if isinstance(cell, Unreadable) and isinstance(value, str)
        else cell
        for cell, value in zip(cells, values, strict=True)
    ]


def _objects(cells: Sequence[Any]) -> pd.Series:
    """One object a row: pandas would take arrays of the same shape apart."""
    held = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        held[row] = cell
    return pd.Series(held, dtype=object)  # else a column of texts alone becomes pandas' own, and None a NaN


def _check_some(cells: Sequence[Any], where: str, settings: DataSettings) -> None:
    many = _MANY[settings.domain]
    bad = [cell for cell in cells if cell is None or isinstance(cell, Unreadable)]
    if len(bad) < len(cells):
        return
    reason = next((cell.reason for cell in bad if cell is not None), "no value")
    hint = "; paths start from the config's folder" if settings.domain == "images" else ""
    raise InputError(f"{where}: none of the {len(cells)} {many} can be read; the first: {reason}{hint}")


def _unreadable(cells: Sequence[Any], settings: DataSettings) -> list[Notice]:
    bad = [(row, cell.reason) for row, cell in enumerate(cells) if isinstance(cell, Unreadable)]
    if not bad:
        return []
    text = f"{len(bad):,} of {len(cells):,} {_MANY[settings.domain]} cannot be read"
    return [Notice(code="rows_unreadable", text=f"{text}; the first, in row {bad[0][0]} (from 0): {bad[0][1]}.")]
