"""Whether an explanation comes out the same again: the stability indices of Visani et al. (arXiv:2001.11757).

Both compare repeats of one row's explanation, here from disjoint parts of its perturbations: no model call more. The
authors' package compares the first K names whatever was selected, so its indices are always good; these compare what
each repeat holds.
"""

from typing import Final

import numpy as np

from limekiln.values import Array

MOST: Final = 5
"""K: how many of the heaviest features repeats must agree on, at most half of all."""
_Z: Final = 1.959963984540054


def variables(coef: Array) -> Array:
    """VSI: mean over pairs of repeats of the share of their K heaviest features that they have in common.

    Args:
        coef: (…, R, d) weights of R repeats.

    Returns:
        (…,) from 0 to 1; 1 where no repeat has any weight.
    """
    size = np.abs(coef)
    K = max(1, min(MOST, coef.shape[-1] // 2))
    top = np.zeros(coef.shape, dtype=bool)
    np.put_along_axis(top, np.argsort(-size, axis=-1, kind="stable")[..., :K], values=True, axis=-1)
    top &= size > 0
    first, second = np.triu_indices(coef.shape[-2], 1)
    common = (top[..., first, :] & top[..., second, :]).sum(axis=-1)
    sizes = top.sum(axis=-1)
    most = np.maximum(sizes[..., first], sizes[..., second])
    found: Array = np.where(most > 0, common / np.maximum(most, 1), 1.0).mean(axis=-1)
    return found


def coefficients(coef: Array, error: Array) -> Array:
    """CSI: over features, mean share of pairs of repeats whose 95 % confidence intervals of the weight overlap.

    A feature counts in the pairs where both repeats use it.

    Args:
        coef: (…, R, d) weights of R repeats.
        error: (…, R, d) their standard errors.

    Returns:
        (…,) from 0 to 1; 1 where no feature is used twice.
    """
    first, second = np.triu_indices(coef.shape[-2], 1)
    used, reach = coef != 0, _Z * error
    both = used[..., first, :] & used[..., second, :]
    apart = np.abs(coef[..., first, :] - coef[..., second, :]) > reach[..., first, :] + reach[..., second, :]
    pairs = both.sum(axis=-2)
    shares = (both & ~apart).sum(axis=-2) / np.maximum(pairs, 1)
    features = (pairs > 0).sum(axis=-1)
    found: Array = np.where(features > 0, shares.sum(axis=-1) / np.maximum(features, 1), 1.0)
    return found
