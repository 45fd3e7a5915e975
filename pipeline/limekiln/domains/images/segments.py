"""Which part of an image each pixel belongs to: superpixels by colour and place, or the cells of a fixed grid."""

from math import isqrt
from types import ModuleType
from typing import Final, Literal

import numpy as np
from PIL import Image

from limekiln.domains.images.channels import Rgb
from limekiln.errors import InputError, InstanceError
from limekiln.values import Codes, Index

MOST: Final = 5000
"""Superpixels of an image; a local model on more is neither fast nor legible."""
_COMPACTNESS: Final = 10.0
_ROUNDS: Final = 5
"""Of SLIC. On photographs five leave colours within superpixels as alike as ten do, in half the time."""
_ENOUGH: Final = 250
"""Pixels of a superpixel, on average, that its outline and its description need; more only cost time."""
_KERNEL_SIZE: Final = 4.0
_MAX_DIST: Final = 200.0
_RATIO: Final = 0.2
_SEEDS: Final = 2**31  # quickshift takes a C int


def consecutive(labels: np.ndarray) -> tuple[Codes, Index]:
    """Labels renumbered 0 … d−1 in their order, and (d,) the labels they had."""
    found, parts = np.unique(labels, return_inverse=True)
    return parts.reshape(labels.shape).astype(np.int32), found.astype(np.int64)


def grid(height: int, width: int, cells: tuple[int, int]) -> tuple[Codes, Index]:
    """Cells of a grid that lies over images of any size alike: a pixel belongs to the cell that its centre is in.

    Args:
        height: of the image.
        width: of the image.
        cells: rows and columns of the grid.

    Returns:
        (H, W) parts 0 … d−1, and (d,) each part's cell, row · columns + column. An image with fewer pixels than
        the grid has cells has fewer parts.
    """
    rows, columns = cells
    row = (2 * np.arange(height) + 1) * rows // (2 * height)
    column = (2 * np.arange(width) + 1) * columns // (2 * width)
    return consecutive(row[:, None] * columns + column)


def superpixels(image: Rgb, method: Literal["slic", "quickshift"], count: int, seed: int) -> Codes:
    """Superpixels of an image by scikit-image, numbered 0 … d−1.

    SLIC (Achanta et al. 2012) with compactness 10 and 5 rounds, on the image as `shrunk` has it; quickshift (Vedaldi &
    Soatto 2008) as lime sets it: kernel_size 4, max_dist 200, ratio 0.2.

    Args:
        image: (H, W, 3) as it is shown.
        method: slic or quickshift.
        count: about how many superpixels; SLIC only.
        seed: of quickshift's ties; SLIC has nothing random.

    Raises:
        InputError: scikit-image is not installed.
        InstanceError: more than 5,000 superpixels.
    """
    pixels = image.shape[0] * image.shape[1]
    if pixels == 1:
        return np.zeros((1, 1), dtype=np.int32)
    segmentation = skimage(f"data.images.parts: {method}").segmentation
    if method == "slic":
        factor = shrinkage(pixels, count)
        small = segmentation.slic(
            shrunk(image, factor),
            n_segments=min(count, pixels),
            compactness=_COMPACTNESS,
            max_num_iter=_ROUNDS,
            start_label=0,
            channel_axis=-1,
        )
        found = small.repeat(factor, axis=0).repeat(factor, axis=1)[: image.shape[0], : image.shape[1]]
    else:
        found = segmentation.quickshift(
            image, kernel_size=_KERNEL_SIZE, max_dist=_MAX_DIST, ratio=_RATIO, rng=seed % _SEEDS
        )
    parts, labels = consecutive(found)
    if len(labels) > MOST:
        raise InstanceError(
            f"{method} finds {len(labels):,} superpixels in the image, more than {MOST:,}; "
            "a smaller data.images.size has fewer"
        )
    return parts


def shrinkage(pixels: int, parts: int) -> int:
    """Side of the squares of pixels that can be taken as one: the largest that leaves a part 250 on average."""
    return max(1, isqrt(pixels // (parts * _ENOUGH)))


def shrunk(image: Rgb, factor: int) -> Rgb:
    """An image (H, W, 3) with each square of `factor` pixels in its mean: (⌈H/factor⌉, ⌈W/factor⌉, 3)."""
    return image if factor == 1 else np.asarray(Image.fromarray(image).reduce(factor))


def skimage(key: str) -> ModuleType:
    """scikit-image, which only superpixels need.

    Raises:
        InputError: it is not installed; `key` says what needs it.
    """
    try:
        import skimage.color  # noqa: PLC0415 - an optional library
        import skimage.segmentation  # noqa: PLC0415 - the same
    except ImportError as error:
        raise InputError(
            f'{key} needs scikit-image: pip install "limekiln[images]"; data.images.parts: grid does without'
        ) from error
    return skimage
