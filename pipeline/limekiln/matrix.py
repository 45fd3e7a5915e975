"""Local explanations as matrices: which key each weight belongs to, and which rows cover which keys.

A key is a (feature, value) pair, numbered column by column; a numeric column that is not cut into
intervals is one key, whatever its value, since its weight is a slope.
"""

import numpy as np
from scipy import sparse

from limekiln.domains.tabular.space import Space
from limekiln.values import Array, Codes, Index

WHOLE_FEATURE = ""
"""The value of a key that stands for a whole numeric column."""


def offsets(space: Space) -> Index:
    """The first key of each column, (d,)."""
    return np.concatenate([[0], np.cumsum(space.sizes)[:-1]]).astype(np.int64)


def n_keys(space: Space) -> int:
    """How many keys there are, missing and unseen values included."""
    return int(space.sizes.sum())


def value_keys(space: Space, codes: Codes) -> Index:
    """The key of each value, (n, d); numeric columns by the interval that they fall in, cut or not."""
    return offsets(space) + codes


def pick_keys(space: Space, codes: Codes) -> Index:
    """The key that each weight can cover, (n, d): the value's, or the column's where numbers are kept."""
    kept = ~space.matched & (codes != np.array([c.missing for c in space.columns]))
    return np.where(kept, offsets(space), value_keys(space, codes))


def names(space: Space) -> list[tuple[str, str]]:
    """(feature, value) of each key of `value_keys`."""
    return [(c.name, label) for c in space.columns for label in c.labels]


def pick_names(space: Space) -> list[tuple[str, str]]:
    """(feature, value) of each key of `pick_keys`."""
    named = names(space)
    for start, matched in zip(offsets(space), space.matched, strict=True):
        if not matched:
            named[start] = (named[start][0], WHOLE_FEATURE)
    return named


def covers(weights: Array, keys: Index, size: int, *, above_average: bool) -> sparse.csr_array:
    """A (n, size) of 1.0 where row i covers key k, column indices sorted.

    Args:
        weights: (n, d) local weights.
        keys: (n, d) the key of each weight.
        size: how many keys there are.
        above_average: a row covers a key only where |w| is at least the mean of its non-zero |w|; else
            wherever w ≠ 0, as lime does.
    """
    magnitude = np.abs(weights)
    counted = magnitude > 0
    if above_average:
        used = np.maximum(counted.sum(axis=1, keepdims=True), 1)
        counted &= magnitude >= magnitude.sum(axis=1, keepdims=True) / used * (1 - 1e-12)
    rows, columns = np.nonzero(counted)
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, keys[rows, columns])), shape=(len(weights), size))
    matrix.sort_indices()
    return matrix
