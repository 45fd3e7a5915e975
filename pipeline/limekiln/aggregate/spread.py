"""How far NormLIME scores may be off, from two sources apart: which rows were explained, and which perturbations drawn.

Rows: a score is a ratio, S_j = Σ g_ij / Σ 1[w_ij ≠ 0], with the influence

    ψ_ij = 1[w_ij ≠ 0]·(g_ij − S_j)/p_j,      p_j the share of rows that use j,

so Cov(S_j, S_k) = (1 − f) Σ_i ψ_ij ψ_ik / n², f the share of the population that was explained (finite population).
Perturbations: the delete-a-group jackknife over the G folds of the pool, (G−1)/G Σ_g (S^(−g) − S̄)(S^(−g) − S̄)ᵀ.
Where every row has perturbations of its own, ψ holds their noise already, and the jackknife stands in for the share f
of it that the finite population takes away. Sources and checks: docs/explanation/how-sure.md.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse, stats

from limekiln.aggregate.folds import FoldTally
from limekiln.values import Array, Index

ScoreName = Literal["weighted", "share"]


@dataclass(frozen=True)
class Spread:
    """Covariances (k, k) of k scores, and the degrees of freedom that each source's is estimated with.

    Attributes:
        rows: from the choice of rows.
        pool: from the draw of perturbations.
        rows_df: n − 1.
        pool_df: G − 1.
    """

    rows: Array
    pool: Array
    rows_df: int
    pool_df: int

    def of(self, contrasts: Array) -> tuple[Array, Array, Array]:
        """Standard errors of m linear combinations (m, k) of the scores by source, and their degrees of freedom."""
        by_rows = np.maximum(np.einsum("mk,kl,ml->m", contrasts, self.rows, contrasts), 0.0)
        by_pool = np.maximum(np.einsum("mk,kl,ml->m", contrasts, self.pool, contrasts), 0.0)
        return np.sqrt(by_rows), np.sqrt(by_pool), self._freedom(by_rows, by_pool)

    def single(self) -> tuple[Array, Array, Array]:
        """The same for each score alone."""
        by_rows, by_pool = np.maximum(np.diagonal(self.rows), 0.0), np.maximum(np.diagonal(self.pool), 0.0)
        return np.sqrt(by_rows), np.sqrt(by_pool), self._freedom(by_rows, by_pool)

    def differences(self, first: Index, second: Index) -> tuple[Array, Array, Array]:
        """The same for differences between scores `first` and `second`, (m,) each."""

        def variance(c: Array) -> Array:
            d = np.diagonal(c)
            return np.maximum(d[first] + d[second] - 2 * c[first, second], 0.0)

        by_rows, by_pool = variance(self.rows), variance(self.pool)
        return np.sqrt(by_rows), np.sqrt(by_pool), self._freedom(by_rows, by_pool)

    def _freedom(self, by_rows: Array, by_pool: Array) -> Array:
        """Welch and Satterthwaite's degrees of freedom of the sum of both variances."""
        below = by_rows**2 / max(self.rows_df, 1) + by_pool**2 / max(self.pool_df, 1)
        top = (by_rows + by_pool) ** 2
        return np.divide(top, below, out=np.full_like(top, np.inf), where=below > 0)


def by_rows(weights: sparse.csr_array, keys: Index, score: ScoreName, explained: float, rows: Index) -> Array:
    """Covariance of scores from the choice of rows.

    Args:
        weights: (n, F) local weights, by feature, of the explanations of one class or of all.
        keys: (k,) the features asked for.
        score: which NormLIME score.
        explained: f, the share of the population that the rows are; 1 gives zeros.
        rows: (n,) the row that each explanation is of; those of one row, for several outputs, are drawn together.

    Returns:
        (k, k).
    """
    n = weights.shape[0]
    norm = np.asarray(abs(weights).sum(axis=1)).ravel()
    w = np.abs(weights[:, keys].toarray())
    g = np.divide(w, norm[:, None], out=np.zeros_like(w), where=norm[:, None] > 0)
    used = w > 0
    if score == "weighted":
        g = g * w
    support = np.maximum(used.sum(axis=0), 1)
    influence = used * (g - g.sum(axis=0) / support) * (n / support)
    _, drawn = np.unique(rows, return_inverse=True)
    m = int(drawn.max()) + 1
    together = np.zeros((m, len(keys)))
    np.add.at(together, drawn, influence)
    covariance: Array = (1 - explained) * (together.T @ together) * (m / (n * n * max(m - 1, 1)))
    return covariance


def by_folds(folds: FoldTally, class_: int, keys: Index, score: ScoreName) -> Array:
    """Covariance (k, k) of one class's scores from the draw of perturbations, by the jackknife over folds."""
    support = folds.support[class_][:, keys]
    sums = (folds.weighted if score == "weighted" else folds.share)[class_][:, keys]
    scores = np.divide(sums, support, out=np.zeros_like(sums), where=support > 0)
    off = scores - scores.mean(axis=0)
    groups = len(scores)
    covariance: Array = (groups - 1) / groups * (off.T @ off)
    return covariance


def combine(rows: Array, pool: Array | None, *, n: int, folds: int, shared: bool, explained: float) -> Spread:
    """Both sources together.

    Args:
        rows: from `by_rows`.
        pool: from `by_folds`; None where perturbations have no folds.
        n: different rows explained.
        folds: G.
        shared: whether all rows share the perturbations; else each row's noise is among the rows' differences, but
            for the share `explained` of it that the finite population took away.
        explained: f, as `by_rows` was given.
    """
    noise = np.zeros_like(rows) if pool is None else pool if shared else explained * pool
    return Spread(rows, noise, n - 1, folds - 1)


def quantile(probability: float, freedom: Array) -> Array:
    """Of Student's t; of the normal distribution where nothing varies."""
    found: Array = stats.t.ppf(probability, np.maximum(freedom, 1.0))
    return found
