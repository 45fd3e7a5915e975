"""A column of paths or of bytes, or an array → encoded images or pixels. Decoding them is not done here."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from limekiln.data.files import read_one
from limekiln.data.unreadable import Unreadable
from limekiln.errors import InputError

_GREY: Final = 3
_COLOUR: Final = 4
_CHANNELS: Final = 4
_SHOWN: Final = 300


def images(values: Iterable[Any], folder: Path, sha256: str) -> tuple[list[bytes | NDArray[Any] | Unreadable], str]:
    """Give each image's encoded bytes; a path is read once, however often it stands there.

    Args:
        values: n paths relative to the folder, URLs, bytes, or pixels that are there already.
        folder: the config's folder.
        sha256: of what the values were read from.

    Returns:
        The images; and the SHA-256 of what was read: the one given where no value is a path, else over it and over
        each file's length and bytes, row after row.
    """
    files: dict[str, bytes | Unreadable] = {}
    digest = hashlib.sha256(sha256.encode())
    cells: list[bytes | NDArray[Any] | Unreadable] = []
    for value in values:
        found = _encoded(value)
        if isinstance(found, str):
            if found not in files:
                files[found] = _read(found, folder)
            cell: bytes | NDArray[Any] | Unreadable = files[found]
            content = cell if isinstance(cell, bytes) else b""
            digest.update(f"\0{len(content)}\0".encode())
            digest.update(content)
        else:
            cell = found
        if isinstance(cell, bytes) and not cell:
            cell = Unreadable("an image of 0 bytes")
        cells.append(cell)
    return cells, digest.hexdigest() if files else sha256


def from_array(array: NDArray[Any], place: str) -> list[NDArray[Any]]:
    """Give each image's pixels, (H, W) or (H, W, C).

    Args:
        array: (n, H, W) grey, or (n, H, W, C) with one to four channels.
        place: how a message names it.

    Raises:
        InputError: it has another shape.
    """
    if array.ndim not in {_GREY, _COLOUR}:
        raise InputError(f"{place}: an array of shape {array.shape}; images are (n, H, W) or (n, H, W, C)")
    if array.ndim == _COLOUR and array.shape[-1] > _CHANNELS:
        first = array.shape[1] <= _CHANNELS
        hint = "channels come last: array.transpose(0, 2, 3, 1)" if first else "expected one to four"
        raise InputError(f"{place}: an array of shape {array.shape} has {array.shape[-1]} channels; {hint}")
    return list(array)


def _encoded(value: Any) -> bytes | str | NDArray[Any] | Unreadable:
    """Bytes, pixels, or the path that they are to be read from."""
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return value
    if isinstance(value, dict) and {"bytes", "path"} & set(value):  # as collections of images write Parquet
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str) and value.strip():
        return str(value)
    if isinstance(value, str) or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return Unreadable("no path")
    return Unreadable(f"expected a path or the bytes of an image, got a value of type {type(value).__name__}")


def _read(path: str, folder: Path) -> bytes | Unreadable:
    try:
        return read_one(path, folder).data
    except (InputError, ValueError) as error:  # a path with a NUL character is a ValueError
        text = " ".join(str(error).split())
        return Unreadable(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
