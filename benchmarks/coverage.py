# ruff: noqa: INP001, T201 - a script that a reader runs, which prints
"""Do intervals hold the truth as often as they promise?

Run it as `OMP_NUM_THREADS=1 python benchmarks/coverage.py [REPEATS]`; with 1,000 repeats, the default, it takes about
half an hour. The tables of docs/explanation/how-sure.md are what it prints, and it draws that page's picture.
Features of differing support are in benchmarks/coverage_support.py, certificates in coverage_certificates.py
and coverage_pools.py.

Two kinds of populations. *Made-up weights*: each row has limits that its weights tend to, known exactly, and noise in
folds as perturbations make it: common to all rows for a shared pool, each row's own else. *A real model*: a table, a
logistic model with an interaction, and explanations as a run makes them (benchmarks/coverage_model.py).

Two truths. The *limit* is the score of the whole population with endless perturbations. The *average* is the mean of
the score over repeats: what this procedure gives with so many perturbations, the noise's own weight included.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from scipy import sparse

from limekiln import certainty, importances
from limekiln.aggregate import folds, normlime
from limekiln.aggregate.folds import FOLDS, FoldTally
from limekiln.aggregate.spread import ScoreName
from limekiln.certify import Certain
from limekiln.values import Array, Explanations, Index, Mask, plain_vocabulary

SCORES: Final[tuple[ScoreName, ...]] = ("weighted", "share")
Named = Literal["weighted", "share", "limit"]
LIMIT: Final[Named] = "limit"
"""The weighted score, freed of the noise's own part."""
CONFIDENCE: Final = 0.95
SAMPLED: Final = 0.25
"""The share of the population that is explained where rows are sampled."""
USED_BY: Final = (1.0, 1.0, 0.8, 0.5, 0.3, 0.15, 1.0)
SIZES: Final = (2.0, 1.0, 1.5, 1.2, 1.0, 1.5, 0.0)
"""What a feature's weights are like; the last is 0 in the limit, and all that it gets is noise."""
FIRST_CLASS: Final = 0.6
TYPES: Final = 4
LEAST_SUPPORT: Final = 20
"""As `aggregate.min_support` is by default: features with less are not compared."""

Law = Literal["even", "skewed"]


# --- made-up weights ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """N rows of two classes whose weights (N, F) tend to `limits`; `load` (N, F) is how much noise each has."""

    limits: Array
    used: Mask
    load: Array
    labels: Index

    def __len__(self) -> int:
        """N."""
        return len(self.labels)


@dataclass(frozen=True)
class Cell:
    """What is repeated: the law of limits, how many rows are explained, and where the noise comes from."""

    law: Law
    n: int
    sampled: bool
    shared: bool

    @property
    def name(self) -> str:
        """For a table's line."""
        rows = "sampled" if self.sampled else "complete"
        return f"{self.law}, {self.n:,} rows {rows}, {'shared pool' if self.shared else 'perturbations per row'}"


@dataclass(frozen=True)
class Repeats:
    """R repeats of F features by score: estimates, low and high (R, F); limits (F,) and mean supports (F,).

    `halves` (R, F) are the weighted scores from products of halves.
    """

    estimates: dict[Named, Array]
    low: dict[Named, Array]
    high: dict[Named, Array]
    limits: dict[ScoreName, Array]
    support: Array
    halves: Array

    def coverage(self, score: Named, truth: Array | None = None) -> Array:
        """How often the intervals hold the truth, (F,); the average over repeats where none is given."""
        truth = self.estimates[score].mean(axis=0) if truth is None else truth
        held: Array = ((self.low[score] <= truth) & (truth <= self.high[score])).mean(axis=0)
        return held


def world(law: Law, n: int, rng: np.random.Generator) -> World:
    """A population of n rows."""
    shape = (n, len(SIZES))
    size = rng.gamma(4.0, 0.25, shape) if law == "even" else rng.lognormal(-0.125, 0.5, shape)
    used = rng.random(shape) < np.array(USED_BY)
    loads = rng.uniform(0.5, 1.5, (TYPES, len(SIZES)))
    return World(
        limits=used * size * np.array(SIZES) * rng.choice([-1.0, 1.0], shape, p=[0.2, 0.8]),
        used=used,
        load=loads[rng.integers(TYPES, size=n)] * np.maximum(np.array(SIZES), 0.5),
        labels=(rng.random(n) > FIRST_CLASS).astype(np.int64),
    )


