"""Which parts of a text, an image or a series each perturbation keeps, and how much it counts.

The surrogate needs weighted moments Σ w(z)f(z) that estimate n·E_p[π(z)f(z)], with lime's base law p and the
kernel π. Any design that is unbiased for them explains the same thing; designs differ in their error at a number of
model calls. Measurements: docs/decisions/0012-mask-designs.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Final, Literal

import numpy as np

from limekiln import kernels
from limekiln.values import Array, Codes, Index, Mask

Law = Literal["size", "coin"]
"""lime's base law. `size`, of texts: the number of hidden parts is uniform on 1 … d, then which ones. `coin`, of
images: each part is kept with probability 1/2."""

Design = Literal["lime", "kernel"]
"""`lime`: independent draws from the base law. `kernel`: sizes between the base law and the kernel's,
stratified, and pairs."""

_LEAST_PROXIMITY: Final = 1e-300  # a weight stays positive where a narrow kernel underflows
_LISTED_UP_TO: Final = 4
"""Masks of one size are listed to draw from where there are at most so many times those drawn."""
_PAIRED_FROM: Final = 4
"""Calls for each part from which pairs of masks have the smaller error."""


@dataclass(frozen=True)
class Masks:
    """m perturbations of d parts.

    Attributes:
        kept: (m, d) True where a part is kept. Rows are distinct. The row that keeps everything may be among them
            under the law `coin`, which can draw it; the explained row itself is not added.
        weights: (m,) positive; Σ weights·f(kept) estimates n·E_p[π f] without bias.
    """

    kept: Mask
    weights: Array

    def only(self, which: Index) -> "Masks":
        """Those at some positions, where the others were not answered."""
        return Masks(self.kept[which], self.weights[which])


def draw(d: int, n: int, rng: np.random.Generator, *, law: Law, design: Design, width: float) -> Masks:
    """Draws masks for at most n model calls.

    `lime` draws n independent masks by the law, each weighted by the kernel √exp(−D²/width²) of its cosine distance
    D = 1 − √(k/d), k parts kept (`lime_text.py`, which has 100·D and width 25, and `lime_image.py` of lime 0.2.0.1).
    Equal masks are asked once, with the sum of their weights, so m ≤ n.

    `kernel` gives m = min(n, number of masks). Weight and law depend on k alone, so each size is a stratum. A mask
    is drawn in proportion to p·√π, half way from lime's law p to the kernel's own pπ (GLIME, Tan et al. 2023,
    arXiv:2311.15722): the sizes systematically, then distinct masks of each, from four calls a part on in pairs that
    are nearly complements. A size is listed whole, without sampling error, where its share of the calls covers it;
    so are all masks where there are no more than n. Horvitz-Thompson weights keep it unbiased.

    Args:
        d: how many parts, at least 1.
        n: model calls at most, at least 1.
        rng: the source of randomness.
        law: lime's base law p.
        design: how masks are drawn.
        width: of the kernel, positive, in units of the cosine distance.

    Returns:
        The masks with their weights. Σ weights is n·E_p[π] in expectation; exactly with `kernel`, where each size is
        listed or expected at least once.

    Raises:
        ValueError: d, n or width is out of range.
    """
    if d < 1 or n < 1 or not width > 0:
        raise ValueError(f"expected d ≥ 1, n ≥ 1 and width > 0, got d = {d}, n = {n}, width = {width}")
    if design == "lime":
        return _independent(d, n, rng, law, _proximity(d, width))
    return _stratified(d, n, rng, law, _proximity(d, width), paired=n >= _PAIRED_FROM * d)


def _proximity(d: int, width: float) -> Array:
    """π by the number of parts kept, (d + 1,)."""
    distance = 1 - np.sqrt(np.arange(d + 1) / d)
    return np.maximum(kernels.exponential(distance**2, width), _LEAST_PROXIMITY)


def _independent(d: int, n: int, rng: np.random.Generator, law: Law, proximity: Array) -> Masks:
    kept = rng.random((n, d)) < 0.5 if law == "coin" else _subsets(rng.integers(0, d, n), d, rng)  # noqa: PLR2004 - a coin
    first, counts = _first(kept)
    kept = kept[first]
    return Masks(kept, counts * proximity[kept.sum(axis=1)])


def _stratified(d: int, n: int, rng: np.random.Generator, law: Law, proximity: Array, *, paired: bool) -> Masks:
    """Strata are the sizes k; `share` is n·p_k·π_k, what the weights of size k must sum to."""
    p, count = _sizes(d, law)
    share = n * p * proximity
    demand = p * np.sqrt(proximity)
    listed, left = _listed(count, demand, n)
    drawn = (demand > 0) & ~listed & (left > 0)
    parts = [_all_subsets(int(k), d) for k in np.flatnonzero(listed)]
    weights = np.where(listed, share / count, 0.0)
    if drawn.any():
        expected = np.where(drawn, demand, 0.0) * (left / demand[drawn].sum())
        taken = _systematic(expected, left, rng)
        # a size that is surely taken is divided by how often it was, which keeps the sum of its weights exact
        weights[drawn] = (share / np.where(expected >= 1, np.maximum(taken, 1), np.where(drawn, expected, 1.0)))[drawn]
        parts += _distinct(taken, count, d, rng, paired=paired)
    kept = np.concatenate(parts)
    return Masks(kept, weights[kept.sum(axis=1)])


def _sizes(d: int, law: Law) -> tuple[Array, Array]:
    """By the number of parts kept, (d + 1,) each: lime's probability, and the number of masks, inf beyond floats."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, d + 1)))])
    log_count = log_factorial[d] - log_factorial - log_factorial[::-1]
    with np.errstate(over="ignore"):
        count = np.rint(np.exp(log_count))
    if law == "coin":
        return np.exp(log_count - d * np.log(2)), count
    return np.where(np.arange(d + 1) < d, 1 / d, 0.0), count


