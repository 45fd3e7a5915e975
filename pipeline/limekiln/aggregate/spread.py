"""How far NormLIME scores may be off, from two sources apart: which rows were explained, and which perturbations drawn.

Rows: a score is a ratio, S_j = Σ g_ij / Σ 1[w_ij ≠ 0], the mean of g_ij over the s_j rows that use j. With the
influence

    ψ_ij = 1[w_ij ≠ 0]·(g_ij − S_j)/s_j · √(s_j/(s_j − 1)),

Cov(S_j, S_k) = (1 − f) Σ_i ψ_ij ψ_ik, f the share of the population that was explained (finite population). The root
is what leaving one row out at a time gives, and s_j − 1 are the degrees of freedom: a feature that few rows use is as
uncertain as those few rows leave it, however many others were explained.
Perturbations: the delete-a-group jackknife over the G folds of the pool, (G−1)/G Σ_g (S^(−g) − S̄)(S^(−g) − S̄)ᵀ.
Where every row has perturbations of its own, ψ holds their noise already, and the jackknife stands in for the share f
of it that the finite population takes away.

The g of rare, large weights are skewed, and so is the mean of a few of them: most samples miss the rare rows and give
too low a score with too small an error. Hall's transformation (1992, On the removal of skewness by transformation)
takes that out of intervals, with the third moment of the rows. Sources and checks: docs/explanation/how-sure.md.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy import sparse, special

from limekiln.aggregate.folds import FoldTally
from limekiln.values import Array, Index

ScoreName = Literal["weighted", "share"]

_NORMAL: Final = 1e9
"""Degrees of freedom from which Student's t is normal."""
_STRAIGHT: Final = 1e-6
"""Skewness below which the transformation does nothing."""


@dataclass(frozen=True)
class OverRows:
    """What the choice of rows does to k scores.

    Attributes:
        covariance: (k, k).
        freedom: (k,) rows that use each feature, less one.
        third: (k, k) third moments Σ ψ_j² ψ_k, to the finite population's scale.
    """

    covariance: Array
    freedom: Array
    third: Array


@dataclass(frozen=True)
class Error:
    """Of m scores or differences of scores: standard errors by source, degrees of freedom and skewness, (m,) each."""

    rows: Array
    pool: Array
    freedom: Array
    skewness: Array

    @property
    def total(self) -> Array:
        """Standard errors from both sources."""
        return np.hypot(self.rows, self.pool)

    def reach(self, probability: float) -> tuple[Array, Array]:
        """How far the truth may lie below and above, each with this probability of lying no farther."""
        critical = quantile(probability, self.freedom)
        below, above = (_untransformed(end, self.skewness) for end in (critical, -critical))
        return self.total * below, -self.total * above


@dataclass(frozen=True)
class Spread:
    """How far k scores may be off.

    Attributes:
        rows: from the choice of rows.
        pool: (k, k) covariance from the draw of perturbations.
        pool_df: its degrees of freedom, G − 1.
    """

    rows: OverRows
    pool: Array
    pool_df: int

    def single(self) -> Error:
        """Of each score alone."""
        by_rows = np.maximum(np.diagonal(self.rows.covariance), 0.0)
        by_pool = np.maximum(np.diagonal(self.pool), 0.0)
        return self._error(by_rows, by_pool, self.rows.freedom, np.diagonal(self.rows.third))

    def differences(self, first: Index, second: Index) -> Error:
        """Of differences between scores `first` and `second`, (m,) each."""

        def variance(c: Array) -> Array:
            d = np.diagonal(c)
            return np.maximum(d[first] + d[second] - 2 * c[first, second], 0.0)

        own, freedom, t = np.diagonal(self.rows.covariance), self.rows.freedom, self.rows.third
        # each score's degrees of freedom count by its variance, so the difference has no more than the larger of both
        below = own[first] / freedom[first] + own[second] / freedom[second]
        freedom = np.divide(own[first] + own[second], below, out=np.ones_like(below), where=below > 0)
        third = t[first, first] - 3 * t[first, second] + 3 * t[second, first] - t[second, second]
        return self._error(variance(self.rows.covariance), variance(self.pool), freedom, third)

    def _error(self, by_rows: Array, by_pool: Array, rows_freedom: Array, third: Array) -> Error:
        """Both sources together, with Welch and Satterthwaite's degrees of freedom."""
        below = by_rows**2 / rows_freedom + by_pool**2 / max(self.pool_df, 1)
        total = by_rows + by_pool
        return Error(
            rows=np.sqrt(by_rows),
            pool=np.sqrt(by_pool),
            freedom=np.divide(total**2, below, out=np.full_like(total, np.inf), where=below > 0),
            skewness=np.divide(third, total**1.5, out=np.zeros_like(total), where=total > 0),
        )


