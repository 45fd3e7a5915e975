# ruff: noqa: INP001, T201 - a part of coverage.py
"""How often is a certificate wrong?

`python benchmarks/coverage.py` runs it. Rows are looked at in growing numbers until the order is decided.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from benchmarks.coverage import CONFIDENCE, LEAST_SUPPORT
from scipy import sparse

from limekiln import certify
from limekiln.aggregate import normlime, spread
from limekiln.aggregate.folds import FOLDS
from limekiln.aggregate.spread import ScoreName
from limekiln.certify import Decision
from limekiln.values import Array, Index

LOOKS: Final = 7
_SUM: Final = 1000.0
"""Of the absolute weights of a row, where it is the same for all."""


@dataclass(frozen=True)
class Contest:
    """A ranking that is looked at until it is decided.

    Attributes:
        sizes: (k,) the features' mean weights, in falling order; equal ones are exactly tied.
        top: how much of the order is asked for.
        indifference: see `certify.decide`.
        first: how many rows the first look has.
        rare: positions of features that 15 % of the rows use, with large weights now and then. Where there are any, the
            others' weights vary little, and the first takes what is left of a sum that is the same in every row, so
            that features of one size stay exactly tied whatever their laws.
        tail: standard deviation of the logarithm of a rare feature's weights.
    """

    name: str
    sizes: tuple[float, ...]
    top: int
    indifference: float
    first: int = 50
    rare: tuple[int, ...] = ()
    tail: float = 0.5


@dataclass(frozen=True)
class Trials:
    """Shares of trials with a certificate, a wrong one, a wrong claim at any look; mean looks to a certificate."""

    issued: float
    false_certificates: float
    false_claims: float
    looks: float


TIED_BORDER: Final = Contest("tie at the border of the top 3 of 8", (6, 5, 4, 4, 3, 2, 1, 1), 3, 0.0)
TIED_INSIDE: Final = Contest("tie inside the top 3 of 8", (6, 5, 5, 4, 3, 2, 1, 1), 3, 0.0)
ALL_TIED: Final = Contest("all of 40 tied, top 1, indifferent within 5 %, 400 rows at first", (1,) * 40, 1, 0.05, 400)
RARE_AND_COMMON: Final = Contest(
    "tie at the border between features that 15 % and all of 200 rows use", (9, 5, 4, 4, 3, 2), 3, 0.0, 200, (3,)
)
CONTESTS: Final = (
    TIED_BORDER,
    TIED_INSIDE,
    Contest("tie at the border, indifferent within 3 %", TIED_BORDER.sizes, 3, 0.03),
    Contest("tie inside the top, indifferent within 3 %", TIED_INSIDE.sizes, 3, 0.03),
    Contest("all of 20 tied, top 5, indifferent within 2 %", (1,) * 20, 5, 0.02),
    ALL_TIED,
    Contest("2 of 30 stand out, top 5, indifferent within 1 %", (6, 4, *(1,) * 28), 5, 0.01),
    Contest("clear gaps", (6, 5, 4, 3, 2.5, 2, 1, 1), 3, 0.0),
    Contest("border pair differs by less than an indifference of 3 %", (6, 5, 4, 3.8, 2.5, 2, 1, 1), 3, 0.03),
    Contest("border pair differs by more than an indifference of 3 %", (6, 5, 4, 3.2, 2.5, 2, 1, 1), 3, 0.03),
    RARE_AND_COMMON,
)
BEYOND: Final = (
    Contest(
        "the same, weights of the rare ones more skewed (logarithms deviate by 0.75, not 0.5)",
        RARE_AND_COMMON.sizes,
        3,
        0.0,
        200,
        (3,),
        0.75,
    ),
    Contest("the same, by 1", RARE_AND_COMMON.sizes, 3, 0.0, 200, (3,), 1.0),
)
"""Where a mean's error is far from normal at any number of rows here; they are shown, and not promised."""


def weights_of(contest: Contest, n: int, rng: np.random.Generator) -> Array:
    """Weights (n, k) of n rows, lognormal about the sizes: equal sizes give exactly equal scores."""
    sizes = np.array(contest.sizes)
    if not contest.rare:
        found: Array = rng.lognormal(0.0, 0.5, (n, len(sizes))) * sizes
        return found
    tail, used = _laws(contest)
    weights: Array = rng.lognormal(-(tail**2), tail, (n, len(sizes))) * sizes * (rng.random((n, len(sizes))) < used)
    weights[:, 0] = np.maximum(_SUM - weights[:, 1:].sum(axis=1), 0.0)
    return weights


def _laws(contest: Contest) -> tuple[Array, Array]:
    """Standard deviations of weights' logarithms, and shares of rows that use each feature, (k,)."""
    rare = np.isin(np.arange(len(contest.sizes)), contest.rare)
    return np.where(rare, contest.tail, 0.3), np.where(rare, 0.15, 1.0)


