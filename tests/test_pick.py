"""The pick against a literal transcription of SP-LIME's Algorithm 2, and its certificate against enumeration."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from limekiln import pick
from limekiln.values import Array


def coverage_literally(V: list[int], W: Array, importance: list[float]) -> float:
    """Equation 3 of Ribeiro et al. 2016: c(V, W, I) = Σ_j 1[∃ i ∈ V: W_ij > 0] I_j."""
    total = 0.0
    for j in range(W.shape[1]):
        if any(W[i, j] > 0 for i in V):
            total += importance[j]
    return total


def algorithm_2(W: Array, budget: int) -> list[int]:
    """Algorithm 2; the first of equal rows wins, where the paper leaves it open."""
    n, d = W.shape
    importance = [math.sqrt(sum(W[i, j] for i in range(n))) for j in range(d)]
    V: list[int] = []
    while len(V) < budget:
        gains = [coverage_literally([*V, i], W, importance) - coverage_literally(V, W, importance) for i in range(n)]
        V.append(max((i for i in range(n) if i not in V), key=lambda i: gains[i]))
    return V


def instance(seed: int, n: int, d: int, density: float = 0.3) -> tuple[Array, sparse.csr_array, Array]:
    """|W|, which row covers which key, and the keys' importances √Σ|W|."""
    rng = np.random.default_rng(seed)
    W = np.where(rng.random((n, d)) < density, rng.exponential(size=(n, d)), 0.0)
    return W, sparse.csr_array((W > 0).astype(float)), np.sqrt(W.sum(axis=0))


def relaxation(covers: sparse.csr_array, importance: Array, budget: int) -> Any:
    """The whole linear relaxation, dense and written anew."""
    A = covers.toarray()
    n, d = A.shape
    rows = np.vstack([np.hstack([-A.T, np.eye(d)]), np.concatenate([np.ones(n), np.zeros(d)])])
    right = np.concatenate([np.zeros(d), [budget]])
    return linprog(np.concatenate([np.zeros(n), -importance]), A_ub=rows, b_ub=right, bounds=(0, 1), method="highs")


def best_of_all(covers: sparse.csr_array, importance: Array, budget: int) -> float:
    A = covers.toarray() > 0
    return max(float(importance[A[list(V)].any(axis=0)].sum()) for V in combinations(range(len(A)), budget))


@pytest.mark.parametrize("seed", range(10))
def test_greedy_is_algorithm_2(seed: int) -> None:
    W, covers, importance = instance(seed, 25, 12)
    ours = pick.greedy(covers, importance, 4, np.zeros(25))
    assert ours.rows.tolist() == algorithm_2(W, 4)[: len(ours.rows)]
    for step in range(len(ours.rows)):
        reached = coverage_literally(ours.rows[: step + 1].tolist(), W, importance.tolist())
        assert ours.gains[: step + 1].sum() == pytest.approx(reached, rel=1e-12)


def test_gains_never_rise_and_a_useless_row_is_not_picked() -> None:
    _, covers, importance = instance(3, 40, 15)
    ours = pick.greedy(covers, importance, 40, np.zeros(40))
    assert (np.diff(ours.gains) <= 1e-12).all()
    assert len(ours.rows) < 40
    assert ours.gains.sum() == pytest.approx(importance.sum())
    assert (ours.gains > 0).all()


def test_a_budget_beyond_the_rows_takes_what_there_is() -> None:
    covers, importance = sparse.csr_array(np.eye(3)), np.array([1.0, 2.0, 3.0])
    assert pick.greedy(covers, importance, 10, np.zeros(3)).rows.tolist() == [2, 1, 0]
    assert pick.greedy(covers, importance, 0, np.zeros(3)).rows.tolist() == []


def test_ties_go_to_the_heavier_row_and_then_to_the_first() -> None:
    covers = sparse.csr_array(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]))
    importance = np.ones(3)
    assert pick.greedy(covers, importance, 3, np.array([1.0, 1, 1, 1])).rows.tolist() == [0, 1, 2]
    assert pick.greedy(covers, importance, 3, np.array([1.0, 1, 1, 2])).rows.tolist() == [3, 0, 2]


