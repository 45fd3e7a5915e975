"""NumPy's .npy and .npz files → an array of rows, and the other arrays as columns. Nothing is ever unpickled."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from limekiln.data.files import File, read_one
from limekiln.data.raw import RawTable, sha256_of
from limekiln.data.roles import listed
from limekiln.errors import InputError
from limekiln.record import Notice
from limekiln.settings import NumpySource

_NPY: Final = b"\x93NUMPY"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_KEY: Final = "data.source.array"
_TABLE: Final = 2


def read(source: NumpySource, folder: Path) -> RawTable:
    """Read the rows, and from an .npz file every one-dimensional array of the same length as a column.

    Args:
        source: the file, and which of its arrays holds the rows.
        folder: the config's folder, which a relative path starts from.

    Raises:
        InputError: the file is missing, broken or no file of NumPy's, holds Python objects, or it is not clear which
            array holds the rows.
    """
    file = read_one(source.path, folder)
    if file.data.startswith(_NPY):
        if source.array is not None:
            raise InputError(f"{_KEY}: {file.name} holds one array, without a name; remove the key")
        return _with_rows(file, "", _one(file), {})
    if not file.data.startswith(_ZIP):
        raise InputError(f"{file.name}: no .npy or .npz file")
    arrays = _several(file)
    name = _rows_name(file, arrays, source.array)
    return _with_rows(file, f'the array "{name}"', arrays.pop(name), arrays)


def as_columns(raw: RawTable) -> RawTable:
    """Give an (n, d) array's columns as a table's, named 0, 1, …, d − 1, before the columns that are there.

    Raises:
        InputError: the array is not two-dimensional, or a column has such a name already.
    """
    if raw.array is None:
        return raw
    if raw.array.ndim != _TABLE:
        raise InputError(f"{raw.source}: an array of shape {raw.array.shape}; a table needs (rows, columns)")
    names = [str(i) for i in range(raw.array.shape[1])]
    if both := [name for name in names if name in raw.table.columns]:
        raise InputError(f'{raw.source}: the array "{both[0]}" has the name of a column; give it another')
    features = pd.DataFrame(raw.array, columns=pd.Index(names, dtype=object))
    return RawTable(pd.concat([features, raw.table], axis=1), raw.sha256, raw.source, notices=raw.notices)


def _one(file: File) -> NDArray[Any]:
    try:
        return _native(np.load(io.BytesIO(file.data), allow_pickle=False))
    except Exception as error:  # a broken file raises as many kinds of error as it has parts
        raise InputError(f"{file.name}: {_why(error)}") from error


def _several(file: File) -> dict[str, NDArray[Any]]:
    name = None
    try:
        with np.load(io.BytesIO(file.data), allow_pickle=False) as opened:
            arrays = {}
            for name in opened.files:
                value = opened[name]
                if not isinstance(value, np.ndarray):
                    raise TypeError("no array of NumPy's")  # noqa: TRY301 - said like every other failure
                arrays[name] = _native(value)
            return arrays
    except Exception as error:  # as above
        where = "" if name is None else f' the array "{name}":'
        raise InputError(f"{file.name}:{where} {_why(error)}") from error


def _why(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "allow_pickle" in text or "pickled" in text:
        return "holds Python objects: reading them would run code; save it as an array of numbers or of texts"
    return f"cannot be read: {text[:200]}"


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in this machine's order of bytes, which pandas needs."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _rows_name(file: File, arrays: Mapping[str, NDArray[Any]], wanted: str | None) -> str:
    if not arrays:
        raise InputError(f"{file.name}: holds no array")
    if wanted is not None:
        if wanted not in arrays:
            raise InputError(f'{_KEY}: {file.name} has no array "{wanted}"; it has {listed(list(arrays))}')
        return wanted
    likely = [name for name, array in arrays.items() if array.ndim >= _TABLE] if len(arrays) > 1 else list(arrays)
    if len(likely) == 1:
        return likely[0]
    shapes = ", ".join(f'"{name}" {arrays[name].shape}' for name in likely or arrays)
    raise InputError(f"{_KEY}: missing; which array of {file.name} holds the rows: {shapes}?")


def _with_rows(file: File, what: str, rows: NDArray[Any], others: Mapping[str, NDArray[Any]]) -> RawTable:
    place = f"{file.name}: {what}".rstrip(": ")
    if rows.dtype.kind not in "biuf":
        raise InputError(f"{place}: holds {rows.dtype}, expected numbers")
    if rows.ndim < _TABLE:
        raise InputError(f"{place}: an array of shape {rows.shape}; rows need at least two dimensions")
    if 0 in rows.shape:
        raise InputError(f"{place}: {'no rows' if not len(rows) else f'an array of shape {rows.shape} has no values'}")
    columns = {name: values for name, values in others.items() if values.shape == rows.shape[:1]}
    table = pd.DataFrame({name: pd.Series(_plain(v)) for name, v in columns.items()}, index=range(len(rows)))
    notices = _left_out(file, [name for name in others if name not in columns])
    return RawTable(table, sha256_of([file]), file.name, array=rows, notices=notices)


def _plain(values: NDArray[Any]) -> Any:
    """Texts as Python's, which pandas takes for texts; all else as it is."""
    return values.tolist() if values.dtype.kind == "U" else values


def _left_out(file: File, names: list[str]) -> tuple[Notice, ...]:
    if not names:
        return ()
    text = f"{file.name}: {listed(names)}: not used, since not one value for each row."
    return (Notice(code="arrays_not_used", text=text),)
