"""Whether an explanation comes out the same again: the stability indices of Visani et al. (arXiv:2001.11757).

Both compare repeats of one row's explanation, here from disjoint parts of its perturbations: no model call more. The
authors' package compares the first K names whatever was selected, so its indices are always good; these compare what
each repeat holds.
"""

from itertools import combinations
from typing import Final

import numpy as np

from limekiln.values import Array

MOST: Final = 5
"""K: how many of the heaviest features repeats must agree on, at most half of all."""
_Z: Final = 1.959963984540054


def variables(coef: Array) -> float:
    """VSI: mean over pairs of repeats of the share of their K heaviest features that they have in common.

    Args:
        coef: (R, d) weights of R repeats.

    Returns:
        From 0 to 1; 1 where no repeat has any weight.
    """
    K = max(1, min(MOST, coef.shape[1] // 2))
    top = []
    for weights in np.abs(coef):
        order = np.argsort(-weights, kind="stable")[:K]
        top.append({int(j) for j in order if weights[j] > 0})
    sizes = [max(len(a), len(b)) for a, b in combinations(top, 2)]
    common = [len(a & b) for a, b in combinations(top, 2)]
    return float(np.mean([c / s if s else 1.0 for c, s in zip(common, sizes, strict=True)]))


def coefficients(coef: Array, error: Array) -> float:
    """CSI: over features, mean share of pairs of repeats whose 95 % confidence intervals of the weight overlap.

    A feature counts in the pairs where both repeats use it.

    Args:
        coef: (R, d) weights of R repeats.
        error: (R, d) their standard errors.

    Returns:
        From 0 to 1; 1 where no feature is used twice.
    """
    first, second = np.triu_indices(len(coef), 1)
    both = (coef[first] != 0) & (coef[second] != 0)
    overlap = np.abs(coef[first] - coef[second]) <= _Z * (error[first] + error[second])
    pairs = both.sum(axis=0)
    shares = (overlap & both).sum(axis=0)[pairs > 0] / pairs[pairs > 0]
    return float(shares.mean()) if len(shares) else 1.0
