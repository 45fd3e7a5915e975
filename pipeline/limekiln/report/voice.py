"""The words that depend on the task: a class is supported or opposed, a value is raised or lowered.

Nothing here says that a feature causes an output: a local explanation describes the model, not the world.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from limekiln.record import ALL_CLASSES, ClassFacts, ModelFacts, Results
from limekiln.report.names import LIMIT, Name, name

GOOD_FIT = 0.75
LOW_FIT = 0.5
_NEARLY_ALL = 0.95
_MOST = 0.75


@dataclass(frozen=True)
class Voice:
    """How this report speaks of the model's output."""

    regression: bool
    toward: str
    against: str
    output: str
    score: str

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


def voice(results: Results) -> Voice:
    """The voice for this run's task and score."""
    model = results.model
    regression = model.task == "regression"
    return Voice(
        regression=regression,
        toward="raises" if regression else "for",
        against="lowers" if regression else "against",
        output=output_words(model),
        score=results.method.score,
    )


def output_words(model: ModelFacts) -> str:
    """What the model gives for a row, as an axis or a column names it."""
    if model.task == "regression":
        return "predicted value" if model.output == "value" else model.output
    return model.output


def reading_order(classes: Iterable[ClassFacts]) -> tuple[ClassFacts, ...]:
    """All classes together first, then each; only the class itself where there is but one."""
    every = tuple(classes)
    named = tuple(c for c in every if c.name != ALL_CLASSES)
    return named if len(named) == 1 else (*(c for c in every if c.name == ALL_CLASSES), *named)


def class_name(text: str, limit: int = LIMIT) -> Name:
    """A class as the report prints it."""
    return Name("all classes together") if text == ALL_CLASSES else name(text, limit)


def fit_words(median: float | None) -> str:
    """How well the local models follow the model, in a word, by their median fidelity."""
    if median is None:
        return "with unknown fidelity"
    if median >= GOOD_FIT:
        return "well"
    return "moderately well" if median >= LOW_FIT else "poorly"
