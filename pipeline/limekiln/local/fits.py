"""A block of a table's rows to surrogates: from all perturbations, without each fold of them, and from parts alone.

All of it follows from moments over the folds. Rows that see the perturbations alike share their moments, and differ in
nothing but the model's answer y₀ for the row itself, which belongs to its neighbourhood with weight 1. Nothing but
c = Σw(z−z̄)y depends on it, as c = c₀ + y₀v, and so do the weights: β = A⁻¹c₀ + y₀A⁻¹v with A = G + αI. One equation
with two right hand sides thus serves all such rows, unless features are selected, which is decided for each row.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from limekiln import stability, surrogate
from limekiln.surrogate import Moments, Selection
from limekiln.values import Array, Index

REPEATS: Final = 4
"""Quarters of the perturbations, as repeats of the same explanation."""

_HALVES: Final = 2
_BLOCK_BYTES: Final = 1 << 22  # moments that stay in a core's cache


@dataclass(frozen=True)
class Block:
    """Some rows of a batch, with the moments of their U ≤ n neighbourhoods over the folds of the perturbations.

    Attributes:
        places: (n,) the rows' places in the batch.
        of: (n,) the neighbourhood that each sees.
        raw: (U, G, p, p) weighted moments of (1, z, y), p = d + 2, from `pool.raw_moments`.
        own: (U, d) interpretable values of the rows themselves.
        outputs: (n,) the model's outputs for the rows themselves, less the pool's offset.
    """

    places: Index
    of: Index
    raw: Array
    own: Array
    outputs: Array


@dataclass(frozen=True)
class Fits:
    """The surrogates of n rows over d features, each for one output.

    Attributes:
        weights: (n, d).
        intercept: (n,), at_row: (n,) the surrogate's value for the row itself, less the pool's offset.
        r2: (n,) NaN where the output does not vary.
        without: (n, G, d) weights with each fold left out.
        halves: (n, 2, d) weights from each half of the folds alone.
        vsi, csi: (n,) agreement of the quarters, see `stability`.
    """

    weights: Array
    intercept: Array
    at_row: Array
    r2: Array
    without: Array
    halves: Array
    vsi: Array
    csi: Array


@dataclass(frozen=True)
class Neighbourhoods:
    """Moments of U neighbourhoods with E different parts of the perturbations, the row itself added but for its output.

    Attributes:
        own: (U, E, d) the row's interpretable values; 0 for one that no perturbation shares.
        gram: (U, E, d, d) centred; 0 for a feature that does not vary.
        fixed, moving: (U, E, d) c₀ and v of Σw(z−z̄)(y−ȳ) = c₀ + y₀v.
        weight, y, y_square: (U, E) Σw, and Σwy and Σwy² without the row itself.
        z_mean: (U, E, d).
    """

    own: Array
    gram: Array
    fixed: Array
    moving: Array
    weight: Array
    y: Array
    y_square: Array
    z_mean: Array


def rows_a_block(folds: int, d: int) -> int:
    """How many neighbourhoods are fitted at once."""
    return max(1, _BLOCK_BYTES // ((1 + folds + REPEATS + _HALVES) * (d + 2) ** 2 * 8))


def nothing(folds: int, d: int) -> Fits:
    """The surrogates of no rows."""
    none = np.empty(0)
    without, halves = np.empty((0, folds, d)), np.empty((0, _HALVES, d))
    return Fits(np.empty((0, d)), none, none, none, without, halves, none, none)


def fit(block: Block, selection: Selection, k: int | None) -> Fits:
    """The surrogates of a block's rows, with up to k features each, chosen as `selection` says."""
    folds, of = block.raw.shape[1], block.of
    seen = _neighbourhoods(_parts(block.raw), block.own)
    y_mean, varying = _levels(seen, block)
    coef = _coefficients(seen, block, (y_mean, varying), selection, k)
    parts = slice(1 + folds, 1 + folds + REPEATS)
    r2 = np.full((len(of), 1 + REPEATS), np.nan)
    for column, e in enumerate((0, *range(parts.start, parts.stop))):
        r2[:, column] = _r2(seen, block, coef[:, e], varying[:, e], e)
    # standard errors: weights count as numbers of rows, as in Visani et al. (arXiv:2001.11757)
    spread = surrogate.ridge_spread(seen.gram[:, parts])
    left = (1 - np.nan_to_num(r2[:, 1:])) * varying[:, parts]
    freedom = np.maximum(seen.weight[of][:, parts] - block.own.shape[1] - 1, 1.0)
    error = np.sqrt(np.maximum(left / freedom, 0.0)[..., None] * spread[of])
    repeats = coef[:, parts]
    intercept = y_mean[:, 0] - _dot(coef[:, 0], seen.z_mean[of, 0])
    return Fits(
        weights=coef[:, 0],
        intercept=intercept,
        at_row=intercept + _dot(coef[:, 0], seen.own[of, 0]),
        r2=r2[:, 0],
        without=coef[:, 1 : 1 + folds],
        halves=coef[:, parts.stop :],
        vsi=stability.variables(repeats),
        csi=stability.coefficients(repeats, np.where(repeats != 0, error, 0.0)),
    )


def weights(block: Block, selection: Selection, k: int | None) -> Array:
    """The weights (n, d) that `fit` gives from all perturbations, up to their last bits; the same arguments."""
    seen = _neighbourhoods(block.raw.sum(axis=1, keepdims=True), block.own)
    return _coefficients(seen, block, _levels(seen, block), selection, k)[:, 0]


