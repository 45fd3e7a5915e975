"""The roles that the config gives to columns: the target, the rows' names; and what a message says of a column."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import numpy as np
import pandas as pd

from limekiln.data.columns import prepared
from limekiln.errors import InputError
from limekiln.settings import DataSettings

_SHOWN: Final = 5


def check_roles(table: pd.DataFrame, settings: DataSettings, source: str) -> None:
    """See that every column with a role is there.

    Raises:
        InputError: one is not, with the key that names it.
    """
    excluded = (("data.exclude", name) for name in settings.exclude)
    for key, name in (("data.target", settings.target), ("data.id", settings.id), *excluded):
        if name is not None and name not in table.columns:
            raise InputError(f"{key}: {no_column(source, name, list(table.columns))}")


def roles_of(settings: DataSettings) -> dict[str | None, str]:
    """Give the columns that are no feature, each with the key that says so."""
    return {settings.id: "data.id", settings.target: "data.target"} | dict.fromkeys(settings.exclude, "data.exclude")


def target_of(table: pd.DataFrame, settings: DataSettings, source: str) -> pd.Series | None:
    """Give the (n,) true labels or values; None where the config names none.

    Raises:
        InputError: the column holds a mix of types, or what is no label.
    """
    name = settings.target
    return None if name is None else prepared(table[name], place(source, name))


def keys_of(table: pd.DataFrame, settings: DataSettings, source: str) -> tuple[str, ...]:
    """Give the (n,) names of the rows: the id column as text, else the position from 0.

    Raises:
        InputError: an id is missing, or names two rows.
    """
    if settings.id is None:
        return tuple(str(i) for i in range(len(table)))
    where = f"data.id: {place(source, settings.id)}"
    keys = [_key(value) for value in table[settings.id]]
    empty = [row for row, key in enumerate(keys) if not key]
    if empty:
        raise InputError(
            f"{where} has no value in {len(empty)} rows, first in row {empty[0]} (from 0); fill it or drop data.id"
        )
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        if (before := first.setdefault(key, row)) != row:
            raise InputError(
                f"{where} gives one name to two rows, {before} and {row} (from 0); "
                "name a column whose values are unique, or drop data.id"
            )
    return tuple(keys)


def place(source: str, name: str) -> str:
    """Name a column as a message does."""
    return f'{source}: the column "{name}"'


def no_column(source: str, name: str, names: Sequence[str]) -> str:
    """Say that a column is not there, and which one was meant: one that differs in case only goes first."""
    near = [other for other in names if str(other).casefold() == name.casefold()]
    near = near or get_close_matches(name, [str(n) for n in names], n=1)
    if near:
        hint = f'did you mean "{near[0]}"?'
    else:
        hint = f"it has {listed([str(n) for n in names])}" if names else "it has no columns"
    return f'{source}: no column "{name}"; {hint}'


def listed(names: Sequence[str]) -> str:
    """Quote the first few names, and count the others."""
    shown = ", ".join(f'"{name[:60]}"' for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _key(value: object) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):  # type: ignore[call-overload] # any scalar will do
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
