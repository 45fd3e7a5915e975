"""A text with its words shaded by weight, and the words for and against each class."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from limekiln.record import Mark, Pick
from limekiln.report.figures import Sign
from limekiln.report.names import cut, storable
from limekiln.report.voice import Voice
from limekiln.report.words import decimals, signed

WHOLE: Final = 1200
"""Characters of a text that a screen can unfold."""

EXCERPT: Final = 420
"""Characters of a text that a card shows, around the words that weigh most."""

_AROUND: Final = 34
_STEPS: Final = 4
_FAINT: Final = 0.06
_LONGEST: Final = 200
_WORD: Final = re.compile(r"\s+|\S+")


@dataclass(frozen=True)
class Piece:
    """A piece of a text; `step` from 1, pale, to 4, strong, or 0 for one without weight."""

    text: str
    sign: Sign
    step: int
    hint: str


@dataclass(frozen=True)
class Document:
    """A text: what a card shows, the whole where that is less, and what is left out even there."""

    excerpt: tuple[Piece, ...]
    whole: tuple[Piece, ...]
    more: str


def document(marks: Sequence[Mark], says: Voice) -> Document | None:
    """A text from its pieces in reading order; None where there is none.

    Joined, the pieces of `whole` (or of `excerpt`, where that is empty) are the text, or its first 1,200 characters.
    """
    if not marks:
        return None
    pieces = tuple(_pieces(marks, says))
    length = sum(len(p.text) for p in pieces)
    if length <= EXCERPT:
        return Document(pieces, (), "")
    whole = _first(pieces, WHOLE)
    left = length - sum(len(p.text) for p in whole)
    return Document(_excerpt(pieces, marks), whole, f"and {left:,} more characters" if left else "")


def carriers(picks: Sequence[Pick]) -> Mapping[str, tuple[str, ...]]:
    """The picked rows whose text has a word as a part, by the word in lower case, in pick order."""
    found: dict[str, dict[str, None]] = {}
    for row in {row.row: row for pick in picks for row in pick.rows}.values():
        for word in {m.text.lower() for m in row.marks if m.weight is not None}:
            found.setdefault(word, {})[row.row] = None
    return {word: tuple(rows) for word, rows in found.items()}


def _pieces(marks: Sequence[Mark], says: Voice) -> Iterator[Piece]:
    top = max((abs(m.weight) for m in marks if m.weight is not None), default=0.0)
    places = decimals(m.weight for m in marks)
    for m in marks:
        weight = m.weight or 0.0
        part = abs(weight) / top if top > 0 else 0.0
        step = 0 if part < _FAINT else min(_STEPS, 1 + int(part * _STEPS))
        hint = "" if not weight else f"{signed(weight, places)}, {says.way(weight)}"
        yield Piece(storable(m.text), "for" if weight >= 0 else "against", step, hint)


def _first(pieces: Sequence[Piece], limit: int) -> tuple[Piece, ...]:
    """The pieces of the first `limit` characters."""
    kept, room = [], limit
    for piece in pieces:
        if len(piece.text) >= room:
            kept.append(Piece(piece.text[:room], piece.sign, piece.step, piece.hint))
            break
        kept.append(piece)
        room -= len(piece.text)
    return tuple(kept)


def _excerpt(pieces: Sequence[Piece], marks: Sequence[Mark]) -> tuple[Piece, ...]:
    """The neighbourhoods of the heaviest words, in reading order, with an ellipsis for what is between them."""
    small = [
        (Piece(text, p.sign, p.step, p.hint), abs(m.weight or 0.0))
        for p, m in zip(pieces, marks, strict=True)
        for text in (_WORD.findall(p.text) if m.weight is None else [p.text])
    ]
    if not any(weight for _, weight in small):
        return (*_first(pieces, EXCERPT), Piece(" …", "for", 0, ""))
    kept, room = set[int](), EXCERPT
    for i in sorted((i for i, (_, weight) in enumerate(small) if weight), key=lambda i: -small[i][1]):
        near = _near(small, i) - kept
        room -= sum(min(_LONGEST, len(small[k][0].text)) for k in near)
        if room < 0 and kept:
            break
        kept |= near
    shown: list[Piece] = []
    last = -1
    for i in sorted(kept):
        if i != last + 1:
            shown.append(Piece(" … " if shown else "… ", "for", 0, ""))
        p = small[i][0]
        shown.append(Piece(cut(p.text, _LONGEST), p.sign, p.step, p.hint))
        last = i
    return (*shown, *([Piece(" …", "for", 0, "")] if last < len(small) - 1 else []))


def _near(small: Sequence[tuple[Piece, float]], i: int) -> set[int]:
    """A piece and those beside it, some characters on either side."""
    found = {i}
    for step in (-1, 1):
        room, k = _AROUND, i + step
        while 0 <= k < len(small) and len(small[k][0].text) <= room:
            room -= len(small[k][0].text)
            found.add(k)
            k += step
    return found
