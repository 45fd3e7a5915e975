"""Column names: each a text, each once."""

import unicodedata
from collections.abc import Iterable

from limekiln.errors import InputError


def check_names(names: Iterable[object], source: str) -> None:
    """See that column names are texts and differ, also after Unicode's normal form C.

    Raises:
        InputError: one is no text, or stands twice.
    """
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str):
            hint = "try table.columns = table.columns.map(str)"
            raise InputError(f"{source}: the column name {name!r} is no text; {hint}")
        plain = unicodedata.normalize("NFC", name)
        if plain in seen:
            same = "" if seen[plain] == name else ", once in other characters that look the same"
            raise InputError(f'{source}: the column "{name}" stands twice{same}; give every column its own name')
        seen[plain] = name
