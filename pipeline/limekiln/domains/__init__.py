"""What a row is made of. A table's rows share one space of columns; texts, images and series have parts of their own.

A domain of parts takes a cell of the data to a `Decomposed`: so many parts, each of which can be kept or hidden.
"""

from typing import Protocol

import numpy as np

from limekiln.domains.masks import Law
from limekiln.values import Instances, Mask, Traits


class Decomposed(Protocol):
    """One text, image or series in its parts."""

    @property
    def size(self) -> int:
        """How many parts there are."""
        ...

    def compose(self, kept: Mask) -> Instances:
        """What the model is asked with when parts are kept or hidden: (m, size) → m instances."""
        ...

    def traits(self) -> Traits:
        """What tells which feature of the whole data set each part is: arrays whose first axis is `size`."""
        ...


class Domain(Protocol):
    """A kind of rows, with its settings; small to send."""

    @property
    def law(self) -> Law:
        """How lime draws the parts to hide."""
        ...

    @property
    def least(self) -> int:
        """How few parts can still be explained."""
        ...

    def decode(self, cell: object) -> str | np.ndarray:
        """The instance as the model gets it.

        Raises:
            InstanceError: the cell holds nothing that could be explained.
        """
        ...

    def decompose(self, cell: object, seed: int) -> Decomposed:
        """Splits a cell into its parts.

        Raises:
            InstanceError: as `decode`, or there is no part.
        """
        ...
