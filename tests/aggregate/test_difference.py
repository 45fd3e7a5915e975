"""Differences between groups of rows, against definitions, hand-computed corrections and simulation."""

import numpy as np
import pytest
from scipy import sparse, stats

from limekiln.aggregate import difference, folds, normlime, spread
from limekiln.aggregate.difference import Side
from limekiln.aggregate.spread import ScoreName
from limekiln.values import Array

SCORES: list[ScoreName] = ["weighted", "share"]


def weights(n: int, seed: int = 0) -> Array:
    """Five features, one of which only some rows use."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(n, 5)) * [3, 2, 1, 1, 0.5]
    w[:, 4] *= rng.random(n) < 0.4
    return w


def side(w: Array, score: ScoreName = "weighted", without: Array | None = None) -> Side:
    return difference.side(sparse.csr_array(w), score, without)


@pytest.mark.parametrize("score", SCORES)
def test_a_sides_scores_are_normlimes_and_its_errors_the_spreads(score: ScoreName) -> None:
    w = weights(90)
    found, rows = side(w, score), spread.by_rows(sparse.csr_array(w), np.arange(5), score, 0.0, np.arange(90))
    scores = normlime.scores(normlime.tally(sparse.csr_array(w)))
    np.testing.assert_array_equal(found.score, getattr(scores, score))
    np.testing.assert_array_equal(found.support, scores.support)
    np.testing.assert_allclose(found.variance, np.diagonal(rows.covariance))
    np.testing.assert_allclose(found.third, np.diagonal(rows.third))


def test_a_stored_weight_of_0_is_no_use() -> None:
    w = sparse.csr_array(weights(40))
    stored = sparse.csr_array((np.where(w.data == w.data[0], 0.0, w.data), w.indices, w.indptr), shape=w.shape)
    found, bare = difference.side(stored, "share", None), side(stored.toarray(), "share")
    np.testing.assert_array_equal(found.support, bare.support)
    np.testing.assert_allclose(found.variance, bare.variance)


def even(mean: float, deviation: float, n: int, seed: int) -> Array:
    """Numbers as often so far above the mean as below it: no skewness."""
    x = np.random.default_rng(seed).normal(mean, deviation, n // 2)
    return np.concatenate([x, 2 * mean - x])


def test_a_difference_without_skewness_is_welchs() -> None:
    a, b = even(20, 2, 30, 1), even(21, 1, 50, 2)
    found = difference.between(side(a[:, None]), side(b[:, None]), np.array([0]))  # of one feature, w²/‖w‖₁ is w
    assert found.value[0] == pytest.approx(a.mean() - b.mean())
    assert found.p[0] == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-9)
    low, high = found.interval(0.9)
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert (low[0], high[0]) == pytest.approx((welch.low, welch.high))


def test_a_small_side_is_no_surer_than_the_variance_of_both_sides_makes_it() -> None:
    a, b = even(20, 1, 30, 1), even(21, 3, 200, 2)
    found = difference.between(side(a[:, None]), side(b[:, None]), np.array([0]))
    students = stats.ttest_ind(a, b)
    assert found.value[0] / found.error.total[0] == pytest.approx(students.statistic)
    assert found.p[0] > students.pvalue, "degrees of freedom are no more than Welch's"


@pytest.mark.parametrize("seed", range(5))
def test_an_interval_leaves_0_out_exactly_where_its_p_value_is_below(seed: int) -> None:
    a, b = weights(25, seed) ** 3, weights(60, seed + 50) ** 3 + 1.0
    found = difference.between(side(a), side(b), np.arange(5))
    for i, p in enumerate(found.p):
        for coverage, leaves in ((1 - p * 0.999, False), (1 - p * 1.001, True)):
            if 0 < coverage < 1:
                low, high = (end[i] for end in found.interval(coverage))
                assert bool(low > 0 or high < 0) is leaves


def test_what_both_sides_owe_to_the_perturbations_cancels() -> None:
    w, rng = weights(80), np.random.default_rng(2)
    noise = rng.normal(size=(folds.FOLDS, 5))
    base, other = (side(w[half]).score + noise for half in (slice(40), slice(40, 80)))
    one, two = side(w[:40], without=base), side(w[40:], without=other)
    both = difference.between(one, two, np.arange(5))
    np.testing.assert_allclose(both.error.pool, 0, atol=1e-12)
    alone = difference.alone(one, np.arange(5))
    jackknife = (folds.FOLDS - 1) / folds.FOLDS * ((base - base.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(alone.pool, np.sqrt(jackknife))


def test_adjusted_p_values_by_hand() -> None:
    # m = 4, Σ1/i = 25/12: p·m·(25/12)/rank, then the smallest of those from each rank on, at most 1
    found = difference.adjusted(np.array([0.01, np.nan, 0.04, 0.03, 0.5]))
    expected = [0.01 * 4 * 25 / 12, np.nan, 0.04 * 4 / 3 * 25 / 12, 0.04 * 4 / 3 * 25 / 12, 1.0]
    np.testing.assert_allclose(found, expected)
    assert np.isnan(difference.adjusted(np.array([np.nan]))).all()


@pytest.mark.parametrize(("findings", "expected"), [(0, 1 - 0.05 / (3 * 11 / 6)), (2, 1 - 2 * 0.05 / (3 * 11 / 6))])
def test_the_coverage_of_intervals_by_hand(findings: int, expected: float) -> None:
    assert difference.coverage(3, findings, 0.05) == pytest.approx(expected)
    assert difference.coverage(0, 0, 0.05) == pytest.approx(0.95)


def test_the_intervals_of_findings_leave_0_out_and_no_others() -> None:
    w, shift = weights(400, 1), np.array([0.0, 0.0, 0.8, 0.3, 0.0])
    found = difference.between(side(np.abs(w[:150]) + shift), side(np.abs(w[150:])), np.arange(5))
    finding = difference.adjusted(found.p) <= 0.05
    low, high = found.interval(difference.coverage(5, int(finding.sum()), 0.05))
    assert 0 < finding.sum() < 5
    np.testing.assert_array_equal((low > 0) | (high < 0), finding)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("n", [15, 60])
def test_a_split_by_chance_is_hardly_ever_a_finding(score: ScoreName, n: int) -> None:
    """With skewed weights too, where a small side often misses the rare large ones."""
    rng = np.random.default_rng(8)
    flagged = 0
    for _ in range(300):
        w = np.exp(rng.normal(size=(200, 8)) * 0.7)
        found = difference.between(side(w[:n], score), side(w[n:], score), np.arange(8))
        flagged += bool((difference.adjusted(found.p) <= 0.05).any())
    assert flagged <= 15  # 5 % of the runs, each with nothing to find


def test_what_never_varies_is_no_difference_unless_it_differs() -> None:
    same, two = np.ones((20, 2)), np.tile([1.0, 3.0], (20, 1))
    assert difference.between(side(same), side(same), np.arange(2)).p.tolist() == [1.0, 1.0]
    assert difference.between(side(same), side(two), np.arange(2)).p.tolist() == [0.0, 0.0]
