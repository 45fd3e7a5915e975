"""Superpixels of different images as one feature: described by what they look like, and grouped.

Superpixels have no counterpart in another image; groups of those that look alike ("concepts", after Ghorbani et al.
2019; NormLIME's authors cluster encoder vectors) make weights of different images comparable.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from PIL import Image
from scipy import ndimage

from limekiln.domains.images.channels import WHITE, Pixels, Rgb, shown
from limekiln.domains.images.hiding import part_means
from limekiln.domains.images.segments import shrinkage, shrunk, skimage
from limekiln.errors import InstanceError, LimekilnError
from limekiln.values import Array, Codes, Index

Encoder = Callable[[np.ndarray], Any]
"""Takes patches (d, 64, 64, 3) uint8 and gives vectors (d, q)."""

PATCH: Final = 64
_GRID: Final = 32
"""Steps in a standard deviation: descriptors are rounded to whole steps, so that all sums over them are exact and
the groups are the same on any machine, with any number of threads."""
_FARTHEST: Final = 8
_FIT_ON: Final = 20_000
_BLOCK: Final = 65_536
_STARTS: Final = 4
_ROUNDS: Final = 100
_EXACT: Final = 6
_COARSE: Final = 2.0
_LEAST: Final = 1e-3
_DIMENSIONS: Final = 2


def describe(pixels: Pixels, parts: Codes, encoder: Encoder | None = None) -> np.ndarray:
    """What each part looks like.

    Without an encoder: mean and deviation of the Lab channels (colour); mean gradient, its coarse-scale share and
    deviation, and the strength of its horizontal, vertical and diagonal directions (texture); centre and log size
    (position). They are taken from the image as `segments.shrunk` has it, so long as each part has a pixel there.

    Args:
        pixels: (H, W, C) the image.
        parts: (H, W) numbered 0 … d−1.
        encoder: takes patches (d, 64, 64, 3) uint8: the parts' bounding boxes, what lies outside a part in its mean.

    Returns:
        (d, q) float32; q is 15 without an encoder.

    Raises:
        InstanceError: the encoder gave no finite (d, q), or raised.
    """
    image = shown(pixels)
    if encoder is not None:
        return _encoded(encoder, patches(image, parts))
    image, parts = _reduced(image, parts)
    lab = skimage("data.images.concepts").color.rgb2lab((image / np.float32(WHITE)).astype(np.float32))
    found = np.hstack([_colour(lab, parts), _texture(lab[:, :, 0], parts), _position(parts)])
    return found.astype(np.float32)


def _reduced(image: Rgb, parts: Codes) -> tuple[Rgb, Codes]:
    count = int(parts.max()) + 1
    factor = shrinkage(parts.size, count)
    fewer = parts[::factor, ::factor]
    if not np.bincount(fewer.ravel(), minlength=count).all():
        return image, parts
    return shrunk(image, factor), fewer


def patches(image: Rgb, parts: Codes) -> Rgb:
    """Each part in its bounding box at 64 × 64, the pixels outside it in the part's mean colour: (d, 64, 64, 3)."""
    means = np.rint(part_means(image, parts)).astype(np.uint8)
    made = []
    for part, box in enumerate(ndimage.find_objects(parts + 1)):
        crop = np.where((parts[box] == part)[:, :, None], image[box], means[part])
        made.append(np.asarray(Image.fromarray(crop).resize((PATCH, PATCH), Image.Resampling.BILINEAR)))
    return np.stack(made)


def cluster(descriptors: np.ndarray, count: int, seed: int) -> Index:
    """Groups descriptors (N, q) by k-means (k-means++ starts, Lloyd) on standardised, rounded columns.

    Args:
        descriptors: of all parts, N of them.
        count: how many groups at most; fewer where there are fewer distinct descriptors.
        seed: of the starts, and of the 20,000 parts that groups are fitted to where there are more.

    Returns:
        (N,) the group of each, 0 … k−1; larger groups first, equal ones by their centres.
    """
    if not len(descriptors):
        return np.empty(0, dtype=np.int64)
    X = _steps(descriptors)
    rng = np.random.default_rng(seed)
    fitted = X if len(X) <= _FIT_ON else X[np.sort(rng.choice(len(X), _FIT_ON, replace=False))]
    points, weight = np.unique(fitted, axis=0, return_counts=True)
    count = min(count, len(points))
    found = [_lloyd(points, weight, _starts(points, weight, count, rng)) for _ in range(_STARTS)]
    centres = min(found, key=lambda f: f[0])[1]
    group, _ = _nearest(X, centres)
    sizes = np.bincount(group, minlength=len(centres))
    order = np.lexsort((*centres.T[::-1], -sizes))
    place = np.empty(len(order), dtype=np.int64)
    place[order[sizes[order] > 0]] = np.arange(np.count_nonzero(sizes))
    return place[group]


def typical(descriptors: np.ndarray, features: Index, rows: Index, count: int, most: int) -> list[list[int]]:
    """The parts nearest to the centre of each group, one an image as far as there are images.

    Args:
        descriptors: (N, q) of all parts.
        features: (N,) their groups.
        rows: (N,) which image each is of.
        count: how many groups there are.
        most: how many parts of each, at most.

    Returns:
        For each group positions in the N parts, the most typical first.
    """
    X = _steps(descriptors)
    chosen: list[list[int]] = []
    for feature in range(count):
        members = np.flatnonzero(features == feature)
        if not len(members):
            chosen.append([])
            continue
        distance = ((X[members] - np.rint(X[members].mean(axis=0))) ** 2).sum(axis=1)
        ranked = members[np.lexsort((members, distance))]
        first = np.zeros(len(ranked), dtype=bool)
        first[np.unique(rows[ranked], return_index=True)[1]] = True
        chosen.append([int(i) for i in [*ranked[first], *ranked[~first]][:most]])
    return chosen


