# ruff: noqa: INP001, T201 - a script that a reader runs, which prints
"""Do runs that differ in nothing but their seed contradict each other?

    OMP_NUM_THREADS=1 python benchmarks/five_seeds.py CONFIG [KEY=VALUE ...]

Runs the config with the seeds 1 to 5, into a folder that is removed afterwards, and prints a table of
docs/explanation/how-sure.md. A run decides a pair of features where their rank intervals do not meet.
"""

import sys
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd

from limekiln import config, kiln
from limekiln.record import ALL_CLASSES, RunRecord
from limekiln.values import Array, Mask

SEEDS: Final = (1, 2, 3, 4, 5)
TOP: Final = 10


def main() -> None:
    """Prints a line for each class."""
    with TemporaryDirectory() as output:
        records = [finished(seed, output) for seed in SEEDS]
    print("| | pairs | decided, each run | in all runs | contradictions | first 10 | other ranks there | certified |")
    print("|---|---|---|---|---|---|---|---|")
    for facts in records[0].results.classes:
        print(line(facts.name, records))


def finished(seed: int, output: str) -> RunRecord:
    """The config's run with a seed."""
    fixed = [f"sample.seed={seed}", f"output={output}", "report.formats=[html]", "aggregate.confidence=0.95"]
    return kiln.run(config.load(Path(sys.argv[1]), [*sys.argv[2:], *fixed])).record


def line(name: str, records: list[RunRecord]) -> str:
    """What the runs say of a class, beside what they say together."""
    tables = [_features(record, name) for record in records]
    names = sorted(set.intersection(*(set(table.index) for table in tables)))
    above = [_above(table.loc[names]) for table in tables]
    decided = [int(a.sum()) for a in above]
    everywhere = int(np.logical_and.reduce(above).sum())
    against = sum(int((a & b.T).sum()) for a, b in combinations(above, 2))
    ranks: Array = np.stack([table.loc[names, "rank"].to_numpy() for table in tables])
    first = (ranks <= TOP).any(axis=0)
    moved = int((np.ptp(ranks, axis=0) > 0)[first].sum())
    certified = [_certified(record, name) for record in records]
    said = "all classes" if name == ALL_CLASSES else name
    pairs = len(names) * (len(names) - 1) // 2
    cells = [said, pairs, f"{min(decided)} – {max(decided)}", everywhere, against, int(first.sum()), moved]
    return "| " + " | ".join(map(str, [*cells, f"{sum(certified)} of {len(records)}"])) + " |"


def _features(record: RunRecord, name: str) -> pd.DataFrame:
    table = record.tables["importances"]
    mine = table[(table["class"] == name) & (table["level"] == "feature")].dropna(subset=["rank_low"])
    return mine.set_index("feature")


def _above(table: pd.DataFrame) -> Mask:
    """Which feature (row) surely ranks before which (column)."""
    low, high = (table[end].to_numpy() for end in ("rank_low", "rank_high"))
    found: Mask = high[:, None] < low
    return found


def _certified(record: RunRecord, name: str) -> bool:
    facts = next(f for f in record.results.classes if f.name == name)
    return facts.certificate is not None and facts.certificate.verdict == "decided"


if __name__ == "__main__":
    main()
