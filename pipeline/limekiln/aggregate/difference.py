"""How much a group of rows differs from other rows in its NormLIME scores, feature by feature, and how sure that is.

The two sides hold different rows, so their errors from the choice of rows are independent. All rows count as drawn from
more like them, also where every row of the data was explained: else any split of a table would be a finding, a split by
the toss of a coin too. The perturbations are shared. The jackknife over their folds is taken of the difference
(`spread`), so that what both sides have in common cancels and no more.

Many features of many groups are tested. P-values are adjusted by Benjamini & Yekutieli (2001, The control of the
false discovery rate in multiple testing under dependency, Annals of Statistics 29, theorem 1.3): tests of one model may
depend on each other in any way. Intervals have the coverage that keeps the false coverage rate of those that are
findings (Benjamini & Yekutieli 2005, False discovery rate-adjusted multiple confidence intervals for selected
parameters, JASA 100): of m tests with R findings 1 − R·q/(m·Σ1/i). With it, an interval leaves 0 out exactly where its
difference is a finding.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from limekiln.aggregate import normlime, spread
from limekiln.aggregate.folds import FOLDS
from limekiln.aggregate.spread import Error, ScoreName
from limekiln.values import Array, Index, Mask

_ROUNDING = 1e-9
"""Differences below this share of the scores are none: sums in another order differ by as much."""


@dataclass(frozen=True)
class Side:
    """Scores of a group of rows by F features, and how far they may be off; (F,) arrays.

    Attributes:
        support: rows that use a feature.
        score: the mean over them.
        variance: of the mean, from the choice of rows.
        third: its third central moment.
        without: (G, F) scores as each fold of the perturbations is left out; None where rows share none.
    """

    support: Index
    score: Array
    variance: Array
    third: Array
    without: Array | None


@dataclass(frozen=True)
class Difference:
    """One side's scores less the other's for k features.

    Attributes:
        value: (k,).
        error: of the differences.
        p: (k,) two-sided, of no difference; each by itself.
    """

    value: Array
    error: Error
    p: Array

    def interval(self, coverage: float) -> tuple[Array, Array]:
        """The ends (k,) of intervals that hold with this probability, each by itself."""
        return ends(self.value, self.error, coverage)


def side(weights: sparse.csr_array, score: ScoreName, without: Array | None) -> Side:
    """The scores of n rows with local weights (n, F) by feature; `without` as in `Side`."""
    n_keys = weights.shape[1]
    tally = normlime.tally(weights)
    means: Array = getattr(normlime.scores(tally), score)
    row = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    used = weights.data != 0
    size, key = np.abs(weights.data[used]), weights.indices[used]
    norm = np.bincount(row[used], weights=size, minlength=weights.shape[0])[row[used]]
    off = size / norm * (size if score == "weighted" else 1.0) - means[key]
    s = tally.support.astype(np.float64)
    # of a mean of s values: s²/s from their sum of squares, and Fisher's k₃/s² from that of their cubes
    squares, cubes = (np.bincount(key, weights=off**power, minlength=n_keys) for power in (2, 3))
    return Side(
        support=tally.support,
        score=means,
        variance=np.divide(squares, s * (s - 1), out=np.zeros(n_keys), where=s > 1),
        third=np.divide(cubes, s * (s - 1) * (s - 2), out=np.zeros(n_keys), where=s > 2),  # noqa: PLR2004 - as above
        without=without,
    )


def alone(one: Side, keys: Index) -> Error:
    """The errors of one side's scores for some features (k,)."""
    freedom = one.support[keys].astype(np.float64) - 1
    return _error((one.variance[keys],), (freedom,), one.third[keys], _jackknifed(one.without, keys))


