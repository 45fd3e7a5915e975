"""SP-LIME's submodular pick, and a certificate of how good any pick of its size could be.

A pick V of at most B rows covers c(V) = Σ_j I_j·1[some row of V covers key j] (Ribeiro et al. 2016,
section 4). Coverage is monotone and submodular, so the greedy pick has at least 1 − 1/e of the best. The
certificate says more about this very data: for any λ with 0 ≤ λ_j ≤ I_j and s_i = Σ_j A_ij λ_j,

    c(V) ≤ Σ_j (I_j − λ_j) + (sum of the B largest s_i)        for every V of B rows,

since covered keys pay I_j − λ_j at most once and λ_j at most once for each row that covers them. The best λ
is the dual of the coverage problem's linear relaxation. Whoever has λ re-checks the bound in two lines
(`bound`), trusting no solver.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from limekiln.values import Array, Index

_ROUNDS: Final = 60
_COLUMNS_A_ROUND: Final = 100
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class Greedy:
    """The picked rows in order, and what each added to the coverage; rows that would add nothing are left out."""

    rows: Index
    gains: Array


@dataclass(frozen=True)
class Certificate:
    """No pick of b + 1 rows covers more than `curve[b]`; `dual` is the λ behind its last entry.

    Attributes:
        curve: (B,) upper bounds for picks of 1…B rows.
        dual: (F,) λ for B rows, 0 ≤ λ ≤ importance.
    """

    curve: Array
    dual: Array


def greedy(covers: sparse.csr_array, importance: Array, budget: int, weight: Array) -> Greedy:
    """The exact greedy pick.

    Args:
        covers: (n, F) 0/1 floats, 1 where a row covers a key.
        importance: (F,) what covering a key is worth, ≥ 0.
        budget: how many rows at most.
        weight: (n,) breaks ties between rows of equal gain, larger first; then the first row.
    """
    left = importance.copy()
    rows: list[int] = []
    gains: list[float] = []
    for _ in range(min(budget, covers.shape[0])):
        gain = covers @ left
        best = gain.max()
        if best <= 0:
            break
        tied = np.flatnonzero(gain == best)
        row = int(tied[np.argmax(weight[tied])])
        rows.append(row)
        gains.append(float(best))
        left[covers.indices[covers.indptr[row] : covers.indptr[row + 1]]] = 0.0
    return Greedy(np.array(rows, dtype=np.int64), np.array(gains))


def bound(covers: sparse.csr_array, importance: Array, dual: Array, budget: int) -> float:
    """The upper bound that λ = `dual` proves for every pick of `budget` rows; see the module's formula.

    Raises:
        ValueError: λ leaves 0 ≤ λ ≤ importance, where the proof holds.
    """
    if not ((dual >= 0) & (dual <= importance)).all():  # so put, NaN is refused too
        raise ValueError("a dual vector proves a bound only where 0 ≤ dual ≤ importance")
    reached = covers @ dual
    top = np.partition(reached, -budget)[-budget:] if budget < len(reached) else reached
    return float((importance - dual).sum() + top.sum())


def certify(covers: sparse.csr_array, importance: Array, budget: int, start: Index) -> Certificate:
    """The best bounds for picks of 1…`budget` rows, by column generation on the linear relaxation.

    The relaxation is solved over a few rows, its λ tested against all, the rows that break it added, until
    none does. Any λ is valid, so stopping early loosens the bound and never falsifies it.

    Args:
        covers: (n, F) 0/1 floats.
        importance: (F,) ≥ 0.
        budget: B.
        start: rows to begin with, the greedy pick as a rule.
    """
    if not importance.any():
        return Certificate(np.zeros(budget), np.zeros(len(importance)))
    distinct, position = _distinct(covers)
    active = np.unique(position[start])
    curve, dual = [], importance
    for b in range(1, budget + 1):
        dual, active = _tighten(distinct, importance, b, active)
        curve.append(bound(covers, importance, dual, b))
    # a bound for more rows also bounds fewer
    return Certificate(np.minimum.accumulate(np.array(curve)[::-1])[::-1], dual)


def _tighten(covers: sparse.csr_array, importance: Array, budget: int, active: Index) -> tuple[Array, Index]:
    best, best_dual = np.inf, importance
    for _ in range(_ROUNDS):
        dual, threshold = _relaxation(covers[active], importance, budget)
        value = bound(covers, importance, dual, budget)
        if value < best:
            best, best_dual = value, dual
        reached = covers @ dual
        reached[active] = -np.inf
        broken = np.flatnonzero(reached > threshold + _TOLERANCE * importance.max())
        if not len(broken):
            break
        heaviest = broken[np.argsort(-reached[broken], kind="stable")[:_COLUMNS_A_ROUND]]
        active = np.union1d(active, heaviest)
    return best_dual, active


def _relaxation(covers: sparse.csr_array, importance: Array, budget: int) -> tuple[Array, float]:
    """λ of max I·y, y_j ≤ Σ_i A_ij x_i, Σx ≤ B, 0 ≤ x, 0 ≤ y ≤ 1 over some rows, and the price of one more row.

    x ≤ 1 would not change the optimum, and would allow a λ that counts a row's copies as further gain.
    """
    n, F = covers.shape
    unit = importance.max()  # the solver's tolerances are absolute
    cost = np.concatenate([-importance / unit, np.zeros(n)])
    reach = sparse.hstack([sparse.eye_array(F), -covers.T])
    size = sparse.csr_array(np.concatenate([np.zeros(F), np.ones(n)])[None, :])
    limits = np.concatenate([np.zeros(F), [float(budget)]])
    bounds = np.column_stack([np.zeros(F + n), np.repeat([1.0, np.inf], [F, n])])
    solved = linprog(cost, A_ub=sparse.vstack([reach, size]).tocsr(), b_ub=limits, bounds=bounds, method="highs")
    if solved.status != 0:
        return np.zeros(F), np.inf
    marginals = -unit * np.asarray(solved.ineqlin.marginals)
    return np.clip(marginals[:F], 0.0, importance), float(max(marginals[F], 0.0))


def _distinct(covers: sparse.csr_array) -> tuple[sparse.csr_array, Index]:
    """The distinct rows, and for each row the position of its like among them."""
    first: dict[bytes, int] = {}
    position = np.empty(covers.shape[0], dtype=np.int64)
    keep: list[int] = []
    for i in range(covers.shape[0]):
        key = covers.indices[covers.indptr[i] : covers.indptr[i + 1]].tobytes()
        if key not in first:
            first[key] = len(keep)
            keep.append(i)
        position[i] = first[key]
    return covers[keep], position
