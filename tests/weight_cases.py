"""Local weights as the sparse matrices that aggregation takes, made from dense arrays."""

import numpy as np
from scipy import sparse

from limekiln.values import Array, Index


def by_column(weights: Array) -> sparse.csr_array:
    """(n, d) weights as W (n, d), zeros stored as an explanation stores them."""
    n, d = weights.shape
    return by_key(weights, np.broadcast_to(np.arange(d), (n, d)), d)


def by_key(weights: Array, keys: Index, size: int) -> sparse.csr_array:
    """(n, d) weights with the keys (n, d) that they belong to as W (n, size)."""
    n, d = weights.shape
    found = sparse.csr_array((weights.ravel(), keys.ravel(), np.arange(0, n * d + 1, d)), shape=(n, size), copy=True)
    found.sum_duplicates()
    return found
