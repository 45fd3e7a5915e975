"""NormLIME: class-specific importances from normalised local weights (arXiv 1909.04200).

With w_i the local weights of row i and E(f) the rows with w_if ≠ 0, the relative importance of f in row i
is γ_if = |w_if|/‖w_i‖₁, and over the rows of one class

    share(f)    = (1/|E(f)|) Σ_{i∈E(f)} γ_if                 (scale-free, in [0, 1])
    weighted(f) = (1/|E(f)|) Σ_{i∈E(f)} γ_if |w_if|          (= w²/‖w‖₁, as the authors' code computes it)

The mean is over the rows that use f, not over all: a feature that few rows use but that decides there is
not diluted. That also lets a feature seen once rank first, so `support` = |E(f)| is reported with it.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy import sparse

from limekiln.values import Array, Index


@dataclass(frozen=True)
class Tally:
    """Sums over rows, for F keys (features, or values of features); tallies of disjoint rows add up.

    Attributes:
        rows: how many rows were tallied, those without any weight included.
        support: (F,) rows with w ≠ 0.
        share: (F,) Σγ.
        weighted: (F,) Σγ|w|.
        positive: (F,) Σγ over rows with w > 0.
        absolute: (F,) Σ|w|.
    """

    rows: int
    support: Index
    share: Array
    weighted: Array
    positive: Array
    absolute: Array

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Tally)})


@dataclass(frozen=True)
class Scores:
    """(F,) arrays; all 0 where support is 0. `positive` + `negative` = `share`, split by the sign of w.

    `sign_consistency` = |positive − negative|/share: 1 when every row agrees on the direction, 0 when they
    cancel. `pick_importance` is SP-LIME's I = √Σ|w| (Ribeiro et al. 2016, section 4), which grows with
    frequency where NormLIME's means do not. `average` is GALE's mean |w| over the rows that use a key (van der
    Linden et al. 2019, arXiv:1907.03039), `mean_absolute` the mean over all rows.
    """

    support: Index
    share: Array
    weighted: Array
    positive: Array
    negative: Array
    sign_consistency: Array
    pick_importance: Array
    average: Array
    mean_absolute: Array


def tally(weights: sparse.csr_array) -> Tally:
    """Sums of local weights W (n, F) over rows."""
    n, n_keys = weights.shape
    row = np.repeat(np.arange(n), np.diff(weights.indptr))
    magnitude = np.abs(weights.data)
    norm = np.bincount(row, weights=magnitude, minlength=n)[row]
    gamma = np.divide(magnitude, norm, out=np.zeros_like(magnitude), where=norm > 0)

    def total(values: Array) -> Array:
        return np.bincount(weights.indices, weights=values, minlength=n_keys).astype(np.float64)

    return Tally(
        rows=n,
        support=np.bincount(weights.indices[magnitude > 0], minlength=n_keys),
        share=total(gamma),
        weighted=total(gamma * magnitude),
        positive=total(np.where(weights.data > 0, gamma, 0.0)),
        absolute=total(magnitude),
    )


def scores(t: Tally) -> Scores:
    """Means over the rows that use a key; see the module's formulas."""
    count = np.maximum(t.support, 1)
    share, positive = t.share / count, t.positive / count
    negative = np.maximum(share - positive, 0.0)
    balance = np.abs(positive - negative)
    return Scores(
        support=t.support,
        share=share,
        weighted=t.weighted / count,
        positive=positive,
        negative=negative,
        sign_consistency=np.divide(balance, share, out=np.zeros_like(share), where=share > 0),
        pick_importance=np.sqrt(t.absolute),
        average=t.absolute / count,
        mean_absolute=t.absolute / max(t.rows, 1),
    )


def ranks(score: Array, support: Index, min_support: int) -> Index:
    """Ranks 1…F by falling score; keys with less support than `min_support` come after all others.

    Ties go to the first key, so that a ranking is a function of its inputs.
    """
    order = np.lexsort((np.arange(len(score)), -score, support < min_support))
    ranked = np.empty(len(score), dtype=np.int64)
    ranked[order] = np.arange(1, len(score) + 1)
    return ranked
