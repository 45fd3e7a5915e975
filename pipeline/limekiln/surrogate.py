"""Weighted ridge regressions for many rows at once, from second moments alone.

A local explanation needs nothing of its perturbed rows but the weighted moments of (1, z, y). They add up
over perturbations, so a pool can be split, and one solve serves all rows of a block and all classes.
Formulas: Ribeiro et al. 2016, and `lime_base.py` of lime 0.2.0.1, which is matched to rounding.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from sklearn.linear_model import lars_path_gram

from limekiln.values import Array, Mask

Selection = Literal["auto", "none", "highest_weights", "forward_selection", "lasso_path"]

RIDGE: Final = 1.0
"""Penalty of the local fit; as in lime it is not scaled by the weights' sum."""

_SCREENING_RIDGE: Final = 0.01
_AUTO_FORWARD_UP_TO: Final = 6
NO_VARIANCE: Final = 1e-12
"""Share of a column's squares below which its variance is rounding."""


@dataclass(frozen=True)
class Moments:
    """Centred weighted moments of B neighbourhoods: d features z, C outputs y, weights w.

    Attributes:
        weight: (B,) Σw.
        z_mean: (B, d) Σwz/Σw.
        y_mean: (B, C) Σwy/Σw.
        gram: (B, d, d) Σw(z−z̄)(z−z̄)ᵀ; rows and columns of a feature that does not vary are exactly 0.
        cross: (B, d, C) Σw(z−z̄)(y−ȳ)ᵀ.
        y_square: (B, C) Σw(y−ȳ)²; exactly 0 where an output does not vary.
    """

    weight: Array
    z_mean: Array
    y_mean: Array
    gram: Array
    cross: Array
    y_square: Array


@dataclass(frozen=True)
class Surrogate:
    """B × C local linear models: coef (B, C, d), intercept (B, C), r2 (B, C; NaN where y is constant)."""

    coef: Array
    intercept: Array
    r2: Array

    def at(self, z: Array) -> Array:
        """The models' predictions at z (B, d), as (B, C)."""
        slope: Array = np.einsum("bcd,bd->bc", self.coef, z)
        return self.intercept + slope


def moments(Z: Array, y: Array, w: Array) -> Moments:
    """Moments of explicit neighbourhoods: Z (B, n, d), y (B, n, C), w (B, n)."""
    level = y.mean(axis=1)  # kept apart so that moments of large outputs keep their digits
    augmented = np.concatenate([np.ones((*w.shape, 1)), Z, y - level[:, None]], axis=2) * np.sqrt(w)[..., None]
    m = centre(np.swapaxes(augmented, 1, 2) @ augmented, Z.shape[2])
    return replace(m, y_mean=m.y_mean + level)


def centre(raw: Array, n_features: int) -> Moments:
    """Centres raw moments (B, p, p) of (1, z, y), p = 1 + d + C, which add up over perturbations."""
    d = n_features
    weight = raw[:, 0, 0]
    mean = raw[:, 0, 1:] / weight[:, None]
    centred = raw[:, 1:, 1:] - weight[:, None, None] * mean[:, :, None] * mean[:, None, :]
    raw_square = np.einsum("bii->bi", raw)[:, 1:]
    constant = np.einsum("bii->bi", centred) <= NO_VARIANCE * raw_square
    # subtraction leaves rounding where the truth is 0; a constant column's weight must be exactly 0
    centred = np.where(constant[:, :, None] | constant[:, None, :], 0.0, centred)
    return Moments(
        weight=weight,
        z_mean=mean[:, :d],
        y_mean=mean[:, d:],
        gram=centred[:, :d, :d],
        cross=centred[:, :d, d:],
        y_square=np.einsum("bii->bi", centred)[:, d:],
    )


def select(m: Moments, method: Selection, k: int | None, z0: Array) -> Mask | None:
    """Which features each local model may use, (B, C, d); None stands for all of them.

    Args:
        m: the neighbourhoods' moments.
        method: lime's names; `auto` is forward selection up to 6 features, highest weights beyond.
        k: how many features to keep; None or d and more keep all.
        z0: (B, d) the explained rows' own z; highest weights ranks by |coef·z0|.
    """
    if k is None or method == "none":
        return None
    method = _resolved(method, k)
    if method != "lasso_path" and k >= m.z_mean.shape[1]:
        return None
    if method == "forward_selection":
        return _forward_selection(m, k)
    if method == "highest_weights":
        return _highest_weights(m, k, z0)
    return _lasso_path(m, k)


