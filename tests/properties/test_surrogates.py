"""What must hold for local fits on any neighbourhood."""

from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from limekiln import surrogate
from limekiln.surrogate import Selection
from limekiln.values import Array

QUICK: Final = settings(deadline=None, derandomize=True, max_examples=60)
SYMMETRIC: Final[list[Selection]] = ["none", "highest_weights", "forward_selection"]


def neighbourhood(seed: int, n: int, d: int, C: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    Z = np.where(rng.random(d) < 0.5, rng.random((n, d)) < 0.4, rng.normal(size=(n, d))).astype(np.float64)
    y = np.tanh(Z @ rng.normal(size=(d, C))) + 0.1 * rng.normal(size=(n, C))
    return Z, y, rng.uniform(0.1, 1, n)


def explained(Z: Array, y: Array, w: Array, selection: Selection, k: int) -> tuple[Array, Array, Array]:
    m = surrogate.moments(Z[None], y[None], w[None])
    s = surrogate.fit(m, surrogate.select(m, selection, k, Z[None, 0]))
    return s.coef[0], s.intercept[0], s.r2[0]


sizes = st.tuples(st.integers(0, 10**6), st.integers(20, 60), st.integers(1, 7), st.integers(1, 3))


@QUICK
@given(sizes, st.data())
def test_raw_moments_add_up_over_any_split(size: tuple[int, int, int, int], data: st.DataObject) -> None:
    Z, y, w = neighbourhood(*size)
    d = Z.shape[1]
    cut = data.draw(st.integers(0, len(Z)))

    def raw(part: slice) -> Array:
        rows = np.column_stack([np.ones(len(Z[part])), Z[part], y[part]])
        product: Array = (rows * w[part, None]).T @ rows
        return product[None]

    split = surrogate.centre(raw(slice(0, cut)) + raw(slice(cut, None)), d)
    whole = surrogate.moments(Z[None], y[None], w[None])
    for name in ("weight", "z_mean", "y_mean", "gram", "cross", "y_square"):
        np.testing.assert_allclose(getattr(split, name), getattr(whole, name), rtol=1e-9, atol=1e-9)


@QUICK
@given(sizes, st.sampled_from(SYMMETRIC), st.data())
def test_permuting_columns_permutes_the_weights(
    size: tuple[int, int, int, int], selection: Selection, data: st.DataObject
) -> None:
    Z, y, w = neighbourhood(*size)
    d = Z.shape[1]
    order = np.array(data.draw(st.permutations(range(d))))
    k = data.draw(st.integers(1, d))
    coef, intercept, r2 = explained(Z, y, w, selection, k)
    moved, intercept_moved, r2_moved = explained(Z[:, order], y, w, selection, k)
    np.testing.assert_allclose(moved, coef[:, order], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(intercept_moved, intercept, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(r2_moved, r2, rtol=1e-8, atol=1e-10)


@QUICK
@given(sizes, st.sampled_from(SYMMETRIC), st.integers(1, 7))
def test_outputs_that_add_up_to_one_have_opposite_weights(
    size: tuple[int, int, int, int], selection: Selection, k: int
) -> None:
    Z, y, w = neighbourhood(*size)
    p = 1 / (1 + np.exp(-3 * y[:, :1]))
    coef, intercept, _ = explained(Z, np.hstack([p, 1 - p]), w, selection, k)
    np.testing.assert_allclose(coef[0], -coef[1], atol=1e-10)
    assert abs(intercept.sum() - 1) < 1e-10


@QUICK
@given(sizes, st.sampled_from([*SYMMETRIC, "lasso_path"]), st.integers(1, 7))
def test_r2_never_exceeds_one_and_never_falls_below_zero(
    size: tuple[int, int, int, int], selection: Selection, k: int
) -> None:
    _, _, r2 = explained(*neighbourhood(*size), selection, k)
    assert (r2 <= 1 + 1e-12).all()
    assert (r2 >= -1e-12).all()


@QUICK
@given(sizes, st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_weights_follow_the_outputs_scale_and_ignore_their_level(
    size: tuple[int, int, int, int], level: float, scale: float
) -> None:
    Z, y, w = neighbourhood(*size)
    coef, intercept, _ = explained(Z, y, w, "none", 1)
    lifted, intercept_lifted, _ = explained(Z, scale * y + level, w, "none", 1)
    slack = 1e-7 * max(scale, abs(level))
    np.testing.assert_allclose(lifted, scale * coef, atol=slack)
    np.testing.assert_allclose(intercept_lifted, scale * intercept + level, atol=slack)
