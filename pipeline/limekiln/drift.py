"""How far one ranking of importances is from another: nDCG, rank correlation, shared first ones, and what moved.

nDCG is that of SageMaker Clarify's feature attribution drift: with a(f) the old score of a feature f, the features by
their old scores f_1, f_2, … and by their new ones f'_1, f'_2, …,

    DCG = Σ a(f'_i)/log₂(i + 1),   iDCG = Σ a(f_i)/log₂(i + 1),   nDCG = DCG/iDCG.

1 is the same order; Clarify calls it a violation below 0.9. Features with equal new scores stand in any order, so each
gets the mean discount of their places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from limekiln.values import Array, Mask

_NUMBERS: Final = 4_000_000
_FEWEST_DRAWS, _MOST_DRAWS = 500, 2000
_CHUNK: Final = 100
_NORMAL: Final = 1e9
"""Degrees of freedom from which Student's t is normal."""


@dataclass(frozen=True)
class Ranking:
    """Scores of k features from one run; all arrays (k,), both runs' in the same order of features.

    Attributes:
        score: none below 0; 0 where the run has no such feature.
        low, high: the interval of each score alone, NaN where there is none.
        se: the standard error; where none was measured, how far the score is to be taken as off.
        freedom: degrees of freedom of `se`.
    """

    score: Array
    low: Array
    high: Array
    se: Array
    freedom: Array


@dataclass(frozen=True)
class Interval:
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Differences:
    """New less old score of k features; all arrays (k,), NaN where one of the two has no interval.

    Attributes:
        value: the difference; never NaN.
        low, high: its interval, alone.
        p: two-sided, of no difference.
        apart: whether the two scores' intervals do not meet; False where there is none.
    """

    value: Array
    low: Array
    high: Array
    p: Array
    apart: Mask


def ndcg(old: Array, new: Array) -> float | None:
    """NDCG of the new order by the old scores, (k,) each; None where every old score is 0."""
    best = float(np.sort(old)[::-1] @ _discounts(len(old)))
    return float(old @ _mean_discounts(new)) / best if best > 0 else None


def ndcg_interval(old: Ranking, new: Ranking, confidence: float, rng: np.random.Generator) -> Interval | None:
    """NDCG with an interval from draws of both runs' scores around what was measured; None where there is no nDCG.

    A draw is of every score by itself, Student's t at its standard error. Draws carry the noise twice, once as measured
    and once as drawn, and noise lowers an nDCG; so their quantiles lie too low. The low end is theirs and errs on the
    safe side. The high end is the highest of theirs, the one mirrored at the measured value (the basic bootstrap's,
    Davison & Hinkley 1997, section 5.2), which takes that bias out, and the nDCG of the new ranking with only those
    scores changed that surely did. So noise makes neither a sure stability nor a sure change. Where both runs hold the
    same numbers they are one computation, and the interval is a point.

    Args:
        old: the ranking that gives the gains.
        new: the ranking that gives the order.
        confidence: of the interval.
        rng: the draws.
    """
    value = ndcg(old.score, new.score)
    if value is None:
        return None
    if np.array_equal(old.score, new.score) and np.array_equal(old.se, new.se):
        return Interval(value, value, value)
    drawn = _draws(old, new, rng)
    tail = (1 - confidence) / 2
    low, high = (float(q) for q in np.quantile(drawn, [tail, 1 - tail]))
    sure = ndcg(old.score, np.where(_moved(old, new, confidence), new.score, old.score)) or 0.0
    return Interval(value, min(value, low), min(1.0, max(value, high, 2 * value - low, sure)))


