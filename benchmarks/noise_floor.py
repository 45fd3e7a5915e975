# ruff: noqa: INP001, T201 - a script that a reader runs, which prints
"""How often features that do nothing stand above their noise floor, and how weak a feature may be to be found.

`OMP_NUM_THREADS=1 python benchmarks/noise_floor.py [REPEATS]` prints the table of docs/explanation/noise-floor.md. Each
repeat draws new data and new perturbed rows. Five columns are used by the model, three of them by amounts that are hard
to find; seven do nothing, some of them with rare values.
"""

import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from limekiln.aggregate import floor
from limekiln.aggregate.spread import ScoreName
from limekiln.domains.tabular import data_pool
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Discretizer
from limekiln.domains.tabular.space import Space
from limekiln.kernels import default_width
from limekiln.local import tables as local
from limekiln.local.tables import FreshJob, Local, PooledJob, PoolJob, Rows
from limekiln.surrogate import Selection
from limekiln.values import Array, Fresh, Instances, Mask, Outputs, part

ROWS: Final = 100
"""Explained in each repeat, all of them probed."""
DATA: Final = 1000
EFFECTS: Final = {"a tenth": 0.1, "a twentieth": 0.05, "a fiftieth": 0.02}
"""Of the logit's slope along the strongest column."""
IDLE: Final = ("normal", "gamma", "even", "letters", "uneven", "seldom", "rare")


@dataclass(frozen=True)
class Setting:
    """A way to explain: the pool's size, or the perturbations of each row where there is none."""

    name: str
    pool: str
    perturbations: int
    discretizer: Discretizer = "quartile"
    selection: Selection = "none"
    features: int | None = None


SETTINGS: Final = (
    Setting("pool of 5,000", "marginal", 5000),
    Setting("pool of 20,000", "marginal", 20_000),
    Setting("1,000 rows of the data", "data", 1000),
    Setting("500 perturbations per row", "none", 500),
    Setting("pool of 5,000, numbers as numbers", "marginal", 5000, discretizer="none"),
    Setting("pool of 5,000, 4 kept by forward selection", "marginal", 5000, selection="forward_selection", features=4),
    Setting("pool of 5,000, 8 kept by highest weights", "marginal", 5000, selection="highest_weights", features=8),
    Setting("500 per row, 4 kept by forward selection", "none", 500, selection="forward_selection", features=4),
)


@dataclass(frozen=True)
class Logit:
    """A logistic model of one class."""

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """Probabilities (n, 1)."""
        frame = part(instances, 0, len(instances))
        assert isinstance(frame, pd.DataFrame)  # noqa: S101 - a table is all that this is asked for
        z = frame["strong"].to_numpy() + 0.5 * (frame["kind"] == "a").to_numpy()
        z = z + sum(size * frame[name].to_numpy() for name, size in EFFECTS.items())
        return (1 / (1 + np.exp(-z)))[:, None], []


def table(rng: np.random.Generator) -> pd.DataFrame:
    """`DATA` rows of five columns that are used and seven that do nothing."""

    def names(*p: float) -> Array:
        made: Array = rng.choice(list("abcdefgh")[: len(p)], DATA, p=p)
        return made

    used = {name: rng.normal(size=DATA) for name in ("strong", *EFFECTS)}
    idle = {
        "normal": rng.normal(size=DATA),
        "gamma": rng.gamma(1, size=DATA),
        "even": names(0.5, 0.5),
        "letters": names(*[0.125] * 8),
        "uneven": names(0.6, 0.2, 0.1, 0.05, 0.02, 0.015, 0.01, 0.005),
        "seldom": names(0.95, 0.05),
        "rare": names(0.99, 0.01),
    }
    return pd.DataFrame(used | {"kind": names(0.4, 0.3, 0.3)} | idle)


def above(setting: Setting, seed: int) -> dict[ScoreName, Mask]:
    """Which features (d,) stand above their floor in one repeat, by either score."""
    frame, model = table(np.random.default_rng([seed, 1])), Logit()
    space = spaces.fit(frame, discretizer=setting.discretizer)
    rows = frame.iloc[:ROWS]
    batch = Rows(
        rows=np.arange(ROWS),
        keys=np.random.default_rng([seed, 2]).integers(0, 2**63, ROWS).astype(np.uint64),
        codes=spaces.encode(space, rows),
        numbers=spaces.standardise(space, rows),
        predicted=model.predict_rows(rows)[0],
        labels=np.zeros(ROWS, dtype=np.int64),
    )
    how = Local(space, default_width(len(frame.columns)), setting.selection, setting.features, np.arange(ROWS))
    if setting.pool == "none":
        told = local.explain_fresh(FreshJob(how, model, setting.perturbations, seed, 0.0), batch)
    else:
        told = local.explain_pooled(pooled(setting, how, space, frame, seed), batch)
    assert told.probes is not None  # noqa: S101 - LIME has probes
    found: dict[ScoreName, Mask] = {}
    names: tuple[ScoreName, ScoreName] = ("weighted", "share")
    for score in names:
        own = getattr(told.probes, score)[0, 0] / np.maximum(told.probes.support[0, 0], 1)
        found[score] = own > np.nan_to_num(floor.floor(told.probes, 0, own, score), nan=np.inf)
    return found


def pooled(setting: Setting, how: Local, space: Space, frame: pd.DataFrame, seed: int) -> PooledJob:
    """The pool of a repeat, perturbed rows or the data's own."""
    if setting.pool == "data":
        positions = data_pool.choose(len(frame), setting.perturbations, seed)
        job = data_pool.DataPoolJob(space, Logit())
        real = [data_pool.predict_part(job, rows) for rows in data_pool.parts(frame, positions)]
        return PooledJob(how, data_pool.join(space, real))
    parts = [local.predict_part(PoolJob(space, Logit(), seed), p) for p in local.pool_parts(setting.perturbations)]
    return PooledJob(how, local.join_pool(space, parts))


def main() -> None:
    """Prints how often each feature stands above its floor, in per cent of the repeats."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    columns = list(table(np.random.default_rng(0)).columns)
    idle = [columns.index(name) for name in IDLE]
    print(f"{repeats} repeats; above the floor, per cent; idle: mean over {len(IDLE)} columns (lowest - highest)\n")
    print("| | score | " + " | ".join(columns[:5]) + " | idle |")
    print("|---|---|" + "---|" * 6)
    for setting in SETTINGS:
        made = [above(setting, seed) for seed in range(repeats)]
        for score in ("weighted", "share"):
            rate = 100 * np.mean([m[score] for m in made], axis=0)
            cells = [f"{r:.0f}" for r in rate[:5]]
            span = f"{rate[idle].mean():.1f} ({rate[idle].min():.1f} - {rate[idle].max():.1f})"
            print(f"| {setting.name} | {score} | " + " | ".join(cells) + f" | {span} |", flush=True)


if __name__ == "__main__":
    main()
