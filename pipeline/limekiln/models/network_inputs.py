"""Rows → the arrays that a network's inputs declare: by column name, as one matrix, or as the user prepared them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln.errors import InputError, PredictionError
from limekiln.models.model import label_text

WAY_OUT: Final = 'name a "module:callable" in model.source.prepare that turns the rows into what the network takes'
_SHOWN: Final = 6
_MATRIX: Final = 2


@dataclass(frozen=True)
class Slot:
    """An input that a network declares.

    Attributes:
        name: its name.
        dtype: of its numbers; `object` for texts.
        shape: with the rows first; None where a dimension is free or unknown. None for an unknown rank.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None

    @property
    def is_column(self) -> bool:
        """Whether it takes one value a row."""
        return self.shape is not None and (len(self.shape) == 1 or self.shape[1:] == (1,))


def columns_of(slots: Sequence[Slot]) -> tuple[str, ...] | None:
    """Give the columns that inputs name: several, each of one value a row."""
    if len(slots) > 1 and all(slot.is_column for slot in slots):
        return tuple(slot.name for slot in slots)
    return None


def check_free_rows(slots: Sequence[Slot], way_out: str) -> None:
    """Refuse a network that takes a fixed number of rows only.

    Raises:
        InputError: none of its inputs has a free first dimension.
    """
    fixed = [slot.shape[0] for slot in slots if slot.shape]
    if fixed and all(size is not None for size in fixed):
        rows = f"{fixed[0]} row{'' if fixed[0] == 1 else 's'}"
        raise InputError(f"model.source: the network takes batches of exactly {rows}; {way_out}")


def feeds(given: Any, slots: Sequence[Slot]) -> dict[str, np.ndarray]:
    """Give each input its array.

    Args:
        given: n rows of a table, n texts, an array, a list of arrays in the order of the inputs, or a dict of
            arrays by the inputs' names.
        slots: the inputs.

    Returns:
        An array for each input, of its type; a table's columns go to the inputs of their names, or, where there is
        one input only, all into one matrix.

    Raises:
        InputError: data of this form do not fit these inputs.
        PredictionError: these values do not.
    """
    if isinstance(given, pd.DataFrame):
        found = _of_table(given, slots)
    else:
        found = {slot.name: _cast(value, slot) for slot, value in zip(slots, _parts(given, slots), strict=True)}
    for slot in slots:
        _check_shape(found[slot.name], slot)
    return found


