"""Cohorts against all other rows: scores by class, differences, and which of them are findings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse

from limekiln import matrix
from limekiln.aggregate import difference
from limekiln.aggregate.difference import Difference, Side
from limekiln.aggregate.folds import GroupTally
from limekiln.aggregate.spread import ScoreName
from limekiln.certify import FEWEST_USERS
from limekiln.cohorts import values
from limekiln.cohorts.values import Cohorts
from limekiln.evidence import CohortColumn, CohortComparison, CohortDifference, CohortFacts
from limekiln.record import ALL_CLASSES, TABLES
from limekiln.values import Array, Explanations, Index, Mask, Vocabulary

FIRST: Final = 3
"""Features that a cohort's scores are told by, beside what differs."""
LISTED: Final = 20
"""Findings of a cohort that `results.json` holds; the table has all."""


@dataclass(frozen=True)
class Rows:
    """Explained rows by feature, and what is known of them.

    Attributes:
        weights: (n, F) by feature.
        rows, labels, r2: as in `Explanations`.
        folds: tallies by cohort and class; None where rows share no perturbations.
        right: (n,) 1 where the predicted class is the true one, 0 where not, NaN where that is not known.
    """

    weights: sparse.csr_array
    rows: Index
    labels: Index
    r2: Array
    folds: GroupTally | None
    right: Array


@dataclass(frozen=True)
class Studied:
    """All rows that cohorts are compared by.

    Attributes:
        sampled: explained rows of the sample.
        added: explained rows beyond it; None where there are none.
        by: (rows of the data, K) from `values.beyond`: what each added row was added for.
        chosen: positions of the sample's rows, those that could not be explained with them.
    """

    sampled: Rows
    added: Rows | None
    by: Index
    chosen: Index


