"""NormLIME with one fold of the perturbations left out at a time: how much the importances owe to chance draws.

A pool is split into G folds; moments add up over folds, so a row's surrogate without fold g costs one more solve and no
model call. What aggregates do as folds are left out in turn gives their perturbation noise (`spread.by_folds`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from limekiln.values import Array, Index

FOLDS = 20
"""G; a multiple of 4, since quarters of the perturbations serve as repeats."""


@dataclass(frozen=True)
class FoldTally:
    """Sums over rows for C classes, G folds left out and F features; tallies of disjoint rows add up.

    Attributes:
        support: (C, G, F) rows with w ≠ 0.
        share: (C, G, F) Σγ.
        weighted: (C, G, F) Σγ|w|.
        product: (C, F) Σ wᵃwᵇ/‖w‖₁, with weights from the two halves of the perturbations.
    """

    support: Array
    share: Array
    weighted: Array
    product: Array

    def __add__(self, other: "FoldTally") -> "FoldTally":
        return FoldTally(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(FoldTally)})


def tally(without: Array, halves: Array, weights: Array, labels: Index, n_classes: int) -> FoldTally:
    """Sums over n rows.

    Args:
        without: (n, G, F) weights with each fold left out.
        halves: (n, 2, F) weights from each half of the perturbations alone.
        weights: (n, F) weights from all of them.
        labels: (n,) the class that each row is explained for.
        n_classes: C.
    """
    magnitude = np.abs(without)
    norm = magnitude.sum(axis=2, keepdims=True)
    gamma = np.divide(magnitude, norm, out=np.zeros_like(magnitude), where=norm > 0)
    whole = np.abs(weights).sum(axis=1, keepdims=True)
    product = np.divide(halves[:, 0] * halves[:, 1], whole, out=np.zeros_like(weights), where=whole > 0)

    def by_class(values: Array) -> Array:
        return np.stack([values[labels == c].sum(axis=0) for c in range(n_classes)])

    return FoldTally(
        support=by_class((magnitude > 0).astype(np.float64)),
        share=by_class(gamma),
        weighted=by_class(gamma * magnitude),
        product=by_class(product),
    )


def together(folds: FoldTally) -> FoldTally:
    """All classes as one, (1, G, F)."""
    return FoldTally(**{f.name: getattr(folds, f.name).sum(axis=0, keepdims=True) for f in fields(FoldTally)})


@dataclass(frozen=True)
class GroupTally:
    """Sums over the rows of M groups, G folds left out and F features; a row may be in several groups, or in none.

    Attributes:
        groups: (M,) the groups' numbers, rising.
        support, share, weighted: (M, G, F) as in `FoldTally`.
    """

    groups: Index
    support: Array
    share: Array
    weighted: Array

    def scores(self, groups: Index, score: Literal["weighted", "share"], more: "GroupTally | None" = None) -> Array:
        """Scores (G, F) of some groups together as each fold is left out; `more` are sums over other rows of them."""
        sums, support = np.zeros(self.share.shape[1:]), np.zeros(self.share.shape[1:])
        for tally in (self, more):
            if tally is not None:
                mine = np.isin(tally.groups, groups)
                sums += (tally.weighted if score == "weighted" else tally.share)[mine].sum(axis=0)
                support += tally.support[mine].sum(axis=0)
        found: Array = np.divide(sums, support, out=np.zeros_like(sums), where=support > 0)
        return found


def by_group(without: Array, groups: Index) -> GroupTally:
    """Sums over n rows by their groups.

    Args:
        without: (n, G, F) weights with each fold left out.
        groups: (n, K) the numbers of the groups that each row is in; below 0 for none.
    """
    magnitude = np.abs(without)
    norm = magnitude.sum(axis=2, keepdims=True)
    gamma = np.divide(magnitude, norm, out=np.zeros_like(magnitude), where=norm > 0)
    numbers = np.unique(groups[groups >= 0])

    def summed(values: Array) -> Array:
        members = [values[(groups == g).any(axis=1)].sum(axis=0) for g in numbers]
        return np.array(members).reshape(len(numbers), *without.shape[1:])

    return GroupTally(numbers, summed((magnitude > 0).astype(np.float64)), summed(gamma), summed(gamma * magnitude))


def joined(tallies: Sequence[GroupTally]) -> GroupTally:
    """The sums over all rows of tallies of disjoint rows."""
    numbers, place = np.unique(np.concatenate([t.groups for t in tallies]), return_inverse=True)

    def summed(name: str) -> Array:
        parts = np.concatenate([getattr(t, name) for t in tallies])
        total = np.zeros((len(numbers), *parts.shape[1:]))
        np.add.at(total, place, parts)
        return total

    return GroupTally(numbers, *(summed(name) for name in ("support", "share", "weighted")))
