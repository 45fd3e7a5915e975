"""Images to arrays (H, W, C): encoded files through Pillow, and arrays, both by the same rules."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from limekiln.domains.images import channels as ch
from limekiln.domains.images.channels import Pixels
from limekiln.errors import InstanceError
from limekiln.settings.data import ImageSettings

FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
"""What is read. Pillow knows more, some of which start other programs."""
_ROTATED: Final = 0x0112
_HIGH_BYTE: Final = 8
_WORD: Final = 2**16 - 1
_PLANE, _CUBE = 2, 3
_KEPT: Final = {"L": "L", "1": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBA", "PA": "RGBA"}


def decode(cell: object, settings: ImageSettings) -> Pixels:
    """An image as the model gets it.

    A file is turned as its EXIF orientation says; palettes and CMYK become RGB; 16 bits become 8 by their high byte;
    transparency is laid over white, unless the mode keeps it; of several frames the first is read. An array is
    (H, W) or (H, W, C); integers are read as 8 or 16 bits, and floats keep their scale, as float32.

    Args:
        cell: the bytes of a file, or an array. What has a `reason` instead could not be read.
        settings: size, mode and the limit of pixels. `resize: crop` takes the largest centred region of the size's
            aspect ratio, `stretch` the whole image.

    Returns:
        (H, W, C) uint8, or float32 for arrays of floats.

    Raises:
        InstanceError: there is no image in it, or a larger one than is allowed.
    """
    if (reason := getattr(cell, "reason", None)) is not None:
        raise InstanceError(str(reason))
    if isinstance(cell, bytes | bytearray | memoryview):
        pixels = _of_file(bytes(cell), settings)
    elif isinstance(cell, np.ndarray):
        pixels = _of_array(cell, settings)
    else:
        raise InstanceError(f"expected an image file or an array, got {_what(cell)}")
    pixels = _in_mode(pixels, settings)
    return pixels if settings.size is None else resize(pixels, settings.size, crop=settings.resize == "crop")


def conversion(cell: object, mode: Literal["rgb", "grey", "keep"]) -> str:
    """What `decode` gives up of a file, in words, from its head alone; empty where that is nothing, or unknown."""
    if not isinstance(cell, bytes | bytearray | memoryview):
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in decode
            with Image.open(io.BytesIO(bytes(cell)), formats=FORMATS) as image:
                found, info = image.mode, image.info
    except Exception:  # noqa: BLE001 - decode says what is wrong with it
        return ""
    if found.startswith("I") or found == "F":
        return "more than 8 bits a channel"
    if found == "CMYK":
        return "CMYK colours"
    clear = found in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in info
    return "transparency" if clear and mode != "keep" else ""


def resize(pixels: Pixels, size: tuple[int, int], *, crop: bool) -> Pixels:
    """An image at another height and width, each channel by itself, smoothed as needed (bilinear, no overshoot)."""
    height, width = pixels.shape[:2]
    if (height, width) == size:
        return pixels
    box = (0.0, 0.0, float(width), float(height))
    if crop:
        share = min(height / size[0], width / size[1])
        tall, wide = share * size[0], share * size[1]
        left, top = (width - wide) / 2, (height - tall) / 2
        box = (max(0.0, left), max(0.0, top), min(width, left + wide), min(height, top + tall))
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size[::-1], Image.Resampling.BILINEAR, box=box))
        for plane in np.moveaxis(pixels, 2, 0)
    ]
    return np.stack(planes, axis=2)


def _of_file(data: bytes, settings: ImageSettings) -> Pixels:
    if not data:
        raise InstanceError("the image file is empty")
    try:
        with warnings.catch_warnings(), _whole_files():
            warnings.simplefilter("ignore")  # Pillow's about large images; the limit here is ours
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_pixels(image.width * image.height, settings)
                return _upright(image)
    except InstanceError:
        raise
    except MemoryError:
        raise  # the machine's trouble, not the image's
    except UnidentifiedImageError as error:
        raise InstanceError(
            f"the file is no image that can be read, or its head is damaged; read are {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:
        raise InstanceError("the image has more pixels than any image can have here") from error
    except Exception as error:  # a damaged file makes Pillow's readers raise anything
        raise InstanceError(f"the image file is truncated or damaged: {str(error) or type(error).__name__}") from error


@contextmanager
def _whole_files() -> Iterator[None]:
    """Truncated files are refused, though importing weasyprint has Pillow fill them with grey in the whole process."""
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _upright(image: Image.Image) -> Pixels:
    image.load()
    turned = ImageOps.exif_transpose(image) if image.getexif().get(_ROTATED, 1) != 1 else image
    if turned.mode.startswith("I") or turned.mode == "F":
        return _as_bytes(np.asarray(turned))[:, :, None]
    clear = "transparency" in turned.info
    mode = "RGBA" if clear else _KEPT.get(turned.mode, "RGB")
    pixels = np.asarray(turned.convert(mode))
    return pixels[:, :, None] if pixels.ndim == _PLANE else pixels


def _of_array(cell: np.ndarray, settings: ImageSettings) -> Pixels:
    if cell.ndim not in (_PLANE, _CUBE):
        raise InstanceError(f"expected an array (H, W) or (H, W, C), got one of shape {cell.shape}")
    if 0 in cell.shape:
        raise InstanceError(f"the image has no pixels: its shape is {cell.shape}")
    _check_pixels(cell.shape[0] * cell.shape[1], settings)
    return _as_bytes(cell[:, :, None] if cell.ndim == _PLANE else cell)


def _as_bytes(values: np.ndarray) -> Pixels:
    """Numbers of any type as uint8 or, where they are floats, as float32."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(ch.WHITE)
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            floats = values.astype(np.float32)
        if not np.isfinite(floats).all():
            raise InstanceError("the image holds values that are missing or infinite")
        return floats
    if values.dtype.kind not in "iu":
        raise InstanceError(f"expected numbers, got an array of {values.dtype}")
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _WORD:
        raise InstanceError(f"expected whole numbers of 8 or 16 bits (0 to {_WORD}), got {low} to {high}")
    wide = values.dtype.kind + str(values.dtype.itemsize) in {"u2", "i2"} or high > ch.WHITE
    return (values >> _HIGH_BYTE if wide else values).astype(np.uint8)


def _in_mode(pixels: Pixels, settings: ImageSettings) -> Pixels:
    if settings.mode == "keep":
        return pixels
    found = pixels.shape[2]
    if found in (ch.GREY_ALPHA, ch.RGB_ALPHA) and pixels.dtype == np.uint8:
        pixels = ch.over_white(pixels)
    elif found not in (ch.GREY, ch.RGB):
        raise InstanceError(
            f"the array has {found} channels of {pixels.dtype}; data.images.mode: {settings.mode} is for 8-bit "
            "images of 1 to 4 channels and floats of 1 or 3; data.images.mode: keep takes all"
        )
    if settings.mode == "grey":
        return ch.grey(pixels) if pixels.shape[2] == ch.RGB else pixels
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == ch.GREY else pixels


def _check_pixels(count: int, settings: ImageSettings) -> None:
    if count > settings.max_pixels:
        raise InstanceError(
            f"the image has {count:,} pixels, more than data.images.max_pixels ({settings.max_pixels:,})"
        )
    if count == 0:
        raise InstanceError("the image has no pixels")


def _what(cell: Any) -> str:
    return "nothing" if cell is None else f"a {type(cell).__name__}"
