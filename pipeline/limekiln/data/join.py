"""Several files of one source → one table; they must have the same columns with the same kind of values."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from limekiln.data.columns import kind_of
from limekiln.errors import InputError

Named = tuple[str, pd.DataFrame]


def join(tables: Sequence[Named]) -> pd.DataFrame:
    """Join tables row by row, columns in the first table's order.

    Args:
        tables: file names and what the files hold.

    Raises:
        InputError: columns or their kinds of values differ, with the two files' names.
    """
    first_name, first = tables[0]
    if len(tables) == 1:
        return first.reset_index(drop=True)
    for name, table in tables[1:]:
        _check_columns(first_name, first, name, table)
    return pd.DataFrame({column: _joined(str(column), tables) for column in first.columns})


def _check_columns(first_name: str, first: pd.DataFrame, name: str, table: pd.DataFrame) -> None:
    for name_a, a, name_b, b in ((first_name, first, name, table), (name, table, first_name, first)):
        if lacking := [str(c) for c in a.columns if c not in b.columns]:
            named = ", ".join(f'"{c}"' for c in lacking[:5])
            raise InputError(f"{name_b}: lacks columns that {name_a} has: {named}; all files need the same columns")


def _joined(column: str, tables: Sequence[Named]) -> pd.Series:
    parts = [(name, table[column]) for name, table in tables]
    full = [(name, part, kind) for name, part in parts if (kind := kind_of(part)) != "nothing"]
    for name, _, kind in full[1:]:
        if kind != full[0][2]:
            raise InputError(f'{name}: the column "{column}" holds {kind}, but {full[0][2]} in {full[0][0]}')
    pieces = [part for _, part in parts]
    if all(isinstance(part.dtype, pd.CategoricalDtype) for part in pieces):
        return pd.Series(union_categoricals(pieces))
    if full:  # a part without a value takes the type of the others
        pieces = [part if any(part is p for _, p, _ in full) else _nothing(len(part), full[0][1]) for part in pieces]
    return pd.concat(pieces, ignore_index=True)


def _nothing(n: int, like: pd.Series) -> pd.Series:
    if isinstance(like.dtype, np.dtype) and like.dtype.kind in "iuf":
        return pd.Series(np.full(n, np.nan))
    dtype = object if isinstance(like.dtype, np.dtype) else like.dtype
    return pd.Series([None] * n, dtype=dtype)
