"""Probes: columns with the values of a real one, in rows where they mean nothing, and the weights they get.

A probe of column j is the pool's column j moved on by some folds of the pool. It has j's law to the last value, and no
say in the model's output; were j of no use to the model, nothing would tell the two apart, since perturbed rows are
drawn alike. So a feature that does nothing beats all of R probes with a probability of 1/(R + 1) (a permutation test;
the moves and the column as it stands are a group). Perturbed rows that mix columns are drawn independently, and the
data's own rows stand in random order, so the moves are as good as any permutation and need no draw.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Space
from limekiln.surrogate import RIDGE
from limekiln.values import Array, Codes

PROBES: Final = 19
"""R, of each feature: a feature that does nothing beats all 19 in 1 of 20 cases."""

_NO_VARIANCE: Final = 1e-12
_MOST_TAKEN: Final = 0.5


@dataclass(frozen=True)
class Seen:
    """One row and its neighbourhood's surrogate for one output.

    Attributes:
        codes: (d,) the row's codes.
        numbers: (d,) its standardised numbers.
        own: (d,) its interpretable values.
        label: which output.
        output: that output for the row itself, less the pool's offset.
        coef: (d,) the surrogate's weights.
        intercept: its intercept, less the pool's offset.
    """

    codes: Codes
    numbers: Array
    own: Array
    label: int
    output: float
    coef: Array
    intercept: float


@dataclass(frozen=True)
class Probed:
    """Weights (R, d) of each column's probes, and their weighted covariances with what is left to explain, (R, d)."""

    weights: Array
    cross: Array


def measurable(pool: Pool) -> bool:
    """Whether the pool is large enough to move columns in: two rows a fold."""
    rows: int = pool.codes.shape[1]
    return rows >= 2 * (PROBES + 1)


def probe(pool: Pool, space: Space, seen: Seen, width: float) -> Probed:
    """What probes would weigh beside the row's features.

    By the theorem of Frisch, Waugh and Lovell a column's weight is its covariance with the residual of the others,
    over its own variance; a probe is independent of the others but for chance, so one product with the moved residuals
    gives the weights of all probes. What chance does to p columns in n perturbed rows, n by the kernel's weights, is
    made up for: it leaves residuals of 1 − p/n of their variance, and 1 − p/n of a column's variance to itself. The row
    itself counts with weight 1, as in the fit, and with the residual that it has without the column; it would else be
    small where the column, being rare, follows this one row. Rows beyond the last whole fold are left out, fewer than
    one in `2 * PROBES`.
    """
    Z, distance = pools.neighbourhood(pool, space, seen.codes, seen.numbers)
    folds, matched = PROBES + 1, pools.row_matched(space, seen.codes)
    d, size = len(seen.codes), distance.size // folds
    used = slice(folds * size)
    z = Z[:, used].astype(np.float64)
    kernel = pools.kernel(distance[used], width)
    residual = kernel * (pool.outputs[seen.label, used] - seen.intercept - seen.coef @ z)
    weight = kernel.sum() + 1
    away = seen.own - (z @ kernel + seen.own) / weight
    of_row = seen.output - seen.intercept - float(seen.coef @ seen.own) + seen.coef * away

    moved = np.concatenate([residual.reshape(folds, size), kernel.reshape(folds, size)])
    sums = _moved_sums(z.reshape(d * folds, size) @ moved.T, d, folds)
    squares = sums[1]  # of zeros and ones
    if not matched.all():
        squares = _moved_sums(np.square(z).reshape(d * folds, size) @ moved[folds:].T, d, folds)[0]
    first, second = sums[1] + seen.own, squares + np.square(seen.own)
    cross = sums[0] + of_row * seen.own - first / weight * (residual.sum() + of_row)
    variance = second - np.square(first) / weight
    nothing = (variance <= _NO_VARIANCE * second) | (matched & (seen.own == 0))
    taken = np.count_nonzero(seen.coef) * np.square(kernel).sum() / np.square(kernel.sum())
    chance = 1 / (1 - min(taken, _MOST_TAKEN))
    weights = np.where(nothing, 0.0, chance * cross / (np.maximum(variance, 0.0) + RIDGE))
    return Probed(weights, chance * cross)


def _moved_sums(products: Array, d: int, folds: int) -> Array:
    """Sums (q, R, d) over folds of products (d·folds, q·folds) of each fold with the one r further on, r = 1 … R."""
    q = products.shape[1] // folds
    by_pair = products.reshape(d, folds, q, folds)
    here = np.arange(folds)
    return np.stack([by_pair[:, here, :, (here + r) % folds].sum(axis=0).T for r in range(1, folds)], axis=1)
