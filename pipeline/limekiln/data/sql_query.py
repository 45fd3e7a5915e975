"""The text of a query, looked at and not parsed: is it one that only reads, and does it order its rows?"""

import re
from typing import Final

from limekiln.errors import InputError

_KEY: Final = "data.source.query"
_QUIET: Final = re.compile(
    r"""
    --[^\n]*                              # a comment to the end of the line
    | /\*.*?(?:\*/|\Z)                    # a comment between stars
    | '(?:[^']|'')*(?:'|\Z)               # a text
    | "(?:[^"]|"")*(?:"|\Z)               # a quoted name
    | `[^`]*(?:`|\Z)                      # a quoted name of MySQL
    | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)   # a text of PostgreSQL
    """,
    re.VERBOSE | re.DOTALL,
)
_FIRST_WORD: Final = re.compile(r"[\s(]*(\w+)")
_WRITES: Final = re.compile(
    r"[()]\s*(?:(insert)\s+into|(update)\s+\w|(delete)\s+from|(merge)\s+into)\b|\b(into)\b", re.IGNORECASE
)
_ORDER: Final = re.compile(r"\border\s+(?:siblings\s+)?by\b", re.IGNORECASE)
_DEEPEST: Final = 10_000


def checked(query: str) -> str:
    """Give a query without a semicolon at its end.

    Raises:
        InputError: it is more than one statement, or one that does more than read.
    """
    bare = _bare(query)
    if ";" in bare.rstrip("; \t\r\n"):
        raise InputError(f"{_KEY}: expected one SELECT, got several statements (a semicolon stands between them)")
    found = _FIRST_WORD.match(bare)
    verb = found.group(1).upper() if found else ""
    if verb not in {"SELECT", "WITH"}:
        raise InputError(f"{_KEY}: expected one SELECT, also after a WITH, got {verb or 'none'}")
    if writes := _WRITES.search(bare):
        word = next(word for word in writes.groups() if word).upper()
        raise InputError(f"{_KEY}: expected a query that only reads, but it holds {word}")
    return query if ";" not in bare else query[: bare.index(";")]


def is_ordered(query: str) -> bool:
    """Whether the outermost query has an ORDER BY; one inside parentheses orders nothing outside them."""
    bare = _bare(query)
    for _ in range(_DEEPEST):
        shorter = re.sub(r"\([^()]*\)", " ", bare)
        if shorter == bare:
            break
        bare = shorter
    return _ORDER.search(bare) is not None


def _bare(query: str) -> str:
    """The query with blanks in place of its comments, texts and quoted names; places stay the same."""
    return _QUIET.sub(lambda found: " " * len(found.group()), query)
