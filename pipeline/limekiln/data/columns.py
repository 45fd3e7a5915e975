"""What a column holds, and the type in which the model gets it.

| the column holds | the model gets |
|---|---|
| bool, int, uint, float of any width | the same |
| text (`str`, `object` of texts) | the same |
| category | the same, with its categories |
| true/false with missing values (`object`) | the same |
| nullable `Int64`, `Float64`, `boolean`, and Arrow's numbers and truth values | int, float, bool; with missing values float (NaN), or `object` for truth values |
| nullable `string`, Arrow's text | text, missing values as NaN |
| numbers in an `object` column, Decimal | int or float |
| dates, times, durations, periods, bytes, lists, complex numbers, a mix of types | refused |
"""  # noqa: E501 - a table's rows cannot be broken

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
import pandas as pd

from limekiln.errors import InputError

_NUMBERS_IN_OBJECTS: Final = {"integer", "floating", "mixed-integer-float", "decimal", "empty"}


def prepared(values: pd.Series, place: str) -> pd.Series:
    """Give a column as the model gets it.

    Args:
        values: the column.
        place: how a message names it.

    Raises:
        InputError: the column holds what no model of tables takes, or a mix of types.
    """
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return _from_numpy(values, dtype, place)
    if isinstance(dtype, pd.CategoricalDtype):
        prepared(pd.Series(dtype.categories), f"{place}, its categories")
        return values
    if pd.api.types.is_bool_dtype(dtype) or (pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "iuf"):
        return _from_nullable(values)
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is not pd.NA:
        return values
    return _texts(values) if pd.api.types.is_string_dtype(dtype) else _from_objects(values.astype(object), place)


def kind_of(values: pd.Series) -> str:
    """Say in a word what a column holds; "nothing" where every value is missing."""
    if values.isna().all():
        return "nothing"
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return kind_of(pd.Series(dtype.categories))
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if pd.api.types.is_bool_dtype(dtype) or inferred == "boolean":
        return "truth values"
    if pd.api.types.is_numeric_dtype(dtype) or inferred in _NUMBERS_IN_OBJECTS:
        return "numbers"
    return "text" if inferred == "string" else inferred


_DATES: Final = "dates or times; turn them into numbers, such as days since a date, or name it in data.exclude"
_DURATIONS: Final = "durations; turn them into numbers, such as days, or name it in data.exclude"
_TIMES: Final = {"M": _DATES, "m": _DURATIONS, "c": "complex numbers; give their parts a column each"}


def _from_numpy(values: pd.Series, dtype: np.dtype, place: str) -> pd.Series:
    if dtype.kind == "O":
        return _from_objects(values, place)
    if dtype.kind in "biuf":
        return values
    raise InputError(f"{place} holds {_TIMES.get(dtype.kind, str(dtype))}")


def _from_nullable(values: pd.Series) -> pd.Series:
    truth = pd.api.types.is_bool_dtype(values.dtype)
    if values.isna().any():
        array = values.to_numpy(dtype=object if truth else np.float64, na_value=np.nan)
    else:
        width = getattr(values.dtype, "itemsize", 8)  # Arrow's types have it too
        array = values.to_numpy(dtype=bool if truth else np.dtype(f"{values.dtype.kind}{width}"))
    return pd.Series(array, index=values.index, name=values.name)


def _texts(values: pd.Series) -> pd.Series:
    plain = values.astype(object)
    return pd.Series(list(plain.where(values.notna(), np.nan)), index=values.index, name=values.name)


def _from_objects(values: pd.Series, place: str) -> pd.Series:
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in {"string", "boolean"}:
        return values
    if inferred in _NUMBERS_IN_OBJECTS:
        return _as_numbers(values)
    kinds = [_value_kind(value) for value in values[values.notna()]]
    rows = [int(row) for row in np.flatnonzero(values.notna().to_numpy())]
    other = next((i for i, kind in enumerate(kinds) if kind != kinds[0]), None)
    if other is None:
        raise InputError(f"{place} holds {_refused(kinds[0])}")
    # the rows are named and their values are not: a message goes into logs, and a value may be private
    first, second = (f"{kinds[i]} in row {rows[i]}" for i in (0, other))
    raise InputError(f"{place} mixes types: {first}, {second}; make it one type (rows count from 0)")


def _as_numbers(values: pd.Series) -> pd.Series:
    try:
        numbers = pd.Series(pd.to_numeric(values.where(values.notna(), np.nan)), index=values.index, name=values.name)
    except (TypeError, ValueError, OverflowError):
        return values.astype(np.float64)
    return numbers.astype(np.float64) if numbers.dtype == object else numbers


def _refused(kind: str) -> str:
    return {"dates or times": _DATES, "durations": _DURATIONS}.get(kind, f"{kind}; name it in data.exclude")


def _value_kind(value: object) -> str:
    return next((name for types, name in _KINDS if isinstance(value, types)), f"values of type {type(value).__name__}")


_KINDS: Final[tuple[tuple[tuple[type, ...], str], ...]] = (  # the first that fits: a bool is an int, a float64 a float
    ((str,), "text"),
    ((bool, np.bool_), "a truth value"),
    ((int, float, np.integer, np.floating, Decimal), "a number"),
    ((complex, np.complexfloating), "complex numbers"),
    ((date, time, np.datetime64, pd.Period), "dates or times"),
    ((timedelta, np.timedelta64), "durations"),
)
