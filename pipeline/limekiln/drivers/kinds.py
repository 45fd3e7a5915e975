"""What is particular to texts, to images and to series, behind one protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from limekiln.domains import Domain
from limekiln.record import Layout, Notice
from limekiln.summary import Illustration
from limekiln.values import Array, Index, PartExplanations, Traits, Vocabulary

Concepts = Callable[[Callable[[int], object], Callable[[int], int]], Mapping[str, Sequence[bytes]]]
"""Pictures of each concept, heaviest first; takes a function that gives the cell of a row, and one its seed."""


@dataclass(frozen=True)
class Shared:
    """What the parts of all rows have in common.

    Attributes:
        vocabulary: the features of the whole data set.
        features: (N,) the feature of each part.
        layout: where the features lie in a plane.
        notices: what a reader should know of the parts.
        concepts: draws the features, where they are concepts.
    """

    vocabulary: Vocabulary
    features: Index
    layout: Layout | None = None
    notices: tuple[Notice, ...] = field(default=())
    concepts: Concepts | None = None


class Kind(Protocol):
    """A domain of parts, as its driver needs it.

    Attributes:
        domain: how a cell is decoded and decomposed.
        batch: how many instances reach the model at once, at most.
        rows_a_batch: how many rows are one piece of work; fixed, so that results are the same anywhere.
        parts: in a sentence, what the features are.
        hidden: in words, what a hidden part shows.
    """

    @property
    def domain(self) -> Domain: ...  # noqa: D102 - the class says it

    @property
    def batch(self) -> int: ...  # noqa: D102 - the class says it

    @property
    def rows_a_batch(self) -> int: ...  # noqa: D102 - the class says it

    @property
    def parts(self) -> str: ...  # noqa: D102 - the class says it

    @property
    def hidden(self) -> str: ...  # noqa: D102 - the class says it

    def share(self, traits: Traits, local: PartExplanations) -> Shared:
        """Which feature each part is."""
        ...

    def notices(self, cells: Sequence[object]) -> tuple[Notice, ...]:
        """What a reader should know of the cells as they were read."""
        ...

    def part_names(self, parts: Any) -> list[str]:
        """The parts of one row by name, as if it were the only row."""
        ...

    def illustrate(self, parts: Any, weights: Array) -> Illustration:
        """One row with its parts' weights (size,)."""
        ...
