"""An image with some of its parts hidden, many times over: the hot path of explaining images.

An image is a run of bytes, cut into short blocks. A block that t parts touch can look in 2ᵗ ways, and t is mostly 1:
all ways of all blocks are made once, and a composed image is then nothing but a choice of one way for each block.
That is exact for any type of pixel, and has no loop over parts.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from limekiln.domains.images.channels import Pixels
from limekiln.values import Codes, Index, Mask

Bytes = NDArray[np.uint8]
T = TypeVar("T", bound=np.generic)

_BLOCKS: Final = (96, 32, 8)
"""Bytes of a block; a shorter one where parts are so small that too many would meet in a longer one."""
_MEET: Final = 7
"""Parts in a block at most, so that steps are bytes."""
_MOST: Final = 8
"""Bytes of all ways of all blocks, in bytes of the image."""
_SMALL: Final = 4096
"""Bytes of an image below which choosing single pixels costs less than the blocks' set-up."""


@dataclass(frozen=True, eq=False)
class Plan:
    """An image ready to be composed.

    Attributes:
        pixels: (H, W, C) the image.
        ways: (w, B) what blocks can look like, those of one block after one another.
        first: (b,) where each block's ways begin: there all its parts are hidden.
        step: (b, d) how many ways on a block is where a part is kept: 2ʳ for the r-th part that touches it.
    """

    pixels: Pixels
    ways: Bytes
    first: Index
    step: sparse.csr_array


def plan(pixels: Pixels, hidden: Pixels, parts: Codes) -> Plan | None:
    """Prepares an image (H, W, C) with parts (H, W) numbered 0 … d−1; None where too many parts are too small."""
    if pixels.nbytes <= _SMALL:
        return None
    of_bytes = np.repeat(parts.ravel(), pixels.shape[2] * pixels.itemsize)
    for size in _BLOCKS:
        owners = _blocks(of_bytes, size)
        ranks, touching = _ranks(owners)
        count = 1 << touching
        if touching.max() <= _MEET and count.sum() * size <= _MOST * pixels.nbytes:
            break
    else:
        return None
    first = np.cumsum(count) - count
    block = np.repeat(np.arange(len(count)), count)
    way = (np.arange(len(block)) - first[block]).astype(np.uint8)
    shown = (way[:, None] >> ranks[block] & 1).astype(bool)
    ways = np.where(shown, _blocks(_bytes(pixels), size)[block], _blocks(_bytes(hidden), size)[block])
    rank = np.arange(touching.sum()) - np.repeat(np.cumsum(touching) - touching, touching)
    blocks = np.repeat(np.arange(len(count)), touching)
    step = sparse.csr_array(
        (
            (1 << rank).astype(np.uint8),
            owners[blocks, (ranks[blocks] == rank[:, None]).argmax(axis=1)],
            np.append(0, np.cumsum(touching)),
        ),
        shape=(len(count), int(parts.max()) + 1),
    )
    return Plan(pixels, ways, first, step)


def compose(plan: Plan, kept: Mask) -> Pixels:
    """The image with the parts kept that `kept` (m, d) says, as (m, H, W, C) of the image's type."""
    out = np.empty((len(kept), *plan.pixels.shape), dtype=plan.pixels.dtype)
    flat = out.view(np.uint8).reshape(len(kept), plan.pixels.nbytes)
    steps = np.ascontiguousarray((plan.step @ kept.T.astype(np.uint8)).T)
    size = plan.ways.shape[1]
    whole, rest = divmod(plan.pixels.nbytes, size)
    way = np.empty_like(plan.first)
    block = np.dtype((np.void, size))  # one item instead of `size` of them: copied in one go
    ways = plan.ways.view(block)[:, 0]
    for image, step in zip(flat, steps, strict=True):
        np.add(plan.first, step, out=way)
        # "clip" writes straight to `out`
        ways.take(way[:whole], out=image[: whole * size].view(block), mode="clip")
        if rest:
            image[whole * size :] = plan.ways[way[whole], :rest]
    return out


def compose_pixels(pixels: Pixels, hidden: Pixels, parts: Codes, kept: Mask) -> Pixels:
    """The same pixel by pixel: for small images, and for any parts."""
    return np.where(kept[:, parts][..., None], pixels, hidden)


def _ranks(owners: Codes) -> tuple[Bytes, Index]:
    """The rank of each byte's part among those of its block, as (b, B), and (b,) how many parts there are."""
    ranks = np.zeros(owners.shape, dtype=np.uint8)
    later = owners != owners[:, :1]
    blocks = np.flatnonzero(later.any(axis=1))
    later = later[blocks]
    while len(blocks):  # each byte rises by one until its own part is the next
        ranks[blocks] += later
        here = owners[blocks]
        later &= here != here[np.arange(len(here)), later.argmax(axis=1)][:, None]
        some = later.any(axis=1)
        blocks, later = blocks[some], later[some]
    return ranks, ranks.max(axis=1).astype(np.int64) + 1


def _bytes(pixels: Pixels) -> Bytes:
    return np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)


def _blocks(flat: NDArray[T], size: int) -> NDArray[T]:
    """A run in blocks of `size`; the last is filled up with the last value, so that no other part touches it."""
    return np.pad(flat, (0, -len(flat) % size), mode="edge").reshape(-1, size)
