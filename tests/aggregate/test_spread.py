"""Covariances of scores, against definitions and resampling."""

import numpy as np
import pytest
from scipy import sparse, stats

from limekiln.aggregate import folds, normlime, spread
from limekiln.aggregate.folds import FoldTally
from limekiln.aggregate.spread import OverRows, ScoreName, Spread
from limekiln.values import Array

SCORES: list[ScoreName] = ["weighted", "share"]


def weights(n: int, seed: int = 0) -> Array:
    """Six features, two of which only some rows use."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(n, 6)) * [3, 2, 1, 1, 0.5, 0.2]
    w[:, 4] *= rng.random(n) < 0.3
    w[:, 5] *= rng.random(n) < 0.1
    return w


def scored(w: Array, score: ScoreName) -> Array:
    found: Array = getattr(normlime.scores(normlime.tally(sparse.csr_array(w))), score)
    return found


@pytest.mark.parametrize("score", SCORES)
def test_the_spread_over_rows_is_that_of_resampled_rows(score: ScoreName) -> None:
    w = weights(800)
    rng = np.random.default_rng(1)
    drawn = np.array([scored(w[rng.integers(0, len(w), len(w))], score) for _ in range(1500)])
    found = spread.by_rows(sparse.csr_array(w), np.arange(6), score, 0.0, np.arange(len(w))).covariance
    np.testing.assert_allclose(np.sqrt(np.diag(found)), drawn.std(axis=0), rtol=0.12)
    a, b = np.corrcoef(drawn.T), found / np.sqrt(np.outer(np.diag(found), np.diag(found)))
    np.testing.assert_allclose(b, a, atol=0.12)


def test_a_population_that_was_explained_whole_has_no_spread_over_rows() -> None:
    w = sparse.csr_array(weights(50))
    whole, half, none = (spread.by_rows(w, np.arange(6), "share", f, np.arange(50)) for f in (1.0, 0.5, 0.0))
    assert not whole.covariance.any()
    assert not whole.third.any()
    np.testing.assert_allclose(half.covariance, none.covariance / 2)
    np.testing.assert_allclose(half.third, none.third / 2**1.5)


def test_a_feature_that_no_row_uses_has_no_spread() -> None:
    w = weights(40)
    w[:, 2] = 0
    found = spread.by_rows(sparse.csr_array(w), np.arange(6), "weighted", 0.0, np.arange(40)).covariance
    assert not found[2].any()
    assert not found[:, 2].any()


def test_explanations_of_one_row_are_drawn_together() -> None:
    w = weights(60)
    alone = spread.by_rows(sparse.csr_array(w), np.arange(6), "share", 0.0, np.arange(60))
    fourfold = sparse.csr_array(np.repeat(w, 4, axis=0))
    together = spread.by_rows(fourfold, np.arange(6), "share", 0.0, np.repeat(np.arange(60), 4))
    for name in OverRows.__dataclass_fields__:
        np.testing.assert_allclose(getattr(together, name), getattr(alone, name))


@pytest.mark.parametrize("score", SCORES)
def test_a_feature_is_as_uncertain_as_the_rows_that_use_it_leave_it(score: ScoreName) -> None:
    w = weights(300)
    found = spread.by_rows(sparse.csr_array(w), np.arange(6), score, 0.0, np.arange(300))
    for j in (4, 5):
        mine = w[w[:, j] != 0]
        g = np.abs(mine[:, j]) ** (2 if score == "weighted" else 1) / np.abs(mine).sum(axis=1)
        s = len(g)
        assert found.covariance[j, j] == pytest.approx(g.var(ddof=1) / s)
        assert found.freedom[j] == s - 1
        assert found.third[j, j] == pytest.approx(stats.kstat(g, 3) / s**2)
        others = np.array([scored(w[np.arange(300) != i], score)[j] for i in np.flatnonzero(w[:, j])])
        jackknife = (s - 1) / s * ((others - others.mean()) ** 2).sum()
        assert found.covariance[j, j] == pytest.approx(jackknife), "leaving out one row that uses it at a time"


def test_users_are_different_rows() -> None:
    w = sparse.csr_array(np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]]))
    assert spread.users(w, np.array([7, 7, 9])).tolist() == [1, 2]


def test_third_moments_of_differences_are_those_of_the_rows_differences() -> None:
    w = np.abs(weights(200)[:, :4])  # every row uses these
    g = w / w.sum(axis=1, keepdims=True)
    s = spread.combine(
        spread.by_rows(sparse.csr_array(w), np.arange(4), "share", 0.0, np.arange(200)),
        None,
        folds=20,
        shared=False,
        explained=0.0,
    )
    error = s.differences(np.array([0, 1]), np.array([2, 3]))
    for m, d in enumerate((g[:, 0] - g[:, 2], g[:, 1] - g[:, 3])):
        assert error.rows[m] == pytest.approx(d.std(ddof=1) / np.sqrt(200))
        expected = stats.skew(d, bias=False) / np.sqrt(200)
        assert error.skewness[m] == pytest.approx(expected)
        assert error.freedom[m] == pytest.approx(199)


def test_the_transformation_is_undone_and_rises() -> None:
    skewness = np.array([0.0, 0.3, 1.0, -0.7])
    error = spread.Error(np.ones(4), np.zeros(4), np.full(4, np.inf), skewness)
    below, above = error.reach(0.99)
    z = stats.norm.ppf(0.99)
    np.testing.assert_allclose(spread.transformed(below, skewness), z)
    np.testing.assert_allclose(spread.transformed(-above, skewness), -z)
    t = np.linspace(-8, 8, 200)
    assert all((np.diff(spread.transformed(t, np.full(200, a))) > -1e-12).all() for a in skewness)


@pytest.mark.parametrize("score", SCORES)
def test_the_spread_over_folds_is_the_jackknife_of_the_scores(score: ScoreName) -> None:
    rng = np.random.default_rng(2)
    base = weights(30)
    without = base[:, None] + rng.normal(scale=0.05, size=(30, 20, 6)) * (base[:, None] != 0)
    labels = np.arange(30) % 2
    tallied = folds.tally(without, np.stack([base, base], axis=1), base, labels, 2)
    for c in range(2):
        thetas = np.array([scored(without[labels == c, g], score) for g in range(20)])
        expected = 19 / 20 * (thetas - thetas.mean(axis=0)).T @ (thetas - thetas.mean(axis=0))
        np.testing.assert_allclose(spread.by_folds(tallied, c, np.arange(6), score), expected, atol=1e-15)


def test_the_limit_leaves_out_what_noise_adds_to_squares() -> None:
    rng = np.random.default_rng(8)
    n, folded = 2000, np.array([0.5, 0.0, 2.0]) + rng.normal(scale=2.0, size=(2000, 20, 3))
    folded[:, :, 2] = 2.0
    full = folded.mean(axis=1)
    without = (20 * full[:, None] - folded) / 19
    tallied = folds.tally(without, np.stack([full, full], axis=1), full, np.zeros(n, dtype=np.int64), 1)
    plain = scored(full, "weighted")
    found = spread.in_the_limit(tallied, 0, np.arange(3), "weighted", plain)
    limits = scored(np.tile([0.5, 0.0, 2.0], (n, 1)), "weighted")
    assert (np.abs(plain - limits)[:2] > 0.04).all(), "noise raises sizes"
    assert (np.abs(found - limits) < np.abs(plain - limits) / 2).all()


def test_tallies_of_batches_add_up_and_classes_go_together() -> None:
    base, labels = weights(30), np.arange(30) % 3
    without, halves = np.repeat(base[:, None], 20, axis=1), np.repeat(base[:, None], 2, axis=1)
    whole = folds.tally(without, halves, base, labels, 3)
    parts = [folds.tally(without[s], halves[s], base[s], labels[s], 3) for s in (slice(0, 11), slice(11, 30))]
    both = parts[0] + parts[1]
    alone = folds.tally(without, halves, base, np.zeros(30, dtype=np.int64), 1)
    for name in FoldTally.__dataclass_fields__:
        np.testing.assert_allclose(getattr(both, name), getattr(whole, name))
        np.testing.assert_allclose(getattr(folds.together(whole), name), getattr(alone, name))


def test_products_of_halves_carry_no_weight_of_noise() -> None:
    rng = np.random.default_rng(3)
    n, truth = 4000, np.array([1.0, 0.0])
    halves = truth + rng.normal(scale=0.5, size=(n, 2, 2))
    full = halves.mean(axis=1)
    t = folds.tally(np.repeat(full[:, None], 4, axis=1), halves, full, np.zeros(n, dtype=np.int64), 1)
    debiased = t.product[0] / n
    plain = scored(full, "weighted")
    assert plain[1] > 0.05, "noise alone scores"
    assert abs(debiased[1]) < plain[1] / 3, "the norm still knows the noise, and little else does"


def over_rows(covariance: Array, freedom: list[float]) -> OverRows:
    return OverRows(covariance, np.array(freedom), np.zeros_like(covariance))


def test_differences_use_covariances() -> None:
    s = Spread(over_rows(np.array([[4.0, 3.9], [3.9, 4.0]]), [99.0, 99.0]), np.zeros((2, 2)), 19)
    error = s.differences(np.array([0]), np.array([1]))
    assert error.rows[0] == pytest.approx(np.sqrt(0.2))
    assert error.pool[0] == 0
    assert error.freedom[0] == pytest.approx(99)


def test_a_difference_has_the_freedom_of_what_makes_it_unsure() -> None:
    s = Spread(over_rows(np.diag([1.0, 1.0, 1e-9]), [9.0, 99.0, 99.0]), np.zeros((3, 3)), 19)
    found = s.differences(np.array([0, 0, 1]), np.array([1, 2, 2])).freedom
    assert found == pytest.approx([2 / (1 / 9 + 1 / 99), 9, 99])


def test_degrees_of_freedom_are_welchs() -> None:
    s = Spread(over_rows(np.eye(1) * 2.0, [10.0]), np.eye(1), 19)
    assert s.single().freedom[0] == pytest.approx(9 / (4 / 10 + 1 / 19))
    nothing = Spread(over_rows(np.zeros((1, 1)), [10.0]), np.zeros((1, 1)), 19)
    assert np.isinf(nothing.single().freedom[0])


def test_skewness_counts_by_how_much_of_the_variance_is_the_rows() -> None:
    rows = OverRows(np.eye(1), np.array([50.0]), np.eye(1) * 0.4)
    alone, both = (Spread(rows, np.eye(1) * pool, 19).single() for pool in (0.0, 3.0))
    assert alone.skewness[0] == pytest.approx(0.4)
    assert both.skewness[0] == pytest.approx(0.4 / 8)


@pytest.mark.parametrize(("shared", "expected"), [(True, 1.0), (False, 0.25)])
def test_noise_of_its_own_counts_only_where_the_population_hid_it(*, shared: bool, expected: float) -> None:
    rows = over_rows(np.zeros((1, 1)), [9.0])
    s = spread.combine(rows, np.eye(1), folds=20, shared=shared, explained=0.25)
    assert s.pool[0, 0] == expected