def observe(
    population: World, rows: Index, *, shared: bool, noise: float, rng: np.random.Generator
) -> tuple[Explanations, FoldTally]:
    """Rows as a run explains them: weights from all folds of the noise, without each, and from halves.

    Args:
        population: all rows.
        rows: those explained.
        shared: whether one draw of the noise serves all rows.
        noise: its standard deviation in a weight of size and load 1, from all folds together.
        rng: source of the noise.
    """
    limits, used, load = population.limits[rows], population.used[rows], population.load[rows]
    n, features = limits.shape
    by_fold = rng.normal(0.0, noise * np.sqrt(FOLDS), (1 if shared else n, FOLDS, features))
    whole = by_fold.mean(axis=1)
    without = (FOLDS * whole[:, None] - by_fold) / (FOLDS - 1)
    halves = by_fold.reshape(len(by_fold), 2, -1, features).mean(axis=2)

    weights = used * (limits + load * whole)
    labels = population.labels[rows]
    tally = folds.tally(
        used[:, None] * (limits[:, None] + load[:, None] * without),
        used[:, None] * (limits[:, None] + load[:, None] * halves),
        weights,
        labels,
        2,
    )
    return explanations(rows, labels, weights), tally


def explanations(rows: Index, labels: Index, weights: Array) -> Explanations:
    """Weights (n, F) as a run carries them; what intervals do not look at is 0."""
    nothing = np.zeros(len(rows))
    W = sparse.csr_array(weights)
    return Explanations(rows, labels, W, nothing, nothing, nothing, nothing, nothing, nothing)


def first_class(
    explained: Explanations, tally: FoldTally, *, shared: bool, share: float
) -> tuple[Index, normlime.Scores, Certain]:
    """What a run says of the first of two classes: the features compared, their scores, and how sure they are."""
    features = explained.weights.shape[1]
    vocabulary = plain_vocabulary([f"f{j}" for j in range(features)])
    ranked = importances.rank(importances.tally(vocabulary, explained, 2), ("a", "b"), "weighted", 1)
    asked = certainty.Asked(
        score="weighted",
        confidence=CONFIDENCE,
        indifference=0.01,
        top=3,
        min_support=1,
        explained=share,
        shared=shared,
    )
    mine = next(r for r in certainty.measure(ranked, vocabulary, explained, tally, asked) if r.class_name == "a")
    if mine.certain is None:
        raise RuntimeError("the class has too few rows")
    return mine.keys[mine.certain.order], mine.scores, mine.certain


def repeat(cell: Cell, repeats: int, seed: int) -> Repeats:
    """Explains samples of one population, or all of it with new noise, again and again."""
    rng = np.random.default_rng(seed)
    share = SAMPLED if cell.sampled else 1.0
    population = world(cell.law, round(cell.n / share), rng)
    runs = []
    for _ in range(repeats):
        rows = np.sort(rng.choice(len(population), cell.n, replace=False))
        noise = 0.04 if cell.shared else 0.15
        seen = observe(population, rows, shared=cell.shared, noise=noise, rng=rng)
        runs.append(first_class(*seen, shared=cell.shared, share=share))
    mine = population.labels == 0
    truth = normlime.scores(normlime.tally(sparse.csr_array(population.limits[mine])))
    return gather(runs, {s: getattr(truth, s) for s in SCORES})


