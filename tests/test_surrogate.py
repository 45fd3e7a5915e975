"""The batched ridge against explicit least squares, and the limits of what it is asked."""

from typing import Final

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from limekiln import surrogate
from limekiln.surrogate import Selection
from limekiln.values import Array

SELECTIONS: Final[list[Selection]] = ["none", "highest_weights", "forward_selection", "lasso_path", "auto"]


def neighbourhood(seed: int, n: int = 300, d: int = 6, C: int = 2) -> tuple[Array, Array, Array]:
    """One neighbourhood with a batch axis: binary and continuous features, outputs that depend on some."""
    rng = np.random.default_rng(seed)
    Z = np.where(np.arange(d) % 2 == 0, rng.random((n, d)) < 0.3, rng.normal(size=(n, d))).astype(np.float64)
    y = Z @ (rng.normal(size=(d, C)) * np.linspace(1, 0.1, d)[:, None]) + 0.1 * rng.normal(size=(n, C)) + 3
    return Z[None], y[None], rng.uniform(0.2, 1, (1, n))


def test_moments_are_the_definitions() -> None:
    Z, y, w = neighbourhood(0)
    m = surrogate.moments(Z, y, w)
    z, t, v = Z[0], y[0], w[0]
    zc, tc = z - np.average(z, axis=0, weights=v), t - np.average(t, axis=0, weights=v)
    assert m.weight[0] == pytest.approx(v.sum())
    np.testing.assert_allclose(m.z_mean[0], np.average(z, axis=0, weights=v), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(m.gram[0], (zc * v[:, None]).T @ zc, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(m.cross[0], (zc * v[:, None]).T @ tc, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(m.y_square[0], (v[:, None] * tc**2).sum(axis=0), rtol=1e-9)


@pytest.mark.parametrize("ridge", [0.01, 1.0, 50.0])
def test_fit_is_scikit_learns_weighted_ridge(ridge: float) -> None:
    Z, y, w = neighbourhood(1)
    ours = surrogate.fit(surrogate.moments(Z, y, w), ridge=ridge)
    for c in range(2):
        theirs = Ridge(alpha=ridge).fit(Z[0], y[0, :, c], sample_weight=w[0])
        np.testing.assert_allclose(ours.coef[0, c], theirs.coef_, rtol=1e-9, atol=1e-11)
        assert ours.intercept[0, c] == pytest.approx(theirs.intercept_, rel=1e-10)
        assert ours.r2[0, c] == pytest.approx(theirs.score(Z[0], y[0, :, c], sample_weight=w[0]), rel=1e-9)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_batch_is_its_members_to_the_last_bit(selection: Selection) -> None:
    parts = [neighbourhood(seed) for seed in range(9)]
    Z, y, w = (np.concatenate([p[i] for p in parts]) for i in range(3))
    m = surrogate.moments(Z, y, w)
    whole = surrogate.fit(m, surrogate.select(m, selection, 3, Z[:, 0]))
    for b, (z, t, v) in enumerate(parts):
        alone = surrogate.moments(z, t, v)
        one = surrogate.fit(alone, surrogate.select(alone, selection, 3, z[:, 0]))
        for name in ("coef", "intercept", "r2"):
            np.testing.assert_array_equal(getattr(one, name)[0], getattr(whole, name)[b])
        np.testing.assert_array_equal(one.at(z[:, 0])[0], whole.at(Z[:, 0])[b])


@pytest.mark.parametrize("selection", SELECTIONS[1:])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_no_more_than_k_features_are_kept(selection: Selection, k: int) -> None:
    Z, y, w = neighbourhood(2)
    y[..., 1] *= selection == "lasso_path"  # an output that does not vary has no best feature
    m = surrogate.moments(Z, y, w)
    mask = surrogate.select(m, selection, k, Z[:, 0])
    assert mask is not None
    assert mask.sum(axis=2).max() <= k
    if selection != "lasso_path":
        assert mask.sum(axis=2).min() == k
    fitted = surrogate.fit(m, mask)
    assert (fitted.coef[~mask] == 0).all()
    assert not np.signbit(fitted.coef[~mask]).any()


def test_a_masked_fit_is_the_fit_without_the_other_columns() -> None:
    Z, y, w = neighbourhood(3)
    mask = np.zeros((1, 2, 6), dtype=bool)
    mask[0, 0, [0, 3]] = True
    mask[0, 1, [1, 2, 5]] = True
    ours = surrogate.fit(surrogate.moments(Z, y, w), mask)
    for c, kept in enumerate(([0, 3], [1, 2, 5])):
        theirs = Ridge(alpha=1.0).fit(Z[0][:, kept], y[0, :, c], sample_weight=w[0])
        np.testing.assert_allclose(ours.coef[0, c, kept], theirs.coef_, rtol=1e-9)
        assert ours.r2[0, c] == pytest.approx(theirs.score(Z[0][:, kept], y[0, :, c], sample_weight=w[0]))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_feature_that_does_not_vary_weighs_exactly_nothing(selection: Selection) -> None:
    Z, y, w = neighbourhood(4)
    for value in (0.0, 1.0, 0.1, 1e9):
        Z[0, :, 2] = value
        m = surrogate.moments(Z, y, w)
        fitted = surrogate.fit(m, surrogate.select(m, selection, 5, Z[:, 0]))
        assert (fitted.coef[..., 2] == 0.0).all()
        assert (m.gram[0, 2] == 0).all()
        assert (m.gram[0, :, 2] == 0).all()


@pytest.mark.parametrize("selection", SELECTIONS)
def test_an_output_that_does_not_vary_has_no_weights_and_no_r2(selection: Selection) -> None:
    Z, y, w = neighbourhood(5)
    y[0, :, 1] = 0.1
    m = surrogate.moments(Z, y, w)
    fitted = surrogate.fit(m, surrogate.select(m, selection, 3, Z[:, 0]))
    assert (fitted.coef[0, 1] == 0.0).all()
    assert fitted.intercept[0, 1] == pytest.approx(0.1)
    assert np.isnan(fitted.r2[0, 1])
    assert np.isfinite(fitted.r2[0, 0])


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1e6, 1e12])
def test_weights_and_selection_follow_the_outputs_unit(selection: Selection, unit: float) -> None:
    Z, y, w = neighbourhood(6)
    fits = []
    for factor in (1.0, unit):
        m = surrogate.moments(Z, y * factor, w)
        fits.append(surrogate.fit(m, surrogate.select(m, selection, 3, Z[:, 0])))
    np.testing.assert_allclose(fits[1].coef, fits[0].coef * unit, rtol=1e-7)
    np.testing.assert_allclose(fits[1].r2, fits[0].r2, rtol=1e-9)


def test_forward_selection_takes_the_best_single_feature_first_and_ties_go_to_the_first() -> None:
    rng = np.random.default_rng(7)
    z = rng.normal(size=(200, 3))
    Z = np.column_stack([z[:, 0], z[:, 1], z[:, 1], z[:, 2]])[None]
    y = (0.2 * z[:, 0] + 2 * z[:, 1] + 1.0 * z[:, 2])[None, :, None]
    m = surrogate.moments(Z, y, np.ones((1, 200)))
    chosen = [surrogate.select(m, "forward_selection", k, Z[:, 0]) for k in (1, 2, 3)]
    assert [np.flatnonzero(c).tolist() for c in chosen if c is not None] == [[1], [1, 3], [0, 1, 3]]


def test_auto_is_forward_selection_up_to_six_and_highest_weights_beyond() -> None:
    Z, y, w = neighbourhood(8, d=9)
    m = surrogate.moments(Z, y, w)
    for k, named in ((6, "forward_selection"), (7, "highest_weights")):
        auto, explicit = (surrogate.select(m, s, k, Z[:, 0]) for s in ("auto", named))  # type: ignore[arg-type]  # two literals
        assert auto is not None
        np.testing.assert_array_equal(auto, explicit)


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("k", [None, 6, 100])
def test_keeping_as_many_features_as_there_are_keeps_those_that_matter(selection: Selection, k: int | None) -> None:
    Z, y, w = neighbourhood(9)
    m = surrogate.moments(Z, y, w)
    fitted, everything = surrogate.fit(m, surrogate.select(m, selection, k, Z[:, 0])), surrogate.fit(m)
    np.testing.assert_allclose(fitted.coef, everything.coef, rtol=1e-10, atol=1e-14)


def test_a_neighbourhood_of_one_row_explains_nothing_and_says_so() -> None:
    m = surrogate.moments(np.ones((1, 1, 3)), np.full((1, 1, 2), 0.4), np.ones((1, 1)))
    fitted = surrogate.fit(m)
    assert (fitted.coef == 0).all()
    np.testing.assert_allclose(fitted.intercept, 0.4)
    assert np.isnan(fitted.r2).all()


def test_perfectly_linear_outputs_have_an_r2_of_almost_one() -> None:
    Z, _, w = neighbourhood(10, n=5000)
    y = Z @ np.arange(1.0, 7.0)[:, None]
    fitted = surrogate.fit(surrogate.moments(Z, y, w), ridge=1e-9)
    np.testing.assert_allclose(fitted.coef[0, 0], np.arange(1.0, 7.0), rtol=1e-8)
    assert fitted.r2[0, 0] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("selection", ["highest_weights", "forward_selection", "lasso_path"])
def test_a_further_feature_is_judged_as_the_kept_ones_were(selection: Selection) -> None:
    """The least of the kept features would be kept again; one of half its weight, and so its covariance, would not."""
    Z, y, w = neighbourhood(4, C=1)
    m, z0 = surrogate.moments(Z, y, w), np.ones((1, 6))
    mask = surrogate.select(m, selection, 3, z0)
    assert mask is not None
    rival = surrogate.rival(m, mask, selection, 3, z0)
    used = mask[0, 0]
    assert 0 < used.sum() <= 3
    coef = rival.fitted.coef[0, 0, used]
    cross = coef / np.diagonal(np.linalg.inv(m.gram[0][np.ix_(used, used)]))
    kept = [surrogate.Rival(rival.fitted, rival.method, rival.least * (1 - 1e-9), rival.worth[used])]
    assert kept[0].keeps(coef, cross).all()
    assert not kept[0].keeps(coef / 2, cross / 2).all()
    assert not kept[0].keeps(np.zeros(used.sum()), np.zeros(used.sum())).any()


def test_where_all_features_are_kept_so_is_a_further_one() -> None:
    Z, y, w = neighbourhood(4, C=1)
    m, z0 = surrogate.moments(Z, y, w), np.ones((1, 6))
    rival = surrogate.rival(m, None, "auto", None, z0)
    assert rival.keeps(np.zeros((2, 6)), np.zeros((2, 6))).all()
    np.testing.assert_array_equal(rival.fitted.coef, surrogate.fit(m).coef)
