"""The noise floor: what NormLIME gives to columns that do nothing, and which features stand above it.

Noise has no sign in an average of sizes, so a feature that does nothing has a score above 0, the larger the rarer its
values are. Each feature therefore has a floor of its own: the highest score among R probes, columns that are drawn
like it and mean nothing (`domains.tabular.probes`). A probe's score is the feature's own but for one thing: where a row
is explained, the probe's weight stands in place of the feature's, or of the least where the feature was not kept.
"""

from dataclasses import dataclass, fields

import numpy as np

from limekiln.aggregate.spread import ScoreName
from limekiln.values import Array, Index


@dataclass(frozen=True)
class ProbeTally:
    """Sums over probed rows for C classes, R probes of each of F features; tallies of disjoint rows add up.

    The first of the 1 + R is the feature itself, on the same rows.

    Attributes:
        support: (C, 1 + R, F) rows with w ≠ 0.
        share: (C, 1 + R, F) Σγ.
        weighted: (C, 1 + R, F) Σγ|w|.
    """

    support: Array
    share: Array
    weighted: Array

    def __add__(self, other: "ProbeTally") -> "ProbeTally":
        return ProbeTally(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(ProbeTally)})


def tally(probes: Array, weights: Array, labels: Index, n_classes: int) -> ProbeTally:
    """Sums over n probed rows.

    Args:
        probes: (n, R, F) weights of the probes.
        weights: (n, F) of the features.
        labels: (n,) the class that each row is explained for.
        n_classes: C.
    """
    own = np.abs(weights)[:, None]
    magnitude = np.concatenate([own, np.abs(probes)], axis=1)
    least = np.min(own, axis=2, keepdims=True, where=own > 0, initial=np.inf)
    norm = own.sum(axis=2, keepdims=True) - np.where(own > 0, own, least) + magnitude
    gamma = np.divide(magnitude, norm, out=np.zeros_like(magnitude), where=norm > 0)

    def by_class(values: Array) -> Array:
        return np.stack([values[labels == c].sum(axis=0) for c in range(n_classes)])

    return ProbeTally(
        support=by_class((magnitude > 0).astype(np.float64)),
        share=by_class(gamma),
        weighted=by_class(gamma * magnitude),
    )


def together(tally: ProbeTally) -> ProbeTally:
    """All classes as one, (1, 1 + R, F)."""
    return ProbeTally(**{f.name: getattr(tally, f.name).sum(axis=0, keepdims=True) for f in fields(ProbeTally)})


def floor(tally: ProbeTally, class_: int, scores: Array, score: ScoreName) -> Array:
    """The floor (F,) of a class's scores (F,); NaN where no probed row uses the feature.

    Some rows are probed for all: the highest probe is to the feature's score on those rows as the floor is to its score
    on all of them (a ratio estimate), so that a feature is above its floor where it beats each probe on the same rows.
    """
    support = tally.support[class_]
    found = np.divide(getattr(tally, score)[class_], support, out=np.zeros_like(support), where=support > 0)
    own, highest = found[0], found[1:].max(axis=0)
    return np.where(own > 0, highest / np.where(own > 0, own, 1.0) * scores, np.nan)