def _encoded(encoder: Encoder, made: Rgb) -> np.ndarray:
    try:
        vectors = np.asarray(encoder(made), dtype=np.float32)
    except (LimekilnError, MemoryError):
        raise
    except Exception as error:  # the user's code may raise anything
        raise InstanceError(f"data.images.encoder raised {type(error).__name__}: {error}") from error
    if vectors.ndim != _DIMENSIONS or len(vectors) != len(made) or not vectors.shape[1]:
        raise InstanceError(
            f"data.images.encoder gave an array of shape {vectors.shape}, expected ({len(made)}, q): a vector a patch"
        )
    if not np.isfinite(vectors).all():
        raise InstanceError("data.images.encoder gave values that are not finite")
    return vectors


def _colour(lab: Array, parts: Codes) -> Array:
    mean = part_means(lab, parts)
    deviation: Array = np.sqrt(part_means((lab - mean[parts]) ** 2, parts))
    return np.concatenate([mean, deviation], axis=1)


def _texture(lightness: Array, parts: Codes) -> Array:
    lightness = np.ascontiguousarray(lightness)
    dy, dx = ndimage.sobel(lightness, 0) / 8, ndimage.sobel(lightness, 1) / 8
    soft = ndimage.gaussian_filter(lightness, _COARSE)
    fine = np.hypot(dx, dy)
    coarse = np.hypot(ndimage.sobel(soft, 0), ndimage.sobel(soft, 1)) / 8
    mean = part_means(np.stack([fine, coarse, fine**2, dx**2 - dy**2, 2 * dx * dy], axis=2), parts)
    energy = mean[:, 2:3] + _LEAST
    strength = np.log1p(mean[:, :1])
    share = mean[:, 1:2] / (mean[:, :1] + _LEAST)
    uneven = np.sqrt(np.maximum(mean[:, 2:3] - mean[:, :1] ** 2, 0)) / (mean[:, :1] + _LEAST)
    # cos 2θ and sin 2θ of the gradient, weighted by its energy: 0 without a direction
    direction = mean[:, 3:] / energy
    return np.hstack([strength, share, uneven, np.linalg.norm(direction, axis=1, keepdims=True), direction])


def _position(parts: Codes) -> Array:
    height, width = parts.shape
    y, x = np.mgrid[0:height, 0:width]
    places = np.stack([(x + 0.5) / width, (y + 0.5) / height], axis=2)
    share = np.bincount(parts.ravel()) / parts.size
    return np.hstack([part_means(places, parts), np.log(share)[:, None]])


def _steps(descriptors: np.ndarray) -> Array:
    """Standardised columns in whole steps, as exact floats; a column that does not vary is 0."""
    X = descriptors.astype(np.float64)
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    # a few digits of each, so that the last bits of a sum, which differ between machines, decide nothing
    mean, deviation = (np.array([float(f"{v:.{_EXACT}g}") for v in values]) for values in (mean, deviation))
    varies = deviation > _LEAST * deviation.max()  # what varies less is rounding, such as the hue of greys
    scaled = np.where(varies, (X - mean) / np.where(varies, deviation, 1.0), 0.0)
    steps: Array = np.rint(scaled.clip(-_FARTHEST, _FARTHEST) * _GRID)
    return steps


def _starts(points: Array, weight: Index, count: int, rng: np.random.Generator) -> Array:
    """k-means++ (Arthur & Vassilvitskii 2007), drawn with whole numbers."""
    chosen = [int(np.searchsorted(np.cumsum(weight), rng.integers(weight.sum()), side="right"))]
    distance = _squares(points, points[chosen])[:, 0]
    while len(chosen) < count:
        reach = np.cumsum((distance * weight).astype(np.int64))
        chosen.append(int(np.searchsorted(reach, rng.integers(reach[-1]), side="right")))
        distance = np.minimum(distance, _squares(points, points[chosen[-1:]])[:, 0])
    return points[chosen]


def _lloyd(points: Array, weight: Index, centres: Array) -> tuple[float, Array]:
    """Lloyd's rounds until nothing moves, with centres in whole steps; the sum of squares, and the centres."""
    for _ in range(_ROUNDS):
        group, _ = _nearest(points, centres)
        size = np.bincount(group, weights=weight, minlength=len(centres))
        sums = (np.arange(len(centres))[:, None] == group) * weight.astype(np.float64) @ points
        moved = np.where(size[:, None] > 0, np.rint(sums / np.maximum(size, 1)[:, None]), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    _, distance = _nearest(points, centres)
    return float((distance * weight).sum()), centres


def _nearest(points: Array, centres: Array) -> tuple[Index, Array]:
    """The nearest centre of each point, ties to the first, and the squared distance."""
    group = np.empty(len(points), dtype=np.int64)
    distance = np.empty(len(points))
    for start in range(0, len(points), _BLOCK):
        here = slice(start, start + _BLOCK)
        squares = _squares(points[here], centres)
        group[here] = squares.argmin(axis=1)
        distance[here] = squares.min(axis=1)
    return group, distance


def _squares(points: Array, centres: Array) -> Array:
    """Squared distances (n, k); exact, since every number is whole and far below 2⁵³."""
    square: Array = (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1)
    return square
