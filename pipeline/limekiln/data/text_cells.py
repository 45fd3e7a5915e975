"""A column of any values → texts."""

from collections.abc import Collection, Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln.data.unreadable import Unreadable

_MANY: Final = (list, tuple, set, dict, np.ndarray)


def texts(values: Iterable[Any], missing: Collection[str] = ()) -> list[str | Unreadable | None]:
    """Give each value as a text: None where there is none, and numbers as they are written.

    Args:
        values: n values.
        missing: texts that mean that there is none.
    """
    return [_text(value, missing) for value in values]


def _text(value: Any, missing: Collection[str]) -> str | Unreadable | None:
    if isinstance(value, _MANY):
        return Unreadable(f"expected a text, got a value of type {type(value).__name__}")
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            return Unreadable(f"expected a text, got bytes that are not UTF-8 (0x{value[error.start]:02x})")
    if not isinstance(value, str):
        return None if pd.isna(value) else str(value)
    if value in missing:
        return None
    return _whole(str(value))


def _whole(text: str) -> str | Unreadable:
    """JSON can hold halves of a character, which nothing can write."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return Unreadable(f"half a character at position {error.start}, a lone surrogate")
    return text
