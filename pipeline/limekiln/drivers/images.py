"""Images: from the settings to the domain, from parts to cells or concepts."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limekiln.domains import images
from limekiln.domains.images import Images, Picture
from limekiln.drivers import redacted
from limekiln.drivers.kinds import Shared
from limekiln.errors import InputError
from limekiln.models.user_code import UserCode
from limekiln.record import Layout, Notice
from limekiln.redaction import Redaction
from limekiln.settings import Settings
from limekiln.summary import Illustration
from limekiln.values import Array, Index, PartExplanations, Traits, plain_vocabulary

_MEMORY = 8 * 2**20  # about what caches hold: to compose more at once is slower, and few models gain by it
_PIXEL_BYTES = 3
_USUAL_SIDE = 224
_PATCHES = 6


@dataclass(frozen=True)
class ImageKind:
    """Images as their driver needs them; see `Kind`."""

    domain: Images
    batch: int
    rows_a_batch: int
    parts: str
    hidden: str
    seed: int
    shown: bool

    def share(self, traits: Traits, local: PartExplanations) -> Shared:
        """Features are the cells of the grid, or concepts: groups of superpixels that look alike."""
        names, features = images.globalise(self.domain, traits, self.seed)
        if self.domain.grid is not None:
            rows, columns = self.domain.grid
            layout = Layout(
                rows=tuple(f"row {r + 1}" for r in range(rows)),
                columns=tuple(f"column {c + 1}" for c in range(columns)),
                features=tuple(names),
            )
            return Shared(plain_vocabulary(names), features, layout=layout)
        if not self.shown:
            return Shared(plain_vocabulary(names), features)
        return Shared(plain_vocabulary(names), features, concepts=self._concepts(traits, names, features, local))

    def notices(self, cells: Sequence[object]) -> tuple[Notice, ...]:
        """What the images' files held that the model does not get."""
        found = Counter(images.conversion(cell, self.domain.settings.mode) for cell in cells)
        return tuple(
            Notice(
                code="images_converted",
                text=f"{count:,} of the {len(cells):,} images have {what}, which the model does not get.",
            )
            for what, count in sorted(found.items())
            if what
        )

    def part_names(self, parts: Picture) -> list[str]:
        """Cells by their place in the grid, superpixels by number, largest first where they are drawn."""
        if self.domain.grid is None:
            return [f"superpixel {i + 1}" for i in range(parts.size)]
        names, features = images.globalise(self.domain, parts.traits(), self.seed)
        return [names[f] for f in features]

    def illustrate(self, parts: Picture, weights: Array) -> Illustration:
        """The image with its parts tinted by their weights; no picture where it may not be told."""
        if not self.shown:
            return Illustration()
        return Illustration(png=images.overlay(parts, weights))

    def _concepts(
        self, traits: Traits, names: Sequence[str], features: Index, local: PartExplanations
    ) -> Callable[[Callable[[int], object], Callable[[int], int]], Mapping[str, Sequence[bytes]]]:
        row = np.repeat(local.rows, local.sizes)
        part = np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(s) for s in local.sizes)])

        def draw(cell: Callable[[int], object], seed: Callable[[int], int]) -> Mapping[str, Sequence[bytes]]:
            chosen = images.typical(traits["descriptor"], features, row, len(names), _PATCHES)
            wanted = sorted({int(row[i]) for found in chosen for i in found})
            pictures = {r: self.domain.decompose(cell(r), seed(r)) for r in wanted}
            return {
                name: [images.patch(pictures[int(row[i])], int(part[i])) for i in found]
                for name, found in zip(names, chosen, strict=True)
            }

        return draw


def kind(settings: Settings, folder: Path, redaction: Redaction) -> ImageKind:
    """Images by the config.

    Raises:
        InputError: the image that hidden parts show cannot be read.
    """
    i = settings.data.images
    user = UserCode(i.encoder, folder, "data.images.encoder") if i.encoder else None
    encoder = None if user is None else redacted.user_code(user, redaction)
    domain = images.fit(i, encoder, _hide_image(i.hide, folder))
    height, width = i.size or (_USUAL_SIDE, _USUAL_SIDE)
    batch = settings.explain.batch or max(1, min(1024, _MEMORY // (height * width * _PIXEL_BYTES)))
    if i.parts == "grid":
        rows, columns = i.grid
        parts = f"The features are the {rows} × {columns} cells of a grid that is the same for all images."
    else:
        parts = (
            f"The parts of an image are superpixels ({i.parts}); the features are up to {i.concepts} concepts, "
            "groups of superpixels of all images that look alike."
        )
    shown = {"mean": "its own mean colour", "blur": "a blurred image"}
    hidden = shown.get(i.hide, i.hide if i.hide.startswith("#") else f"the image {i.hide}")
    return ImageKind(domain, batch, 1, parts, hidden, settings.sample.seed, shown=redaction.shows(redaction.content))


def _hide_image(hide: str, folder: Path) -> bytes | None:
    if hide in {"mean", "blur"} or hide.startswith("#"):
        return None
    try:
        return (folder / hide).read_bytes()
    except OSError as error:
        raise InputError(
            f"data.images.hide: expected mean, blur, a colour such as #7f7f7f or an image file, got {hide!r}: "
            f"{error.strerror}"
        ) from error