def test_keys_worth_nothing_are_not_worth_a_row() -> None:
    covers = sparse.csr_array(np.array([[1.0, 0], [0, 1]]))
    assert pick.greedy(covers, np.array([0.0, 1.0]), 2, np.zeros(2)).rows.tolist() == [1]
    assert pick.greedy(covers, np.zeros(2), 2, np.zeros(2)).rows.tolist() == []


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("budget", [1, 2, 3])
def test_certificate_lies_between_the_optimum_and_the_guarantee(seed: int, budget: int) -> None:
    _, covers, importance = instance(seed, 12, 10)
    found = pick.greedy(covers, importance, budget, np.zeros(12))
    proof = pick.certify(covers, importance, budget, found.rows)
    optimum = best_of_all(covers, importance, budget)
    assert proof.curve[-1] >= optimum - 1e-9
    assert optimum >= found.gains.sum() - 1e-9
    assert found.gains.sum() >= (1 - 1 / math.e) * optimum
    for size in range(1, budget + 1):
        assert proof.curve[size - 1] >= best_of_all(covers, importance, size) - 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_bound_is_the_two_line_formula(seed: int) -> None:
    _, covers, importance = instance(seed, 30, 14)
    rng = np.random.default_rng(seed)
    for budget in (1, 3, 29, 30, 31, 100):
        dual = importance * rng.random(14)
        expected = sum(float(i - lam) for i, lam in zip(importance, dual, strict=True))
        expected += sum(sorted((float(row @ dual) for row in covers.toarray()), reverse=True)[:budget])
        assert pick.bound(covers, importance, dual, budget) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("budget", [1, 4, 9])
@pytest.mark.parametrize(("n", "d"), [(30, 12), (300, 40), (600, 25)])
def test_column_generation_reaches_the_optimum_of_the_whole_relaxation(n: int, d: int, budget: int) -> None:
    _, covers, importance = instance(n + budget, n, d, density=0.15)
    found = pick.greedy(covers, importance, budget, np.zeros(n))
    proof = pick.certify(covers, importance, budget, found.rows)
    assert proof.curve[-1] == pytest.approx(-relaxation(covers, importance, budget).fun, rel=1e-7)
    assert pick.bound(covers, importance, proof.dual, budget) == proof.curve[-1]
    for size in range(1, budget + 1):
        assert proof.curve[size - 1] == pytest.approx(-relaxation(covers, importance, size).fun, rel=1e-7)


def test_the_start_does_not_matter() -> None:
    _, covers, importance = instance(5, 200, 30, density=0.1)
    curves = [pick.certify(covers, importance, 5, np.array(start)).curve for start in ([0], [7, 99], list(range(200)))]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-9)
    np.testing.assert_allclose(curves[0], curves[2], rtol=1e-9)


def test_the_curve_never_falls_and_never_exceeds_the_whole() -> None:
    _, covers, importance = instance(2, 120, 30, density=0.1)
    found = pick.greedy(covers, importance, 12, np.zeros(120))
    curve = pick.certify(covers, importance, 12, found.rows).curve
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] <= importance.sum() * (1 + 1e-12)
    reached = np.cumsum(found.gains)
    assert (curve[: len(reached)] >= reached - 1e-9).all()


def test_copies_of_a_row_change_nothing() -> None:
    _, covers, importance = instance(6, 40, 15)
    twice = sparse.csr_array(sparse.vstack([covers, covers, covers]))
    once = pick.certify(covers, importance, 3, np.array([0]))
    thrice = pick.certify(twice, importance, 3, np.array([0]))
    assert thrice.curve[-1] >= best_of_all(covers, importance, 3) - 1e-9
    np.testing.assert_allclose(once.curve, thrice.curve, rtol=1e-9)
    assert pick.bound(twice, importance, thrice.dual, 3) == thrice.curve[-1]


@pytest.mark.parametrize("factor", [1e-12, 1e-6, 1e4, 1e12])
def test_the_certificate_scales_with_the_weights(factor: float) -> None:
    _, covers, importance = instance(9, 80, 25, density=0.1)
    start = pick.greedy(covers, importance, 4, np.zeros(80)).rows
    plain = pick.certify(covers, importance, 4, start).curve
    scaled = pick.certify(covers, importance * factor, 4, start).curve
    np.testing.assert_allclose(scaled, plain * factor, rtol=1e-6)


def test_a_dual_outside_its_limits_proves_nothing() -> None:
    _, covers, importance = instance(0, 10, 6)
    for wrong in (importance * 1.01 + 0.01, importance - importance.max() - 0.01, np.full(6, np.nan)):
        with pytest.raises(ValueError, match="0 ≤ dual ≤ importance"):
            pick.bound(covers, importance, wrong, 2)


def test_nothing_to_cover_is_certified_as_nothing() -> None:
    empty = sparse.csr_array((5, 0))
    proof = pick.certify(empty, np.zeros(0), 2, np.zeros(0, dtype=np.int64))
    assert proof.curve.tolist() == [0.0, 0.0]
    assert proof.dual.tolist() == []
