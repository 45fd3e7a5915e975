"""Rank intervals and verdicts, in cases where the right answer is plain."""

import numpy as np
import pytest

from limekiln import certify
from limekiln.aggregate.spread import OverRows, Spread
from limekiln.certify import Decision


def spread(se: list[float], pool: list[float] | None = None, skewness: list[float] | None = None) -> Spread:
    k = len(se)
    third = np.diag(np.array(skewness or [0.0] * k) * np.power(se, 3))
    rows = OverRows(np.diag(np.square(se)), np.full(k, 10_000.0), third)
    return Spread(rows, np.zeros((k, k)) if pool is None else np.diag(np.square(pool)), 19)


def decide(scores: list[float], s: Spread, *, top: int = 2, indifference: float = 0.0, rows: int = 1000) -> Decision:
    return certify.decide(np.array(scores), s, top=top, alpha=0.05, indifference=indifference, rows=rows)


def test_far_apart_scores_have_one_rank_each() -> None:
    found = certify.intervals(np.array([3.0, 2.0, 1.0]), spread([0.01] * 3), 0.95)
    assert found.rank_low.tolist() == found.rank_high.tolist() == [1, 2, 3]
    assert found.tied.tolist() == [0, 1, 2]


def test_close_scores_share_their_ranks() -> None:
    found = certify.intervals(np.array([3.0, 2.0, 1.99, 1.0]), spread([0.05] * 4), 0.95)
    assert found.rank_low.tolist() == [1, 2, 2, 4]
    assert found.rank_high.tolist() == [1, 3, 3, 4]
    assert found.tied.tolist() == [0, 1, 1, 2]


def test_a_group_ends_where_its_first_is_surely_above() -> None:
    found = certify.intervals(np.array([1.0, 0.9, 0.8, 0.7]), spread([0.03] * 4), 0.95)
    # neighbours differ by 0.1 and cannot be told apart, every second one can
    assert found.tied.tolist() == [0, 0, 1, 1]


def test_equal_scores_without_any_spread_are_not_ordered() -> None:
    found = certify.intervals(np.array([1.0, 1.0]), spread([0.0, 0.0]), 0.95)
    assert found.rank_low.tolist() == [1, 1]
    assert found.rank_high.tolist() == [2, 2]


def test_one_feature_is_first() -> None:
    found = certify.intervals(np.array([1.0]), spread([0.1]), 0.95)
    assert (found.rank_low.tolist(), found.rank_high.tolist()) == ([1], [1])
    assert decide([1.0], spread([0.1])).verdict == "decided"


def test_bounds_are_students_and_none_is_below_nothing() -> None:
    low, high = certify.bounds(np.array([1.0, 0.01]), spread([0.0, 0.0], pool=[0.1, 0.1]), 0.95)
    assert high[0] - 1 == pytest.approx(2.093024 * 0.1)  # Student's t with 19 degrees of freedom
    assert low[1] == 0


def test_a_limits_interval_allows_for_the_correction() -> None:
    measured, corrected = np.array([1.0, 1.0, 0.1]), np.array([1.0, 0.7, -0.2])
    found = certify.limits(measured, corrected, spread([0.0] * 3, pool=[0.1] * 3), 0.95)
    reach = 2.093024 * 0.1
    assert found.score.tolist() == corrected.tolist()
    assert (found.low[0], found.high[0]) == pytest.approx((1 - reach, 1 + reach))
    assert (found.low[1], found.high[1]) == pytest.approx((0.7 - np.hypot(reach, 0.3), 0.7 + np.hypot(reach, 0.3)))
    assert (found.low[2], found.high[2]) == pytest.approx((0.0, np.hypot(reach, 0.3) - 0.2))


def test_bounds_reach_farther_where_rare_rows_would_pull() -> None:
    scores = np.array([1.0, 1.0, 1.0])
    low, high = certify.bounds(scores, spread([0.1] * 3, skewness=[0.0, 0.5, -0.5]), 0.95)
    assert high[0] - 1 == pytest.approx(1 - low[0])
    assert high[1] > high[0]
    assert low[1] > low[0]
    assert (high[2] - 1, 1 - low[2]) == pytest.approx((1 - low[1], high[1] - 1)), "skewed the other way, turned over"