def fit(m: Moments, mask: Mask | None = None, ridge: float = RIDGE) -> Surrogate:
    """Weighted ridge of each output on the features of its mask; the intercept is not penalised.

    β = (G_SS + αI)⁻¹c_S and R² = 1 − (Σw(y−ȳ)² − 2βᵀc + βᵀGβ) / Σw(y−ȳ)².

    Args:
        m: moments of B neighbourhoods, C outputs, d features.
        mask: (B, C, d) from `select`; None for all features.
        ridge: α, not scaled by the weights' sum.
    """
    if mask is None:
        coef = np.swapaxes(np.linalg.solve(m.gram + ridge * np.eye(m.z_mean.shape[1]), m.cross), 1, 2)
    else:
        coef = _fit_chosen(m, mask, ridge)
    return Surrogate(coef, m.y_mean - np.einsum("bcd,bd->bc", coef, m.z_mean), _r2(m, coef))


def _fit_chosen(m: Moments, mask: Mask, ridge: float) -> Array:
    """Coefficients (B, C, d) from the chosen features' own equations; short masks are filled up with empty ones."""
    k = max(1, int(mask.sum(axis=2).max()))
    places = np.argsort(~mask, axis=2, kind="stable")[..., :k]
    chosen = np.take_along_axis(mask, places, axis=2)
    which = np.arange(len(mask))[:, None, None, None]
    gram = m.gram[which, places[..., :, None], places[..., None, :]]
    gram = np.where(chosen[..., :, None] & chosen[..., None, :], gram, 0.0)
    target = np.where(chosen, np.take_along_axis(np.swapaxes(m.cross, 1, 2), places, axis=2), 0.0)
    found = np.linalg.solve(gram + ridge * np.eye(k), target[..., None])[..., 0]
    coef = np.zeros(mask.shape)
    np.put_along_axis(coef, places, np.where(chosen, found, 0.0), axis=2)
    return coef


def _r2(m: Moments, coef: Array) -> Array:
    fitted = (coef @ m.gram * coef).sum(axis=2)
    explained = 2 * np.einsum("bcd,bdc->bc", coef, m.cross) - fitted
    varies = m.y_square > 0
    return np.where(varies, explained / np.where(varies, m.y_square, 1.0), np.nan)


@dataclass(frozen=True)
class Rival:
    """What a further feature has to beat to be kept in one neighbourhood's local model.

    Attributes:
        fitted: the model whose residuals decide about it, B = C = 1.
        method: how features are chosen; `none` keeps all.
        least: the size, as the method sees it, of the least of the kept features.
        worth: (d,) |z0| of the explained row.
    """

    fitted: Surrogate
    method: Selection
    least: float
    worth: Array

    def keeps(self, weights: Array, cross: Array) -> Mask:
        """Which further features would be kept, (…, d), by their weights and covariances with the residual, (…, d)."""
        if self.method == "none":
            return np.ones(weights.shape, dtype=bool)
        kept: Mask = _size(self.method, weights, cross, self.worth) >= self.least
        return kept


def rival(m: Moments, mask: Mask | None, method: Selection, k: int | None, z0: Array) -> Rival:
    """How `select` (same arguments, with its `mask`) would judge a further feature; m of one neighbourhood and output.

    Highest weights looks at the fit of all features and at |coef·z0|. Forward selection looks at the gain in explained
    variance beside what is kept already, the lasso's path at the covariance with what is left to explain.
    """
    worth = np.abs(z0[0])
    if mask is None or k is None or not mask.any():
        return Rival(fit(m, mask), "none", 0.0, worth)
    used, method = mask[0, 0], _resolved(method, k)
    judged = fit(m, ridge=_SCREENING_RIDGE) if method == "highest_weights" else fit(m, mask)
    coef = judged.coef[0, 0, used]
    inverse = np.linalg.pinv(m.gram[0][np.ix_(used, used)], hermitian=True)
    cross = coef / np.maximum(np.diagonal(inverse), np.finfo(float).tiny)
    return Rival(judged, method, float(_size(method, coef, cross, worth[used]).min()), worth)


