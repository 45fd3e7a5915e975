"""What a class of texts rests on: the words for it and the words against it, and the texts that carry them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from limekiln.record import ClassFacts, Results
from limekiln.report.figures import Bar, stacked_bar
from limekiln.report.names import Name, name
from limekiln.report.voice import Voice
from limekiln.report.words import count, percent

_WORDS: Final = 12
_SEEN_IN: Final = 3
_BAR: Final = 96

Carriers = Mapping[str, tuple[str, ...]]
"""The picked texts that carry a word, by the word."""


@dataclass(frozen=True)
class Word:
    """One word: its share as a bar, how many explanations use it, the picked texts that carry it."""

    word: Name
    bar: Bar
    share: str
    support: str
    supported: bool
    seen_in: tuple[Name, ...]
    seen_more: str


@dataclass(frozen=True)
class Words:
    """The words of one class, by the sign of their net share, the largest shares first."""

    toward: tuple[Word, ...]
    against: tuple[Word, ...]
    head_toward: str
    head_against: str
    none: str


def build(table: pd.DataFrame, facts: ClassFacts, results: Results, says: Voice, carried: Carriers) -> Words:
    """The words of a class that enough explanations use; all that are used where none has so many."""
    part = table[(table["class"] == facts.name) & (table["level"] == "feature") & (table["support"] > 0)]
    enough = part[part["support"] >= results.method.min_support]
    part = enough if len(enough) else part
    net = part["positive"] - part["negative"]
    sides = [_first(part[net > 0]), _first(part[net < 0])]
    top = max((row["share"] for side in sides for row in side), default=0.0)
    made = [tuple(_word(row, top, results, says, carried) for row in side) for side in sides]
    words = says.feature.many.capitalize()
    return Words(
        made[0],
        made[1],
        f"{words} {_way(says.toward)}",
        f"{words} {_way(says.against)}",
        f"None that at least {count(results.method.min_support, 'explanation')} use." if len(enough) else "None.",
    )


def _way(direction: str) -> str:
    return {"raises": "that raise it", "lowers": "that lower it"}.get(direction, direction)


def _first(part: pd.DataFrame) -> list[dict[str, Any]]:
    ranked = part.sort_values(["share", "feature"], ascending=[False, True], kind="stable")
    return [{str(k): v for k, v in row.items()} for row in ranked.head(_WORDS).to_dict("records")]


def _word(row: dict[str, Any], top: float, results: Results, says: Voice, carried: Carriers) -> Word:
    rows = carried.get(str(row["feature"]), ())
    share = percent(float(row["share"]))
    return Word(
        word=name(str(row["feature"]), 40),
        bar=stacked_bar(
            f"share {share}, {says.direction(row['positive'], row['negative'])}",
            score=float(row["share"]),
            positive=float(row["positive"]),
            negative=float(row["negative"]),
            top=top,
            width=_BAR,
        ),
        share=share,
        support=f"{row['support']:,}",
        supported=bool(row["support"] >= results.method.min_support),
        seen_in=tuple(name(r, 24) for r in rows[:_SEEN_IN]),
        seen_more=f" and {count(len(rows) - _SEEN_IN, 'more', 'more')}" if len(rows) > _SEEN_IN else "",
    )
