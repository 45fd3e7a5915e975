"""What a ranking says for sure: intervals, rank intervals, and whether the order of its top is decided.

Two features are *separated* where the interval of their scores' difference leaves out 0, and *tied* where it lies
within ± the indifference. Rank intervals hold together for all features of a class (Holm 1979 over all pairs). The
top's order is decided where each pair of its features, and each of them against every feature below, is separated or
tied. Errors are split over those pairs, over classes and over looks, so that a certificate is wrong with at most the
promised probability, however it came about (after Goldwasser & Hooker 2025, arXiv:2401.15800, with covariances).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from limekiln.aggregate.spread import Spread, beyond, quantile, transformed
from limekiln.values import Array, Index, Mask

Verdict = Literal["decided", "undecided", "too few rows"]

LEAST_ROWS: Final = 30
"""Rows of a class from which a mean over a sample of them is near enough to normal."""

FEWEST_USERS: Final = 10
"""Rows that use a feature; from a sample of fewer no interval of its score holds what it promises."""


@dataclass(frozen=True)
class Intervals:
    """Of k features in the order of their ranks, best first; all arrays (k,).

    Attributes:
        se_rows, se_pool: the score's standard errors by source.
        rank_low, rank_high: best and worst rank, for all features together at the confidence.
        tied: groups by number, from 0 on: a feature is in the group of the one before unless it is separated from that
            group's first.
    """

    se_rows: Array
    se_pool: Array
    rank_low: Index
    rank_high: Index
    tied: Index


@dataclass(frozen=True)
class OpenPair:
    """Two ranked features (positions from 0 on) whose order is open.

    `growth` is how many times rows and perturbations it would take to separate or tie them if the difference stays.
    `pool_share` is the share of the difference's variance that a larger pool would remove.
    """

    first: int
    second: int
    z: float
    growth: float
    pool_share: float


@dataclass(frozen=True)
class Decision:
    """Whether the order of the first `top` features is decided.

    Attributes:
        verdict: too few rows where fewer than 30 of the class were sampled, or where a feature that ranks among the
            others is used by too few of a sample to be compared.
        top: K.
        pairs: how many pairs were asked about.
        separated, tied: how many of them are one or the other.
        open: the others, those nearest to a decision last.
        alpha: the probability of error that this class had at this look.
    """

    verdict: Verdict
    top: int
    pairs: int
    separated: int
    tied: int
    open: tuple[OpenPair, ...]
    alpha: float


@dataclass(frozen=True)
class Certain:
    """All that is said of one ranking.

    Attributes:
        order: (k,) which of the ranking's keys were compared, best first.
        intervals: of the score that ranks.
        bounds: (k,) low and high of each score, by its name.
        decision: whether the top's order is decided.
        debiased: (k,) the weighted score from products of halves, free of the noise's own weight; None without folds.
        limit: the weighted score that endless perturbations would give; None without folds.
    """

    order: Index
    intervals: Intervals
    bounds: Mapping[str, tuple[Array, Array]]
    decision: Decision
    debiased: Array | None
    limit: "Limit | None"


@dataclass(frozen=True)
class Limit:
    """Weighted scores as endless perturbations would give them, (k,), and the ends of their intervals."""

    score: Array
    low: Array
    high: Array


def intervals(scores: Array, spread: Spread, confidence: float, *, others: int = 0) -> Intervals:
    """Rank intervals and standard errors of k scores in falling order, (k,), k ≥ 1.

    `others` rank among them, at any place, and are not compared.
    """
    error = spread.single()
    above = _separated(scores, spread, 1 - confidence)
    return Intervals(
        se_rows=error.rows,
        se_pool=error.pool,
        rank_low=1 + above.sum(axis=0),
        rank_high=len(scores) + others - above.sum(axis=1),
        tied=_groups(above),
    )


def bounds(scores: Array, spread: Spread, confidence: float) -> tuple[Array, Array]:
    """The interval of each score (k,) alone, low and high; none below 0."""
    below, above = spread.single().reach((1 + confidence) / 2)
    return np.maximum(scores - below, 0.0), scores + above


def limits(measured: Array, corrected: Array, spread: Spread, confidence: float) -> Limit:
    """The interval of each score's limit (k,): to first order `corrected` varies as the `measured` score does.

    What the correction leaves of the noise's part is not known. The ends allow for all of the correction, added in
    squares; at 95 % that is a standard error of half of it.
    """
    ends = spread.single().reach((1 + confidence) / 2)
    below, above = (np.hypot(end, measured - corrected) for end in ends)
    return Limit(corrected, np.maximum(corrected - below, 0.0), np.maximum(corrected + above, 0.0))


def decide(
    scores: Array, spread: Spread, *, top: int, alpha: float, indifference: float, rows: int, others: int = 0
) -> Decision:
    """Asks for the order of the first `top` of k scores in falling order.

    Args:
        scores: (k,).
        spread: theirs.
        top: K; k and more ask for the whole order.
        alpha: probability of a wrong certificate that this class may have at this look.
        indifference: differences up to this share of the scores' sum do not matter.
        rows: of the class.
        others: how many rank among them, at any place, and are not compared.
    """
    k, top = len(scores), min(top, len(scores))
    first, second = np.triu_indices(k, 1)
    asked = first < top
    first, second = first[asked], second[asked]
    sampled = spread.rows.covariance.any()  # where all rows were explained, their number is no matter
    if others or (rows < LEAST_ROWS and sampled):
        return Decision("too few rows", top, len(first), 0, 0, (), alpha)
    gap = scores[first] - scores[second]
    error = spread.differences(first, second)
    # which pairs are asked about depends on the data, so any of the k(k − 1)/2 may be; each has two ways to err, since
    # either order of two equal scores would be wrong
    probability = 1 - alpha / max(k * (k - 1), 1)
    plain = quantile(probability, error.freedom) * error.total
    # far out, a measured skewness is trusted only where it asks for more
    below, above = (np.maximum(plain, end) for end in error.reach(probability))
    limit = indifference * scores.sum()
    separated = gap > below
    tied = ~separated & (gap + np.maximum(below, above) <= limit)
    left = np.flatnonzero(~separated & ~tied)
    se = error.total
    z = np.divide(gap, se, out=np.zeros_like(gap), where=se > 0)
    # whichever comes first, the sure order or the sure tie
    reach, nearest = np.where(gap > limit - gap, (below, gap), (np.maximum(below, above), limit - gap))
    growth = np.divide(reach, nearest, out=np.full_like(gap, np.inf), where=nearest > 0) ** 2
    order = left[np.argsort(-growth[left], kind="stable")]
    pool_share = np.divide(error.pool**2, se**2, out=np.zeros_like(se), where=se > 0)
    return Decision(
        verdict="undecided" if len(left) else "decided",
        top=top,
        pairs=len(first),
        separated=int(separated.sum()),
        tied=int(tied.sum()),
        open=tuple(
            OpenPair(int(first[p]), int(second[p]), float(z[p]), float(growth[p]), float(pool_share[p])) for p in order
        ),
        alpha=alpha,
    )


def error_at(look: int, alpha: float) -> float:
    """What look 1, 2, … may spend of α: 6α/(π²look²), which sums to α however many looks there are."""
    return 6 * alpha / (np.pi**2 * look**2)


def _groups(above: Mask) -> Index:
    groups = np.zeros(len(above), dtype=np.int64)
    first = 0
    for i in range(1, len(above)):
        if above[first, i]:
            first = i
        groups[i] = groups[i - 1] + (first == i)
    return groups


def _separated(scores: Array, spread: Spread, alpha: float) -> Mask:
    """(k, k) True where the row's score is surely above the column's, all pairs together at α (Holm 1979)."""
    k = len(scores)
    above = np.zeros((k, k), dtype=bool)
    first, second = np.triu_indices(k, 1)
    if not len(first):
        return above
    error = spread.differences(first, second)
    gap, se = scores[first] - scores[second], error.total
    z = np.divide(gap, se, out=np.zeros_like(gap), where=se > 0)
    z = np.where(se > 0, np.minimum(z, transformed(z, error.skewness)), np.inf)
    p = np.where(gap > 0, 2 * beyond(z, error.freedom), 1.0)
    order = np.argsort(p, kind="stable")
    holds = p[order] <= alpha / np.arange(len(p), 0, -1)
    rejected = order[: len(p) if holds.all() else int(np.argmin(holds))]
    above[first[rejected], second[rejected]] = True
    return above
