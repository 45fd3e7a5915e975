"""The words that depend on the task and the data: what a row is called, what a feature, what the model gives.

A class is supported or opposed, a value is raised or lowered. Nothing here says that a feature causes an output:
a local explanation describes the model, not the world.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from limekiln.record import ALL_CLASSES, ClassFacts, DataFacts, Results
from limekiln.report.names import LIMIT, Name, name
from limekiln.report.words import count, number, plural

Domain = Literal["tabular", "text", "images", "sequences"]

GOOD_FIT = 0.75
LOW_FIT = 0.5
EMPTY_CLASSES_SHOWN: Final = 5
"""Classes without rows that get a section; where there are more, all of them are only counted."""

_NEARLY_ALL = 0.95
_MOST = 0.75
_SCALES: Final = {"probability": "probability", "logit": "logit (log-odds)"}


@dataclass(frozen=True)
class Noun:
    """A word in the singular and the plural."""

    one: str
    many: str

    def of(self, n: int) -> str:
        """The word alone, for a count."""
        return plural(n, self.one, self.many)

    def count(self, n: int) -> str:
        """The count with the word."""
        return count(n, self.one, self.many)

    @property
    def a(self) -> str:
        """The word with its article."""
        return f"{'an' if self.one[0] in 'aeiou' else 'a'} {self.one}"

    @property
    def its(self) -> str:
        """The word in the genitive, with its article."""
        return f"{self.a}'" if self.one.endswith("s") else f"{self.a}'s"

    @property
    def whose(self) -> str:
        """The word in the genitive, alone, as templates print it."""
        return (
            f"{self.one}\N{RIGHT SINGLE QUOTATION MARK}"
            if self.one.endswith("s")
            else f"{self.one}\N{RIGHT SINGLE QUOTATION MARK}s"
        )

    @property
    def title(self) -> str:
        """The word before a name, as in `Row 17`."""
        return self.one.capitalize()


ROW: Final = Noun("row", "rows")
FEATURE: Final = Noun("feature", "features")
_INSTANCES: Final[Mapping[Domain, Noun]] = {
    "tabular": ROW,
    "text": Noun("text", "texts"),
    "images": Noun("image", "images"),
    "sequences": Noun("series", "series"),
}
_PARTS: Final[Mapping[Domain, Noun]] = {
    "tabular": FEATURE,
    "text": Noun("word", "words"),
    "images": Noun("part", "parts"),
    "sequences": Noun("span", "spans"),
}
_CELL: Final = Noun("cell", "cells")
_CONCEPT: Final = Noun("concept", "concepts")


@dataclass(frozen=True)
class Voice:
    """How this report speaks.

    Attributes:
        regression: whether the model gives values and no classes.
        several: whether it gives several values, each explained for every row.
        toward, against: what a positive and a negative weight does.
        output: what the model gives for a row, as a list of parameters names it.
        unit: of the values; empty where there is none.
        score: the score that ranks features.
        domain: the kind of data.
        row, feature: what one row of the data, and one feature, is called.
    """

    regression: bool
    toward: str
    against: str
    output: str
    score: str
    several: bool = False
    unit: str = ""
    domain: Domain = "tabular"
    row: Noun = ROW
    feature: Noun = FEATURE

    @property
    def tabular(self) -> bool:
        """Whether features have values of their own."""
        return self.domain == "tabular"

    def direction(self, positive: float, negative: float) -> str:
        """Which way a feature's weights point, from the two signed parts of its share."""
        both = positive + negative
        if both <= 0:
            return "none"
        part = positive / both
        if part >= _NEARLY_ALL:
            return self.toward
        if part >= _MOST:
            return f"mostly {self.toward}"
        if part > 1 - _MOST:
            return "mixed"
        return self.against if part <= 1 - _NEARLY_ALL else f"mostly {self.against}"

    def way(self, weight: float) -> str:
        """Which way one weight points."""
        return self.toward if weight > 0 else self.against if weight < 0 else "none"

    def axis(self, class_: str) -> Name:
        """What weights and scores of a class, or of a value, are measured in: it stands on every axis."""
        if not self.regression:
            return Name(self.output)
        called = "predicted value" if class_ == ALL_CLASSES else class_
        return name(f"{called}, {self.unit}" if self.unit else called, 48)

    def given(self, value: float, places: int | None = None) -> str:
        """A number that the model gave, with its unit."""
        text = number(value, places)
        return f"{text} {self.unit}" if self.unit else text


