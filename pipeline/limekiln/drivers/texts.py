"""Texts: from the settings to the domain, from words to features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limekiln.domains import text
from limekiln.domains.text import Document, Texts
from limekiln.drivers.kinds import Shared
from limekiln.models.user_code import UserCode
from limekiln.record import Mark, Notice
from limekiln.settings import Settings
from limekiln.summary import Illustration
from limekiln.values import Array, PartExplanations, Traits, plain_vocabulary

_BATCH = 256


@dataclass(frozen=True)
class TextKind:
    """Texts as their driver needs them; see `Kind`."""

    domain: Texts
    batch: int
    rows_a_batch: int
    parts: str
    hidden: str

    def share(self, traits: Traits, local: PartExplanations) -> Shared:
        """Features are the distinct tokens in lower case."""
        words, features = text.globalise(traits)
        first = np.concatenate([[0], np.cumsum(local.sizes)[:-1]])
        capped = int(traits["capped"][first[local.sizes > 0]].sum())
        notices: tuple[Notice, ...] = ()
        if single := int((local.sizes == 1).sum()):
            sentence = f"{single:,} of the {len(local.rows):,} explained texts have a single token to hide: "
            notices = (
                Notice(code="texts_of_one_token", text=sentence + "its weight is all that can be said of them."),
            )
        if capped:
            sentence = (
                f"{capped:,} of the {len(local.rows):,} explained texts have more than {self.domain.max_tokens:,} "
                "different tokens (data.text.max_tokens); those beyond are never hidden and weigh nothing."
            )
            notices = (*notices, Notice(code="texts_capped", text=sentence))
        return Shared(plain_vocabulary(words), features, notices=notices)

    def notices(self, cells: Sequence[object]) -> tuple[Notice, ...]:  # noqa: ARG002 - the protocol's
        """Texts are read as they are."""
        return ()

    def part_names(self, parts: Document) -> list[str]:
        """The tokens themselves."""
        return list(parts.names)

    def illustrate(self, parts: Document, weights: Array) -> Illustration:
        """The text, each token with its weight."""
        return Illustration(marks=tuple(Mark(text=piece, weight=w) for piece, w in parts.marks(weights.tolist())))


def kind(settings: Settings, folder: Path) -> TextKind:
    """Texts by the config."""
    t = settings.data.text
    user = t.tokens not in {"words", "characters"}
    word = "token" if user else t.tokens.removesuffix("s")
    where = "wherever it occurs" if t.unit == "bag" else "one place at a time"
    return TextKind(
        domain=Texts(
            tokens=UserCode(t.tokens, folder, "data.text.tokens") if user else t.tokens,  # type: ignore[arg-type]
            unit=t.unit,
            mask=t.mask if t.hide == "mask" else "",
            max_tokens=t.max_tokens,
        ),
        batch=settings.explain.batch or _BATCH,
        rows_a_batch=1 if settings.perturbations > _BATCH else 8,
        parts=f"The features are the {word}s of the texts in lower case; each {word} is hidden {where}.",
        hidden="removed" if t.hide == "remove" else f'replaced by "{t.mask}"',
    )
