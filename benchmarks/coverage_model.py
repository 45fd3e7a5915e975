# ruff: noqa: INP001, T201 - a part of coverage.py
"""Coverage with a real model: explanations as a run makes them, by shared pool and by perturbations per row.

`python benchmarks/coverage.py` runs it. The limits come from a pool of 400,000 and the whole population.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from benchmarks import coverage
from benchmarks.coverage import SAMPLED, SCORES, Repeats
from scipy import sparse

from limekiln.aggregate import normlime
from limekiln.aggregate.spread import ScoreName
from limekiln.domains.tabular import space as spaces
from limekiln.kernels import default_width
from limekiln.local import tables
from limekiln.local.tables import Batch, FreshJob, Local, PooledJob, PoolJob, Rows
from limekiln.values import Array, Fresh, Instances, Outputs

POOL: Final = 2000
PER_ROW: Final = 500
LONG: Final = 24
"""Months."""
LONG_RUN: Final = 400_000
NOTHING: Final = "noise"
"""The column that the model does not read."""


@dataclass(frozen=True)
class Credit:
    """A logistic model with an interaction."""

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """Probabilities (n, 2)."""
        if not isinstance(instances, pd.DataFrame):
            raise TypeError(f"expected a table, got {type(instances).__name__}")
        age, amount = instances["age"].to_numpy(float), instances["amount"].to_numpy(float)
        rent = (instances["housing"] == "rent").to_numpy(float)
        known = (instances["history"] == "good").to_numpy(float)
        z = 0.04 * (age - 40) + 0.12 * (10 - amount) - 1.2 * rent + 0.9 * known
        z += 0.05 * (age - 40) * rent + 0.5 * (instances["months"].to_numpy(float) > LONG)
        p = 1 / (1 + np.exp(-z))
        return np.column_stack([p, 1 - p]), []


def table(n: int, seed: int) -> pd.DataFrame:
    """Makes n rows of six columns; a model reads all but one."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 75, n),
            "amount": rng.lognormal(2.2, 0.5, n),
            "housing": rng.choice(["own", "rent", "free"], n, p=[0.6, 0.3, 0.1]),
            "history": rng.choice(["good", "bad", "none"], n, p=[0.5, 0.3, 0.2]),
            "months": rng.integers(3, 60, n),
            NOTHING: rng.normal(size=n),
        }
    )


def population(n: int, features: int | None, seed: int = 0) -> tuple[Local, Rows]:
    """Makes n rows, and says how they are explained."""
    frame = table(n, seed)
    space = spaces.fit(frame, discretizer="quartile")
    predicted = Credit().predict_rows(frame)[0]
    positions = np.arange(n)
    batch = Rows(
        rows=positions,
        keys=positions.astype(np.uint64),
        codes=spaces.encode(space, frame),
        numbers=spaces.standardise(space, frame),
        predicted=predicted,
        labels=predicted.argmax(axis=1).astype(np.int64),
    )
    selection = "none" if features is None else "highest_weights"
    return Local(space, default_width(frame.shape[1]), selection, features), batch  # type: ignore[arg-type]  # a literal above


def pooled(local: Local, batch: Rows, size: int, seed: int) -> Batch:
    """The rows from a pool of this size."""
    job = PoolJob(local.space, Credit(), seed)
    parts = [tables.predict_part(job, p) for p in tables.pool_parts(size)]
    return tables.explain_pooled(PooledJob(local, tables.join_pool(local.space, parts)), batch)


def chosen(batch: Rows, which: Array) -> Rows:
    """Some of the rows."""
    return Rows(**{name: getattr(batch, name)[which] for name in Rows.__dataclass_fields__})


def repeat(
    n: int,
    repeats: int,
    *,
    sampled: bool,
    shared: bool,
    features: int | None,
    seed: int = 0,
    long_run: int = LONG_RUN,
) -> Repeats:
    """Explains samples of one population, or all of it, with new perturbations, again and again."""
    share = SAMPLED if sampled else 1.0
    local, everyone = population(round(n / share), features)
    rng = np.random.default_rng(seed)
    runs = []
    for r in range(repeats):
        rows = chosen(everyone, np.sort(rng.choice(len(everyone.rows), n, replace=False)))
        own = 1 + seed * repeats + r
        if shared:
            batch = pooled(local, rows, POOL, own)
        else:
            batch = tables.explain_fresh(FreshJob(local, Credit(), PER_ROW, own, 0.0), rows)
        e = batch.explanations
        explained = coverage.explanations(e.rows, e.labels, e.weights)
        runs.append(coverage.first_class(explained, batch.folds, shared=shared, share=share))
    return coverage.gather(runs, limits(local, everyone, long_run))


def limits(local: Local, everyone: Rows, size: int) -> dict[ScoreName, Array]:
    """The scores of the first class, all rows, from a very large pool."""
    long = pooled(local, everyone, size, 0).explanations
    truth = normlime.scores(normlime.tally(sparse.csr_array(long.weights[long.labels == 0])))
    return {s: getattr(truth, s) for s in SCORES}


def main(repeats: int) -> None:
    """Prints the table."""
    floor = np.array([name == NOTHING for name in table(1, 0).columns])
    print(f"\nA real model, {repeats:,} repeats{coverage.HEAD}")
    of_limits = []
    for sampled in (True, False):
        for shared in (True, False):
            found = repeat(120, repeats, sampled=sampled, shared=shared, features=None)
            where = "shared pool of 2,000" if shared else "500 perturbations per row"
            name = f"120 rows {'sampled' if sampled else 'complete'}, {where}"
            print(coverage.line(name, found, floor), flush=True)
            of_limits.append(coverage.limit_line(name, found, floor))
    print(f"\nLimits, a real model{coverage.LIMIT_HEAD}", *of_limits, sep="\n", flush=True)