def scored(weights: Array, score: ScoreName) -> tuple[Index, Array, spread.Spread]:
    """Features in falling order (k,), their scores and spread, from rows drawn of endlessly many."""
    W = sparse.csr_array(weights)
    scores = getattr(normlime.scores(normlime.tally(W)), score)
    order = np.argsort(-scores, kind="stable")
    order = order[spread.users(W, np.arange(W.shape[0]))[order] >= LEAST_SUPPORT]
    rows = spread.by_rows(W, order, score, 0.0, np.arange(W.shape[0]))
    return order, scores[order], spread.combine(rows, None, folds=FOLDS, shared=False, explained=0.0)


def claims(
    contest: Contest, scores: Array, s: spread.Spread, alpha: float, rows: int
) -> tuple[Decision, set[tuple[int, int]], set[tuple[int, int]]]:
    """A decision, and the pairs of positions that it calls separated and tied."""
    decision = certify.decide(scores, s, top=contest.top, alpha=alpha, indifference=contest.indifference, rows=rows)
    strict = decision
    if decision.tied:  # with a negative indifference no pair is tied
        strict = certify.decide(scores, s, top=contest.top, alpha=alpha, indifference=-1.0, rows=rows)
    asked = {(i, j) for i in range(contest.top) for j in range(i + 1, len(scores))}
    separated = asked - {(p.first, p.second) for p in strict.open}
    return decision, separated, asked - separated - {(p.first, p.second) for p in decision.open}


def wrong_claims(t: Array, separated: set[tuple[int, int]], tied: set[tuple[int, int]], indifferent: float) -> bool:
    """Whether any pair of positions that was called separated or tied is not, by the true scores t (k,)."""
    return any(t[i] <= t[j] for i, j in separated) or any(abs(t[i] - t[j]) > indifferent for i, j in tied)


def truth_of(contest: Contest, score: ScoreName, seed: int = 0) -> Array:
    """The scores (k,) of endlessly many rows, features of one size exactly equal."""
    sizes = np.array(contest.sizes)
    if contest.rare:  # E w² is the size's square
        tail, _ = _laws(contest)
        exact: Array = sizes**2 if score == "weighted" else sizes * np.exp(-(tail**2) / 2)
        exact = exact / _SUM
        exact[0] = _SUM
        return exact
    rng = np.random.default_rng(seed)
    parts = [normlime.tally(sparse.csr_array(weights_of(contest, 10_000, rng))) for _ in range(8)]
    found = getattr(normlime.scores(sum(parts[1:], start=parts[0])), score)
    means: Array = np.array([found[sizes == size].mean() for size in sizes])
    return means


def contested(contest: Contest, repeats: int, seed: int, *, score: ScoreName = "weighted") -> Trials:
    """Looks at twice the rows each time until the order is decided, seven times at most."""
    rng = np.random.default_rng(seed)
    truth = truth_of(contest, score)
    indifferent = contest.indifference * truth.sum()
    issued, wrong, ever_wrong, looks = 0, 0, 0, []
    for _ in range(repeats):
        weights, ever = np.empty((0, len(truth))), False
        for look in range(1, LOOKS + 1):
            n = contest.first * 2 ** (look - 1)
            weights = np.concatenate([weights, weights_of(contest, n - len(weights), rng)])
            order, scores, s = scored(weights, score)
            alpha = certify.error_at(look, 1 - CONFIDENCE)
            decision, separated, tied = claims(contest, scores, s, alpha, n)
            false = wrong_claims(truth[order], separated, tied, indifferent)
            ever |= false
            if decision.verdict == "decided":
                issued, wrong = issued + 1, wrong + false
                looks.append(look)
                break
        ever_wrong += ever
    return Trials(issued / repeats, wrong / repeats, ever_wrong / repeats, float(np.mean(looks)) if looks else np.nan)


def ranks_held(contest: Contest, repeats: int, seed: int, *, rows: int, score: ScoreName = "weighted") -> float:
    """How often all rank intervals together hold every rank that the truth, with its ties, allows."""
    rng = np.random.default_rng(seed)
    truth = truth_of(contest, score)
    held = 0
    for _ in range(repeats):
        order, scores, s = scored(weights_of(contest, rows, rng), score)
        t = truth[order]
        best = 1 + (t[None, :] > t[:, None]).sum(axis=1)
        worst = len(t) - (t[None, :] < t[:, None]).sum(axis=1)
        found = certify.intervals(scores, s, CONFIDENCE)
        held += bool((found.rank_low <= best).all() and (worst <= found.rank_high).all())
    return held / repeats


def main(repeats: int) -> None:
    """Prints the table."""
    print("\n| | certificates | wrong ones | any wrong claim | mean looks | ranks held |\n|---|---|---|---|---|---|")
    for i, contest in enumerate((*CONTESTS, *BEYOND)):
        t = contested(contest, repeats, 100 + i)
        ranks = ranks_held(contest, repeats, 200 + i, rows=400)
        shares = [f"{100 * v:.1f} %" for v in (t.issued, t.false_certificates, t.false_claims)]
        looks = "" if np.isnan(t.looks) else f"{t.looks:.1f}"
        print("| " + " | ".join([contest.name, *shares, looks, f"{100 * ranks:.1f} %"]) + " |", flush=True)
