"""What a packaged or served model answers → numbers, one row an instance; labels are no numbers, and are named so."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln.errors import PredictionError
from limekiln.models.model import Output, label_text

_SHOWN: Final = 40
_MATRIX: Final = 2


def numbers(answer: Any, *, classes: Sequence[str], output: Output, way_out: str) -> np.ndarray:
    """Give an answer as an array, with the columns of a table in the order of the classes.

    Args:
        answer: a DataFrame, an array, a list of numbers, of lists or of records, or one of these by name.
        classes: C names of the outputs. A table's columns are matched by name where they are these names, and
            are otherwise taken as they stand.
        output: what the numbers are.
        way_out: what to do where the answer is labels; ends the message.

    Returns:
        (n, C) or (n,) numbers; whether their shape is right is for `checked` to say.

    Raises:
        PredictionError: the answer is labels, or nothing that can be read as numbers.
    """
    if answer is None:
        raise PredictionError(_no_numbers(answer, way_out))
    plain = _unwrapped(answer)
    if isinstance(plain, pd.DataFrame):
        plain = _ordered(plain, classes)
    try:
        found = np.asarray(plain)
        if found.dtype.kind == "O":
            found = found.astype(np.float64)  # what JSON calls null becomes NaN
    except (TypeError, ValueError) as error:
        raise PredictionError(_no_numbers(plain, way_out)) from error
    if found.dtype.kind not in "biuf":
        raise PredictionError(_no_numbers(plain, way_out))
    if output != "value" and found.ndim < _MATRIX and found.size and len(classes) > 1:
        raise PredictionError(
            f"the model gives one number a row, such as {_short(found.ravel()[:1].tolist())}, and not one for each of "
            f"{len(classes)} classes: a label, or the probability of one class; {way_out}"
        )
    return found


def _unwrapped(answer: Any) -> Any:
    """The one table or array inside a mapping; records as a table."""
    if isinstance(answer, Mapping):
        if len(answer) != 1:
            names = ", ".join(f'"{name}"' for name in answer)
            raise PredictionError(f"the model answers with {len(answer)} named values ({names}), expected one table")
        return _unwrapped(next(iter(answer.values())))
    if isinstance(answer, pd.Series):
        return answer.to_numpy()
    if isinstance(answer, list) and answer and all(isinstance(record, Mapping) for record in answer):
        if any(record.keys() != answer[0].keys() for record in answer):
            raise PredictionError("the model answers with records whose names differ from row to row")
        return pd.DataFrame(answer)
    return answer


def _ordered(table: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    names = [label_text(name) for name in table.columns]
    if sorted(names) == sorted(classes):
        table = table.iloc[:, [names.index(name) for name in classes]]
    return table.iloc[:, 0].to_numpy() if table.shape[1] == 1 else table.to_numpy()


def _no_numbers(answer: Any, way_out: str) -> str:
    flat = np.asarray(answer, dtype=object).ravel() if _is_regular(answer) else np.empty(0, dtype=object)
    first = next((value for value in flat if isinstance(value, str | bytes)), None)
    if first is not None:
        return f"the model gives labels, such as {_short(first)}, and no numbers; {way_out}"
    return f"the model gives {_short(answer)}, which is no table of numbers with one row an instance"


def _is_regular(answer: Any) -> bool:
    try:
        np.asarray(answer, dtype=object)
    except ValueError:
        return False
    return True


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
