"""How sure the rankings of a run are: intervals and a verdict for every class, by feature.

The mathematics is in `aggregate.spread` and `certify`; this says which rows, features and errors go into it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import sparse

from limekiln import certify, matrix
from limekiln.aggregate import folds, spread
from limekiln.aggregate.folds import FoldTally
from limekiln.aggregate.spread import ScoreName, Spread
from limekiln.certify import Certain, Limit
from limekiln.importances import Ranked
from limekiln.record import ALL_CLASSES
from limekiln.values import Array, Explanations, Index, Vocabulary

_COMPARED: Final = 512
"""Features of a class that are compared pair by pair, those that rank first; the others get no intervals."""


@dataclass(frozen=True)
class Asked:
    """What the intervals are about.

    Attributes:
        score: the score that ranks.
        confidence: of intervals, and of the certificates of all classes together.
        indifference: see `certify.decide`.
        top: how much of each ranking shall be decided.
        min_support: features with fewer explanations are not compared; nor are those that fewer than 10 rows of a
            sample use.
        explained: the share of the population that was explained.
        shared: whether all rows share their perturbations.
        look: how many times, this one included, the ranking was looked at.
        several_looks: whether there may be more looks, so that each may spend but a part of the error.
    """

    score: ScoreName
    confidence: float
    indifference: float
    top: int
    min_support: int
    explained: float
    shared: bool
    look: int = 1
    several_looks: bool = False


def measure(
    ranked: list[Ranked], vocabulary: Vocabulary, explained: Explanations, tally: FoldTally | None, asked: Asked
) -> list[Ranked]:
    """The rankings of features with their intervals and verdicts; those of values as they are.

    Args:
        ranked: from `importances.rank`, of all classes.
        vocabulary: of the explanations.
        explained: all explained rows.
        tally: as folds are left out; None where perturbations have no folds, and rows count as drawn from more like
            them even where all were explained, since their noise must come from their differences.
        asked: see there.
    """
    weights = matrix.by_feature(vocabulary, explained.weights)
    classes = [r.class_name for r in ranked if r.level == "feature" and r.class_name != ALL_CLASSES]
    used = [name for c, name in enumerate(classes) if (explained.labels == c).any()]
    error = 1 - asked.confidence
    if asked.several_looks:
        error = certify.error_at(asked.look, error)
    alpha = error / (len(used) + (len(used) > 1))
    found = []
    for r in ranked:
        together = r.class_name == ALL_CLASSES
        if r.level == "feature" and (together or r.class_name in used):
            c = 0 if together else classes.index(r.class_name)
            members = np.arange(len(explained.rows)) if together else np.flatnonzero(explained.labels == c)
            tallied = None if tally is None else folds.together(tally) if together else tally
            folded = None if tallied is None else _OfClass(tallied, c)
            rows = explained.rows[members]
            found.append(replace(r, certain=_certain(r, (weights[members], rows), folded, asked, alpha)))
        else:
            found.append(r)
    return found


@dataclass(frozen=True)
class _OfClass:
    """One class's share of a tally."""

    tally: FoldTally
    class_: int


def _certain(
    r: Ranked, of_rows: tuple[sparse.csr_array, Index], folded: _OfClass | None, asked: Asked, alpha: float
) -> Certain | None:
    weights, rows = of_rows
    different = len(np.unique(rows))
    explained = asked.explained if folded is not None else 0.0
    order = np.argsort(r.ranks, kind="stable")
    order = order[r.scores.support[r.keys[order]] >= asked.min_support]
    enough = (spread.users(weights, rows) >= certify.FEWEST_USERS)[r.keys[order]] | (explained == 1)
    others = int((~enough).sum())
    order = order[enough][:_COMPARED]
    if not len(order) or different < 2:  # noqa: PLR2004 - one row has no spread
        return None
    keys = r.keys[order]

    def spread_of(score: ScoreName) -> Spread:
        return spread.combine(
            spread.by_rows(weights, keys, score, explained, rows),
            None if folded is None else spread.by_folds(folded.tally, folded.class_, keys, score),
            folds=folds.FOLDS,
            shared=asked.shared,
            explained=explained,
        )

    spreads = {score: spread_of(score) for score in ("weighted", "share")}
    scores = {score: getattr(r.scores, score)[keys] for score in spreads}
    support = np.maximum(r.scores.support, 1)
    return Certain(
        order=order,
        intervals=certify.intervals(scores[asked.score], spreads[asked.score], asked.confidence, others=others),
        bounds={s: certify.bounds(scores[s], spreads[s], asked.confidence) for s in spreads},
        decision=certify.decide(
            scores[asked.score],
            spreads[asked.score],
            top=asked.top,
            alpha=alpha,
            indifference=asked.indifference,
            rows=different,
            others=others,
        ),
        debiased=None if folded is None else (folded.tally.product[folded.class_] / support)[keys],
        limit=None
        if folded is None
        else _limit(folded, keys, scores["weighted"], spreads["weighted"], asked.confidence),
    )


def _limit(folded: _OfClass, keys: Index, scores: Array, over: Spread, confidence: float) -> Limit:
    found = spread.in_the_limit(folded.tally, folded.class_, keys, "weighted", scores)
    return certify.limits(scores, found, over, confidence)