def between(one: Side, other: Side, keys: Index) -> Difference:
    """How much one side's scores exceed the other's for some features (k,).

    The error from the choice of rows is that of two means with variances of their own, or with one variance for both
    where that is larger: a small side that missed the rare rows with large weights has both too low a score and too
    small a variance, and the other side knows of them. Skewness is asked of the former alone.
    """
    m, n = one.support[keys].astype(np.float64), other.support[keys].astype(np.float64)
    apart = one.variance[keys] + other.variance[keys]
    squares = one.variance[keys] * m * (m - 1) + other.variance[keys] * n * (n - 1)
    both = np.divide(squares, m + n - 2, out=np.zeros_like(m), where=m + n > 2)  # noqa: PLR2004 - two means are fitted
    pooled = both * (1 / np.maximum(m, 1) + 1 / np.maximum(n, 1))
    third = np.where(pooled > apart, 0.0, one.third[keys] - other.third[keys])
    widened = np.maximum(pooled / np.where(apart > 0, apart, 1.0), 1.0)
    variances = tuple(s.variance[keys] * widened for s in (one, other))
    shared = None if one.without is None or other.without is None else one.without - other.without
    error = _error(variances, (m - 1, n - 1), third, _jackknifed(shared, keys))
    value = one.score[keys] - other.score[keys]
    value = np.where(np.abs(value) <= _ROUNDING * np.maximum(one.score, other.score)[keys], 0.0, value)
    return Difference(value, error, _p(value, error))


def ends(value: Array, error: Error, coverage: float) -> tuple[Array, Array]:
    """The ends of intervals (k,): the farther of those by Student's t and by Hall's transformation, which see skewness.

    Either alone is too short somewhere (docs/decisions/0014-how-sure.md).
    """
    probability = (1 + coverage) / 2
    plain = error.total * spread.quantile(probability, error.freedom)
    below, above = error.reach(probability)
    return value - np.maximum(plain, below), value + np.maximum(plain, above)


def adjusted(p: Array) -> Array:
    """P-values (m,) by Benjamini and Yekutieli; NaN where no test was made."""
    found = np.full(len(p), np.nan)
    made = ~np.isnan(p)
    if made.any():
        found[made] = stats.false_discovery_control(p[made], method="by")
    return found


def coverage(tests: int, findings: int, rate: float) -> float:
    """The coverage of each interval so that, of those of the findings, no more than `rate` are expected to miss.

    Where there is no finding, as if there were one: no interval leaves 0 out then.
    """
    if not tests:
        return 1 - rate
    harmonic = float((1 / np.arange(1, tests + 1)).sum())
    return 1 - max(findings, 1) * rate / (tests * harmonic)


def tested(one: Side, other: Side, least: int) -> Mask:
    """The features (F,) that at least so many rows of either side use."""
    enough: Mask = np.minimum(one.support, other.support) >= least
    return enough


def _jackknifed(without: Array | None, keys: Index) -> Array:
    """Variances (k,) from the draw of perturbations, of what is (G, F) as each fold is left out; 0 where None."""
    if without is None:
        return np.zeros(len(keys))
    found: Array = (FOLDS - 1) * without[:, keys].var(axis=0)
    return found


def _error(variances: tuple[Array, ...], freedoms: tuple[Array, ...], third: Array, pool: Array) -> Error:
    """Both sources together, with Welch and Satterthwaite's degrees of freedom, as `spread.Spread` has them."""
    by_rows = np.sum(variances, axis=0)
    total = by_rows + pool
    parts = [v**2 / np.maximum(f, 1.0) for v, f in zip(variances, freedoms, strict=True)]
    below = np.sum(parts, axis=0) + pool**2 / (FOLDS - 1)
    return Error(
        rows=np.sqrt(by_rows),
        pool=np.sqrt(pool),
        freedom=np.divide(total**2, below, out=np.full_like(total, np.inf), where=below > 0),
        skewness=np.divide(third, total**1.5, out=np.zeros_like(total), where=total > 0),
    )


def _p(value: Array, error: Error) -> Array:
    """The larger of the p-values by Student's t and by Hall's transformation, as `ends` takes the wider interval."""
    se = error.total
    t = np.divide(value, se, out=np.zeros_like(value), where=se > 0)
    toward = np.maximum(np.sign(t) * spread.transformed(t, error.skewness), 0.0)
    sure = np.where(value == 0, 1.0, 0.0)  # where nothing varies
    return np.where(se > 0, 2 * spread.beyond(np.minimum(np.abs(t), toward), error.freedom), sure)