def known(own: Array, squares: Array) -> Array:
    """Interpretable values (…, d) of rows, 0 for one that no perturbed row shares, by the perturbed rows' Σwz² (…, d).

    Such a feature (an unseen category, a very rare one) would get its weight from the row alone, by whatever its
    prediction is off. Without it the column is constant and weighs exactly 0: nothing is known of it.
    """
    return np.where(squares > 0, own, 0.0)


def _parts(raw: Array) -> Array:
    """Moments (U, E, p, p) of the whole, of all folds but one, and of quarters and halves of the folds."""
    U, G, p, _ = raw.shape
    parts = np.empty((U, 1 + G + REPEATS + _HALVES, p, p))
    raw.sum(axis=1, out=parts[:, 0])
    np.subtract(parts[:, :1], raw, out=parts[:, 1 : 1 + G])
    quarters, halves = parts[:, 1 + G : -_HALVES], parts[:, -_HALVES:]
    raw.reshape(U, REPEATS, -1, p, p).sum(axis=2, out=quarters)
    quarters.reshape(U, _HALVES, -1, p, p).sum(axis=2, out=halves)
    return parts


def _neighbourhoods(parts: Array, own: Array) -> Neighbourhoods:
    """Centred moments from raw ones (U, E, p, p), and the rows' own interpretable values (U, d)."""
    d = own.shape[1]
    square = np.einsum("ueii->uei", parts)[..., 1 : 1 + d]
    own = known(own[:, None], square)
    weight = parts[..., 0, 0] + 1.0
    z_mean = (parts[..., 0, 1 : 1 + d] + own) / weight[..., None]
    gram = parts[..., 1 : 1 + d, 1 : 1 + d] + own[..., :, None] * own[..., None, :]
    gram -= (weight[..., None] * z_mean)[..., :, None] * z_mean[..., None, :]
    # subtraction leaves rounding where the truth is 0; a constant column's weight must be exactly 0
    varies = np.einsum("ueii->uei", gram) > surrogate.NO_VARIANCE * (square + np.square(own))
    if not varies.all():
        gram = np.where(varies[..., :, None] & varies[..., None, :], gram, 0.0)
    y = parts[..., 0, -1]
    fixed = parts[..., 1 : 1 + d, -1] - z_mean * y[..., None]
    return Neighbourhoods(
        own=own,
        gram=gram,
        fixed=np.where(varies, fixed, 0.0),
        moving=np.where(varies, own - z_mean, 0.0),
        weight=weight,
        y=y,
        y_square=parts[..., -1, -1],
        z_mean=z_mean,
    )


def _levels(seen: Neighbourhoods, block: Block) -> tuple[Array, Array]:
    """ȳ (n, E) and Σw(y−ȳ)² (n, E), exactly 0 where the output does not vary."""
    of, output = block.of, block.outputs[:, None]
    y_mean = (seen.y[of] + output) / seen.weight[of]
    square = seen.y_square[of] + np.square(output)
    varying = square - seen.weight[of] * np.square(y_mean)
    return y_mean, np.where(varying > surrogate.NO_VARIANCE * square, varying, 0.0)


def _coefficients(
    seen: Neighbourhoods, block: Block, levels: tuple[Array, Array], selection: Selection, k: int | None
) -> Array:
    """Weights (n, E, d)."""
    every = selection == "none" or k is None
    coef = _all_features(seen, block) if every else _chosen_features(seen, block, levels, selection, k)
    return np.where(levels[1][..., None] > 0, coef, 0.0)


def _all_features(seen: Neighbourhoods, block: Block) -> Array:
    sides = np.stack([seen.fixed, seen.moving], axis=-1)
    found = np.linalg.solve(seen.gram + surrogate.RIDGE * np.eye(sides.shape[2]), sides)[block.of]
    return np.asarray(found[..., 0] + block.outputs[:, None, None] * found[..., 1])


def _chosen_features(
    seen: Neighbourhoods, block: Block, levels: tuple[Array, Array], selection: Selection, k: int | None
) -> Array:
    y_mean, varying, of = *levels, block.of
    n, E, d = len(of), *seen.fixed.shape[1:]
    cross = seen.fixed[of] + block.outputs[:, None, None] * seen.moving[of]
    m = Moments(
        weight=seen.weight[of].reshape(n * E),
        z_mean=seen.z_mean[of].reshape(n * E, d),
        y_mean=y_mean.reshape(n * E, 1),
        gram=seen.gram[of].reshape(n * E, d, d),
        cross=np.where((varying > 0)[..., None], cross, 0.0).reshape(n * E, d, 1),
        y_square=varying.reshape(n * E, 1),
    )
    mask = surrogate.select(m, selection, k, seen.own[of].reshape(n * E, d))
    coef: Array = surrogate.fit(m, mask).coef.reshape(n, E, d)
    return coef


def _r2(seen: Neighbourhoods, block: Block, coef: Array, varying: Array, e: int) -> Array:
    """R² (n,) of weights (n, d) over one part of the perturbations."""
    of = block.of
    cross = seen.fixed[of, e] + block.outputs[:, None] * seen.moving[of, e]
    fitted = (coef[:, None, :] @ seen.gram[of, e])[:, 0]
    explained = _dot(coef, 2 * cross - fitted)
    return np.where(varying > 0, explained / np.where(varying > 0, varying, 1.0), np.nan)


def _dot(a: Array, b: Array) -> Array:
    found: Array = np.einsum("nd,nd->n", a, b)
    return found
