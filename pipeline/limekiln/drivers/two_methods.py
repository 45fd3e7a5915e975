"""A second method for some of a table's rows, and where its ranking parts from that of the run's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from limekiln import agreement, shapley
from limekiln.agreement import Agreement
from limekiln.bench import Bench
from limekiln.domains.tabular.space import Space
from limekiln.drivers.told import Inputs
from limekiln.errors import RefusedError
from limekiln.evidence import MethodComparison, MethodFinding, MethodScore
from limekiln.local.tables import Batch, Rows, take
from limekiln.record import Notice
from limekiln.settings import Settings
from limekiln.values import Array, Index, LocalExplanations, concatenate

ROWS: Final = 100
"""Rows of each class that the second method explains: for KernelSHAP each costs as much as a small pool."""
STAGE: Final = "second "
"""What the names of the second method's stages begin with, so that its batches are kept apart."""


@dataclass(frozen=True)
class TwoMethods:
    """A run's explained rows, and how to ask the second method.

    Attributes:
        second: the settings by `settings_of`.
        batch: the rows that the run's own method was asked for.
        explained: what it found.
        ask: the second method's explanations of rows.
    """

    inputs: Inputs
    settings: Settings
    second: Settings
    bench: Bench
    space: Space
    batch: Rows
    explained: LocalExplanations
    ask: Callable[[Rows], list[Batch]]

    def compare(self) -> MethodComparison | Notice:
        """Explains the first rows of each class again; the finding, or why there is none."""
        before, (rows, own) = self.bench.model_rows, self._chosen()
        try:
            outcomes = self.ask(rows)
        except RefusedError as error:
            return self._not_compared(str(error))
        self.bench.model_rows += sum(o.model_rows for o in outcomes)
        failures = {f.row: f for o in outcomes for f in o.failures}
        asked, allowed = len(np.unique(rows.rows)), self.settings.explain.max_failed_fraction
        if len(failures) > allowed * asked:
            reason = next(iter(failures.values())).error
            return self._not_compared(f"{len(failures):,} of {asked:,} rows failed, the first because {reason}")
        again = concatenate([o.explanations for o in outcomes])
        own = own[np.isin(rows.rows, again.rows)]  # a row fails for all its outputs
        lime = self.settings.explain.method == "lime"
        return MethodComparison(
            second=self.second.explain.method,
            perturbations=self.second.perturbations,
            background=min(self.settings.explain.background, len(self.inputs.background.features)),
            model_rows=self.bench.model_rows - before,
            rows=len(np.unique(again.rows)),
            failed=len(failures),
            slopes=int((~self.space.matched).sum()),
            findings=tuple(
                self._finding(int(label), *_by_name(own, again.weights, again.labels == label, lime=lime))
                for label in np.unique(again.labels)
            ),
        )

    def _chosen(self) -> tuple[Rows, Array]:
        """The first rows of each output by their keys, which are as good as random, and their weights by the run."""
        explained = take(self.batch, np.flatnonzero(np.isin(self.batch.rows, self.explained.rows)))
        found: list[Index] = []
        for label in np.unique(explained.labels):
            mine = np.flatnonzero(explained.labels == label)
            found.append(mine[np.argsort(explained.keys[mine], kind="stable")[:ROWS]])
        chosen = np.sort(np.concatenate(found))
        return take(explained, chosen), self.explained.weights[chosen]

    def _finding(self, label: int, lime: Array, kernelshap: Array) -> MethodFinding:
        a = self.settings.aggregate
        found = agreement.compare(
            lime, kernelshap, signed=self.space.matched, score=a.score, top=a.top, min_support=a.min_support
        )
        names = self.space.names
        return MethodFinding(
            class_name=self.inputs.model.classes[label],
            rows=len(lime),
            rank_correlation=_known(found.correlation),
            top=found.top,
            overlap=found.overlap,
            moved=None if found.moved is None else names[found.moved],
            row_correlation=_known(found.row_correlation),
            same_sign=_known(found.same_sign),
            features=tuple(
                MethodScore(
                    feature=names[j],
                    lime=float(found.first.scores[j]),
                    kernelshap=float(found.second.scores[j]),
                    lime_rank=int(found.first.ranks[j]),
                    kernelshap_rank=int(found.second.ranks[j]),
                )
                for j in self._shown(found)
            ),
        )

    def _shown(self, found: Agreement) -> list[int]:
        """The first features of either method, in the order of the run's own."""
        own, other = found.first.ranks, found.second.ranks
        if self.settings.explain.method != "lime":
            own, other = other, own
        return [int(j) for j in np.argsort(own) if min(own[j], other[j]) <= found.top]

    def _not_compared(self, why: str) -> Notice:
        text = f"The rows were not explained by {self.second.explain.method}, the second method: {why}."
        return Notice(code="methods_not_compared", text=text)


def settings_of(settings: Settings, features: int) -> Settings | None:
    """The settings that the second method works by, with as many perturbations as it has by default.

    Args:
        settings: the run's.
        features: how many there are, which KernelSHAP's fewest coalitions depend on.

    Returns:
        None where no second method is asked for.
    """
    method = settings.explain.second_method
    if method is None:
        return None
    changed = {"method": method, "pool": None, "perturbations": None, "second_method": None}
    second = settings.model_copy(update={"explain": settings.explain.model_copy(update=changed)})
    if method == "lime" or second.perturbations >= (least := shapley.least(features)):
        return second
    return second.model_copy(update={"explain": second.explain.model_copy(update={"perturbations": least})})


def model_rows(settings: Settings, rows: int, features: int, classes: int) -> int:
    """How many rows the second method asks the model for, at most.

    Args:
        settings: the run's.
        rows: that are explained.
        features: of the model.
        classes: that rows are shared out among; 1 for a regression.
    """
    second = settings_of(settings, features)
    if second is None:
        return 0
    if second.pool == "marginal":
        return second.perturbations
    background = settings.explain.background
    return background + min(rows, ROWS * classes) * second.perturbations * background


def _by_name(own: Array, other: Array, mine: Array, *, lime: bool) -> tuple[Array, Array]:
    """The weights of some rows by LIME and by KernelSHAP, one of which is the run's own."""
    return (own[mine], other[mine]) if lime else (other[mine], own[mine])


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
