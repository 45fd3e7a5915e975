"""What a PDF leaves out to stay within its budget of pages, step by step; the HTML and the tables have all of it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Cut:
    """What is left out: tables of values, picked rows of single classes, long lists, classes beyond the first few."""

    values: bool = False
    cards: bool = False
    lists: bool = False
    classes: int | None = None

    @property
    def words(self) -> str:
        """What is left out, as the page says it; empty where nothing is."""
        told = [
            word
            for left_out, word in (
                (self.values, "the values of features"),
                (self.cards, "the picked rows of single classes"),
                (self.lists, "the lists of columns and files and the config"),
                (self.classes is not None, f"the sections of classes after the first {self.classes}"),
            )
            if left_out
        ]
        return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}" if told else ""


NOTHING: Final = Cut()
STEPS: Final = (
    NOTHING,
    Cut(values=True),
    Cut(values=True, cards=True, lists=True),
    Cut(values=True, cards=True, lists=True, classes=6),
)
"""From the whole report to the shortest that still tells of each part; what is read least goes first."""
