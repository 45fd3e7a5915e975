"""The example's network: a small LSTM that reads a review word by word. `config.yaml` names `build` and `encode`."""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

VOCABULARY: Final = Path(__file__).parent / "vocabulary.json"
WORD: Final = re.compile(r"\w+")
PADDING, UNKNOWN = 0, 1
EMBEDDING: Final = 32
HIDDEN: Final = 48
DROPOUT: Final = 0.5


class Reader(nn.Module):
    """Embedding, LSTM, the mean of its states over the words, and one logit for each of two classes."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, EMBEDDING, padding_idx=PADDING)
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 2)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Word numbers (n, length), padded at the end → logits (n, 2), the same however long the padding is."""
        states, _ = self.lstm(self.dropout(self.embedding(codes)))
        read = (codes != PADDING)[:, :, None]
        mean = (states * read).sum(dim=1) / read.sum(dim=1).clamp(min=1)
        logits: torch.Tensor = self.head(self.dropout(mean))
        return logits


def build() -> Reader:
    """The network without its weights."""
    return Reader(len(numbers()) + 2)


def encode(texts: Sequence[str]) -> np.ndarray:
    """Texts → word numbers (n, length of the longest), in order; a word that is not in the vocabulary is UNKNOWN."""
    known = numbers()
    coded = [[known.get(word.lower(), UNKNOWN) for word in WORD.findall(text)] for text in texts]
    codes = np.full((len(texts), max(1, *map(len, coded)) if coded else 1), PADDING, dtype=np.int64)
    for row, line in zip(codes, coded, strict=True):
        row[: len(line)] = line
    return codes


@cache
def numbers() -> dict[str, int]:
    """Each known word's number; 0 and 1 are padding and unknown."""
    words: list[str] = json.loads(VOCABULARY.read_text(encoding="utf-8"))
    return {word: number for number, word in enumerate(words, start=2)}