def _listed(count: Array, demand: Array, n: int) -> tuple[Mask, int]:
    """The sizes that are listed whole, and the calls that are left for the others.

    What a listed size leaves of its share goes to the others, which may then be covered too.
    """
    listed = np.zeros(len(count), dtype=bool)
    left, rest = n, demand > 0
    while rest.any():
        if count[rest].sum() <= left:
            return listed | rest, left
        covered = rest & (count <= demand * (left / demand[rest].sum()))
        if not covered.any():
            break
        listed |= covered
        rest &= ~covered
        left -= int(count[covered].sum())
    return listed, left


def _systematic(expected: Array, total: int, rng: np.random.Generator) -> Index:
    """Whole numbers with the given expectations, each rounded up or down, that sum to their total."""
    edges = np.minimum(np.floor(np.cumsum(expected) + rng.random()), total).astype(np.int64)
    edges[np.flatnonzero(expected)[-1] :] = total  # rounding must not lose or add one
    return np.diff(edges, prepend=0)


def _distinct(taken: Index, count: Array, d: int, rng: np.random.Generator, *, paired: bool) -> Iterator[Mask]:
    """So many different masks of each size, each mask of a size with the same probability."""
    few = (taken > 0) & (count <= _LISTED_UP_TO * taken)
    for k in np.flatnonzero(few):
        every = _all_subsets(int(k), d)
        yield every[rng.choice(len(every), taken[k], replace=False)]
    sizes = np.repeat(np.arange(d + 1), np.where(few, 0, taken))
    kept = _pairs(sizes, d, rng) if paired else _subsets(sizes, d, rng)
    while len(again := np.setdiff1d(np.arange(len(kept)), _first(kept)[0])):
        kept[again] = _subsets(kept[again].sum(axis=1), d, rng)
    yield kept


def _subsets(sizes: Index, d: int, rng: np.random.Generator) -> Mask:
    """A uniform subset of each size, (m, d)."""
    subsets: Mask = _ranks(len(sizes), d, rng) < sizes[:, None]
    return subsets


def _ranks(m: int, d: int, rng: np.random.Generator) -> Codes:
    """Random orders of the parts, (m, d)."""
    return rng.permuted(np.tile(np.arange(d, dtype=np.int32), (m, 1)), axis=1)


def _pairs(sizes: Index, d: int, rng: np.random.Generator) -> Mask:
    """A uniform subset of each size, (m, d); of the sorted sizes the first is paired with the last, and so on.

    The two of a pair overlap as little as their sizes allow, so they are nearly each other's complement: what is
    even in the model's response, such as products of two parts, then nearly cancels in Σ w(z − z̄)f(z).
    """
    half = len(sizes) // 2
    first = sizes[:half, None]
    end = first + sizes[::-1][:half, None]
    ranks = _ranks(half, d, rng)
    one = ranks < first
    other = (~one & (ranks < end)) | (ranks < end - d)  # the next ranks, and from the first again after the last
    return np.concatenate([one, other, _subsets(sizes[half : len(sizes) - half], d, rng)])


def _all_subsets(k: int, d: int) -> Mask:
    """Every subset of size k, (C(d, k), d)."""
    fewer = min(k, d - k)
    chosen = np.fromiter(chain.from_iterable(combinations(range(d), fewer)), dtype=np.int64)
    n = len(chosen) // fewer if fewer else 1
    subsets = np.zeros((n, d), dtype=bool)
    np.put_along_axis(subsets, chosen.reshape(n, fewer), values=True, axis=1)
    return subsets if fewer == k else ~subsets


def _first(kept: Mask) -> tuple[Index, Index]:
    """Where each different mask stands first, in order, and how often it occurs."""
    packed = np.ascontiguousarray(np.packbits(kept, axis=1))
    _, first, counts = np.unique(packed.view(f"V{packed.shape[1]}")[:, 0], return_index=True, return_counts=True)
    order = np.argsort(first)
    return first[order], counts[order]
