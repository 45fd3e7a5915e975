"""Data sources: files in, a table and the hash of its bytes out."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from limekiln.data import csv_file, jsonl_file, parquet_file
from limekiln.data.files import File, read_files, without_credentials
from limekiln.data.join import join
from limekiln.data.raw import RawTable, fingerprint, sha256_of
from limekiln.errors import InputError
from limekiln.settings import DataSource

__all__ = ["RawTable", "fingerprint", "read"]


def read(source: DataSource, folder: Path, as_text: Sequence[str] = ()) -> RawTable:
    """Read every file of a source, in the order of their names, as one table.

    Args:
        source: what the config says.
        folder: the config's folder, which relative paths start from.
        as_text: columns of a CSV file that keep their text, such as an id with leading zeros.

    Raises:
        InputError: a file is missing or broken, files do not fit together, or there are no rows.
    """
    files = read_files(source.path, folder)
    shown = without_credentials(source.path)
    table = join([(file.name, _parsed(file, source, as_text)) for file in files])
    if table.empty:
        raise InputError(f"{shown}: no rows")
    return RawTable(table, sha256_of(files), shown)


def _parsed(file: File, source: DataSource, as_text: Sequence[str]) -> pd.DataFrame:
    match source.kind:
        case "csv":
            return csv_file.parse(file, source, as_text)
        case "parquet":
            return parquet_file.parse(file)
        case "jsonl":
            return jsonl_file.parse(file)
