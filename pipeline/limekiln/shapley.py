"""Shapley values by the regression of KernelSHAP: additive models fitted over coalitions of features.

A coalition z holds the features that show the row's own values; v(z) is what the model says of it. Among all additive
models base + Σ φ_j z_j, the Shapley values are the one that is exact at the empty and at the full coalition and fits
the others best by the Shapley kernel (d − 1) / (C(d, k) k (d − k)), k features kept (Lundberg & Lee 2017,
arXiv:1705.07874, theorem 2). Both exact points are a constraint here, which takes one dimension away, and not rows of a
great weight. Coalitions come in pairs with their complements, which lessens the error (Covert & Lee 2021,
arXiv:2012.01536).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Final

import numpy as np
from scipy import special

from limekiln.aggregate.folds import FOLDS
from limekiln.values import Array, Codes, Index, Mask

REPEATS: Final = 4
"""Quarters of the drawn coalitions, as repeats of the same explanation."""

_LISTED: Final = -1
_LISTED_UP_TO: Final = 4
"""Pairs of one size are listed to draw from where there are at most so many times those drawn."""
_SHARE_ROUNDING: Final = 1e-9
_SINGULAR: Final = 1e10
_ROUNDING: Final = 1e-12
"""Of the largest value: what is smaller is no effect but the rounding of sums."""


@dataclass(frozen=True)
class Coalitions:
    """m coalitions of d features, distinct, none of them empty or full.

    Attributes:
        kept: (m, d) True where a feature shows the row's own value.
        weights: (m,) positive, Σ = 1: the kernel's of a size that is listed whole, else the same sum in expectation.
        fold: (m,) 0 … FOLDS − 1, alike for a coalition and its complement; −1 where the size is listed whole.
    """

    kept: Mask
    weights: Array
    fold: Index

    @property
    def exact(self) -> bool:
        """Whether nothing was left to chance."""
        return not (self.fold != _LISTED).any()

    def only(self, which: Index) -> "Coalitions":
        """Those at some positions, where the others were not answered."""
        return Coalitions(self.kept[which], self.weights[which], self.fold[which])


@dataclass(frozen=True)
class Shapley:
    """One row's Shapley values for C outputs.

    Attributes:
        phi: (C, d) the features' contributions; base + Σ_j phi is the model's output for the row. What is smaller than
            the rounding of the coalitions' values is 0.
        base: (C,) the value of the empty coalition.
        r2: (C,) kernel-weighted R² of the additive model over the coalitions, 1 where features do not interact; below 0
            where their mean alone would fit better, NaN where they do not vary or there are none.
    """

    phi: Array
    base: Array
    r2: Array


@dataclass(frozen=True)
class Repeats:
    """Shapley values as parts of the drawn coalitions are left out; listed ones stay, so exact values do not change.

    Attributes:
        without: (FOLDS, C, d) without each fold.
        halves: (2, C, d) from each half of the folds.
        quarters: (REPEATS, C, d) from each quarter of them.
    """

    without: Array
    halves: Array
    quarters: Array


def least(d: int) -> int:
    """The smallest budget for d features.

    It covers the coalitions of one feature and of all but one, which make φ unique, and a pair for each fold to stand
    for the others; where those are no more, all coalitions.
    """
    return min((1 << d) - 2, 2 * (d + FOLDS))


def draw(d: int, n: int, rng: np.random.Generator) -> Coalitions:
    """Coalitions for at most n values: all 2^d − 2 where they are no more, else some of each size.

    Sizes are listed whole from the outside in (1 and d − 1, 2 and d − 2, …) as long as a size's share of the kernel, in
    what is left of the budget, covers it; the outermost always. The others are strata: how many pairs of each is the
    budget times their share of the kernel, rounded at random; which ones is uniform, without repeating one. So the
    weighted sums over coalitions are unbiased, and the estimate tends to the exact value as n grows.

    Args:
        d: how many features, at least 1.
        n: coalitions at most; with an odd number one is left unspent.
        rng: the source of randomness.

    Raises:
        ValueError: d < 1, or n is smaller than `least(d)`.
    """
    if d < 1 or n < least(d):
        raise ValueError(f"expected d ≥ 1 features and n ≥ {least(max(d, 1)):,} coalitions, got d = {d}, n = {n}")
    count, mass = _sizes(d)
    listed, left = _listed(count, mass, n // 2)
    parts = [_every(d, k + 1, int(count[k])) for k in range(listed)]
    weights = [np.full(int(count[k]), mass[k] / count[k]) for k in range(listed)]
    folds = [np.full(int(c), _LISTED) for c in count[:listed]]
    if listed < len(count):
        expected = left * mass[listed:] / mass[listed:].sum()
        taken = _systematic(expected, left, rng)
        # a size that is surely taken is divided by how often it was, which keeps the sum of its weights exact
        each = mass[listed:] / np.where(expected >= 1, np.maximum(taken, 1), expected)
        parts += _drawn(d, listed + 1, taken, count[listed:], rng)
        weights.append(np.repeat(each, taken))
        folds.append(np.arange(left) % FOLDS)  # in order of size, so that each fold has its share of all sizes
    one = np.concatenate([np.empty((0, d), dtype=bool), *parts])
    weight = np.concatenate([np.empty(0), *weights])
    fold = np.concatenate([np.empty(0, dtype=np.int64), *folds])
    return Coalitions(np.concatenate([one, ~one]), np.tile(weight, 2) / (2 * weight.sum() or 1.0), np.tile(fold, 2))


def solve(coalitions: Coalitions, values: Array, base: Array, full: Array) -> Shapley:
    """Shapley values of all outputs at once.

    min_φ Σ_z w(z)(v(z) − base − zᵀφ)² subject to Σφ = full − base; no ridge.

    Args:
        coalitions: m of d features.
        values: (m, C) v of each.
        base: (C,) v of the empty coalition.
        full: (C,) v of the full one, the model's output for the row itself.

    Raises:
        ValueError: the coalitions are too few to tell the features apart, which happens only where some of those from
            `draw` were lost.
    """
    phi = _solve(coalitions, values - base, full - base, np.ones((1, 1 + FOLDS)))[0]
    largest = np.abs(np.concatenate([values, base[None], full[None]])).max(axis=0)
    phi = np.where(np.abs(phi) > _ROUNDING * largest[:, None], phi, 0.0)
    return Shapley(phi, base, _r2(coalitions, values - base, phi, largest))


def repeats(coalitions: Coalitions, values: Array, base: Array, full: Array) -> Repeats:
    """What `solve` gives as folds are left out; the weights of those that stay are raised to the same sum.

    Raises:
        ValueError: as `solve`.
    """
    whole = solve(coalitions, values, base, full).phi
    if coalitions.exact:
        same = np.broadcast_to(whole, (FOLDS, *whole.shape))
        return Repeats(same, same[:2], same[:REPEATS])
    alone = np.eye(FOLDS)
    groups = [1 - alone, *(alone.reshape(n, -1, FOLDS).sum(axis=1) for n in (2, REPEATS))]
    mass = np.bincount(coalitions.fold + 1, weights=coalitions.weights, minlength=1 + FOLDS)[1:]
    stays = np.concatenate(groups)
    left = (stays @ mass)[:, None]
    scales = np.divide(stays * mass.sum(), left, out=np.zeros_like(stays), where=left > 0)
    listed = np.ones((len(scales), 1))
    phi = _solve(coalitions, values - base, full - base, np.concatenate([listed, scales], axis=1))
    return Repeats(phi[:FOLDS], phi[FOLDS : FOLDS + 2], phi[FOLDS + 2 :])


def _sizes(d: int) -> tuple[Array, Array]:
    """By the smaller size of a pair, 1 … d/2: how many pairs there are, inf beyond floats, and their kernel weight."""
    k = np.arange(1, d // 2 + 1)
    middle = np.where(2 * k == d, 0.5, 1.0)  # there, pairs have both members in one size
    return np.rint(special.comb(d, k) * middle), middle / (k * (d - k))


def _listed(count: Array, mass: Array, pairs: int) -> tuple[int, int]:
    """How many sizes are listed whole, and how many pairs are left for the others."""
    left = pairs
    for k, needed in enumerate(count):
        if k and needed > left * mass[k] / mass[k:].sum() * (1 + _SHARE_ROUNDING):
            return k, left
        left -= int(needed)
    return len(count), left


def _systematic(expected: Array, total: int, rng: np.random.Generator) -> Index:
    """Whole numbers with the given expectations, each rounded up or down, that sum to their total."""
    edges = np.minimum(np.floor(np.cumsum(expected) + rng.random()), total).astype(np.int64)
    edges[-1] = total  # rounding must not lose or add one
    return np.diff(edges, prepend=0)


def _drawn(d: int, first: int, taken: Index, count: Array, rng: np.random.Generator) -> Iterator[Mask]:
    """So many distinct pairs of each size, from size `first` on: one of each, (taken, d)."""
    for k, n, there_are in zip(range(first, first + len(taken)), taken, count, strict=True):
        if n and there_are <= _LISTED_UP_TO * n:
            yield _every(d, k, int(there_are))[rng.choice(int(there_are), n, replace=False)]
        elif n:
            kept = _some(d, k, int(n), rng)
            while len(again := _repeated(kept)):
                kept[again] = _some(d, k, len(again), rng)
            yield kept


def _every(d: int, k: int, count: int) -> Mask:
    """One of each pair of size k, (count, d); in the middle size, the one that keeps the first feature."""
    fixed = int(2 * k == d)
    chosen = np.fromiter(chain.from_iterable(combinations(range(fixed, d), k - fixed)), dtype=np.int64)
    kept = np.zeros((count, d), dtype=bool)
    kept[:, :fixed] = True
    np.put_along_axis(kept, chosen.reshape(count, k - fixed), values=True, axis=1)
    return kept


def _some(d: int, k: int, n: int, rng: np.random.Generator) -> Mask:
    """One of each of n random pairs of size k, (n, d), as in `_every`."""
    fixed = int(2 * k == d)
    ranks: Codes = rng.permuted(np.tile(np.arange(d - fixed, dtype=np.int32), (n, 1)), axis=1)
    return np.concatenate([np.ones((n, fixed), dtype=bool), ranks < k - fixed], axis=1)


def _repeated(kept: Mask) -> Index:
    """The masks that stand before already."""
    packed = np.ascontiguousarray(np.packbits(kept, axis=1))
    _, first = np.unique(packed.view(f"V{packed.shape[1]}")[:, 0], return_index=True)
    return np.setdiff1d(np.arange(len(kept)), first)


def _solve(coalitions: Coalitions, lifted: Array, total: Array, scales: Array) -> Array:
    """φ (R, C, d) with Σφ = `total`, from R sums of the parts' moments, `scales` (R, 1 + FOLDS) times each.

    φ = total/d + ψ with Σψ = 0, so only z less its mean over the features counts; a system in it is well conditioned.
    """
    d = coalitions.kept.shape[1]
    rest = lifted - coalitions.kept.sum(axis=1, keepdims=True) * (total / d)
    gram, cross = (np.tensordot(scales, m, axes=1) for m in _parts(coalitions, rest))
    level = np.trace(gram, axis1=1, axis2=2) / (d - 1) if d > 1 else np.ones(len(scales))
    system = gram + level[:, None, None] / d  # a value for the one direction that is taken away, where ψ stays 0
    try:
        inverse = np.linalg.inv(system)
        condition = np.linalg.norm(system, 1, axis=(1, 2)) * np.linalg.norm(inverse, 1, axis=(1, 2))
        determined = bool((condition < _SINGULAR).all())
    except np.linalg.LinAlgError:
        determined = False
    if not determined:
        raise ValueError(f"too few distinct coalitions are left to tell {d} features apart")
    phi: Array = np.swapaxes(inverse @ cross, 1, 2) + (total / d)[:, None]
    return phi


def _parts(coalitions: Coalitions, rest: Array) -> tuple[Array, Array]:
    """Moments Σwzzᵀ (1 + FOLDS, d, d) and Σwzy (1 + FOLDS, d, C) of centred z, of listed coalitions and each fold."""
    d, C = coalitions.kept.shape[1], rest.shape[1]
    gram, cross = np.zeros((1 + FOLDS, d, d)), np.zeros((1 + FOLDS, d, C))
    for p in np.unique(coalitions.fold + 1):
        which = coalitions.fold + 1 == p
        z = coalitions.kept[which] - coalitions.kept[which].mean(axis=1, keepdims=True)
        weighted = z * coalitions.weights[which, None]
        gram[p], cross[p] = z.T @ weighted, weighted.T @ rest[which]
    return gram, cross


def _r2(coalitions: Coalitions, lifted: Array, phi: Array, largest: Array) -> Array:
    if not len(lifted):
        return np.full(len(phi), np.nan)
    w = coalitions.weights / coalitions.weights.sum()
    residual = w @ (lifted - coalitions.kept @ phi.T) ** 2
    spread = w @ (lifted - w @ lifted) ** 2
    varies = spread > (_ROUNDING * largest) ** 2
    return np.where(varies, 1 - residual / np.where(varies, spread, 1.0), np.nan)
