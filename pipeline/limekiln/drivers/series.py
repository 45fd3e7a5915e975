"""Series: from the settings to the domain, from spans of time to features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limekiln.data.frame import Frame
from limekiln.domains import sequences
from limekiln.domains.sequences import Sequences, Series
from limekiln.drivers.kinds import Shared
from limekiln.record import Layout, Notice
from limekiln.record import Series as SeriesFacts
from limekiln.redaction import Redaction
from limekiln.settings import Settings
from limekiln.summary import Illustration
from limekiln.values import Array, PartExplanations, Traits, plain_vocabulary

_BATCH = 256
_POINTS = 300
_BACKGROUND = 1000


@dataclass(frozen=True)
class SeriesKind:
    """Series as their driver needs them; see `Kind`."""

    domain: Sequences
    batch: int
    rows_a_batch: int
    parts: str
    hidden: str
    shown: bool

    def share(self, traits: Traits, local: PartExplanations) -> Shared:  # noqa: ARG002 - the protocol's
        """Features are the channels' spans of time."""
        names, features = sequences.globalise(self.domain, traits)
        channels, spans = sequences.axes(self.domain)
        return Shared(
            plain_vocabulary(names), features, layout=Layout(rows=channels, columns=spans, features=tuple(names))
        )

    def notices(self, cells: Sequence[object]) -> tuple[Notice, ...]:  # noqa: ARG002 - the protocol's
        """Series are read as they are."""
        return ()

    def part_names(self, parts: Series) -> list[str]:
        """Channel and span of each part."""
        names, features = sequences.globalise(self.domain, parts.traits())
        return [names[f] for f in features]

    def illustrate(self, parts: Series, weights: Array) -> Illustration:
        """The series, thinned to what can be seen, with its spans' weights; no series where it may not be told."""
        if not self.shown:
            return Illustration()
        values, starts = parts.values, parts.starts
        step = max(1, int(np.ceil(len(values) / _POINTS)))
        thin = values[::step]
        channels, _ = sequences.axes(self.domain)
        return Illustration(
            series=SeriesFacts(
                channels=channels,
                values=tuple(tuple(float(f"{v:.6g}") for v in thin[:, c]) for c in range(thin.shape[1])),
                starts=tuple(int(s) // step for s in starts),
                weights=tuple(tuple(w) for w in weights.reshape(thin.shape[1], -1).tolist()),
            )
        )


def kind(settings: Settings, background: Frame, redaction: Redaction) -> SeriesKind:
    """Series by the config, with the channels' means from the background."""
    s = settings.data.sequences
    domain = sequences.fit(s, tuple(background.features.iloc[:_BACKGROUND, 0]))
    shown = {"mean": "the channel's mean", "noise": "noise like the channel's", "background": "another series"}
    return SeriesKind(
        domain=domain,
        batch=settings.explain.batch or _BATCH,
        rows_a_batch=4,
        parts=f"Each channel is cut into {s.segments} spans of time; the features are the channels' spans.",
        hidden=shown[s.hide],
        shown=redaction.shows(redaction.content),
    )