def by_rows(weights: sparse.csr_array, keys: Index, score: ScoreName, explained: float, rows: Index) -> OverRows:
    """How far scores may be off from the choice of rows.

    Args:
        weights: (n, F) local weights, by feature, of the explanations of one class or of all.
        keys: (k,) the features asked for.
        score: which NormLIME score.
        explained: f, the share of the population that the rows are; 1 gives zeros.
        rows: (n,) the row that each explanation is of; those of one row, for several outputs, are drawn together.
    """
    k = len(keys)
    if explained == 1:
        return OverRows(np.zeros((k, k)), np.ones(k), np.zeros((k, k)))
    norm = np.asarray(abs(weights).sum(axis=1)).ravel()
    w = np.abs(weights[:, keys].toarray())
    g = np.divide(w, norm[:, None], out=np.zeros_like(w), where=norm[:, None] > 0)
    used = w > 0
    if score == "weighted":
        g = g * w
    support = np.maximum(used.sum(axis=0), 1)
    influence = used * (g - g.sum(axis=0) / support) / support
    different, drawn = np.unique(rows, return_inverse=True)
    if len(different) < len(rows):
        alone, influence = influence, np.zeros((len(different), k))
        np.add.at(influence, drawn, alone)
    s = users(weights, rows)[keys]
    corrected = np.sqrt(s / np.maximum(s - 1, 1))
    unbiased = np.cbrt(s**2 / np.maximum((s - 1) * (s - 2), 1))  # of a feature's own third moment
    left = 1 - explained
    return OverRows(
        covariance=left * (influence.T @ influence) * np.outer(corrected, corrected),
        freedom=np.maximum(s - 1.0, 1.0),
        third=left**1.5 * ((influence**2).T @ influence) * np.outer(unbiased**2, unbiased),
    )


def users(weights: sparse.csr_array, rows: Index) -> Index:
    """How many different rows use each feature, (F,); arguments as `by_rows` takes them."""
    different, drawn = np.unique(rows, return_inverse=True)
    feature = weights.indices[weights.data != 0]
    if len(different) < len(rows):
        at = drawn[np.repeat(np.arange(len(rows)), np.diff(weights.indptr))[weights.data != 0]]
        feature = sparse.csr_array((np.ones(len(at)), (at, feature)), shape=(len(rows), weights.shape[1])).indices
    found: Index = np.bincount(feature, minlength=weights.shape[1])
    return found


def by_folds(folds: FoldTally, class_: int, keys: Index, score: ScoreName) -> Array:
    """Covariance (k, k) of one class's scores from the draw of perturbations, by the jackknife over folds."""
    scores = _without_folds(folds, class_, keys, score)
    off = scores - scores.mean(axis=0)
    groups = len(scores)
    covariance: Array = (groups - 1) / groups * (off.T @ off)
    return covariance


def in_the_limit(folds: FoldTally, class_: int, keys: Index, score: ScoreName, scores: Array) -> Array:
    """What one class's scores (k,) would be with endless perturbations, (k,): G·S − (G − 1)·mean S^(−g).

    Noise raises sizes of weights by an amount that falls as 1/P with the number of perturbations. The jackknife's
    correction (Quenouille 1956, Notes on bias in estimation) takes it off; a score near 0 may come out negative.
    """
    without = _without_folds(folds, class_, keys, score)
    groups = len(without)
    found: Array = groups * scores - (groups - 1) * without.mean(axis=0)
    return found


def _without_folds(folds: FoldTally, class_: int, keys: Index, score: ScoreName) -> Array:
    """Scores (G, k) as each fold is left out."""
    support = folds.support[class_][:, keys]
    sums = (folds.weighted if score == "weighted" else folds.share)[class_][:, keys]
    found: Array = np.divide(sums, support, out=np.zeros_like(sums), where=support > 0)
    return found


def combine(rows: OverRows, pool: Array | None, *, folds: int, shared: bool, explained: float) -> Spread:
    """Both sources together.

    Args:
        rows: from `by_rows`.
        pool: from `by_folds`; None where perturbations have no folds.
        folds: G.
        shared: whether all rows share the perturbations; else each row's noise is among the rows' differences, but
            for the share `explained` of it that the finite population took away.
        explained: f, as `by_rows` was given.
    """
    noise = np.zeros_like(rows.covariance) if pool is None else pool if shared else explained * pool
    return Spread(rows, noise, folds - 1)


def quantile(probability: float, freedom: Array) -> Array:
    """Of Student's t; of the normal distribution where nothing varies."""
    found: Array = special.stdtrit(np.clip(freedom, 1.0, _NORMAL), probability)
    return found


def beyond(t: Array, freedom: Array) -> Array:
    """The probability that Student's t is greater."""
    found: Array = special.stdtr(np.clip(freedom, 1.0, _NORMAL), -t)
    return found


def transformed(t: Array, skewness: Array) -> Array:
    """Hall's transformation of the ratio t of an estimate's error to its standard error, free of the skewness a.

    t + a t²/3 + a² t³/27 + a/6, which rises with t. It is exact to first order under sampling without replacement too.
    """
    found: Array = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
    return found


def _untransformed(value: Array, skewness: Array) -> Array:
    """The t that `transformed` takes to the value."""
    plain = np.abs(skewness) < _STRAIGHT
    a = np.where(plain, 1.0, skewness)
    return np.where(plain, value, 3 / a * (np.cbrt(1 + a * (value - a / 6)) - 1))
