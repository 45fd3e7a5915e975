"""How columns are told wherever something is written: as they are, masked, binned, hashed with a key, or not at all.

Nothing here reads or writes. `data.private` settles which column is told how; whoever writes asks here for the words.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from limekiln.settings import Rule

GAP: Final = "…"
"""What stands where something was taken out of a message."""

_HASH_LENGTH: Final = 12  # of 32 signs: 60 bits, so that of a million values no two are likely to share a hash
_QUOTED: Final = re.compile(r"""'[^']*'?|"[^"]*"?|`[^`]*`?|“[^”]*”?|«[^»]*»?|\[[^\]]*\]?|\{[^}]*\}?|<[^>]*>?""")
_WITH_DIGIT: Final = re.compile(r"\S*\d\S*")
_SHORT: Final = 3


@dataclass(frozen=True)
class Redaction:
    """How the columns of one data set are told.

    Attributes:
        rules: every column that is not shown.
        by_default: those of them that the config does not name.
        aliases: what each dropped column is called instead.
        id: the column that names rows; None where their position does.
        content: the column that holds texts, images or series; None for a table.
        key: of the hashes.
    """

    rules: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    by_default: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    id: str | None = None
    content: str | None = None
    key: bytes = field(default=b"", repr=False)

    def rule(self, column: str | None) -> Rule:
        """How a column is told."""
        return "show" if column is None else self.rules.get(column, "show")

    def shows(self, column: str | None) -> bool:
        """Whether a column's values may be told as they are."""
        return self.rule(column) == "show"

    def name(self, column: str) -> str:
        """A column's name as it is told."""
        return self.aliases.get(column, column)

    def column(self, name: str) -> str:
        """The column that is told by a name: the other way round."""
        return next((column for column, alias in self.aliases.items() if alias == name), name)

    def unnamed(self, text: str) -> str:
        """A text without the names of dropped columns."""
        for column in sorted(self.aliases, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(column)}(?!\w)", self.aliases[column], text)
        return text

    def unnamed_option(self, option: str) -> str:
        """A `--set` option as it may be kept: asterisks for one that names a dropped column."""
        return option if self.unnamed(option) == option else "***"

    def listed(self) -> list[str]:
        """Each column that is not shown with how it is told, such as `id: mask by default`."""
        return [
            f"{self.name(column)}: {rule}{' by default' if column in self.by_default else ''}"
            for column, rule in self.rules.items()
        ]

    def hashed(self, column: str, value: str) -> str:
        """HMAC-SHA256 of the column's name, a NUL and the value, in 12 signs of RFC 4648's base 32, lower case."""
        digest = hmac.new(self.key, f"{column}\0{value}".encode("utf-8", "backslashreplace"), hashlib.sha256).digest()
        return base64.b32encode(digest).decode("ascii")[:_HASH_LENGTH].lower()

    def row_names(self, keys: Sequence[str]) -> tuple[str, ...]:
        """What rows are called: their ids where these are shown, their hashes, or `row-` and their position from 0."""
        rule = self.rule(self.id)
        if rule == "show":
            return tuple(keys)
        if rule == "hash":
            return tuple(self.hashed(str(self.id), key) for key in keys)
        width = len(str(len(keys) - 1))
        return tuple(f"row-{position:0{width}}" for position in range(len(keys)))


SHOWN: Final = Redaction()
"""Everything as it is."""


@dataclass(frozen=True)
class Discretion:
    """Takes out of a message what rows that a model was asked for may have put into it; travels to workers."""

    rules: Mapping[str, Rule]
    aliases: Mapping[str, str]
    content: str | None

    def __call__(self, message: str, instances: Any) -> str:
        """The message as it may be told, after a call with these instances."""
        if not isinstance(instances, pd.DataFrame):
            return message if self.content not in self.rules else "its message may quote the data and is withheld"
        hidden = [str(column) for column in instances.columns if column in self.rules]
        known = Redaction(aliases=self.aliases).unnamed(message)
        return without_values(known, values_of(instances[hidden])) if hidden else known


def discretion(redaction: Redaction, columns: Iterable[str]) -> Discretion | None:
    """What makes a model's messages fit to be told; None where it sees no column that is not shown."""
    rules = {column: rule for column in columns if (rule := redaction.rule(column)) != "show"}
    return Discretion(rules, dict(redaction.aliases), redaction.content) if rules else None


def values_of(table: pd.DataFrame) -> list[str]:
    """Every distinct value of a table as text."""
    return [text_of(value) for column in table.columns for value in table[column].dropna().unique()]


def text_of(value: object) -> str:
    """A value as text; whole floats as integers, since a missing value turns a column of integers into floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)  # NumPy's is one


def without_values(message: str, values: Iterable[str]) -> str:
    """A message of anybody's code without values, which it may quote, cut or write in another way.

    Gaps stand for each value as it is, for whatever is quoted or in brackets, for every token with a digit, for each
    word of a value, and for each longer word that is a part of one. A message that is left may be poor; one that tells
    too much cannot be taken back.
    """
    words: set[str] = set()
    held = "\0".join(values).casefold()
    for value in held.split("\0"):
        if len(value) >= _SHORT and value in message.casefold():
            message = re.sub(re.escape(value), GAP, message, flags=re.IGNORECASE)
        words.update(re.findall(r"\w+", value))
    message = _WITH_DIGIT.sub(GAP, _QUOTED.sub(GAP, message))

    def told(found: re.Match[str]) -> str:
        word = found[0].casefold()
        return GAP if word in words or (len(word) > _SHORT and word in held) else found[0]

    return re.sub(r"\w+", told, message)
