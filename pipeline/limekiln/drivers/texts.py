"""Texts: from the settings to the domain, from words to features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limekiln.domains import text
from limekiln.domains.text import Document, Texts
from limekiln.drivers import redacted
from limekiln.drivers.kinds import Shared
from limekiln.models.user_code import UserCode
from limekiln.record import Mark, Notice
from limekiln.redaction import Redaction
from limekiln.settings import Settings
from limekiln.summary import Illustration
from limekiln.values import Array, Index, PartExplanations, Traits, plain_vocabulary

_BATCH = 256


@dataclass(frozen=True)
class TextKind:
    """Texts as their driver needs them; see `Kind`."""

    domain: Texts
    batch: int
    rows_a_batch: int
    parts: str
    hidden: str
    redaction: Redaction

    def share(self, traits: Traits, local: PartExplanations) -> Shared:
        """Features are the distinct tokens in lower case."""
        words, features = text.globalise(traits)
        told = self._told(words, np.bincount(features, minlength=len(words)))
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
        return Shared(plain_vocabulary(told), features, notices=notices)

    def notices(self, cells: Sequence[object]) -> tuple[Notice, ...]:  # noqa: ARG002 - the protocol's
        """Texts are read as they are."""
        return ()

    def part_names(self, parts: Document) -> list[str]:
        """The tokens, each as it may be told; by number, they are in the order of the text."""
        return self._told(parts.names, np.ones(parts.size, dtype=np.int64))

    def illustrate(self, parts: Document, weights: Array) -> Illustration:
        """The text, each token with its weight; no text where it may not be told."""
        if not self.redaction.shows(self.redaction.content):
            return Illustration()
        return Illustration(marks=tuple(Mark(text=piece, weight=w) for piece, w in parts.marks(weights.tolist())))

    def _told(self, names: Sequence[str], counts: Index) -> list[str]:
        return redacted.words(names, counts, str(self.redaction.content), self.redaction)


def kind(settings: Settings, folder: Path, redaction: Redaction) -> TextKind:
    """Texts by the config."""
    t = settings.data.text
    user = t.tokens not in {"words", "characters"}
    word = "token" if user else t.tokens.removesuffix("s")
    where = "wherever it occurs" if t.unit == "bag" else "one place at a time"
    tokens = redacted.user_code(UserCode(t.tokens, folder, "data.text.tokens"), redaction) if user else t.tokens
    how = {"mask": " They are told by number, the most frequent one first.", "hash": " They are told by keyed hashes."}
    return TextKind(
        domain=Texts(
            tokens=tokens,  # type: ignore[arg-type]
            unit=t.unit,
            mask=t.mask if t.hide == "mask" else "",
            max_tokens=t.max_tokens,
        ),
        batch=settings.explain.batch or _BATCH,
        rows_a_batch=1 if settings.perturbations > _BATCH else 8,
        parts=f"The features are the {word}s of the texts in lower case; each {word} is hidden {where}."
        + how.get(redaction.rule(redaction.content), ""),
        hidden="removed" if t.hide == "remove" else f'replaced by "{t.mask}"',
        redaction=redaction,
    )
