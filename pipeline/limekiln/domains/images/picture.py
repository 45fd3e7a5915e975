"""One image in its parts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from limekiln.domains.images import composing
from limekiln.domains.images.channels import Pixels
from limekiln.domains.images.concepts import Encoder, describe
from limekiln.values import Codes, Index, Mask, Traits


@dataclass(frozen=True, eq=False)
class Picture:
    """An image, its parts, and what is seen where they are hidden.

    Attributes:
        pixels: (H, W, C) uint8 or float32, as the model gets it.
        parts: (H, W) the part of each pixel, 0 … d−1, each of which has pixels.
        hidden: (H, W, C) what hidden parts show.
        cells: (d,) the grid's cell of each part, row · columns + column; None for superpixels.
        encoder: gives a vector for each patch, where superpixels are described by one.
    """

    pixels: Pixels
    parts: Codes
    hidden: Pixels
    cells: Index | None = None
    encoder: Encoder | None = None

    @cached_property
    def size(self) -> int:
        """d, how many parts there are."""
        return int(self.parts.max()) + 1

    def compose(self, kept: Mask) -> np.ndarray:
        """Images with the parts kept that `kept` (m, d) says: (m, H, W, C), in the type of the pixels."""
        if self._plan is None:
            return composing.compose_pixels(self.pixels, self.hidden, self.parts, kept)
        return composing.compose(self._plan, kept)

    def traits(self) -> Traits:
        """What tells which feature of the whole data set a part is.

        Returns:
            For a grid `cell` (d,), for superpixels `descriptor` (d, q) as float32.

        Raises:
            InstanceError: the encoder gave no vectors.
        """
        if self.cells is not None:
            return {"cell": self.cells}
        return {"descriptor": describe(self.pixels, self.parts, self.encoder)}

    @cached_property
    def _plan(self) -> composing.Plan | None:
        return composing.plan(self.pixels, self.hidden, self.parts)
