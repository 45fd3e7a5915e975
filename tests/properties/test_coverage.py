"""Coverage as SP-LIME defines it, over arbitrary small instances."""

import math
from itertools import combinations
from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from limekiln import pick
from limekiln.values import Array

QUICK: Final = settings(deadline=None, derandomize=True, max_examples=60)
Instance = tuple[sparse.csr_array, Array]


@st.composite
def instances(draw: st.DrawFn, most_rows: int = 8, most_keys: int = 7) -> Instance:
    n, F = draw(st.integers(1, most_rows)), draw(st.integers(1, most_keys))
    rows = draw(st.lists(st.lists(st.booleans(), min_size=F, max_size=F), min_size=n, max_size=n))
    worth = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
    importance = draw(st.lists(worth, min_size=F, max_size=F))
    return sparse.csr_array(np.array(rows, dtype=np.float64)), np.array(importance)


def coverage(covers: sparse.csr_array, importance: Array, rows: tuple[int, ...]) -> float:
    dense = covers.toarray() > 0
    return float(importance[dense[list(rows)].any(axis=0)].sum()) if rows else 0.0


def optimum(covers: sparse.csr_array, importance: Array, budget: int) -> float:
    n = covers.shape[0]
    return max(coverage(covers, importance, V) for V in combinations(range(n), min(budget, n)))


@QUICK
@given(instances(), st.data())
def test_coverage_is_monotone_and_submodular(instance: Instance, data: st.DataObject) -> None:
    covers, importance = instance
    rows = range(covers.shape[0])
    large = data.draw(st.sets(st.sampled_from(rows)))
    small = {i for i in large if data.draw(st.booleans())}
    new = data.draw(st.sampled_from(rows))
    slack = 1e-9 * importance.sum()

    def gain(base: set[int]) -> float:
        return coverage(covers, importance, (*base, new)) - coverage(covers, importance, tuple(base))

    assert gain(large) >= -slack
    assert gain(small) >= gain(large) - slack


@QUICK
@given(instances(), st.integers(1, 5))
def test_greedy_gains_are_the_coverage_and_reach_the_guarantee(instance: Instance, budget: int) -> None:
    covers, importance = instance
    found = pick.greedy(covers, importance, budget, np.zeros(covers.shape[0]))
    reached = coverage(covers, importance, tuple(found.rows.tolist()))
    best = optimum(covers, importance, budget)
    slack = 1e-9 * importance.sum()
    assert abs(found.gains.sum() - reached) <= slack
    assert best + slack >= reached >= (1 - 1 / math.e) * best - slack
    assert (np.diff(found.gains) <= slack).all()


@QUICK
@given(instances(), st.integers(1, 5))
def test_the_certified_bound_is_never_below_the_optimum(instance: Instance, budget: int) -> None:
    covers, importance = instance
    start = pick.greedy(covers, importance, budget, np.zeros(covers.shape[0])).rows
    proof = pick.certify(covers, importance, budget, start)
    slack = 1e-9 * importance.sum()
    for size in range(1, budget + 1):
        assert proof.curve[size - 1] >= optimum(covers, importance, size) - slack
    assert (np.diff(proof.curve) >= 0).all()
    assert proof.curve[-1] <= importance.sum() + slack
    assert abs(pick.bound(covers, importance, proof.dual, budget) - proof.curve[-1]) <= slack


@QUICK
@given(instances(), st.integers(1, 5), st.data())
def test_any_valid_dual_bounds_every_pick(instance: Instance, budget: int, data: st.DataObject) -> None:
    covers, importance = instance
    parts = data.draw(st.lists(st.floats(0, 1), min_size=len(importance), max_size=len(importance)))
    limit = pick.bound(covers, importance, importance * np.array(parts), budget)
    assert limit >= optimum(covers, importance, budget) - 1e-9 * importance.sum()
