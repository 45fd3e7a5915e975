"""Cuts the example's photographs out of those that ship with scikit-image and scikit-learn.

    python examples/photos/make_photos.py

Five photographs give twenty pictures: of each the whole, mirrored, and two cuts. They are no twenty
independent pictures, and no figure about them says anything of other photographs. A last one is put together from
two: the cat on the left, the coffee on the right.
"""

from pathlib import Path
from typing import Final

import numpy as np
import skimage.data
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

HERE = Path(__file__).parent
SIDE: Final = 224
QUALITY: Final = 90

Cut = tuple[float, float, float]
"""Centre across, centre down, and side of a square, as shares of width, height and the shorter of them."""
WHOLE: Final[Cut] = (0.5, 0.5, 1.0)
CUTS: Final[dict[str, tuple[Cut, Cut]]] = {
    "cat": ((0.3, 0.5, 1.0), (0.55, 0.45, 0.8)),
    "coffee": ((0.3, 0.5, 1.0), (0.55, 0.5, 0.8)),
    "rocket": ((0.5, 0.5, 0.6), (0.6, 0.4, 0.75)),
    "camera": ((0.5, 0.5, 0.8), (0.4, 0.4, 0.75)),
    "building": ((0.3, 0.5, 1.0), (0.4, 0.4, 0.75)),
}
HALVES: Final[tuple[Cut, Cut]] = ((0.35, 0.45, 1.0), (0.45, 0.5, 1.0))
"""Where the cat's face and the cup are."""


def main() -> None:
    """Writes photos/CLASS/NAME.jpg and two/cat-and-coffee.jpg."""
    originals = {
        "cat": skimage.data.chelsea(),
        "coffee": skimage.data.coffee(),
        "rocket": skimage.data.rocket(),
        "camera": skimage.data.camera(),
        "building": load_sample_image("china.jpg"),
    }
    for name, pixels in originals.items():
        photo = opened(pixels)
        whole = cut(photo, WHOLE)
        pictures = [whole, ImageOps.mirror(whole), *(cut(photo, c) for c in CUTS[name])]
        for picture, what in zip(pictures, ("whole", "mirrored", "cut-1", "cut-2"), strict=True):
            save(picture, HERE / "photos" / name / f"{name}-{what}.jpg")
    save(beside(opened(originals["cat"]), opened(originals["coffee"])), HERE / "two" / "cat-and-coffee.jpg")


def opened(pixels: np.ndarray) -> Image.Image:
    """A photograph of three channels; the cameraman's is grey."""
    return Image.fromarray(pixels).convert("RGB")


def cut(photo: Image.Image, where: Cut, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """A region of the size's shape, moved inside the photograph where it reaches over the edge."""
    across, down, share = where
    scale = share * min(photo.width / size[0], photo.height / size[1])
    width, height = scale * size[0], scale * size[1]
    left = min(max(across * photo.width - width / 2, 0), photo.width - width)
    top = min(max(down * photo.height - height / 2, 0), photo.height - height)
    return photo.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two photographs in one, each in its own half."""
    both = Image.new("RGB", (SIDE, SIDE))
    for i, photo in enumerate((left, right)):
        both.paste(cut(photo, HALVES[i], (SIDE // 2, SIDE)), (i * SIDE // 2, 0))
    return both


def save(picture: Image.Image, path: Path) -> None:
    """Writes a JPEG, and its folder where that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=QUALITY)


if __name__ == "__main__":
    main()