@dataclass(frozen=True)
class Asked:
    """What is asked of all cohorts.

    Attributes:
        features, classes: their names.
        together: whether all classes together are compared beside each.
        score: which NormLIME score.
        confidence: one minus the share of false findings that is allowed.
        min_support: see `least`.
        each: as in `CohortComparison`.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    together: bool
    score: ScoreName
    confidence: float
    min_support: int
    each: int | None

    @property
    def least(self) -> int:
        """Rows that must use a feature, on either side, for its difference to be tested."""
        return max(self.min_support, FEWEST_USERS)

    @property
    def scopes(self) -> list[tuple[str, Index]]:
        """What scores are compared for, with the labels of its rows."""
        each = [(name, np.array([i])) for i, name in enumerate(self.classes)]
        return [(ALL_CLASSES, np.arange(len(self.classes))), *each] if self.together else each


@dataclass(frozen=True)
class _Pairing:
    """A cohort's rows of a class beside the others'; arrays over the features `keys` that the cohort uses."""

    cohort: str
    class_name: str
    rows: int
    other_rows: int
    one: Side
    other: Side
    keys: Index
    low: Array
    high: Array
    found: Difference
    p: Array


def rows_of(vocabulary: Vocabulary, explained: Explanations, folds: GroupTally | None, right: Array) -> Rows:
    """Explanations as `compare` takes them."""
    weights = matrix.by_feature(vocabulary, explained.weights)
    return Rows(weights, explained.rows, explained.labels, explained.r2, folds, right)


def compare(cohorts: Sequence[Cohorts], studied: Studied, asked: Asked) -> tuple[CohortComparison, pd.DataFrame]:
    """Each cohort's rows, the added ones with them, against the sample's other rows.

    Returns:
        The facts, and the table `cohorts`.
    """
    starts = values.first_numbers(cohorts)
    columns = [_Column(c, j, starts[j], studied, asked) for j, c in enumerate(cohorts)]
    pairings = [list(column.pairings()) for column in columns]
    p = np.concatenate([np.empty(0), *(pairing.p for of_column in pairings for pairing in of_column)])
    adjusted, rate = difference.adjusted(p), 1 - asked.confidence
    found: Mask = adjusted <= rate
    tested = int((~np.isnan(p)).sum())
    coverage = difference.coverage(tested, int(found.sum()), rate)
    lines = [column.lines(pairing, coverage) for column, of in zip(columns, pairings, strict=True) for pairing in of]
    table = pd.concat([_empty(), *lines], ignore_index=True)
    table["p_adjusted"], table["found"] = adjusted, found
    comparison = CohortComparison(
        confidence=asked.confidence,
        coverage=coverage,
        least=asked.least,
        each=asked.each,
        tested=tested,
        found=int(found.sum()),
        columns=tuple(column.facts(table) for column in columns),
    )
    return comparison, table


@dataclass(frozen=True)
class _Column:
    """One column's cohorts and all rows; it is number `j` of the columns, its first cohort number `start` of all."""

    cohorts: Cohorts
    j: int
    start: int
    studied: Studied
    asked: Asked

    def pairings(self) -> Iterator[_Pairing]:
        """One for each cohort and class that have rows, and others to compare them with."""
        for k in range(len(self.cohorts.names)):
            for name, labels in self.asked.scopes:
                mine, more = self._members(k, labels)
                rest = np.flatnonzero(np.isin(self.studied.sampled.labels, labels) & (self._codes != k))
                if len(mine) + len(more) and len(rest):
                    yield self._pairing(k, name, labels, (mine, more, rest))

    def lines(self, p: _Pairing, coverage: float) -> pd.DataFrame:
        """The lines of the table `cohorts`, but what is adjusted for all tests."""
        ends = p.found.interval(coverage)
        low, high = (np.where(np.isnan(p.p), np.nan, end) for end in ends)
        return pd.DataFrame(
            {
                "column": self.cohorts.column,
                "cohort": p.cohort,
                "class": p.class_name,
                "feature": np.array(self.asked.features, dtype=object)[p.keys],
                "rows": p.rows,
                "support": p.one.support[p.keys],
                "score": p.one.score[p.keys],
                "low": p.low,
                "high": p.high,
                "other_rows": p.other_rows,
                "other_support": p.other.support[p.keys],
                "other_score": p.other.score[p.keys],
                "difference": p.found.value,
                "difference_low": low,
                "difference_high": high,
                "p": p.p,
            }
        )

    def facts(self, table: pd.DataFrame) -> CohortColumn:
        """What `results.json` says of the column; `table` is of all."""
        c = self.cohorts
        mine = table[table["column"] == c.column]
        facts = tuple(self._cohort(k, mine[mine["cohort"] == name]) for k, name in enumerate(c.names))
        return CohortColumn(column=c.column, by=c.by, pooled=c.pooled, cohorts=facts)

    @property
    def _codes(self) -> Index:
        return self.cohorts.codes[self.studied.sampled.rows]

    def _members(self, k: int, labels: Index) -> tuple[Index, Index]:
        """A cohort's explained rows of some classes, in the sample and beyond it."""
        sampled, added = self.studied.sampled, self.studied.added
        mine = np.flatnonzero(np.isin(sampled.labels, labels) & (self._codes == k))
        if added is None:
            return mine, np.empty(0, dtype=np.int64)
        asked_for = self.studied.by[added.rows, self.j] == self.start + k
        return mine, np.flatnonzero(np.isin(added.labels, labels) & asked_for)

    def _pairing(self, k: int, class_name: str, labels: Index, rows: tuple[Index, Index, Index]) -> _Pairing:
        sampled, added, score = self.studied.sampled, self.studied.added, self.asked.score
        mine, more, rest = rows
        weights = sampled.weights[mine]
        if added is not None and len(more):
            weights = sparse.csr_array(sparse.vstack([weights, added.weights[more]], format="csr"))
        numbers = self.start + np.arange(len(self.cohorts.names))
        beyond = None if added is None else added.folds
        one = difference.side(weights, score, self._without(numbers[[k]], labels, beyond))
        other = difference.side(sampled.weights[rest], score, self._without(np.delete(numbers, k), labels, None))
        keys = np.flatnonzero(one.support)
        found = difference.between(one, other, keys)
        low, high = difference.ends(one.score[keys], difference.alone(one, keys), self.asked.confidence)
        enough = one.support[keys] >= self.asked.least
        return _Pairing(
            cohort=self.cohorts.names[k],
            class_name=class_name,
            rows=len(mine) + len(more),
            other_rows=len(rest),
            one=one,
            other=other,
            keys=keys,
            low=np.where(enough, np.maximum(low, 0.0), np.nan),
            high=np.where(enough, high, np.nan),
            found=found,
            p=np.where(difference.tested(one, other, self.asked.least)[keys], found.p, np.nan),
        )

    def _without(self, cohorts: Index, labels: Index, more: GroupTally | None) -> Array | None:
        """Scores (G, F) of some cohorts' share of some classes as each fold is left out."""
        folds = self.studied.sampled.folds
        groups = (cohorts[:, None] * len(self.asked.classes) + labels).ravel()
        return None if folds is None else folds.scores(groups, self.asked.score, more)

    def _cohort(self, k: int, lines: pd.DataFrame) -> CohortFacts:
        asked, studied = self.asked, self.studied
        rows = [r for r in (studied.sampled, studied.added) if r is not None]
        own = list(zip(rows, self._members(k, np.arange(len(asked.classes))), strict=False))
        r2, right, labels = (np.concatenate([getattr(r, n)[m] for r, m in own]) for n in ("r2", "right", "labels"))
        explained = [len(np.unique(r.rows[m])) for r, m in own]
        wanted = (self.cohorts.codes[studied.chosen] == k).sum() + (studied.by[:, self.j] == self.start + k).sum()
        of_all = lines[(lines["class"] == asked.scopes[0][0]) & (lines["support"] >= asked.min_support)]
        weightiest = of_all.sort_values("score", ascending=False, kind="stable")
        found = lines[lines["found"]]
        first = found.iloc[np.argsort(-found["difference"].abs().to_numpy(), kind="stable")[:LISTED]]
        return CohortFacts(
            name=self.cohorts.names[k],
            of=int((self.cohorts.codes == k).sum()),
            rows=sum(explained),
            added=sum(explained[1:]),
            failed=int(wanted) - sum(explained),
            classes=tuple((name, int((labels == i).sum())) for i, name in enumerate(asked.classes)),
            median_r2=_mean(np.nanmedian, r2),
            accuracy=_mean(np.nanmean, right),
            first=tuple(weightiest["feature"].iloc[:FIRST]),
            tested=int(lines["p"].notna().sum()),
            found=len(found),
            differences=tuple(_difference(line) for line in first.to_dict("records")),
        )


def _mean(of: Any, known: Array) -> float | None:
    return None if np.isnan(known).all() else float(of(known))


def _difference(line: Any) -> CohortDifference:
    columns = {"class_name": "class", "other": "other_score", "p": "p_adjusted"}
    return CohortDifference(**{name: line[columns.get(name, name)] for name in CohortDifference.model_fields})


def _empty() -> pd.DataFrame:
    """The table's columns in their types, so that one without any line has them too."""
    texts, whole = ("column", "cohort", "class", "feature"), ("rows", "support", "other_rows", "other_support")
    types = dict.fromkeys(TABLES["cohorts"], "float64") | dict.fromkeys(texts, "str")
    types |= dict.fromkeys(whole, "int64") | {"found": "bool"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
