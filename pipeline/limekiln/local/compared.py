"""The same rows explained from perturbed rows, from real ones, and from what the first teach of the second."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from limekiln import fooling
from limekiln.domains.tabular.pool import Pool
from limekiln.fooling import Comparison, Weights
from limekiln.local.tables import Local, PooledJob, Rows, pooled_weights, take
from limekiln.values import Array, Index

ROWS: Final = 300
"""Rows explained, at most: a mean over so many is steady enough for a verdict."""
CLASSES: Final = 8
"""Classes compared, at most, the commonest: a stand-in is taught for each."""


@dataclass(frozen=True)
class CompareJob:
    """What the comparison needs: how neighbourhoods become surrogates, both pools, and a seed; no model."""

    local: Local
    perturbed: Pool
    real: Pool
    seed: int


def choose(batch: Rows, seed: int) -> tuple[Rows, Index]:
    """The rows to compare, `ROWS` at most of the `CLASSES` commonest classes, and these classes in order.

    The rows' labels and predictions are of the classes returned, counted from 0, as those of `of_classes` are.
    """
    labels, counts = np.unique(batch.labels, return_counts=True)
    classes = np.sort(labels[np.argsort(-counts, kind="stable")[:CLASSES]])
    order = np.random.default_rng([seed, 1]).permutation(len(batch.rows))
    kept = np.sort(order[np.isin(batch.labels[order], classes)][:ROWS])
    some = take(batch, kept)
    labels = np.searchsorted(classes, some.labels).astype(np.int64)
    return replace(some, predicted=some.predicted[:, classes], labels=labels), classes


def of_classes(pool: Pool, classes: Index, at_most: int) -> Pool:
    """The first rows of a pool, with the outputs of some classes."""
    outputs = pool.outputs[classes, :at_most]
    mean = outputs.mean(axis=1)
    return replace(
        pool,
        codes=np.ascontiguousarray(pool.codes[:, :at_most]),
        numbers=np.ascontiguousarray(pool.numbers[:, :at_most]),
        outputs=outputs - mean[:, None],
        offset=pool.offset[classes] + mean,
    )


def compare(job: CompareJob, rows: Rows) -> Comparison:
    """The verdict on rows that `choose` gave, from pools of the same classes; one piece of work for the fan-out."""
    stood_in, auc = fooling.examine((job.perturbed, job.real), job.seed)

    def weights(pool: Pool) -> Array:
        return pooled_weights(PooledJob(job.local, pool), rows)

    three = Weights(rows.labels, weights(job.perturbed), weights(job.real), weights(stood_in.pool))
    return fooling.compare(three, stood_in, auc)