def _size(method: Selection, weights: Array, cross: Array, worth: Array) -> Array:
    if method == "highest_weights":
        return np.abs(weights) * worth
    return np.abs(cross) if method == "lasso_path" else np.abs(weights * cross)


def ridge_spread(gram: Array, ridge: float = RIDGE) -> Array:
    """diag(AGA) for A = (G + αI)⁻¹, of G (…, d, d): a ridge coefficient's variance in units of the residual's."""
    A = np.linalg.inv(gram + ridge * np.eye(gram.shape[-1]))
    spread: Array = np.einsum("...ii->...i", A) - ridge * np.square(A).sum(axis=-1)  # AGA = A − αA²
    return np.maximum(spread, 0.0)


def _resolved(method: Selection, k: int) -> Selection:
    if method != "auto":
        return method
    return "forward_selection" if k <= _AUTO_FORWARD_UP_TO else "highest_weights"


def _forward_selection(m: Moments, k: int) -> Mask:
    """K times adds the feature that raises the unpenalised fit's weighted R² most; ties to the first.

    The gain of feature j is r_j²/S_jj with the residual correlation r and the Schur complement S. Of S it takes but the
    diagonal and the chosen columns, which a pivoted Cholesky factorisation gives: O(dk²) for k steps, and no refit.
    """
    B, d, C = m.cross.shape
    which, every = np.repeat(np.arange(B), C), np.arange(B * C)
    residual = np.swapaxes(m.cross, 1, 2).reshape(B * C, d).copy()
    diagonal = np.repeat(np.einsum("bii->bi", m.gram), C, axis=0)
    least = NO_VARIANCE * np.maximum(diagonal, np.finfo(float).tiny)
    used = np.zeros((B * C, d), dtype=bool)
    factor = np.zeros((k, B * C, d))
    for step in range(k):
        free = diagonal > least
        gain = np.where(free, residual**2 / np.where(free, diagonal, 1.0), 0.0)
        best = np.argmax(np.where(used, -1.0, gain), axis=1)
        used[every, best] = True
        root = np.where(free[every, best], np.sqrt(np.maximum(diagonal[every, best], 0.0)), np.inf)
        column = m.gram[which, best].copy()  # symmetric: a row is a column
        for before in factor[:step]:
            column -= before * before[every, best][:, None]
        column /= root[:, None]
        factor[step] = column
        residual -= column * (residual[every, best] / root)[:, None]
        diagonal -= column**2
    return used.reshape(B, C, d)


def _highest_weights(m: Moments, k: int, z0: Array) -> Mask:
    weighted = np.abs(fit(m, ridge=_SCREENING_RIDGE).coef * z0[:, None, :])
    order = np.argsort(-weighted, axis=2, kind="stable")[..., :k]
    mask = np.zeros(weighted.shape, dtype=bool)
    np.put_along_axis(mask, order, values=True, axis=2)
    return mask


def _lasso_path(m: Moments, k: int) -> Mask:
    """Walks the lasso path from its dense end to the first step with at most k features, as lime does."""
    B, d, C = m.cross.shape
    mask = np.zeros((B, C, d), dtype=bool)
    # the path ends at an absolute penalty; correlations make that end independent of the output's unit
    unit = np.sqrt(m.y_square * np.einsum("bii->bi", m.gram).max(axis=1, keepdims=True))
    correlation = np.divide(m.cross, unit[:, None], out=np.zeros_like(m.cross), where=unit[:, None] > 0)
    for b in range(B):
        for c in range(C):
            _, _, path = lars_path_gram(
                Xy=correlation[b, :, c].copy(), Gram=m.gram[b].copy(), n_samples=1, method="lasso", return_path=True
            )
            sizes = np.count_nonzero(path, axis=0)
            step = next((s for s in range(path.shape[1] - 1, 0, -1) if sizes[s] <= k), 1)
            if path.shape[1] > 1:
                mask[b, c] = path[:, step] != 0
    return mask
