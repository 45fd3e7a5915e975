"""Pictures for the report: an image with its parts tinted by their weights, and single parts."""

import io
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from limekiln.domains.images import channels as ch
from limekiln.domains.images.channels import Rgb, shown
from limekiln.domains.images.picture import Picture
from limekiln.values import Array, Codes

FOR: Final = (0x00, 0x72, 0xB2)
AGAINST: Final = (0xD5, 0x5E, 0x00)
"""The hues of the report's charts (Okabe & Ito 2008), which colour-blind readers tell apart."""
_INK: Final = (0x16, 0x20, 0x2A)
_SIDE: Final = 240
_GAP: Final = 8
_NUMBER: Final = 14
_PATCH: Final = 72
_OUTLINED: Final = 3
_STRONGEST: Final = 0.78
_PALE: Final = 0.45
_HATCH: Final = 6
_HATCHED: Final = 2
_DIMMED: Final = 0.72
_CONTEXT: Final = 0.25


def overlay(picture: Picture, weights: Array) -> bytes:
    """The image, and beside it in grey with its parts tinted: blue for the output, orange and hatched against it.

    Args:
        picture: an image in d parts.
        weights: (d,); the strongest has the fullest tint. The three strongest are outlined, and superpixels
            among them numbered from 1 on, since nothing else says where one lies.

    Returns:
        A PNG of at most 488 × 240 pixels; the same bytes for the same input.
    """
    image, parts = _fitted(shown(picture.pixels), picture.parts, _SIDE)
    largest = float(np.abs(weights).max()) or 1.0
    strength = (_STRONGEST * np.abs(weights) / largest)[parts][:, :, None]
    y, x = np.indices(parts.shape)
    gap = (((x + y) % _HATCH) < _HATCHED) & (weights < 0)[parts]
    strength = np.where(gap[:, :, None], strength / 2, strength)
    pale = _PALE * ch.WHITE + (1 - _PALE) * ch.grey(image).astype(np.float64)
    tint = np.where((weights < 0)[:, None], AGAINST, FOR)[parts]
    drawn = np.rint(pale * (1 - strength) + tint * strength).astype(np.uint8)
    order = np.lexsort((np.arange(len(weights)), -np.abs(weights)))
    strongest = [int(part) for part in order[:_OUTLINED] if weights[part] != 0]
    drawn[_outline(parts, strongest)] = _INK
    if picture.cells is None:
        drawn = _numbered(drawn, parts, strongest)
    return _png(np.concatenate([image, np.full((len(image), _GAP, 3), ch.WHITE, np.uint8), drawn], axis=1))


def patch(picture: Picture, part: int) -> bytes:
    """One part in its surroundings, which are dimmed.

    Args:
        picture: an image in d parts.
        part: which of them.

    Returns:
        A PNG of at most 72 pixels a side; the same bytes for the same input.
    """
    box = ndimage.find_objects(picture.parts + 1)[part]
    margin = 1 + int(_CONTEXT * max(s.stop - s.start for s in box))
    around = tuple(
        slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in zip(box, picture.parts.shape, strict=True)
    )
    image, parts = _fitted(shown(picture.pixels)[around], picture.parts[around], _PATCH)
    dim = np.rint(_DIMMED * ch.WHITE + (1 - _DIMMED) * ch.grey(image)).astype(np.uint8)
    return _png(np.where((parts == part)[:, :, None], image, dim))


def _fitted(image: Rgb, parts: Codes, side: int) -> tuple[Rgb, Codes]:
    """An image and its parts with the longer side near `side`: small ones in whole multiples, so that pixels stay."""
    height, width = parts.shape
    longest = max(height, width)
    if longest <= side:
        times = side // longest
        return image.repeat(times, 0).repeat(times, 1), parts.repeat(times, 0).repeat(times, 1)
    tall, wide = max(1, height * side // longest), max(1, width * side // longest)
    small = np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((wide, tall), Image.Resampling.BOX))
    # a part's pixel is the one under the small pixel's centre
    rows, columns = (2 * np.arange(tall) + 1) * height // (2 * tall), (2 * np.arange(wide) + 1) * width // (2 * wide)
    return small, parts[rows[:, None], columns]


def _numbered(image: Rgb, parts: Codes, chosen: list[int]) -> Rgb:
    """The image with some parts' numbers, each where its part is widest."""
    drawn = Image.fromarray(image)
    pen = ImageDraw.Draw(drawn)
    font = ImageFont.load_default(size=_NUMBER)
    for part in chosen:
        depth = ndimage.distance_transform_edt(np.pad(parts == part, 1))[1:-1, 1:-1]
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        place = (float(x), float(y))
        pen.text(place, f"{part + 1}", fill=_INK, font=font, anchor="mm", stroke_width=2, stroke_fill=(ch.WHITE,) * 3)
    return np.asarray(drawn)


def _outline(parts: Codes, chosen: list[int]) -> np.ndarray:
    """The pixels of some parts that touch another part or the image's edge, two deep, as (H, W) of bool."""
    edge = np.zeros(parts.shape, dtype=bool)
    for part in chosen:
        inside = parts == part
        edge |= inside & ~ndimage.binary_erosion(inside, iterations=2)
    return edge


def _png(image: Rgb) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG", compress_level=9)
    return file.getvalue()
