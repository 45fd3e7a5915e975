"""Local explanations as one sparse matrix W, keyed by a vocabulary, and which rows cover which keys.

In a table a key is a (feature, value) pair, numbered column by column; a numeric column that is not cut into
intervals is covered as a whole, whatever its value, since its weight is a slope. Texts, images and series
have features alone, and several parts of one row may be the same feature: their weights add up, as hiding
them together would in the linear surrogate.
"""

import numpy as np
from scipy import sparse

from limekiln.domains.tabular.space import Space
from limekiln.values import Codes, Explanations, Index, LocalExplanations, PartExplanations, Vocabulary

WHOLE_FEATURE = ""
"""The value of a key that stands for a whole feature."""


def of_space(space: Space) -> Vocabulary:
    """The keys of a table: each column's values, missing and unseen ones included."""
    sizes = space.sizes
    feature = np.repeat(np.arange(len(sizes)), sizes)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    keys = np.arange(len(feature))
    missing = np.array([c.missing for c in space.columns])
    whole = ~space.matched[feature] & (keys - first[feature] != missing[feature])
    return Vocabulary(
        features=space.names,
        feature=feature,
        values=tuple(label for c in space.columns for label in c.labels),
        pick=np.where(whole, first[feature], keys),
        whole=~space.matched,
    )


def table_keys(space: Space, codes: Codes) -> Index:
    """The key of each value of a table's rows, (n, d)."""
    return np.concatenate([[0], np.cumsum(space.sizes)[:-1]]).astype(np.int64) + codes


def of_table(space: Space, local: LocalExplanations) -> Explanations:
    """Explanations of a table's rows by the keys of `of_space`; every row has a weight for every column."""
    n, d = local.weights.shape
    keys = table_keys(space, local.codes).ravel()
    weights = sparse.csr_array(
        (local.weights.ravel(), keys, np.arange(0, n * d + 1, d)), shape=(n, int(space.sizes.sum()))
    )
    return _keyed(local, weights)


def of_parts(vocabulary: Vocabulary, local: PartExplanations, features: Index) -> Explanations:
    """Explanations of texts, images or series; `features` (N,) is the feature of each part."""
    starts = np.concatenate([[0], np.cumsum(local.sizes)])
    weights = sparse.csr_array(
        (local.weights, features, starts), shape=(len(local.rows), len(vocabulary.features)), copy=True
    )
    weights.sum_duplicates()
    return _keyed(local, weights)


def by_feature(vocabulary: Vocabulary, weights: sparse.csr_array) -> sparse.csr_array:
    """W (n, F) by feature, from W (n, K) by key."""
    shape = (weights.shape[0], len(vocabulary.features))
    summed = sparse.csr_array(
        (weights.data, vocabulary.feature[weights.indices], weights.indptr), shape=shape, copy=True
    )
    summed.sum_duplicates()
    return summed


def names(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """(feature, value) of each key."""
    return [(vocabulary.features[f], v) for f, v in zip(vocabulary.feature, vocabulary.values, strict=True)]


def pick_names(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """(feature, value) of each key as a pick covers it."""
    named = names(vocabulary)
    for feature in np.flatnonzero(vocabulary.whole):
        named[np.searchsorted(vocabulary.feature, feature)] = (vocabulary.features[feature], WHOLE_FEATURE)
    return named


def by_pick(vocabulary: Vocabulary, weights: sparse.csr_array) -> sparse.csr_array:
    """W (n, K) with each weight at the key that it covers in a pick."""
    moved = sparse.csr_array(
        (weights.data, vocabulary.pick[weights.indices], weights.indptr), shape=weights.shape, copy=True
    )
    moved.sum_duplicates()
    return moved


def covers(weights: sparse.csr_array, *, above_average: bool) -> sparse.csr_array:
    """A (n, K) of 1.0 where row i covers key k, column indices sorted.

    Args:
        weights: (n, K) local weights, at the keys that they cover.
        above_average: a row covers a key only where |w| is at least the mean of its non-zero |w|; else
            wherever w ≠ 0, as lime does.
    """
    n = weights.shape[0]
    row = np.repeat(np.arange(n), np.diff(weights.indptr))
    magnitude = np.abs(weights.data)
    counted = magnitude > 0
    if above_average:
        used = np.maximum(np.bincount(row[counted], minlength=n), 1)
        mean = np.bincount(row, weights=magnitude, minlength=n) / used
        counted &= magnitude >= mean[row] * (1 - 1e-12)
    shown = sparse.csr_array(
        (np.ones(int(counted.sum())), (row[counted], weights.indices[counted])), shape=weights.shape
    )
    shown.sort_indices()
    return shown


def _keyed(local: LocalExplanations | PartExplanations, weights: sparse.csr_array) -> Explanations:
    return Explanations(
        rows=local.rows,
        labels=local.labels,
        weights=weights,
        intercept=local.intercept,
        surrogate=local.surrogate,
        predicted=local.predicted,
        r2=local.r2,
        vsi=local.vsi,
        csi=local.csi,
    )
