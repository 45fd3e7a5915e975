# ruff: noqa: INP001, T201 - a part of coverage.py
"""How often is a certificate wrong where the pool grows?

`python benchmarks/coverage.py` runs it. The noise of a pool is common to all rows, whose weights it moves together, and
each look's pool begins with the one before, so looks are as dependent as in a run. A pool is made of units: one with a
kernel's mass for each type of row, and a skewed deviation for each type and feature. A row's weight is its limit and
its load times the mean deviation, weighted by mass, as in weighted least squares. Units make folds in a row, as a
pool's perturbed rows do; what follows (tallies, jackknife, verdict, what to double) is the code that a run uses.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from benchmarks.coverage import CONFIDENCE
from benchmarks.coverage_certificates import LOOKS, Contest, Trials, claims, wrong_claims
from scipy import sparse, special

from limekiln import certify, looks
from limekiln.aggregate import folds, normlime, spread
from limekiln.aggregate.folds import FOLDS
from limekiln.values import Array, Index

TYPES: Final = 4
NOISE: Final = 0.15
"""Standard deviation that a pool's unit gives to a weight of load 1, as many units as folds, no kernel."""
COMMON: Final = 0.8
"""Share of a deviation (in standard deviations) that all types of rows have in common."""
SKEWED: Final = 4.0
"""Shape of the gamma law of a unit's deviations, of skewness 1."""
ROWS: Final = 40
"""About how many rows there are where all are explained."""
MOST: Final = 100_000


@dataclass(frozen=True)
class Growing:
    """A contest whose pool grows.

    `sampled` where rows are drawn of endlessly many and grow too. `noisy` are positions of features whose weights have
    twice the noise: they stay exactly tied in the limit, and noise raises their scores more on the way there.
    """

    contest: Contest
    sampled: bool = False
    noisy: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """For a table's line."""
        noisy = ", one of the two has twice the noise" if self.noisy else ""
        return f"{self.contest.name}{noisy}; {'rows and pool grow' if self.sampled else 'the pool grows'}"


TIED_BORDER: Final = Contest("tie at the border of the top 3 of 8", (6, 5, 4, 4, 3, 2, 1, 1), 3, 0.0)
TIED_WITHIN: Final = Contest("tie at the border, indifferent within 3 %", TIED_BORDER.sizes, 3, 0.03)
CLEAR: Final = Contest("clear gaps", (6, 5, 4, 3, 2.5, 2, 1, 1), 3, 0.0)
_LAWS: Final = (
    TIED_BORDER,
    Contest("tie inside the top 3 of 8", (6, 5, 5, 4, 3, 2, 1, 1), 3, 0.0),
    TIED_WITHIN,
    Contest("all of 20 tied, top 5", (1,) * 20, 5, 0.0),
    Contest("all of 20 tied, top 5, indifferent within 2 %", (1,) * 20, 5, 0.02),
    CLEAR,
    Contest("border pair differs by less than an indifference of 3 %", (6, 5, 4, 3.8, 2.5, 2, 1, 1), 3, 0.03),
    Contest("border pair differs by more than an indifference of 3 %", (6, 5, 4, 3.2, 2.5, 2, 1, 1), 3, 0.03),
)
CONTESTS: Final = (
    *(Growing(c) for c in _LAWS),
    *(Growing(c, noisy=(3,)) for c in (TIED_BORDER, TIED_WITHIN)),
    *(Growing(c, sampled=True) for c in (TIED_BORDER, TIED_WITHIN, CLEAR)),
)


@dataclass(frozen=True)
class Rows:
    """Rows' limits (n, k), loads (n, k) and types (n,)."""

    limits: Array
    loads: Array
    types: Index


@dataclass(frozen=True)
class Units:
    """Units of a pool: masses (U, T, 1) and masses times deviations (U, T, k)."""

    mass: Array
    moved: Array


def drawn(contest: Contest, n: int, rng: np.random.Generator) -> Rows:
    """Rows of an endless population in which features of one size are exchangeable, so exactly tied."""
    shape = (n, len(contest.sizes))
    return _with_limits(contest, rng.lognormal(0.0, 0.5, shape), rng)


def _with_limits(contest: Contest, relative: Array, rng: np.random.Generator) -> Rows:
    """Rows of these limits (n, k), in units of the sizes."""
    n, shape = len(relative), relative.shape
    return Rows(
        limits=relative * np.array(contest.sizes) * rng.choice([-1.0, 1.0], shape, p=[0.2, 0.8]),
        loads=rng.uniform(0.5, 1.5, shape) * np.mean(contest.sizes),
        types=rng.integers(TYPES, size=n),
    )


