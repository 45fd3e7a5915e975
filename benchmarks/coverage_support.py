# ruff: noqa: INP001, T201 - a part of coverage.py
"""Coverage for features of differing support, each repeat from a population of its own.

`python benchmarks/coverage.py` runs it. One population may have a row that a quarter of all samples find and the others
miss; over many populations a law shows what it does on average. The only source is the choice of 1,000 rows.
"""

from typing import Final, Literal

import numpy as np
from benchmarks.coverage import CONFIDENCE, SCORES
from scipy import sparse

from limekiln import certify
from limekiln.aggregate import normlime, spread
from limekiln.aggregate.folds import FOLDS
from limekiln.aggregate.spread import ScoreName
from limekiln.values import Array

Law = Literal["even", "skewed", "very skewed", "one in ten is eight times as large"]

ROWS: Final = 1000
SUPPORTS: Final = (10, 15, 25, 60, 200, 1000)
"""Rows of a sample that use each feature, on average."""
CELLS: Final[tuple[tuple[Law, float], ...]] = (
    ("even", 0.25),
    ("skewed", 0.1),
    ("skewed", 0.25),
    ("skewed", 0.5),
    ("very skewed", 0.25),
    ("one in ten is eight times as large", 0.25),
)


def population(law: Law, n: int, rng: np.random.Generator) -> sparse.csr_array:
    """Weights (n, F + 1): features of each support, and one that stands for all others of a row."""
    used = rng.random((n, len(SUPPORTS))) < np.array(SUPPORTS) / ROWS
    rows, _ = where = np.nonzero(used)
    if law == "one in ten is eight times as large":
        size = rng.choice([0.5, 4.0], len(rows), p=[0.9, 0.1])
    elif law == "even":
        size = rng.gamma(4.0, 0.25, len(rows))
    else:
        size = rng.lognormal(0.0, 0.5 if law == "skewed" else 1.0, len(rows))
    weights = np.zeros((n, len(SUPPORTS) + 1))
    weights[where] = size
    weights[:, -1] = 3 * rng.gamma(10.0, 0.1, n)
    return sparse.csr_array(weights)


def held(law: Law, share: float, repeats: int, seed: int) -> dict[ScoreName, Array]:
    """How often intervals from a sample of this share hold the population's score, by score, (F,)."""
    rng = np.random.default_rng(seed)
    hits = {s: np.zeros(len(SUPPORTS)) for s in SCORES}
    keys = np.arange(len(SUPPORTS))
    for _ in range(repeats):
        everyone = population(law, round(ROWS / share), rng)
        rows = np.sort(rng.choice(everyone.shape[0], ROWS, replace=False))
        seen = everyone[rows]
        truth, found = (normlime.scores(normlime.tally(w)) for w in (everyone, seen))
        for s in SCORES:
            over = spread.by_rows(seen, keys, s, share, rows)
            sure = spread.combine(over, None, folds=FOLDS, shared=False, explained=share)
            low, high = certify.bounds(getattr(found, s)[keys], sure, CONFIDENCE)
            hits[s] += (low <= getattr(truth, s)[keys]) & (getattr(truth, s)[keys] <= high)
    return {s: hits[s] / repeats for s in SCORES}


def main(repeats: int) -> None:
    """Prints the table."""
    names = [f"{s}: {support:,}" for s in SCORES for support in SUPPORTS]
    print(f"\nBy support, {repeats:,} repeats\n\n| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for i, (law, share) in enumerate(CELLS):
        found = held(law, share, repeats, 300 + i)
        cells = [f"{100 * v:.1f}" for s in SCORES for v in found[s]]
        print(f"| {law}, {100 * share:.0f} % sampled | " + " | ".join(cells) + " |", flush=True)
