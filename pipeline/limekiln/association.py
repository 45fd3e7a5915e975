"""How much one column of a table says of another: which of its columns could stand in for a column named.

The question is asked in one direction: which part of a column's variation do another's groups of values explain? A
column's groups are its categories, or ten equal parts of its numbers; missing values are a group. Numbers are explained
by their ranks, so that no scale and no outlier matters, and a relation need not be straight, or rise.

- A category: Cramér's V, corrected for what chance alone adds where groups are many and rows few (Bergsma 2013, A
  bias-correction for Cramér's V and Tschuprow's T, J. Korean Stat. Soc. 42).
- A number: the correlation ratio of its ranks, corrected likewise (Kelley 1935, An unbiased correlation ratio measure,
  PNAS 21).

Both lie in [0, 1], are the size of Pearson's correlation where two groups meet two, and 1 where one column fixes the
other. Intervals come from the noncentral χ² (Steiger 2004, Beyond the F test, Psychological Methods 9) of Pearson's
statistic and of Kruskal and Wallis's (1952). A column that has nothing to do with another reaches a threshold by chance
no more often than they allow; where the association is strong they are wider than they need to be.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import optimize, special

from limekiln.values import Array, Index

PARTS: Final = 10
"""Groups that numbers are cut into; a column with no more different ones keeps them as they are."""
FEWEST: Final = 10
"""Groups of fewer rows are one group: χ² takes a coincidence of two rare values for more than it is."""

_FEWEST_ROWS: Final = 20


@dataclass(frozen=True)
class Association:
    """How strongly two columns go together, in [0, 1], and its interval; from 0 to 1 where nothing can be said."""

    value: float
    low: float
    high: float


NOTHING_KNOWN: Final = Association(0.0, 0.0, 1.0)
NONE_AT_ALL: Final = Association(0.0, 0.0, 0.0)


def is_category(values: pd.Series) -> bool:
    """Whether a column (n,) is one of categories: texts, truth values, or few enough numbers."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    return not numeric or values.nunique() <= PARTS


def groups(values: pd.Series, *, categorical: bool) -> Index:
    """The group of each value, (n,) from 0 on: its category, or its part of the numbers; the rare ones are one."""
    kept = values
    if not categorical and values.nunique() > PARTS:
        parts = max(2, min(PARTS, int(values.count()) // FEWEST))
        kept = pd.Series(pd.qcut(values.rank(method="average"), parts, labels=False, duplicates="drop"))
    if kept.dtype == object:
        kept = kept.map(str, na_action="ignore")
    codes, _ = pd.factorize(kept, sort=False, use_na_sentinel=False)
    rare = np.bincount(codes) < FEWEST
    if rare.any():
        codes = np.where(rare[codes], len(rare), codes)
    _, found = np.unique(codes, return_inverse=True)
    made: Index = found.astype(np.int64)
    return made


def of_category(of: Index, by: Index, confidence: float) -> Association:
    """How much the groups `by` (n,) say of the categories `of` (n,): Cramér's V."""
    n, r, c = len(of), int(of.max(initial=0)) + 1, int(by.max(initial=0)) + 1
    if min(r, c) < 2 or n < _FEWEST_ROWS:  # noqa: PLR2004 - of one group, or of rare values alone, nothing can be said
        return NOTHING_KNOWN
    table = np.bincount(of * c + by, minlength=r * c).reshape(r, c)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    chi = float(((table - expected) ** 2 / expected).sum())
    freedom = (r - 1) * (c - 1)
    # Bergsma 2013, equations 4 and 5
    excess = max(0.0, chi / n - freedom / (n - 1))
    room = min(k - (k - 1) ** 2 / (n - 1) for k in (r, c)) - 1
    low, high = _ends(chi, freedom, confidence)
    most = n * (min(r, c) - 1)
    return _within(excess / room if room > 0 else 0.0, low / most, high / most)


def of_number(ranks: Array, by: Index, confidence: float) -> Association:
    """How much the groups `by` (n,) say of numbers by their ranks (n,), NaN where missing: the correlation ratio."""
    known = ~np.isnan(ranks)
    ranks = ranks[known]
    _, codes = np.unique(by[known], return_inverse=True)
    n, k = len(ranks), int(codes.max(initial=0)) + 1
    whole = float(((ranks - ranks.mean()) ** 2).sum()) if n else 0.0
    if n < max(_FEWEST_ROWS, k + 2) or k < 2 or whole == 0:  # noqa: PLR2004 - as above
        return NOTHING_KNOWN
    means = np.bincount(codes, weights=ranks) / np.bincount(codes)
    left = float(((ranks - means[codes]) ** 2).sum())
    low, high = _ends((n - 1) * (1 - left / whole), k - 1, confidence)
    return _within(1 - left / (n - k) * (n - 1) / whole, low / n, high / n)


def _within(value: float, low: float, high: float) -> Association:
    """Roots of the squares; the interval is not corrected as the value is, and takes it in."""
    point, low, high = (float(np.sqrt(min(1.0, max(0.0, v)))) for v in (value, low, high))
    return Association(point, min(low, point), max(high, point))


def _ends(chi: float, freedom: int, confidence: float) -> tuple[float, float]:
    """The noncentralities with which the statistic `chi` is no surprise, the least and the greatest."""
    tail = (1 - confidence) / 2

    def root(probability: float) -> float:
        def beyond(noncentral: float) -> float:
            return float(special.chndtr(chi, freedom, noncentral)) - probability

        if beyond(0.0) <= 0:
            return 0.0
        end = 1.0
        while beyond(end) > 0:
            end *= 2
        return float(optimize.brentq(beyond, 0.0, end, xtol=1e-6))

    return root(1 - tail), root(tail)
