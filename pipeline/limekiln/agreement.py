"""How far two methods' explanations of the same rows agree: by their scores over the rows, and row by row."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse, stats

from limekiln.aggregate import normlime
from limekiln.aggregate.spread import ScoreName
from limekiln.values import Array, Index, Mask

_FEWEST: Final = 2
"""Features that a rank correlation takes, at least."""


@dataclass(frozen=True)
class Ranking:
    """One method's d features.

    Attributes:
        scores: (d,) NormLIME's, Σ = 1; all 0 where no row uses any feature.
        ranks: (d,) 1 … d, as the run ranks.
        places: (d,) the same, but the mean of their ranks for features that tie.
    """

    scores: Array
    ranks: Index
    places: Array


@dataclass(frozen=True)
class Agreement:
    """Two rankings of the same features by the same rows.

    Attributes:
        first, second: what is compared.
        top: how many features an overlap is of: as asked for, or those that each method uses where they are fewer.
        correlation: Spearman's, of the features that either uses; NaN where it is not defined.
        overlap: share of the first `top` that both have; 0 where there are none.
        moved: the feature whose ranks differ most among the first `top` of either; None where none does.
        row_correlation: median over rows of Spearman's correlation of |w|, of the features that either uses there; NaN
            where no row has one.
        same_sign: of the size of the weights that both methods give, the share with the same sign, mean over rows; NaN
            where there are no such weights.
    """

    first: Ranking
    second: Ranking
    top: int
    correlation: float
    overlap: float
    moved: int | None
    row_correlation: float
    same_sign: float


def compare(first: Array, second: Array, *, signed: Mask, score: ScoreName, top: int, min_support: int) -> Agreement:
    """Compares two methods' weights (n, d) of the same n rows for one output.

    Args:
        first: one method's weights.
        second: the other's.
        signed: (d,) features whose sign means the same by both methods; a slope's does not.
        score: NormLIME's that ranks.
        top: how many features count as the first.
        min_support: features that fewer rows use rank after all others.
    """
    one, two = (rank(w, score, min_support) for w in (first, second))
    used = (one.scores > 0) | (two.scores > 0)
    top = min(top, *(int((r.scores > 0).sum()) for r in (one, two)))
    leading = [(r.ranks <= top) & (r.scores > 0) for r in (one, two)]
    distance = np.where(leading[0] | leading[1], np.abs(one.ranks - two.ranks), 0)
    rows = [_correlation(*np.abs([a, b])[:, (a != 0) | (b != 0)]) for a, b in zip(first, second, strict=True)]
    return Agreement(
        first=one,
        second=two,
        top=top,
        correlation=_correlation(one.places[used], two.places[used]),
        overlap=float((leading[0] & leading[1]).sum()) / max(top, 1),
        moved=int(distance.argmax()) if distance.any() else None,
        row_correlation=_middle(rows),
        same_sign=_same_sign(first[:, signed], second[:, signed]),
    )


def rank(weights: Array, score: ScoreName, min_support: int) -> Ranking:
    """The ranking of d features by their weights (n, d) in n rows."""
    scored = normlime.scores(normlime.tally(sparse.csr_array(weights)))
    values: Array = getattr(scored, score)
    order = np.stack([scored.support < min_support, -values])
    _, tied = np.unique(order, axis=1, return_inverse=True)
    return Ranking(
        scores=values / (values.sum() or 1.0),
        ranks=normlime.ranks(values, scored.support, min_support),
        places=stats.rankdata(tied.ravel()),
    )


def _correlation(a: Array, b: Array) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN where one of the two does not vary."""
    if len(a) < _FEWEST:
        return float("nan")
    x, y = (stats.rankdata(v) - (len(v) + 1) / 2 for v in (a, b))
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else float("nan")


def _middle(values: list[float]) -> float:
    known = [v for v in values if not np.isnan(v)]
    return float(np.median(known)) if known else float("nan")


def _same_sign(first: Array, second: Array) -> float:
    """A weight's size is the mean of its two shares of its row's weights, so that neither method's scale counts."""
    both = (first != 0) & (second != 0)
    size = sum(_shares(np.abs(w)) for w in (first, second)) * both
    whole = size.sum(axis=1)
    agreed = (size * (np.sign(first) == np.sign(second))).sum(axis=1)
    found = whole > 0
    return float((agreed[found] / whole[found]).mean()) if found.any() else float("nan")


def _shares(sizes: Array) -> Array:
    whole = sizes.sum(axis=1, keepdims=True)
    shares: Array = np.divide(sizes, whole, out=np.zeros_like(sizes), where=whole > 0)
    return shares
