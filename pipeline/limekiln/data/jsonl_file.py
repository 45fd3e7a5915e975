"""JSON Lines → a table. Values keep their JSON types: "1" stays text and no text becomes a date."""

import codecs
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from limekiln.data.files import File
from limekiln.errors import InputError


def parse(file: File) -> pd.DataFrame:
    """Read one file; a key that an object lacks is a missing value.

    Raises:
        InputError: a line is not a JSON object, with the line's number.
    """
    rows = list(_rows(file))
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows]) for name in columns})


def _rows(file: File) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file.data.removeprefix(codecs.BOM_UTF8).split(b"\n"), start=1):
        if not line.strip():
            continue
        place = f"{file.name}: line {number}"
        try:
            row = json.loads(line.decode("utf-8"), object_pairs_hook=_object)
        except UnicodeDecodeError as error:
            raise InputError(f"{place}: byte 0x{line[error.start]:02x} is not UTF-8") from error
        except _RepeatedKeyError as error:
            raise InputError(f'{place}: the key "{error}" stands twice') from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"{place}: expected a JSON object, one a line, got {type(row).__name__}")
        yield row


class _RepeatedKeyError(Exception):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return made