def gather(runs: list[tuple[Index, normlime.Scores, Certain]], limits: dict[ScoreName, Array]) -> Repeats:
    """Repeats in the features' own order; one that a repeat did not compare is NaN there, and not held."""
    features = len(limits["share"])

    def placed(values: Callable[[Certain], Array | None]) -> Array:
        found = np.full((len(runs), features), np.nan)
        for r, (keys, _, certain) in enumerate(runs):
            found[r, keys] = values(certain)
        return found

    def of_limit(name: Literal["score", "low", "high"]) -> Array:
        return placed(lambda c: None if c.limit is None else getattr(c.limit, name))

    def ends(score: ScoreName, end: int) -> Array:
        return placed(lambda c: c.bounds[score][end])

    def estimates(score: ScoreName) -> Array:
        return np.array([getattr(scores, score) for _, scores, _ in runs])

    return Repeats(
        estimates={**{s: estimates(s) for s in SCORES}, LIMIT: of_limit("score")},
        low={**{s: ends(s, 0) for s in SCORES}, LIMIT: of_limit("low")},
        high={**{s: ends(s, 1) for s in SCORES}, LIMIT: of_limit("high")},
        limits=limits,
        support=np.mean([scores.support for _, scores, _ in runs], axis=0),
        halves=placed(lambda c: c.debiased),
    )


# --- what is printed ---------------------------------------------------------------------------------------------


def line(name: str, found: Repeats, floor: Mask) -> str:
    """A table's line: the least and greatest coverage over features, of the average and of the limit, by score."""
    cells = [name]
    compared = ~floor & (found.support >= LEAST_SUPPORT)
    for score in SCORES:
        average, limit = found.coverage(score), found.coverage(score, found.limits[score])
        cells += [_span(average[compared]), _span(limit[compared]), _span(average[floor])]
    return "| " + " | ".join(cells) + " |"


def limit_line(name: str, found: Repeats, floor: Mask) -> str:
    """The same of the limit: how often `limit` and `weighted` hold it, and by how many per cent estimates are off."""
    compared, truth = ~floor & (found.support >= LEAST_SUPPORT), found.limits["weighted"]
    held = [found.coverage(score, truth) for score in (LIMIT, "weighted")]

    def off(estimates: Array) -> str:
        values = estimates[:, compared].mean(axis=0) / truth[compared] - 1
        return _span(values, "+.1f")

    cells = [name, *(_span(h[k]) for h in held for k in (compared, floor))]
    return (
        "| "
        + " | ".join([*cells, *map(off, (found.estimates["weighted"], found.halves, found.estimates[LIMIT]))])
        + " |"
    )


def _span(values: Array, form: str = ".1f") -> str:
    low, high = (f"{100 * v:{form}}" for v in (values.min(), values.max()))
    return low if low == high else f"{low} – {high}"


HEAD: Final = """
| | weighted: average | limit | floor, average | share: average | limit | floor, average |
|---|---|---|---|---|---|---|"""
LIMIT_HEAD: Final = """
| | `limit` holds it | floor, 0 | `weighted` holds it | floor, 0 | `weighted` is off by | `debiased` | `limit` |
|---|---|---|---|---|---|---|---|"""


def main(repeats: int) -> None:
    """Prints all tables and draws the picture."""
    from benchmarks import (  # noqa: PLC0415 - they build on this module
        coverage_certificates,
        coverage_model,
        coverage_picture,
        coverage_pools,
        coverage_support,
    )

    print(f"Made-up weights, {repeats:,} repeats{HEAD}")
    floor = np.array(SIZES) == 0
    cells = [
        Cell(law, 300, sampled, shared)
        for law in ("even", "skewed")
        for sampled in (True, False)
        for shared in (True, False)
    ]
    of_limits = []
    for i, cell in enumerate(cells):
        found = repeat(cell, repeats, i)
        print(line(cell.name, found, floor), flush=True)
        of_limits.append(limit_line(cell.name, found, floor))
        if i == 0:
            path = Path(__file__).parent.parent / "docs" / "images" / "how-sure.svg"
            path.write_text(coverage_picture.picture(found, 0), "utf-8")
    print(f"\nLimits, made-up weights{LIMIT_HEAD}", *of_limits, sep="\n", flush=True)
    coverage_model.main(max(repeats // 5, 20))
    coverage_support.main(repeats)
    coverage_certificates.main(repeats)
    coverage_pools.main(repeats)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
