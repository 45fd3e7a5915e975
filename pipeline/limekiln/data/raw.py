"""A table as it was read, and the hashes that say which bytes it came from."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from limekiln.data.files import File
from limekiln.record import Notice


@dataclass(frozen=True, eq=False)
class RawTable:
    """Rows as a source gave them.

    Attributes:
        table: all columns, indexed 0, 1, 2, …
        sha256: over the bytes of all files in sorted order (what `cat … | sha256sum` prints).
        source: what was read, as a reader may see it.
        from_folder: whether the rows are a folder's files, see `file_folder`.
        array: (n, …) the rows, where the source is an array and they are no columns; `table` holds the rest.
        notices: what a reader should know of the source.
    """

    table: pd.DataFrame
    sha256: str
    source: str
    from_folder: bool = False
    array: NDArray[Any] | None = None
    notices: tuple[Notice, ...] = ()


def sha256_of(files: Iterable[File]) -> str:
    """Hash the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.data)
    return digest.hexdigest()


def fingerprint(table: pd.DataFrame) -> str:
    """SHA-256 of a DataFrame: column names, types and values in order; the index does not count."""
    digest = hashlib.sha256(f"{len(table)} rows".encode())
    for position, name in enumerate(table.columns):
        values = table.iloc[:, position]
        digest.update(f"\x1d{name!r} {values.dtype}\x1e".encode("utf-8", "backslashreplace"))
        digest.update(_bytes_of(values))
    return digest.hexdigest()


def _bytes_of(values: pd.Series) -> bytes:
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
        plain = values.to_numpy()
        return np.ascontiguousarray(plain, dtype=plain.dtype.newbyteorder("<")).tobytes()
    parts = ["\x00" if missing else repr(value) for value, missing in zip(values, values.isna(), strict=True)]
    return "\x1f".join(parts).encode("utf-8", "backslashreplace")
