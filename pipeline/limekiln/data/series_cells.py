"""A column of lists, or an array → series (T, C): T times, C channels."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from limekiln.data.unreadable import Unreadable
from limekiln.errors import InputError
from limekiln.values import Array

_UNIVARIATE: Final = 1
_MULTIVARIATE: Final = 2
_NUMBERS: Final = (int, float, np.integer, np.floating, np.bool_, Decimal)


def series(values: Iterable[Any], channels: int | None = None) -> list[Array | Unreadable]:
    """Give each series as (T, C); T may differ from row to row, C may not.

    Args:
        values: n lists of numbers (one channel), or of lists with a number for each channel.
        channels: C; None takes what most series have, of two equally frequent the one that comes first.
    """
    cells = [_one(value) for value in values]
    widths = Counter(cell.shape[1] for cell in cells if not isinstance(cell, Unreadable))
    if not widths:
        return cells
    expected = channels or widths.most_common(1)[0][0]
    return [_with_channels(cell, expected) for cell in cells]


def from_array(array: NDArray[Any], place: str, channels: int | None = None) -> list[Array | Unreadable]:
    """Give each series as (T, C).

    Args:
        array: (n, T) of one channel, or (n, T, C).
        place: how a message names it.
        channels: C, where the config names the channels.

    Raises:
        InputError: the array has another shape.
    """
    whole = array[:, :, None] if array.ndim == _MULTIVARIATE else array
    if whole.ndim != _MULTIVARIATE + 1:
        raise InputError(f"{place}: an array of shape {array.shape}; series are (n, T) or (n, T, C)")
    if channels is not None and whole.shape[2] != channels:
        raise InputError(
            f"{place}: an array of shape {array.shape} has {whole.shape[2]} channels, but data.sequences.channels "
            f"names {channels}"
        )
    return list(whole.astype(np.float64))


def _with_channels(cell: Array | Unreadable, expected: int) -> Array | Unreadable:
    if isinstance(cell, Unreadable) or cell.shape[1] == expected:
        return cell
    return Unreadable(f"a series of {cell.shape[1]} channels, expected {expected}")


def _one(value: Any) -> Array | Unreadable:
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = list(value)
    if not isinstance(value, list | tuple | np.ndarray):
        missing = pd.api.types.is_scalar(value) and pd.isna(value)
        return Unreadable("no series" if missing else f"expected a list of numbers, got {_what(value)}")
    if len(value) == 0:
        return Unreadable("a series of length 0")
    try:
        found = np.asarray([list(step) if _is_list(step) else step for step in value])
    except (ValueError, OverflowError):  # NumPy's way to say that lists differ in length
        return Unreadable("its steps have different numbers of values; each needs one for every channel")
    return _numbers(found)


def _numbers(found: NDArray[Any]) -> Array | Unreadable:
    if found.dtype.kind == "O":
        odd = [v for v in found.ravel() if not (v is None or isinstance(v, _NUMBERS))]
        if odd:
            return Unreadable(f"expected numbers, got {_what(odd[0])}")
        found = found.astype(np.float64)
    if found.dtype.kind not in "biuf":
        return Unreadable("expected numbers, got texts" if found.dtype.kind in "US" else f"got {found.dtype}")
    if found.ndim not in {_UNIVARIATE, _MULTIVARIATE} or 0 in found.shape:
        return Unreadable(f"a series of shape {found.shape}, expected (T) or (T, channels)")
    numbers = found.astype(np.float64)
    return numbers[:, None] if numbers.ndim == _UNIVARIATE else numbers


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _what(value: Any) -> str:
    return f"a value of type {type(value).__name__}"