def voice(results: Results) -> Voice:
    """The voice for this run's task, score and data."""
    model, data = results.model, results.data
    return speak(
        model.task,
        model.output,
        model.unit,
        score=results.method.score,
        domain=data.domain,
        feature=part_noun(data),
        outputs=sum(c.name != ALL_CLASSES for c in results.classes),
    )


def speak(
    task: str,
    output: str,
    unit: str | None,
    *,
    domain: Domain,
    outputs: int,
    score: str = "",
    feature: Noun | None = None,
) -> Voice:
    """The voice for a task.

    Args:
        task: classification or regression.
        output: probability, logit or value.
        unit: of the values.
        domain: the kind of data.
        outputs: how many classes or values the model gives.
        score: the score that ranks features.
        feature: what a feature is called; None where nothing but the kind of data tells.
    """
    regression = task == "regression"
    return Voice(
        regression=regression,
        toward="raises" if regression else "for",
        against="lowers" if regression else "against",
        output=output_words(task, output),
        score=score,
        several=regression and outputs > 1,
        unit=unit or "",
        domain=domain,
        row=_INSTANCES[domain],
        feature=feature or _PARTS[domain],
    )


def part_noun(data: DataFacts) -> Noun:
    """What a feature is called; of a text by the sentence that says what its parts are."""
    if data.domain == "text":
        named = (Noun(w, f"{w}s") for w in ("character", "token") if f"the {w}s of" in data.parts)
        return next(named, _PARTS["text"])
    if data.domain == "images":
        return _CELL if data.layout is not None else _CONCEPT
    return _PARTS[data.domain]


def output_words(task: str, output: str) -> str:
    """What the model gives for a row, as an axis or a column names it."""
    if task == "regression":
        return "predicted value" if output == "value" else output
    return _SCALES.get(output, output)


def reading_order(results: Results) -> tuple[ClassFacts, ...]:
    """All classes together first, then each; of values each alone, since they are not to be added up.

    Where more than a few classes have no rows, those are left out: `without_rows` counts them.
    """
    named = [c for c in results.classes if c.name != ALL_CLASSES]
    if without_rows(results):
        named = [c for c in named if c.rows]
    together = [c for c in results.classes if c.name == ALL_CLASSES]
    alone = results.model.task == "regression" or len(named) == 1
    return tuple(named if alone and named else [*together, *named])


def without_rows(results: Results) -> int:
    """How many classes have no rows and no section, since there are more than a few of them."""
    empty = sum(c.name != ALL_CLASSES and not c.rows for c in results.classes)
    return empty if empty > EMPTY_CLASSES_SHOWN else 0


def class_name(text: str, limit: int = LIMIT) -> Name:
    """A class as the report prints it."""
    return Name("all classes together") if text == ALL_CLASSES else name(text, limit)


def class_key(text: str) -> str:
    """A class in the page's markup: short, of plain letters, and the same wherever the class is told of."""
    return (
        "all" if text == ALL_CLASSES else f"c{hashlib.sha256(text.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
    )


def fit_words(median: float | None) -> str:
    """How well the local models follow the model, in a word, by their median fidelity."""
    if median is None:
        return "with unknown fidelity"
    if median >= GOOD_FIT:
        return "well"
    return "moderately well" if median >= LOW_FIT else "poorly"
