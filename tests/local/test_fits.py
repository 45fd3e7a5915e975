"""Blocks of rows against one explicit regression for each: whole, without a fold, on a quarter and on a half."""

import numpy as np
import pytest

from limekiln import stability, surrogate
from limekiln.local import fits
from limekiln.local.fits import Block
from limekiln.surrogate import Selection
from limekiln.values import Array, Index

G, M, D = 20, 400, 5


def neighbourhood(seed: int) -> tuple[Array, Array, Array]:
    """Z (M, D) of zeros and ones, one column never 1; outputs (M,); weights (M,)."""
    rng = np.random.default_rng(seed)
    Z = (rng.random((M, D)) < 0.4).astype(np.float64)
    Z[:, 3] = 0.0
    return Z, Z @ [1.0, -2.0, 0.5, 9.0, 0.0] + rng.normal(size=M), rng.random(M) + 0.1


def raw(Z: Array, y: Array, w: Array) -> Array:
    """Moments (G, p, p) over the folds."""
    columns = np.column_stack([np.ones(M), Z, y]) * np.sqrt(w)[:, None]
    return np.stack([fold.T @ fold for fold in np.split(columns, G)])


def one_by_one(
    parts: tuple[Array, Array, Array], y0: float, kept: Index, selection: Selection, k: int | None
) -> tuple[Array, float]:
    """Weights (D,) and R² of the regression on some perturbed rows and the row itself, whose weight is 1."""
    Z, y, w = (part[kept] for part in parts)
    own = (Z.sum(axis=0) > 0).astype(np.float64)
    m = surrogate.moments(np.vstack([own, Z])[None], np.append(y0, y)[None, :, None], np.append(1.0, w)[None])
    fitted = surrogate.fit(m, surrogate.select(m, selection, k, own[None]))
    return fitted.coef[0, 0], float(fitted.r2[0, 0])


@pytest.mark.parametrize(("selection", "k"), [("none", None), ("forward_selection", 2), ("highest_weights", 3)])
def test_a_block_is_its_rows_one_by_one(selection: Selection, k: int | None) -> None:
    seen = [neighbourhood(seed) for seed in (0, 1)]
    of, outputs = np.array([1, 0, 1, 1]), np.array([0.3, -2.0, 5.0, 0.3])
    block = Block(np.arange(4), of, np.stack([raw(*parts) for parts in seen]), np.ones((2, D)), outputs)
    found = fits.fit(block, selection, k)
    every = np.arange(M)
    fold, half = every // (M // G), every // (M // 2)
    for i, (u, y0) in enumerate(zip(of, outputs, strict=True)):
        weights, r2 = one_by_one(seen[u], float(y0), every, selection, k)
        np.testing.assert_allclose(found.weights[i], weights, atol=1e-10)
        assert found.r2[i] == pytest.approx(r2, abs=1e-10)
        assert found.weights[i, 3] == 0.0
        for g in (0, 7, G - 1):
            left, _ = one_by_one(seen[u], float(y0), np.flatnonzero(fold != g), selection, k)
            np.testing.assert_allclose(found.without[i, g], left, atol=1e-10)
        for h in range(2):
            alone, _ = one_by_one(seen[u], float(y0), np.flatnonzero(half == h), selection, k)
            np.testing.assert_allclose(found.halves[i, h], alone, atol=1e-10)
    np.testing.assert_allclose(fits.weights(block, selection, k), found.weights, rtol=1e-12)
    np.testing.assert_array_equal(found.weights[0], found.weights[3])


def test_an_output_that_does_not_vary_weighs_nothing() -> None:
    Z, _, w = neighbourhood(2)
    block = Block(np.arange(1), np.zeros(1, dtype=np.int64), raw(Z, np.zeros(M), w)[None], np.ones((1, D)), np.zeros(1))
    found = fits.fit(block, "none", None)
    assert not found.weights.any()
    assert np.isnan(found.r2[0])
    assert found.vsi[0] == 1.0


def drifting(seed: int) -> tuple[float, Array]:
    """CSI of a row whose effects drift from quarter to quarter, by `fit` and by hand with errors of 1 and ½.

    By hand: σ²·diag(AGA), A = (G + I)⁻¹, σ² = Σwr²/(Σw − d − 1), of each quarter and the row itself.
    """
    Z, y, w = neighbourhood(seed)
    y += Z @ [0.2, 0.4, 0.6, 0.0, 0.8] * (np.arange(M) // (M // 4))
    y0, coef, error = 2.0, [], []
    block = Block(np.arange(1), np.zeros(1, dtype=np.int64), raw(Z, y, w)[None], np.ones((1, D)), np.array([y0]))
    for quarter in np.split(np.arange(M), 4):
        own = (Z[quarter].sum(axis=0) > 0).astype(np.float64)
        z, answers, weight = np.vstack([own, Z[quarter]]), np.append(y0, y[quarter]), np.append(1.0, w[quarter])
        z = z - np.average(z, axis=0, weights=weight)
        answers = answers - np.average(answers, weights=weight)
        G = z.T @ (weight[:, None] * z)
        A = np.linalg.inv(G + np.eye(D))
        beta = A @ (z.T @ (weight * answers))
        variance = np.sum(weight * (answers - z @ beta) ** 2) / (weight.sum() - D - 1)
        coef.append(np.where(own > 0, beta, 0.0))
        error.append(np.sqrt(variance * np.diagonal(A @ G @ A)))
    by_hand = [stability.coefficients(np.array(coef), np.array(error) * part) for part in (1, 0.5)]
    return float(fits.fit(block, "none", None).csi[0]), np.array(by_hand)


def test_the_standard_errors_behind_csi_are_the_ridge_regressions() -> None:
    found, by_hand = zip(*(drifting(seed) for seed in range(10, 30)), strict=True)
    np.testing.assert_allclose(found, [whole for whole, _ in by_hand])
    assert np.mean([whole - half for whole, half in by_hand]) > 0.05  # errors matter here
