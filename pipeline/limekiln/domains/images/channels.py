"""What the channels of an image mean: as a reader sees it, and colours put into an image's own channels and scale."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
"""An image (H, W, C): uint8, or float32 in a scale of its own."""
Rgb = NDArray[np.uint8]
"""An image (H, W, 3) as it is shown."""

GREY, GREY_ALPHA, RGB, RGB_ALPHA = 1, 2, 3, 4
WHITE: Final = 255
LUMINANCE: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601, as Pillow has them)."""


def shown(pixels: Pixels) -> Rgb:
    """The image as a reader sees it: grey in three channels, transparent over white, numbers scaled to 0 to 255.

    Of two channels the second is alpha, of four the fourth; of five and more the first three are shown.
    """
    low, high = scale(pixels)
    if pixels.dtype != np.uint8:
        spread = (high - low) or 1.0
        pixels = np.rint((pixels.astype(np.float64) - low) / spread * WHITE).clip(0, WHITE).astype(np.uint8)
    channels = pixels.shape[2]
    if channels in (GREY_ALPHA, RGB_ALPHA):
        pixels = over_white(pixels)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == GREY else np.ascontiguousarray(pixels[:, :, :RGB])


def over_white(pixels: Pixels) -> Pixels:
    """An 8-bit image (H, W, C + 1) without its last channel, alpha: what a white page behind it would show."""
    alpha = pixels[:, :, -1:].astype(np.uint16)
    mixed = pixels[:, :, :-1] * alpha + WHITE * (WHITE - alpha)
    mixed = (mixed + WHITE // 2) // WHITE
    return np.asarray(mixed, dtype=np.uint8)


def grey(pixels: Pixels) -> Pixels:
    """One channel (H, W, 1) of three, in the same type."""
    mixed = pixels[:, :, :RGB].astype(np.float64) @ np.array(LUMINANCE)
    whole = np.rint(mixed) if pixels.dtype == np.uint8 else mixed
    return np.asarray(whole, dtype=pixels.dtype)[:, :, None]


def scale(pixels: Pixels) -> tuple[float, float]:
    """The numbers that stand for black and white: 0 and 255, 0 and 1 if all lie between, else the least and largest."""
    if pixels.dtype == np.uint8:
        return 0.0, float(WHITE)
    low, high = float(pixels.min()), float(pixels.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def like(colours: Rgb, pixels: Pixels) -> Pixels:
    """Colours in the channels, type and scale of an image.

    Args:
        colours: (H, W, 3), or (1, 1, 3) for one colour everywhere.
        pixels: (H, W, C) the image; alpha becomes opaque, and of five channels and more each gets the luminance.
    """
    channels = pixels.shape[2]
    flat = colours if channels in (RGB, RGB_ALPHA) else grey(colours)
    if channels in (GREY_ALPHA, RGB_ALPHA):
        flat = np.concatenate([flat, np.full((*flat.shape[:2], 1), WHITE, np.uint8)], axis=2)
    low, high = scale(pixels)
    full = np.broadcast_to(flat, pixels.shape).astype(np.float64)
    if pixels.dtype != np.uint8:
        full = low + full / WHITE * (high - low)
    return full.astype(pixels.dtype)
