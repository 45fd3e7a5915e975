"""Images by their settings: decoded, split into parts, and their parts made features of the whole data set."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from limekiln.domains.images import channels as ch
from limekiln.domains.images import concepts, hiding, segments
from limekiln.domains.images.channels import Pixels
from limekiln.domains.images.concepts import Encoder
from limekiln.domains.images.decoding import decode
from limekiln.domains.images.hiding import Backdrop
from limekiln.domains.images.picture import Picture
from limekiln.errors import InputError, InstanceError
from limekiln.settings.data import ImageSettings
from limekiln.values import Codes, Index, Traits


@dataclass(frozen=True, eq=False)
class Images:
    """How images are read, split and hidden.

    Attributes:
        settings: the config's `data.images`.
        backdrop: the colour or image that hidden parts show; None where that comes from the image itself.
        encoder: gives a vector for each patch of an image, to group superpixels by.
    """

    settings: ImageSettings
    backdrop: Backdrop | None = None
    encoder: Encoder | None = None

    @property
    def law(self) -> Literal["coin"]:
        """As lime does, each part is hidden by the toss of a coin."""
        return "coin"

    @property
    def least(self) -> int:
        """Of a single part, such as an image's one pixel, nothing can be told apart."""
        return 2

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of the grid; None for superpixels."""
        return self.settings.grid if self.settings.parts == "grid" else None

    def decode(self, cell: object) -> np.ndarray:
        """The image as the model gets it, (H, W, C) uint8 or float32; see `decoding.decode`.

        Raises:
            InstanceError: there is no image in the cell, or too large a one.
        """
        return decode(cell, self.settings)

    def decompose(self, cell: object, seed: int) -> Picture:
        """An image in its parts; one of a single pixel has one part.

        Raises:
            InstanceError: as `decode`, or there are too many superpixels.
            InputError: scikit-image is needed and not installed.
        """
        pixels = self.decode(cell)
        parts, cells = self._parts(pixels, seed)
        return Picture(pixels, parts, self._hidden(pixels, parts), cells, self.encoder)

    def _parts(self, pixels: Pixels, seed: int) -> tuple[Codes, Index | None]:
        method = self.settings.parts
        if method == "grid":
            return segments.grid(pixels.shape[0], pixels.shape[1], self.settings.grid)
        return segments.superpixels(ch.shown(pixels), method, self.settings.segments, seed), None

    def _hidden(self, pixels: Pixels, parts: Codes) -> Pixels:
        if self.backdrop is not None:
            return hiding.behind(self.backdrop, pixels)
        return hiding.mean(pixels, parts) if self.settings.hide == "mean" else hiding.blur(pixels)


def fit(settings: ImageSettings, encoder: Encoder | None = None, hide_image: bytes | None = None) -> Images:
    """Images by the config.

    Args:
        settings: `data.images`.
        encoder: what `settings.encoder` names, able to travel to workers.
        hide_image: the file that `settings.hide` names, where it names one.

    Raises:
        InputError: the image that hidden parts show is missing or cannot be read, or scikit-image is.
    """
    if settings.parts != "grid":
        segments.skimage(f"data.images.parts: {settings.parts}")
    return Images(settings, _backdrop(settings, hide_image), encoder)


def globalise(images: Images, traits: Traits, seed: int) -> tuple[list[str], Index]:
    """The features of the whole data set.

    Args:
        images: the domain.
        traits: of the parts of all images, one after another; N of them.
        seed: of the concepts' clustering.

    Returns:
        The features' names: all cells of the grid, or the concepts, larger ones first; and (N,) each part's feature.
    """
    if images.grid is not None:
        rows, columns = images.grid
        names = [f"row {r + 1}, column {c + 1}" for r in range(rows) for c in range(columns)]
        return names, traits["cell"].astype(np.int64)
    features = concepts.cluster(traits["descriptor"], images.settings.concepts, seed)
    count = int(features.max()) + 1 if len(features) else 0
    return [f"concept {i + 1}" for i in range(count)], features


def _backdrop(settings: ImageSettings, hide_image: bytes | None) -> Backdrop | None:
    if settings.hide in {"mean", "blur"}:
        return None
    if (found := hiding.colour(settings.hide)) is not None:
        return found
    place = f"data.images.hide: {settings.hide}"
    if hide_image is None:
        raise InputError(f"{place}: expected mean, blur, a colour such as #7f7f7f, or an image file that is there")
    try:
        return Backdrop(ch.shown(decode(hide_image, settings.model_copy(update={"mode": "rgb"}))))
    except InstanceError as error:
        raise InputError(f"{place}: {error}") from error
