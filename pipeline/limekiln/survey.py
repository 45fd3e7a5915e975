"""What a sample without replacement says of its population: exact intervals of a share and of a median.

The rows of a population that have a property come into a sample as the hypergeometric distribution says, so both
intervals are exact for any size, and a single number where the whole population was taken. A share: Buonaccorsi 1987
(A note on confidence intervals for proportions in finite populations, The American Statistician 41). A median: order
statistics, as many rows of the sample lie below it as that distribution allows (Wilks 1962, Mathematical Statistics,
section 11.3). A sample that is stratified in proportion, as a run's is, varies less than both assume.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from limekiln.values import Array


@dataclass(frozen=True)
class Estimate:
    """A number of a population with its interval; `value` is the sample's."""

    value: float
    low: float
    high: float


def share(found: int, sampled: int, population: int, confidence: float) -> Estimate | None:
    """The share of a population that has what `found` of the `sampled` rows have; None where nothing was sampled."""
    if not sampled:
        return None
    tail = (1 - confidence) / 2
    # between these, any number of the population's rows may have it
    least, most = found, population - (sampled - found)

    def too_few(having: int) -> bool:
        return bool(stats.hypergeom.sf(found - 1, population, having, sampled) <= tail)

    def too_many(having: int) -> bool:
        return bool(stats.hypergeom.cdf(found, population, having, sampled) <= tail)

    low, high = least, most
    end = most
    while low < end:
        middle = (low + end) // 2
        low, end = (middle + 1, end) if too_few(middle) else (low, middle)
    start = least
    while start < high:
        middle = (start + high + 1) // 2
        start, high = (start, middle - 1) if too_many(middle) else (middle, high)
    return Estimate(found / sampled, low / population, high / population)


def median(values: Array, population: int, confidence: float, *, drawn: int, tilt: float = 0.0) -> Estimate | None:
    """The median of a population by the values (n,) of a sample; None where there are too few for an interval.

    Args:
        values: of the sample, in any order.
        population: N, how many values it was drawn from; n is the whole population.
        confidence: of the interval.
        drawn: how many of the values were drawn apart from each other, at most n.
        tilt: how far the sample's strata are from their shares, see `tilt`.
    """
    if not len(values):
        return None
    ordered = np.sort(values)
    n, middle = len(values), float(np.median(values))
    if n >= population and not tilt:
        return Estimate(middle, middle, middle)
    drawn, tail = min(drawn, n), (1 - confidence) / 2
    most = max(population, drawn)
    ends = []
    for below in (most // 2, -(-most // 2)):
        law = stats.hypergeom(most, below, drawn)
        ends.append((float(law.ppf(tail)), float(law.isf(tail))))
    # the values from this place on, up to that one, as shares of the sample
    first, last = min(e[0] for e in ends) / drawn - tilt, max(e[1] for e in ends) / drawn + tilt
    low, high = int(np.floor(first * n)) - 1, int(np.ceil(last * n))
    if low < 0 or high >= n:
        return None
    return Estimate(middle, min(float(ordered[low]), middle), max(float(ordered[high]), middle))


def tilt(sizes: Sequence[int], taken: Sequence[int]) -> float:
    """How much of a sample would have to be in other strata for each to have its share of the population's rows.

    Half the sum of the differences of shares (total variation): a share of the weighted sample and of the sample as it
    is differ by no more.
    """
    rows, drawn = np.asarray(sizes, dtype=float), np.asarray(taken, dtype=float)
    if not rows.sum() or not drawn.sum():
        return 0.0
    return float(np.abs(rows / rows.sum() - drawn / drawn.sum()).sum() / 2)
