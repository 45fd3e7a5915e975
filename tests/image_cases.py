"""Small images that the tests of images share."""

import io

import numpy as np
from PIL import Image

from limekiln.domains.images.channels import Pixels, Rgb
from limekiln.values import Codes, Mask


def noise(height: int = 20, width: int = 17, channels: int = 3, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def scene(size: int = 64) -> Rgb:
    """A red disc on a blue ground, with a little noise."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    disc = (x**2 + y**2 < 0.09)[:, :, None]
    clean = np.where(disc, [210, 40, 30], [30, 60, 190])
    return (clean + np.random.default_rng(5).integers(-9, 10, (size, size, 3))).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def random_parts(height: int, width: int, size: int, seed: int) -> Codes:
    """Parts without any order, each with a pixel: nearly every byte block mixes many."""
    flat = np.random.default_rng(seed).integers(0, size, height * width)
    flat[:size] = np.arange(size)
    return flat.reshape(height, width).astype(np.int32)


def slowly(pixels: Pixels, hidden: Pixels, parts: Codes, kept: Mask) -> Pixels:
    """Composed part by part and pixel by pixel, as the definition says."""
    made = []
    for row in kept:
        image = pixels.copy()
        for part in np.flatnonzero(~row):
            image[parts == part] = hidden[parts == part]
        made.append(image)
    return np.array(made)


def opened(png: bytes) -> Rgb:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
