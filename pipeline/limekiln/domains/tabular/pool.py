"""The pool: perturbed rows with their predictions, and the neighbourhood that each explained row sees in it.

In discretised LIME the law of a perturbed row does not depend on the row explained; only which of its
codes match does. So one pool, predicted once, serves every row (docs/explanation/shared-pool.md).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from limekiln.domains.tabular.space import Space
from limekiln.kernels import exponential
from limekiln.values import Array, Codes, Mask

Counts = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Pool:
    """M perturbed rows, stored by column so that matching a row reads memory in order.

    Attributes:
        codes: (d, M).
        numbers: (d, M) standardised numbers.
        matched: (d,) columns that are compared by code; the others by their numbers.
        outputs: (C, M) the model's predictions minus `offset`.
        offset: (C,) the mean prediction, kept apart so that moments of large outputs keep their digits.
    """

    codes: Codes
    numbers: Array
    matched: Mask
    outputs: Array
    offset: Array


def make(space: Space, codes: Codes, numbers: Array, outputs: Array) -> Pool:
    """A pool from codes (M, d), standardised numbers (M, d) and predictions (M, C), all finite."""
    offset = outputs.mean(axis=0)
    small = np.min_scalar_type(int(space.sizes.max()))
    return Pool(
        codes=np.ascontiguousarray(codes.T.astype(small)),
        numbers=np.ascontiguousarray(numbers.T),
        matched=space.matched,
        outputs=np.ascontiguousarray((outputs - offset).T),
        offset=offset,
    )


def neighbourhood(pool: Pool, space: Space, codes: Codes, numbers: Array) -> tuple[Mask | Array, Array | Counts]:
    """How the pool looks from one row: interpretable values (d, M) and squared distances (M,), counts where they are.

    A matched column is 1 where the code is the row's own, and adds 1 to the squared distance where it is
    not. A numeric column keeps its standardised numbers. A row's missing number is matched, not measured.

    Args:
        pool: the pool.
        space: the space that it was drawn from.
        codes: (d,) the row's codes.
        numbers: (d,) the row's standardised numbers.
    """
    same = pool.codes == codes[:, None].astype(pool.codes.dtype)
    matched = row_matched(space, codes)
    if matched.all():
        return same, len(codes) - same.view(np.uint8).sum(axis=0, dtype=np.min_scalar_type(len(codes)))
    Z = np.where(matched[:, None], same, pool.numbers)
    own = np.where(matched, 1.0, numbers)
    return Z, ((Z - own[:, None]) ** 2).sum(axis=0)


def kernel(distance: Array | Counts, width: float) -> Array:
    """The exponential kernel of squared distances (M,); of counts it is looked up, not computed anew for each."""
    if distance.dtype.kind == "f":
        return exponential(distance.astype(np.float64, copy=False), width)
    return exponential(np.arange(distance.max() + 1.0), width)[distance]


def row_matched(space: Space, codes: Codes) -> Mask:
    """The columns that a row (d,) or rows (n, d) compare by code, their missing numbers included."""
    missing = np.array([c.missing for c in space.columns])
    by_code: Mask = space.matched | (codes == missing)
    return by_code


def own_values(space: Space, codes: Codes, numbers: Array) -> Array:
    """Interpretable values (n, d) of the rows themselves: 1 where matched, else the standardised number."""
    return np.where(row_matched(space, codes), 1.0, numbers)


def raw_moments(
    pool: Pool, space: Space, codes: Codes, numbers: Array, *, labels: slice | int, width: float, folds: int
) -> Array:
    """Kernel-weighted moments of (1, z, y) over each fold of the pool, (G, p, p) with p = 1 + d + number of labels.

    One row at a time through products of one shape: a row's moments have the same bits in any batch. Folds follow one
    another in the pool, and are equal in size up to one row.
    """
    Z, distance = neighbourhood(pool, space, codes, numbers)
    root = kernel(distance, width * np.sqrt(2.0))  # the square root of the kernel
    d, M = Z.shape
    outputs = np.atleast_2d(pool.outputs[labels])
    augmented = np.empty((1 + d + len(outputs), M))
    augmented[0] = 1.0
    augmented[1 : 1 + d] = Z  # a copy of its own: NumPy multiplies booleans slowly
    augmented[1 + d :] = outputs
    augmented *= root
    if M % folds == 0:
        parts = augmented.reshape(len(augmented), folds, M // folds).swapaxes(0, 1)
        return np.asarray(parts @ parts.swapaxes(1, 2))
    edges = np.linspace(0, M, folds + 1).astype(np.int64)
    return np.stack([augmented[:, s:e] @ augmented[:, s:e].T for s, e in pairwise(edges)])
