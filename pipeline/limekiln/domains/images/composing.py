"""An image with some of its parts hidden, many times over: the hot path of explaining images.

An image is a run of bytes, cut into blocks of 32. A block inside one part is kept or hidden whole; the few at a
border mix the parts they touch. So a composed image is `hidden ^ (mask & (pixels ^ hidden))` with a mask that is
gathered block by block from a table of the parts' states: exact for any type of pixel, and without a loop
over parts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from limekiln.domains.images.channels import Pixels
from limekiln.values import Codes, Index, Mask

Words = NDArray[np.uint64]

_BLOCK: Final = 32
_WORDS: Final = _BLOCK // 8
_SMALL: Final = 4096
"""Bytes of an image below which gathering single pixels costs less than the blocks' set-up."""
_ALL: Final = np.uint64(2**64 - 1)


@dataclass(frozen=True, eq=False)
class Plan:
    """An image ready to be composed.

    Attributes:
        pixels: (H, W, C) the image.
        hidden: (H, W, C) what hidden parts show.
        size: d, how many parts there are.
        entry: (b,) for each block the entry of the table that masks it: a part, or d + u for the u-th mixture.
        layers: mixtures by the parts they touch: the first touched part of each and the bits (·, 4) it covers, then
            the second, and so on. Mixtures of more parts come first, so a layer is a head of the one before.
        difference: (b, 4) pixels ^ hidden.
    """

    pixels: Pixels
    hidden: Pixels
    size: int
    entry: Index
    layers: tuple[tuple[Index, Words], ...]
    difference: Words


def plan(pixels: Pixels, hidden: Pixels, parts: Codes) -> Plan:
    """Prepares an image (H, W, C) with parts (H, W) numbered 0 … d−1."""
    size = int(parts.max()) + 1
    of_bytes = np.repeat(parts.ravel(), pixels.shape[2] * pixels.itemsize)
    owners = np.pad(of_bytes, (0, -len(of_bytes) % _BLOCK), mode="edge").reshape(-1, _BLOCK)
    entry = owners[:, 0].astype(np.int64)
    mixed = np.flatnonzero((owners != owners[:, :1]).any(axis=1))
    mixtures, which = _distinct(owners[mixed])
    entry[mixed] = size + which
    return Plan(pixels, hidden, size, entry, _layers(mixtures), _words(pixels) ^ _words(hidden))


def compose(plan: Plan, kept: Mask) -> Pixels:
    """The image with the parts kept that `kept` (m, d) says, as (m, H, W, C) of the image's type."""
    out = np.empty((len(kept), *plan.pixels.shape), dtype=plan.pixels.dtype)
    flat = out.view(np.uint8).reshape(len(kept), plan.pixels.nbytes)
    behind = np.ascontiguousarray(plan.hidden).reshape(-1).view(np.uint8)
    masked = np.empty((len(plan.entry), _WORDS), dtype=np.uint64)
    bits = masked.reshape(-1).view(np.uint8)[: len(behind)]
    (owner, covered), *others = plan.layers
    table = np.empty((plan.size + len(owner), _WORDS), dtype=np.uint64)
    whole, mixed = table[: plan.size], table[plan.size :]
    states = np.where(kept, _ALL, np.uint64(0))
    for i, state in enumerate(states):
        whole[:] = state[:, None]
        np.take(whole, owner, axis=0, out=mixed, mode="clip")  # "clip" writes straight to `out`
        mixed &= covered
        for later, rest in others:
            mixed[: len(later)] |= np.take(whole, later, axis=0, mode="clip") & rest
        np.take(table, plan.entry, axis=0, out=masked, mode="clip")
        masked &= plan.difference
        np.bitwise_xor(bits, behind, out=flat[i])
    return out


def compose_small(pixels: Pixels, hidden: Pixels, parts: Codes, kept: Mask) -> Pixels:
    """The same as `compose`, all at once: for images of few bytes."""
    return np.where(kept[:, parts][..., None], pixels, hidden)


def is_small(pixels: Pixels) -> bool:
    """Whether `compose_small` is the faster way."""
    return pixels.nbytes <= _SMALL


def _distinct(rows: Codes) -> tuple[Codes, Index]:
    """Distinct rows (u, 32), those with more distinct parts first, and (n,) which of them each row is."""
    keys = np.ascontiguousarray(rows).view(f"S{rows.shape[1] * rows.itemsize}").ravel()
    found, which = np.unique(keys, return_inverse=True)
    distinct = np.frombuffer(found.tobytes(), dtype=rows.dtype).reshape(-1, rows.shape[1])
    touched = (np.diff(np.sort(distinct, axis=1), axis=1) != 0).sum(axis=1)
    order = np.argsort(-touched, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return distinct[order], place[which.ravel()]


def _layers(mixtures: Codes) -> tuple[tuple[Index, Words], ...]:
    layers: list[tuple[Index, Words]] = []
    left = np.ones(mixtures.shape, dtype=bool)  # bytes that no layer covers yet
    while len(mixtures) or not layers:
        owner = mixtures[np.arange(len(mixtures)), left.argmax(axis=1)]
        covered = mixtures == owner[:, None]
        layers.append((owner.astype(np.int64), np.where(covered, np.uint8(255), np.uint8(0)).view(np.uint64)))
        left &= ~covered
        more = int(left.any(axis=1).sum())
        mixtures, left = mixtures[:more], left[:more]
    return tuple(layers)


def _words(pixels: Pixels) -> Words:
    flat = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    return np.pad(flat, (0, -len(flat) % _BLOCK)).view(np.uint64).reshape(-1, _WORDS)