def plain(given: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """Give the array for a network that declares nothing.

    Args:
        given: n rows of a table of numbers, or an array.
        dtype: what 64-bit floats become; a table's columns become it whatever they are.

    Raises:
        InputError: these are texts, or a column holds no numbers.
    """
    if isinstance(given, pd.DataFrame):
        return _matrix(given, dtype)
    if isinstance(given, list) and any(isinstance(value, str) for value in given):
        raise InputError(f"model.source: the network takes numbers and the data are texts; {WAY_OUT}")
    array = _dense(given)
    if array.dtype.kind not in "biuf":
        raise InputError(f"model.source: the network takes numbers and got an array of {array.dtype}; {WAY_OUT}")
    return array.astype(dtype) if array.dtype == np.float64 else array


def is_arrays(given: Any) -> bool:
    """Whether a list is one of arrays, one an input, and not rows."""
    return isinstance(given, list | tuple) and bool(given) and all(getattr(part, "shape", ()) for part in given)


def _of_table(frame: pd.DataFrame, slots: Sequence[Slot]) -> dict[str, np.ndarray]:
    names = {str(name): i for i, name in enumerate(frame.columns)}
    if all(slot.is_column and slot.name in names for slot in slots):
        return {slot.name: _column(frame.iloc[:, names[slot.name]], slot) for slot in slots}
    if len(slots) == 1:
        return {slots[0].name: _table(frame, slots[0])}
    wide = [slot.name for slot in slots if not slot.is_column]
    absent = [slot.name for slot in slots if slot.name not in names]
    why = f"of which {_listed(wide)} take more than one value a row" if wide else f"and no column is {_listed(absent)}"
    raise InputError(f"model.source: the network has {len(slots)} inputs, {why}; {WAY_OUT}")


def _table(frame: pd.DataFrame, slot: Slot) -> np.ndarray:
    width = slot.shape[1] if slot.shape is not None and len(slot.shape) == _MATRIX else None
    if width is not None and width != frame.shape[1]:
        raise InputError(
            f"model.source: the network takes {width} columns and gets {frame.shape[1]} "
            f"({_listed(map(str, frame.columns))}); leave columns out with data.exclude, or {WAY_OUT}"
        )
    if slot.dtype.kind == "f":
        return _matrix(frame, slot.dtype)
    each = Slot(slot.name, slot.dtype, (None,))
    parts = [_column(frame.iloc[:, i], each) for i in range(frame.shape[1])]
    return np.column_stack(parts) if parts else np.empty((len(frame), 0), slot.dtype)


def _matrix(frame: pd.DataFrame, dtype: np.dtype[Any]) -> np.ndarray:
    parts = [_numbers(frame.iloc[:, i], str(name)) for i, name in enumerate(frame.columns)]
    return np.column_stack(parts).astype(dtype) if parts else np.empty((len(frame), 0), dtype)


def _column(values: pd.Series, slot: Slot) -> np.ndarray:
    array = _texts(values, slot.name) if slot.dtype == object else _as(_numbers(values, str(values.name)), slot)
    return array if slot.shape is None or len(slot.shape) == 1 else array[:, None]


def _numbers(values: pd.Series, name: str) -> np.ndarray:
    """A column as numbers: whole numbers stay whole, missing values become NaN."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype if not values.isna().any() else object)
    try:
        if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
            raise TypeError  # noqa: TRY301 - one message for all that is no number
        whole = pd.api.types.is_integer_dtype(values.dtype) and not values.isna().any()
        if not whole and any(isinstance(value, str) for value in values.array[: _SHOWN * _SHOWN]):
            raise TypeError  # noqa: TRY301 - digits in a column of texts are no numbers
        return values.to_numpy(dtype=np.int64 if whole else np.float64, na_value=0 if whole else np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(
            f'model.source: the network takes numbers and column "{name}" holds {values.dtype} values; leave it out '
            f"with data.exclude, or {WAY_OUT}"
        ) from error


def _texts(values: pd.Series, name: str) -> np.ndarray:
    if values.isna().any():
        raise PredictionError(f'column "{name}" has no value here, and the network takes a text there; {WAY_OUT}')
    return np.array([label_text(value) for value in values.array], dtype=object)


def _parts(given: Any, slots: Sequence[Slot]) -> list[Any]:
    """What each input gets, in their order."""
    if isinstance(given, Mapping):
        absent = [slot.name for slot in slots if slot.name not in given]
        unknown = sorted(set(map(str, given)) - {slot.name for slot in slots})
        if absent or unknown:
            names = _listed(slot.name for slot in slots)
            raise InputError(
                f"model.source.prepare: gives {_listed(map(str, given))}; the network's inputs are {names}"
            )
        return [given[slot.name] for slot in slots]
    if is_arrays(given) and (len(slots) > 1 or len(given) == 1):
        if len(given) != len(slots):
            raise InputError(f"model.source.prepare: gives {len(given)} arrays; the network has {len(slots)} inputs")
        return list(given)
    if len(slots) != 1:
        names = _listed(slot.name for slot in slots)
        raise InputError(f"model.source: the network has {len(slots)} inputs ({names}) and gets one array; {WAY_OUT}")
    return [given]


def _cast(given: Any, slot: Slot) -> np.ndarray:
    """An array, or a list of texts, in the type of an input."""
    if slot.dtype == object:
        array = np.array(given, dtype=object)
        if not all(isinstance(value, str) for value in array.ravel()[:_SHOWN]):
            raise InputError(
                f'model.source: the network\'s input "{slot.name}" takes texts, and gets numbers; {WAY_OUT}'
            )
        column = array.ndim == 1 and slot.shape is not None and len(slot.shape) == _MATRIX
        return array[:, None] if column else array
    return _as(plain(given, np.dtype(np.float64)), slot)


def _as(array: np.ndarray, slot: Slot) -> np.ndarray:
    """Numbers in the type of an input. Raises PredictionError where whole numbers are asked for and these are none."""
    if slot.dtype.kind in "iub" and array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            cast = array.astype(slot.dtype)
        if not np.array_equal(cast, array):
            bad = array[cast != array].ravel()[0]
            raise PredictionError(
                f'the network\'s input "{slot.name}" takes whole numbers ({slot.dtype}) and gets {bad:g}; {WAY_OUT}'
            )
        return cast
    return array.astype(slot.dtype, copy=False)


def _check_shape(array: np.ndarray, slot: Slot) -> None:
    if slot.shape is None:
        return
    fits = len(slot.shape) == array.ndim and all(
        size is None or size == found for size, found in zip(slot.shape[1:], array.shape[1:], strict=True)
    )
    if not fits:
        expected = ", ".join(["n", *("any" if size is None else str(size) for size in slot.shape[1:])])
        raise PredictionError(
            f'the network\'s input "{slot.name}" takes an array of shape ({expected}) and gets {array.shape}; {WAY_OUT}'
        )


def _dense(given: Any) -> np.ndarray:
    """Any array, a sparse one too."""
    return np.asarray(given.toarray() if hasattr(given, "toarray") else given)


def _listed(names: Any) -> str:
    listed = [f'"{name}"' for name in names]
    return ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
