"""Parquet → a table. A named index that pandas stored becomes a column again; an unnamed one is dropped."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from limekiln.data.files import File
from limekiln.data.names import check_names
from limekiln.errors import InputError


def parse(file: File) -> pd.DataFrame:
    """Read one file.

    Raises:
        InputError: the bytes are not Parquet, or a row group is broken.
    """
    try:
        opened = pq.ParquetFile(pa.BufferReader(file.data))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{file.name}: not a readable Parquet file: {_reason(error)}") from error
    check_names(opened.schema_arrow.names, file.name)
    try:
        table: pd.DataFrame = opened.read().to_pandas()
    except Exception as error:  # broken pages raise as many kinds of error as there are encodings
        raise InputError(f"{file.name}: {_broken_group(opened)}cannot be read: {_reason(error)}") from error
    named = [name for name in table.index.names if name is not None]
    return table.reset_index(named) if named and set(named).isdisjoint(table.columns) else table


def _broken_group(opened: pq.ParquetFile) -> str:
    for group in range(opened.num_row_groups):
        try:
            opened.read_row_group(group)
        except Exception:  # noqa: BLE001 - as above; only the number is wanted
            return f"row group {group} of {opened.num_row_groups} "
    return ""


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