def differences(old: Ranking, new: Ranking, confidence: float) -> Differences:
    """What each feature's score gained, with an interval and a test; the two runs are taken as independent.

    The interval comes from the scores' own, arm by arm (Zou & Donner 2008, Construction of confidence limits about
    effect measures), so that their skewness is in it, and is no narrower than the standard errors make it. The test
    is Student's t at the arm towards no difference, with Welch and Satterthwaite's degrees of freedom.
    """
    value = new.score - old.score
    freedom, plain = _plain(old, new, confidence)
    down = np.maximum(np.hypot(new.score - new.low, old.high - old.score), plain)
    up = np.maximum(np.hypot(new.high - new.score, old.score - old.low), plain)
    toward = np.where(value > 0, down, up)
    critical = stats.t.ppf((1 + confidence) / 2, freedom)
    t = np.divide(np.abs(value) * critical, toward, out=np.where(value == 0, 0.0, np.inf), where=toward > 0)
    p = np.where(np.isnan(toward), np.nan, 2 * stats.t.sf(t, freedom))
    with np.errstate(invalid="ignore"):
        apart = (old.high < new.low) | (new.high < old.low)
    return Differences(value, value - down, value + up, p, apart)


def discoveries(p: Array, rate: float) -> Mask:
    """Which of m tests (NaN: none was made) are findings, with at most this share of false ones among them expected.

    Benjamini & Yekutieli (2001, The control of the false discovery rate in multiple testing under dependency): the
    tests may depend on each other in any way, as scores of one model do.
    """
    found = np.zeros(len(p), dtype=bool)
    made = ~np.isnan(p)
    if made.any():
        found[made] = stats.false_discovery_control(p[made], method="by") <= rate
    return found


def rank_correlation(old: Array, new: Array) -> float | None:
    """Spearman's of two lists of scores, (k,) each; None where one of them is all the same."""
    if len(old) < 2 or np.ptp(old) == 0 or np.ptp(new) == 0:  # noqa: PLR2004 - one feature has no order
        return None
    return float(stats.spearmanr(old, new).statistic)


def jaccard(old: Sequence[str], new: Sequence[str]) -> float | None:
    """What two sets share, of what is in either; None where both are empty."""
    either = {*old, *new}
    return len({*old} & {*new}) / len(either) if either else None


def _plain(old: Ranking, new: Ranking, confidence: float) -> tuple[Array, Array]:
    """Degrees of freedom of each difference, and how far it may be off by the standard errors alone."""
    variance = old.se**2 + new.se**2
    below = old.se**4 / old.freedom + new.se**4 / new.freedom
    freedom = np.divide(variance**2, below, out=np.full_like(variance, _NORMAL), where=below > 0)
    return freedom, stats.t.ppf((1 + confidence) / 2, freedom) * np.sqrt(variance)


def _moved(old: Ranking, new: Ranking, confidence: float) -> Mask:
    """Which scores surely differ, each by itself; those without an interval by their standard errors."""
    found = differences(old, new, confidence)
    _, plain = _plain(old, new, confidence)
    moved: Mask = np.where(np.isnan(found.p), np.abs(found.value) > plain, found.p <= 1 - confidence)
    return moved


def _draws(old: Ranking, new: Ranking, rng: np.random.Generator) -> Array:
    """NDCGs of drawn scores."""
    k = len(old.score)
    n = int(np.clip(_NUMBERS // k, _FEWEST_DRAWS, _MOST_DRAWS))
    discounts, found = _discounts(k), []
    for start in range(0, n, _CHUNK):
        shape = (min(_CHUNK, n - start), k)
        gains = np.maximum(old.score + old.se * rng.standard_t(np.broadcast_to(old.freedom, shape)), 0.0)
        by = np.maximum(new.score + new.se * rng.standard_t(np.broadcast_to(new.freedom, shape)), 0.0)
        order = np.lexsort((rng.random(shape), -by), axis=1)  # equal scores in any order
        best = -np.sort(-gains, axis=1) @ discounts
        dcg = np.take_along_axis(gains, order, axis=1) @ discounts
        found.append(np.divide(dcg, best, out=np.ones_like(dcg), where=best > 0))
    return np.concatenate(found)


def _discounts(k: int) -> Array:
    return 1 / np.log2(np.arange(k) + 2)


def _mean_discounts(scores: Array) -> Array:
    """The discount of each feature's place by falling score; the mean of their places' where scores are equal."""
    _, group = np.unique(-scores, return_inverse=True)
    ordered = np.sort(group)
    means: Array = np.bincount(ordered, weights=_discounts(len(scores))) / np.bincount(ordered)
    return means[group]
