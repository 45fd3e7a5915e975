"""NormLIME with one fold of the perturbations left out at a time: how much the importances owe to chance draws.

A pool is split into G folds; moments add up over folds, so a row's surrogate without fold g costs one more solve and no
model call. What aggregates do as folds are left out in turn gives their perturbation noise (`spread.by_folds`).
"""

from dataclasses import dataclass, fields

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
