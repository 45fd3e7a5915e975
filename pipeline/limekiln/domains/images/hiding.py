"""What the hidden parts of an image show."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from limekiln.domains.images import channels as ch
from limekiln.domains.images.channels import Pixels, Rgb
from limekiln.domains.images.decoding import resize
from limekiln.values import Array, Codes

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_BLUR: Final = 20.0


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A colour (1, 1, 3) or an image (H, W, 3) that hidden parts show, whatever the image is."""

    colours: Rgb


def colour(text: str) -> Backdrop | None:
    """The colour that a text such as "#7f7f7f" names; None where it names none."""
    if not _COLOUR.fullmatch(text):
        return None
    return Backdrop(np.frombuffer(bytes.fromhex(text[1:]), dtype=np.uint8).reshape(1, 1, 3))


def mean(pixels: Pixels, parts: Codes) -> Pixels:
    """Each part in its mean, channel by channel; 8-bit means are cut off, as lime's `fudged_image` does.

    Args:
        pixels: (H, W, C).
        parts: (H, W) numbered 0 … d−1.
    """
    means: Pixels = part_means(pixels, parts).astype(pixels.dtype)
    return means[parts]


def part_means(values: np.ndarray, parts: Codes) -> Array:
    """Means (d, C) of an image's values (H, W, C) over its parts."""
    flat = parts.ravel()
    counts = np.bincount(flat)
    planes = values.reshape(len(flat), -1).T
    return np.stack([np.bincount(flat, weights=plane) / counts for plane in planes], axis=1)


def blur(pixels: Pixels) -> Pixels:
    """The image through a Gaussian whose σ is a twentieth of its longer side."""
    sigma = max(pixels.shape[:2]) / _BLUR
    soft = ndimage.gaussian_filter(pixels.astype(np.float32), sigma=(sigma, sigma, 0), mode="nearest")
    return np.asarray(np.rint(soft) if pixels.dtype == np.uint8 else soft, dtype=pixels.dtype)


def behind(backdrop: Backdrop, pixels: Pixels) -> Pixels:
    """A colour or another image in an image's size, channels and scale; the other image is cropped to its shape."""
    colours = backdrop.colours
    if colours.shape[:2] != (1, 1):
        height, width = pixels.shape[:2]
        colours = resize(colours, (height, width), crop=True)
    return ch.like(colours, pixels)
