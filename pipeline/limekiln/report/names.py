"""Text that comes from outside - feature names, values, class names, paths - made ready to be printed.

It is never trusted and never changed: long texts are shortened where they stand and given in full at the end
of the report. Escaping is the templates' work; here only what no document can hold is replaced.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LIMIT = 72
"""Characters that a table cell prints of a name."""

HINT = 1000
"""Characters that a tooltip repeats; the whole text stands in the list of long names."""

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # HTML drops NUL, UTF-8 has no lone surrogates
_NOT_XML = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"))
_END = 5
_TAIL = 8
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Name:
    """A text from outside: `short` is printed, `full` is the whole text where `short` is not, else empty."""

    short: str
    full: str = ""

    @property
    def isolate(self) -> bool:
        """Whether its direction would disturb the text around it, or be disturbed."""
        return any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in self.short)

    @property
    def hint(self) -> str:
        """What a tooltip shows of the whole text."""
        return cut(self.full, HINT)


@dataclass(frozen=True)
class Sentence:
    """Prose with names in it, so that the names can be set apart and isolated from the text's direction."""

    parts: tuple[str | Name, ...]

    @property
    def text(self) -> str:
        """The sentence as plain text."""
        return "".join(part if isinstance(part, str) else part.short for part in self.parts)


def say(*parts: str | Name) -> Sentence:
    """A sentence from its parts."""
    return Sentence(parts)


def join(names: tuple[Name, ...]) -> tuple[str | Name, ...]:
    """The names with commas and an `and` between them, as parts of a sentence; semicolons where names have commas."""
    parts: list[str | Name] = []
    for i, name in enumerate(names):
        parts += [between(i, names), name]
    return tuple(parts[1:])


def between(i: int, names: Sequence[Name]) -> str:
    """What stands before the name at a place in a list of them."""
    if i == 0:
        return ""
    comma = ";" if any(", " in name.short for name in names) else ","
    if i < len(names) - 1:
        return f"{comma} "
    return f"{comma if comma == ';' else ''} and "


def storable(text: str) -> str:
    """The text with the two kinds of characters replaced that no HTML file can hold."""
    return _NOT_STORABLE.sub(_REPLACEMENT, text)


def drawable(text: str) -> str:
    """The text without the control characters that XML, and so SVG and the PDF, cannot hold."""
    return _NOT_XML.sub("", storable(text))


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the last an ellipsis where some are left out; never inside a combined character."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 1 and (unicodedata.combining(text[end]) or text[end] in "\u200d\ufe0f" or text[end - 1] == "\u200d"):
        end -= 1
    return f"{text[:end]}…"


def name(text: str, limit: int = LIMIT) -> Name:
    """The text ready for a table cell or a sentence.

    What is too long keeps its end, because names that begin alike end apart; prose is cut at its end.
    """
    whole = storable(text)
    if not whole.strip():
        return Name("(empty)" if not whole else f"({len(whole)} blank)")
    tail = whole[-_TAIL:] if len(whole) > limit <= LIMIT else ""
    short = cut(whole, limit - len(tail)) + tail
    return Name(short, "" if short == whole else whole)


def fit(text: str, ems: float) -> str:
    """The text cut to a width where it cannot wrap; its end stays, because names that begin alike end apart."""
    plain = " ".join(drawable(text).split())
    if sum(map(_em, plain)) <= ems:
        return plain
    end = plain[-_END:]
    room = ems - 1 - sum(map(_em, end))
    kept = 0
    while kept < len(plain) and room >= _em(plain[kept]):
        room -= _em(plain[kept])
        kept += 1
    return f"{plain[:kept]}…{end}"


def _em(char: str) -> float:
    """The width of a character in ems, on the wide side."""
    if unicodedata.combining(char):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.1
    return 0.7 if char.isupper() or char in "mwMW@%" else 0.57


def long_names(value: object) -> tuple[str, ...]:
    """Every text inside a view that is printed shortened, in order of appearance, each once."""
    return tuple(dict.fromkeys(found.full for found in _walk(value) if found.full))


def _walk(value: object) -> Iterator[Name]:
    if isinstance(value, Name):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _walk(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _walk(getattr(value, field.name))
