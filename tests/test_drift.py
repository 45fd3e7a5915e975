"""nDCG as Clarify has it, by hand; its interval, differences and findings by what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limekiln import drift
from limekiln.drift import Ranking
from limekiln.values import Array

SAT_GPA_RANK = np.array([0.70, 0.50, 0.05])
SCORES = st.lists(st.floats(0.001, 100), min_size=2, max_size=12)


def ranking(score: Array, se: float, df: float = 19) -> Ranking:
    score = np.maximum(score, 0.0)
    reach = 2.093 * se
    k = len(score)
    return Ranking(score, np.maximum(score - reach, 0), score + reach, np.full(k, se), np.full(k, df))


def test_ndcg_is_clarify_s() -> None:
    """The example of its documentation: SAT score, GPA and class rank, whose order is turned round in the live data."""
    live = np.array([0.10, 0.20, 0.70])
    dcg = 0.05 / math.log2(2) + 0.50 / math.log2(3) + 0.70 / math.log2(4)
    ideal = 0.70 / math.log2(2) + 0.50 / math.log2(3) + 0.05 / math.log2(4)
    assert drift.ndcg(SAT_GPA_RANK, live) == pytest.approx(dcg / ideal)
    assert drift.ndcg(SAT_GPA_RANK, live) == pytest.approx(0.6876, abs=5e-5)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ([3.0, 2.0, 1.0], [30.0, 20.0, 10.0], 1.0),
        ([1.0, 0.0], [0.0, 1.0], 1 / math.log2(3)),
        ([1.0, 0.0], [5.0, 5.0], (1 + 1 / math.log2(3)) / 2),
        ([0.0, 0.0], [1.0, 2.0], None),
        ([2.0], [0.0], 1.0),
    ],
)
def test_ndcg_by_hand(old: list[float], new: list[float], found: float | None) -> None:
    assert drift.ndcg(np.array(old), np.array(new)) == (None if found is None else pytest.approx(found))


@given(SCORES)
def test_ndcg_lies_from_0_to_1_and_knows_no_unit(scores: list[float]) -> None:
    old = np.array(scores)
    new = np.random.default_rng(len(scores)).permutation(old)
    value = drift.ndcg(old, new)
    assert value is not None
    assert 0 < value <= 1 + 1e-12
    assert drift.ndcg(1000 * old, new / 7) == pytest.approx(value)


def test_the_same_numbers_twice_are_one_computation() -> None:
    noisy = ranking(np.array([3.0, 2.0, 1.0]), 5.0)
    found = drift.ndcg_interval(noisy, noisy, 0.95, np.random.default_rng(0))
    assert found is not None
    assert (found.value, found.low, found.high) == (1, 1, 1)
    assert drift.differences(noisy, noisy, 0.95).p.tolist() == [1, 1, 1]


@pytest.mark.parametrize(("k", "se"), [(5, 0.3), (20, 0.1), (40, 0.3)])
def test_noise_makes_neither_a_sure_stability_nor_a_sure_change(k: int, se: float) -> None:
    """Intervals hold the truth, and a threshold of 0.9 is not crossed for sure where the truth does not."""
    rng = np.random.default_rng(1)
    missed = wrong = 0
    for i in range(60):
        old = 0.5 * rng.exponential(1, k)
        new = old if i % 2 else rng.permutation(old)
        truth = drift.ndcg(old, new)
        a, b = (ranking(x + se * rng.normal(size=k), se) for x in (old, new))
        found = drift.ndcg_interval(a, b, 0.95, rng)
        if found is None or truth is None:
            continue
        missed += not found.low - 1e-12 <= truth <= found.high + 1e-12
        wrong += (found.low >= 0.9 > truth) or (found.high < 0.9 <= truth)
    assert missed <= 8, "5 % of 60 is 3, and 8 have a probability of 0.01"
    assert wrong == 0


def test_intervals_of_differences_hold_the_difference() -> None:
    rng = np.random.default_rng(2)
    old, new = 2 + rng.exponential(1, 4000), 2 + rng.exponential(1, 4000)
    found = drift.differences(
        ranking(old + 0.2 * rng.normal(size=4000), 0.2), ranking(new + 0.2 * rng.normal(size=4000), 0.2), 0.9
    )
    held = (found.low <= new - old) & (new - old <= found.high)
    assert held.mean() > 0.89
    assert ((found.p <= 0.1) == ((found.low > 0) | (found.high < 0))).mean() > 0.99


def test_where_nothing_changed_findings_are_rare_and_a_change_is_found() -> None:
    """40 simulations of 60 features whose scores depend on each other: one factor moves all of them."""
    rng = np.random.default_rng(3)
    any_false, found = 0, 0
    for _ in range(40):
        truth = 2 + rng.exponential(1, 60)
        noise = [0.08 * rng.normal(size=60) + 0.06 * rng.normal() for _ in range(2)]
        old, new = (ranking(truth + n, 0.1) for n in noise)
        any_false += int(drift.discoveries(drift.differences(old, new, 0.95).p, 0.05).any())
        new = ranking(new.score + np.where(np.arange(60) == 7, 3.0, 0), 0.1)
        found += int(drift.discoveries(drift.differences(old, new, 0.95).p, 0.05)[7])
    assert any_false <= 5, "with a true rate of 5 %, more have a probability of 0.01"
    assert found == 40


def test_findings_by_hand_and_tests_that_were_not_made() -> None:
    """Benjamini & Yekutieli: of m = 3, p(i) against i·0.05/(3·(1 + 1/2 + 1/3)) = i·0.0091."""
    p = np.array([0.009, np.nan, 0.018, 0.5])
    assert drift.discoveries(p, 0.05).tolist() == [True, False, True, False]
    assert drift.discoveries(np.array([0.0095, np.nan, 0.019, 0.5]), 0.05).tolist() == [False] * 4
    assert drift.discoveries(np.array([np.nan]), 0.05).tolist() == [False]


def test_a_feature_without_an_interval_is_not_tested() -> None:
    old = Ranking(*(np.array(x) for x in ([1.0], [np.nan], [np.nan], [1.0], [5.0])))
    found = drift.differences(old, ranking(np.array([9.0]), 0.1), 0.95)
    assert found.value.tolist() == [8]
    assert np.isnan([found.low[0], found.high[0], found.p[0]]).all()
    assert not found.apart[0]


def test_exact_scores_differ_or_do_not() -> None:
    old, new = ranking(np.array([1.0, 2.0]), 0.0), ranking(np.array([1.0, 2.5]), 0.0)
    found = drift.differences(old, new, 0.95)
    assert found.p.tolist() == [1, 0]
    assert found.apart.tolist() == [False, True]


def test_rank_correlation_and_what_is_shared() -> None:
    assert drift.rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)
    assert drift.rank_correlation(np.array([1.0, 1]), np.array([3.0, 2])) is None
    assert drift.jaccard(["a", "b", "c"], ["b", "c", "d"]) == 0.5
    assert drift.jaccard([], []) is None