def everyone(contest: Contest, rng: np.random.Generator) -> Rows:
    """About 40 rows that are the whole population, exchangeable in features of one size.

    For each row there are others in which the tied features have changed places, cyclically. Each feature's limits are
    the lognormal law's quantiles, in an order of its own, so that no small number of rows turns sizes around.
    """
    sizes = np.array(contest.sizes)
    groups = [np.flatnonzero(sizes == s) for s in np.unique(sizes)]
    turns = math.lcm(*(len(g) for g in groups))
    n = -(-ROWS // turns)
    quantiles = np.exp(0.5 * special.ndtri((np.arange(n) + 0.5) / n))
    first = _with_limits(contest, rng.permuted(np.tile(quantiles, (len(sizes), 1)), axis=1).T, rng)
    places = np.tile(np.arange(len(sizes)), (turns, 1))
    for g in groups:
        for t in range(turns):
            places[t, g] = np.roll(g, t)
    limits, loads = (np.concatenate([a[:, p] for p in places]) for a in (first.limits, first.loads))
    return Rows(limits, loads, np.tile(first.types, turns))


def units(n: int, features: int, rng: np.random.Generator) -> Units:
    """Draws n units, independent of each other."""
    mass = rng.exponential(1.0, (n, TYPES, 1))

    def skewed(types: int) -> Array:
        found: Array = (rng.gamma(SKEWED, 1.0, (n, types, features)) - SKEWED) / np.sqrt(SKEWED)
        return found

    deviation = COMMON * skewed(1) + np.sqrt(1 - COMMON**2) * skewed(TYPES)
    return Units(mass, NOISE * np.sqrt(FOLDS) * mass * deviation)


def seen(rows: Rows, pool: Units, explained: float) -> tuple[Index, Array, spread.Spread]:
    """Features in falling order (k,), their weighted scores and spread, as a run has them."""
    mass, moved = (a.reshape(FOLDS, -1, *a.shape[1:]).sum(axis=1) for a in (pool.mass, pool.moved))

    def weights(m: Array, v: Array) -> Array:
        """(n, q, k) from q parts of the pool, (q, T, 1) and (q, T, k)."""
        noise: Array = (v / m)[:, rows.types].swapaxes(0, 1)
        return rows.limits[:, None] + rows.loads[:, None] * noise

    all_mass, all_moved = mass.sum(axis=0), moved.sum(axis=0)
    W = weights(all_mass[None], all_moved[None])[:, 0]
    half = [a.reshape(2, -1, *a.shape[1:]).sum(axis=1) for a in (mass, moved)]
    tally = folds.tally(
        weights(all_mass - mass, all_moved - moved), weights(*half), W, np.zeros(len(W), dtype=np.int64), 1
    )
    sparse_weights = sparse.csr_array(W)
    scores = normlime.scores(normlime.tally(sparse_weights)).weighted
    order = np.argsort(-scores, kind="stable")
    by_rows = spread.by_rows(sparse_weights, order, "weighted", explained, np.arange(len(W)))
    by_folds = spread.by_folds(tally, 0, order, "weighted")
    return order, scores[order], spread.combine(by_rows, by_folds, folds=FOLDS, shared=True, explained=explained)


def truth_of(rows: Rows, contest: Contest) -> Array:
    """Scores (k,) of the limits; features of one size exactly equal."""
    found = normlime.scores(normlime.tally(sparse.csr_array(rows.limits))).weighted
    sizes = np.array(contest.sizes)
    means: Array = np.array([found[sizes == size].mean() for size in sizes])
    return means


def _looked(g: Growing, truth: Array, rng: np.random.Generator) -> Iterator[tuple[int, bool, bool]]:
    """The looks of one trial, whether something wrong was claimed at each, and whether it was decided."""
    contest = g.contest
    rows = drawn(contest, contest.first, rng) if g.sampled else everyone(contest, rng)
    truth = truth if g.sampled else truth_of(rows, contest)
    rows.loads[:, g.noisy] *= 2
    pool = units(FOLDS, len(truth), rng)
    for look in range(1, LOOKS + 1):
        order, scores, s = seen(rows, pool, 0.0 if g.sampled else 1.0)
        alpha = certify.error_at(look, 1 - CONFIDENCE)
        decision, separated, tied = claims(contest, scores, s, alpha, len(rows.types))
        wrong = wrong_claims(truth[order], separated, tied, contest.indifference * truth.sum())
        yield look, wrong, decision.verdict == "decided"
        share = median(p.pool_share for p in decision.open) if decision.open else 0.0
        now = len(rows.types), len(pool.mass)
        larger = looks.doubled(*now, MOST if g.sampled else now[0], share)
        if decision.verdict == "decided" or larger is None:
            return
        more_rows = drawn(contest, larger[0] - now[0], rng)
        rows = Rows(
            *(np.concatenate([a, b]) for a, b in zip(vars(rows).values(), vars(more_rows).values(), strict=True))
        )
        more = units(larger[1] - now[1], len(truth), rng)
        pool = Units(np.concatenate([pool.mass, more.mass]), np.concatenate([pool.moved, more.moved]))


def contested(g: Growing, repeats: int, seed: int) -> Trials:
    """Looks at twice of what is lacking each time until the order is decided, seven times at most."""
    rng = np.random.default_rng(seed)
    truth = truth_of(drawn(g.contest, 100_000, rng), g.contest) if g.sampled else np.zeros(len(g.contest.sizes))
    trials = [list(_looked(g, truth, rng)) for _ in range(repeats)]
    last = [t[-1] for t in trials]
    issued = [look for look, _, decided in last if decided]
    return Trials(
        issued=len(issued) / repeats,
        false_certificates=sum(wrong for _, wrong, decided in last if decided) / repeats,
        false_claims=sum(any(wrong for _, wrong, _ in t) for t in trials) / repeats,
        looks=float(np.mean(issued)) if issued else np.nan,
    )


def main(repeats: int) -> None:
    """Prints the table."""
    print("\n| | certificates | wrong ones | any wrong claim | mean looks |\n|---|---|---|---|---|")
    for i, g in enumerate(CONTESTS):
        t = contested(g, repeats, 400 + i)
        shares = [f"{100 * v:.1f} %" for v in (t.issued, t.false_certificates, t.false_claims)]
        print("| " + " | ".join([g.name, *shares, "" if np.isnan(t.looks) else f"{t.looks:.1f}"]) + " |", flush=True)
