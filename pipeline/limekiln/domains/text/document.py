"""A text in its parts: words that can be hidden, and what stands between them, which always stays.

As in lime 0.2.0.1 (`IndexedString`): words are runs of letters, digits and underscores; in a bag all
occurrences of a word are one part, in order of first appearance.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from limekiln.domains.masks import Law
from limekiln.errors import InstanceError, LimekilnError
from limekiln.values import Index, Mask, Traits

Spans = list[tuple[int, int]]
Tokenizer = Callable[[str], Sequence[tuple[int, int]]]

_WORDS: Final = re.compile(r"\w+")
_NO_PART: Final = -1


@dataclass(frozen=True)
class Document:
    """A text cut into pieces.

    Attributes:
        pieces: the text; joined they give it back.
        parts: (len(pieces),) the part that each piece belongs to, −1 for what is never hidden.
        names: (size,) the parts' tokens, as they stand in the text at their first place.
        mask: what a hidden piece becomes.
        capped: whether tokens were left out of the parts because there are too many.
    """

    pieces: tuple[str, ...]
    parts: Index
    names: tuple[str, ...]
    mask: str
    capped: bool

    @property
    def size(self) -> int:
        """How many parts there are."""
        return len(self.names)

    def compose(self, kept: Mask) -> list[str]:
        """The texts that are left when parts are hidden: (m, size) → m texts."""
        pieces = np.array(self.pieces, dtype=object)
        hidden = np.array(
            [self.mask if part != _NO_PART else piece for piece, part in zip(self.pieces, self.parts, strict=True)],
            dtype=object,
        )
        shown = np.concatenate([kept, np.ones((len(kept), 1), dtype=bool)], axis=1)[:, self.parts]
        return ["".join(row) for row in np.where(shown, pieces, hidden).tolist()]

    def traits(self) -> Traits:
        """The token of each part in lower case, and whether its text has too many."""
        return {
            "word": np.array([name.lower() for name in self.names], dtype=np.str_),
            "capped": np.full(self.size, self.capped),
        }

    def marks(self, weights: Sequence[float]) -> list[tuple[str, float | None]]:
        """The pieces in order with their part's weight; None for what is never hidden."""
        return [
            (piece, None if part == _NO_PART else float(weights[part]))
            for piece, part in zip(self.pieces, self.parts, strict=True)
        ]


@dataclass(frozen=True)
class Texts:
    """The domain of texts.

    Attributes:
        tokens: words, characters, or a function that gives a text's tokens as (start, end).
        unit: whether all occurrences of a token are one part (bag) or each is its own (positions).
        mask: what a hidden token becomes; empty removes it.
        max_tokens: parts beyond this many are never hidden.
    """

    tokens: Literal["words", "characters"] | Tokenizer
    unit: Literal["bag", "positions"]
    mask: str
    max_tokens: int

    @property
    def law(self) -> Law:
        """The number of hidden parts is uniform, as in lime's `LimeTextExplainer`."""
        return "size"

    @property
    def least(self) -> int:
        """A text of one word is explained by it."""
        return 1

    def decode(self, cell: object) -> str:
        """The text itself.

        Raises:
            InstanceError: there is none.
        """
        if reason := getattr(cell, "reason", None):
            raise InstanceError(str(reason))
        if not isinstance(cell, str):
            raise InstanceError("the text is missing")
        return cell

    def decompose(self, cell: object, seed: int) -> Document:  # noqa: ARG002 - the protocol's; a text is cut in one way
        """Cuts a text into pieces and parts.

        Raises:
            InstanceError: there is no text, it has no token, or the tokenizer gives no spans of it.
        """
        text = self.decode(cell)
        spans = self._spans(text)
        if not spans:
            raise InstanceError(
                "the text is blank" if not text.strip() else "the text has no token that could be hidden"
            )
        pieces: list[str] = []
        parts: list[int] = []
        numbers: dict[tuple[int, str], int] = {}
        end = 0
        for start, stop in spans:
            if start > end:
                pieces.append(text[end:start])
                parts.append(_NO_PART)
            token = text[start:stop]
            part = numbers.setdefault((0 if self.unit == "bag" else start, token), len(numbers))
            pieces.append(token)
            parts.append(part if part < self.max_tokens else _NO_PART)
            end = stop
        if end < len(text):
            pieces.append(text[end:])
            parts.append(_NO_PART)
        return Document(
            pieces=tuple(pieces),
            parts=np.array(parts, dtype=np.int64),
            names=tuple(token for _, token in numbers)[: self.max_tokens],
            mask=self.mask,
            capped=len(numbers) > self.max_tokens,
        )

    def _spans(self, text: str) -> Spans:
        if self.tokens == "words":
            return [match.span() for match in _WORDS.finditer(text)]
        if self.tokens == "characters":
            return [(i, i + 1) for i, character in enumerate(text) if not character.isspace()]
        try:
            spans = self.tokens(text)
        except LimekilnError:
            raise
        except Exception as error:
            raise InstanceError(f"the tokenizer raised {type(error).__name__}: {error}") from error
        return _checked(spans, len(text))


def globalise(traits: Traits) -> tuple[list[str], Index]:
    """The features of all texts: their distinct words in lower case, in alphabetical order.

    Returns:
        The F features' names, and for each of the N parts its feature.
    """
    words, features = np.unique(traits["word"], return_inverse=True)
    return [str(word) for word in words], features.astype(np.int64)


def _checked(spans: Sequence[tuple[int, int]], length: int) -> Spans:
    try:
        found = [(int(start), int(stop)) for start, stop in spans]
    except (TypeError, ValueError) as error:
        raise InstanceError(f"the tokenizer gave no pairs of (start, end): {error}") from error
    end = 0
    for start, stop in found:
        if not end <= start < stop <= length:
            raise InstanceError(
                f"the tokenizer gave the span ({start}, {stop}) in a text of {length} characters after one that ends "
                f"at {end}; spans must rise and not overlap"
            )
        end = stop
    return found
