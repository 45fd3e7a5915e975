"""What goes into explaining and what comes out, whatever the domain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from limekiln.aggregate.floor import ProbeTally
from limekiln.aggregate.folds import FoldTally, GroupTally
from limekiln.data.frame import Frame
from limekiln.evidence import MethodComparison, PoolComparison
from limekiln.models import Model
from limekiln.record import FeatureFacts, Layout, LocalFeature, Notice
from limekiln.summary import Illustration
from limekiln.surrogate import Surrogate
from limekiln.values import Array, Explanations, Failure, Index, Predictor, Vocabulary


@dataclass(frozen=True)
class Inputs:
    """What a run explains: data, the rows that perturbations are drawn like, model, and the config's folder."""

    frame: Frame
    background: Frame
    model: Model
    ref: Predictor
    folder: Path


@dataclass(frozen=True)
class Known:
    """Predictions (n, C) of rows of the data (n,), NaN where the model refused one."""

    rows: Index
    predicted: Array


@dataclass(frozen=True)
class Further:
    """Rows explained beyond the sample, as the sample's are; `cohorts` are their tallies by cohort and class."""

    explanations: Explanations
    cohorts: GroupTally | None


@dataclass(frozen=True)
class Told:
    """What a driver found.

    Attributes:
        explanations: of all rows that could be explained, by the keys of `vocabulary`, in order of the data.
        failures: the rows that could not, each once.
        refused: perturbations that the model refused.
        width: the kernel's width.
        features: the columns of a table; empty for other domains.
        parts: in a sentence, what the features are where they are no columns.
        hidden: in words, what a hidden part shows.
        layout: where the features lie in a plane.
        notices: what a reader should know.
        illustrate: shows the explained row at a position of `explanations`.
        concepts: pictures of the features, where they are concepts.
        folds: tallies of the explanations as folds of the perturbations are left out; None where they have none.
        probes: tallies of probes beside the features of some rows; None where there are none.
        compare: whether perturbed rows show what real ones get, or why that is not known; None where nobody asks.
        second: explains rows by a second method and compares the two, or says why not; None where nobody asks.
        cohorts: tallies of the explanations by cohort and class; None where rows share no perturbations.
        further: explains further rows, for cohorts by number (rows of the data, K), and asks the model for those that
            are not known; gives None where it refuses all. None where that would take perturbations of their own.
    """

    vocabulary: Vocabulary
    explanations: Explanations
    failures: tuple[Failure, ...]
    refused: int
    width: float
    features: tuple[FeatureFacts, ...] = ()
    parts: str = ""
    hidden: str | None = None
    layout: Layout | None = None
    notices: tuple[Notice, ...] = ()
    illustrate: Callable[[int], Illustration] | None = None
    concepts: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    folds: FoldTally | None = None
    probes: ProbeTally | None = None
    compare: Callable[[Known], PoolComparison | Notice] | None = None
    second: Callable[[], MethodComparison | Notice] | None = None
    cohorts: GroupTally | None = None
    further: Callable[[Index, Known, Index], Further | None] | None = None


@dataclass(frozen=True)
class OneRow:
    """One row, explained for every output.

    Attributes:
        surrogates: (1, C, d).
        at_row: (C,) what they give at the row itself.
        features: for each output its features as a reader meets them, heaviest first.
        illustrate: shows the row with the weights of an output; drawn when asked, since there may be a thousand.
    """

    surrogates: Surrogate
    at_row: Array
    features: tuple[tuple[LocalFeature, ...], ...]
    illustrate: Callable[[int], Illustration]


class Driver(Protocol):
    """How the rows of a domain are predicted and explained."""

    def predict(self, rows: Index) -> tuple[Array, list[Failure]]:
        """The model's outputs for rows of the data (n, C), NaN where a row failed, and the failures."""
        ...

    def explain(self, rows: Index, predicted: Array, labels: Index) -> Told:
        """Explains rows of the data for one output each; a row may stand several times, one after another.

        Raises:
            RunError: the model refuses too many perturbations of a shared pool.
        """
        ...

    def one_row(self, position: int, predicted: Array) -> OneRow:
        """Explains one row for every output. Raises RunError where that fails."""
        ...


def labelled(model: Model, rows: Index, predicted: Array) -> tuple[Index, Array, Index]:
    """Rows that have predictions, with these and what each is explained for.

    That is its likeliest class, or each of the values that the model gives: then a row stands several times.
    """
    usable = np.isfinite(predicted).all(axis=1)
    rows, predicted = rows[usable], predicted[usable]
    if model.task == "classification":
        return rows, predicted, np.argmax(predicted, axis=1).astype(np.int64)
    n = len(model.classes)
    return np.repeat(rows, n), np.repeat(predicted, n, axis=0), np.tile(np.arange(n), len(rows))