@pytest.mark.parametrize("skewness", [[0.0, 0.6], [0.6, 0.0]])
def test_certificates_take_skewness_only_where_it_asks_for_more(skewness: list[float]) -> None:
    scores = [1.0, 1.0 - 2.1 * np.hypot(0.1, 0.1)]  # 1.96 standard errors of the difference would do
    assert decide(scores, spread([0.1, 0.1]), top=1).verdict == "decided"
    found = decide(scores, spread([0.1, 0.1], skewness=skewness), top=1)
    assert found.verdict == ("undecided" if skewness[1] else "decided"), "the lower one may have missed its rare rows"


@pytest.mark.parametrize("skewness", [[0.0, 0.6], [0.6, 0.0]])
def test_ranks_too(skewness: list[float]) -> None:
    apart, near = (np.array([1.0, 1.0 - z * np.hypot(0.1, 0.1)]) for z in (1.7, 1.6))  # 1.645 would do
    assert certify.intervals(apart, spread([0.1, 0.1]), 0.9).rank_high[0] == 1
    assert certify.intervals(apart, spread([0.1, 0.1], skewness=skewness), 0.9).rank_high[0] == 1 + (skewness[1] > 0)
    assert certify.intervals(near, spread([0.1, 0.1], skewness=skewness), 0.9).rank_high[0] == 2, "never surer"


def test_decided_asks_for_the_top_and_what_is_below_it() -> None:
    scores = [3.0, 2.0, 1.0, 0.999]
    assert decide(scores, spread([0.05] * 4)).verdict == "decided"
    wider = decide(scores, spread([0.05] * 4), top=3)
    assert wider.verdict == "undecided"
    assert [(p.first, p.second) for p in wider.open] == [(2, 3)]
    assert wider.pairs == 6
    assert (wider.separated, wider.tied) == (5, 0)


def test_a_difference_within_the_indifference_is_a_tie() -> None:
    scores = [3.0, 2.0, 1.0, 0.999]
    found = decide(scores, spread([0.01] * 4), top=3, indifference=0.01)  # of 6.999
    assert found.verdict == "decided"
    assert found.tied == 1
    assert decide(scores, spread([0.01] * 4), top=3, indifference=0.001).verdict == "undecided"


def test_open_pairs_say_what_they_would_take() -> None:
    se = 0.1
    narrow = decide([1.0, 0.7, 0.1], spread([se] * 3), top=1)
    assert narrow.verdict == "undecided"
    (pair,) = narrow.open
    grown = spread([se / np.sqrt(pair.growth * 1.05)] * 3)
    assert decide([1.0, 0.7, 0.1], grown, top=1).verdict == "decided"
    short = spread([se / np.sqrt(pair.growth * 0.95)] * 3)
    assert decide([1.0, 0.7, 0.1], short, top=1).verdict == "undecided"


def test_open_pairs_say_whose_noise_it_is() -> None:
    (pair,) = decide([1.0, 0.99], spread([0.1, 0.1], pool=[0.2, 0.2])).open
    assert pair.pool_share == pytest.approx(0.8)


def test_few_rows_are_not_certified() -> None:
    found = decide([3.0, 1.0], spread([0.001] * 2), rows=certify.LEAST_ROWS - 1)
    assert found.verdict == "too few rows"


def test_features_that_cannot_be_compared_may_rank_anywhere() -> None:
    scores = [3.0, 2.0, 1.0]
    found = certify.intervals(np.array(scores), spread([0.01] * 3), 0.95, others=2)
    assert found.rank_low.tolist() == [1, 2, 3]
    assert found.rank_high.tolist() == [3, 4, 5]
    s = spread([0.01] * 3)
    decision = certify.decide(np.array(scores), s, top=2, alpha=0.05, indifference=0.0, rows=1000, others=2)
    assert decision.verdict == "too few rows"


def test_few_rows_that_are_all_there_are_can_be_certified() -> None:
    whole = spread([0.0, 0.0], pool=[0.01, 0.01])
    assert decide([3.0, 1.0], whole, rows=4).verdict == "decided"


def test_errors_of_all_looks_add_up_to_the_promise() -> None:
    assert sum(certify.error_at(k, 0.05) for k in range(1, 100_000)) == pytest.approx(0.05, rel=1e-4)
