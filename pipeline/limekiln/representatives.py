"""SP-LIME picks of a data set: over all rows and within each predicted class, with their certificates."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from limekiln import matrix, pick
from limekiln.record import TABLES
from limekiln.values import Array, Explanations, Index, Mask, Vocabulary

COVERED_BY_WEIGHT = "a row covers a {what} where its weight is not zero"
COVERED_ABOVE_AVERAGE = (
    "a row covers a {what} where its weight is at least the average of the row's weights, "
    "because by any weight at all one row would cover everything"
)


@dataclass(frozen=True)
class Representatives:
    """One pick. Arrays over the picked rows are in pick order; arrays over keys are in `matrix` order.

    Attributes:
        scope: `*` or a class name.
        budget: how many rows were asked for.
        rule: in words, when a row covers a key.
        members: (B,) positions of the picked rows among the explained rows.
        gains: (B,) what each added to the coverage.
        coverage: (B,) what the first 1…B of them cover; exactly `total` where that is everything.
        curve: (B,) the certificate's upper bounds for picks of 1…B rows, at most `total`.
        upper_bound: the certificate's bound for `budget` rows.
        importance: (F,) what each key is worth; 0 for keys that no row covers.
        dual: (F,) the certificate's λ.
        covered: (F,) keys that the pick covers.
        new_keys: for each picked row the keys that it brought in, most important first.
    """

    scope: str
    budget: int
    rule: str
    members: Index
    gains: Array
    coverage: Array
    curve: Array
    upper_bound: float
    importance: Array
    dual: Array
    covered: np.ndarray
    new_keys: tuple[tuple[int, ...], ...]

    @property
    def total(self) -> float:
        """All that could be covered by picking every row."""
        return _worth_of(self.importance, self.importance > 0)


def choose(vocabulary: Vocabulary, explained: Explanations, members: Index, scope: str, budget: int) -> Representatives:
    """Picks up to `budget` of the explained rows at `members`, with the certificate.

    Where a single row would cover everything by any non-zero weight (numbers kept as numbers, all features
    kept), rows cover only what weighs at least their average; `rule` says which holds.
    """
    weights = matrix.by_pick(vocabulary, explained.weights[members])
    size = weights.shape[1]
    magnitude = abs(weights)
    worth = np.sqrt(np.bincount(weights.indices, weights=magnitude.data, minlength=size))
    covers = matrix.covers(weights, above_average=False)
    what = "feature's value" if vocabulary.has_values else "feature"
    rule = COVERED_BY_WEIGHT.format(what=what)
    if len(members) > 1 and (covers @ worth).max() >= worth.sum() * (1 - 1e-12):
        covers, rule = matrix.covers(weights, above_average=True), COVERED_ABOVE_AVERAGE.format(what=what)
    worth = np.where(covers.sum(axis=0) > 0, worth, 0.0)

    used = np.flatnonzero(worth)
    compact = covers[:, used]
    compact.sort_indices()
    picked = pick.greedy(compact, worth[used], budget, np.asarray(magnitude.sum(axis=1)).ravel())
    size_certified = min(budget, len(members))
    proof = pick.certify(compact, worth[used], size_certified, picked.rows)
    dual = np.zeros(size)
    dual[used] = proof.dual
    covered = np.zeros(size, dtype=bool)
    new_keys, coverage = [], []
    for row in picked.rows:
        reached = covers.indices[covers.indptr[row] : covers.indptr[row + 1]]
        fresh = reached[~covered[reached] & (worth[reached] > 0)]
        new_keys.append(tuple(int(k) for k in fresh[np.argsort(-worth[fresh], kind="stable")]))
        covered[fresh] = True
        coverage.append(_worth_of(worth, covered))
    limits = np.minimum(proof.curve, _worth_of(worth, worth > 0))
    return Representatives(
        scope=scope,
        budget=budget,
        rule=rule,
        members=members[picked.rows],
        gains=picked.gains,
        coverage=np.array(coverage),
        curve=np.maximum(limits[: len(picked.rows)], coverage),
        upper_bound=float(max([limits[-1], *coverage[-1:]])),
        importance=worth,
        dual=dual,
        covered=covered,
        new_keys=tuple(new_keys),
    )


def _worth_of(importance: Array, keys: Mask) -> float:
    """The keys' summed worth; one order of summation, so that covering everything is the total to the last bit."""
    return float(importance[keys].sum())


def picks_table(chosen: list[Representatives], row_keys: list[str]) -> pd.DataFrame:
    """`picks.parquet`; `row_keys` names the explained rows by position."""
    rows = [
        (r.scope, order + 1, row_keys[member], gain, coverage, limit)
        for r in chosen
        for order, (member, gain, coverage, limit) in enumerate(
            zip(r.members, r.gains, r.coverage, r.curve, strict=True)
        )
    ]
    return pd.DataFrame(rows, columns=list(TABLES["picks"]))


def certificates_table(chosen: list[Representatives], vocabulary: Vocabulary) -> pd.DataFrame:
    """`certificates.parquet`: every key that can be covered, its worth, its λ, whether the pick covers it.

    The bound follows from it: Σ(importance − dual) + the sum over the `budget` rows with the largest
    Σ dual over the keys that they cover.
    """
    named = matrix.pick_names(vocabulary)
    rows = [
        (r.scope, *named[k], r.importance[k], r.dual[k], bool(r.covered[k]))
        for r in chosen
        for k in np.flatnonzero(r.importance)
    ]
    return pd.DataFrame(rows, columns=list(TABLES["certificates"]))
