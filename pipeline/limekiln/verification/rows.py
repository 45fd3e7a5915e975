"""Does the model, asked again, give the explanations that are stored?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd

from limekiln import software, stages
from limekiln.bench import Bench
from limekiln.errors import LimekilnError
from limekiln.fanout import executor
from limekiln.record import RunRecord
from limekiln.reopen import Reopened, reopen
from limekiln.settings import Settings
from limekiln.values import Index, Listener
from limekiln.verification.document import Check, Verdict
from limekiln.verification.opened import Opened

_NUMBERS: Final = ("predicted", "surrogate", "intercept", "r2")
_KEY: Final = ["row", "class", "feature", "value"]
_TOLD: Final = 10


@dataclass(frozen=True)
class Asked:
    """What is asked of a verification: how many rows it explains again, which of them, how far a number may be off.

    A weight may differ by `tolerance` of the row's heaviest, another number by `tolerance` of its size, or of 1 where
    it is smaller. The config's paths start from `config_folder`, by default from where the run lay.
    """

    rows: int | Literal["all"]
    seed: int
    tolerance: float
    config_folder: Path | None = None
    trust_templates: bool = False


@dataclass(frozen=True)
class _Difference:
    """Where a row differs most, in units of what is allowed."""

    row: str
    what: str
    stored: float
    again: float
    size: float


def check(run: Opened, record: RunRecord, asked: Asked, listener: Listener) -> list[Check]:
    """Explains rows of a stored run again.

    Args:
        run: where the run's files are.
        record: what they hold.
        asked: which rows.
        listener: hears of progress.
    """
    if asked.rows == 0:
        return [_say("not checked", "rows", "no row is explained again: nobody asked for one")]
    if _concepts(record) and asked.rows != "all":
        words = "its features are concepts, found over all images together; --rows all explains them all again"
        return [_say("could not run", "rows", f"single rows of this run cannot be explained again: {words}")]
    try:
        opened = reopen(run.folder, record, asked.config_folder, run.beside / record.manifest.run_id)
        return _compare(opened, asked, listener)
    except LimekilnError as error:
        return [_say("could not run", "rows", f"no row could be explained again: {error}")]


def _compare(opened: Reopened, asked: Asked, listener: Listener) -> list[Check]:
    record = opened.record
    settings = _settings(opened)
    rows = _chosen(record.tables["rows"]["row"], asked)
    place = {key: i for i, key in enumerate(opened.inputs.frame.names)}
    if strange := [row for row in rows if row not in place]:
        return [_say("refuted", strange[0], f"row {strange[0]} is in rows.parquet and not in the data")]
    positions: Index = np.array([place[row] for row in rows], dtype=np.int64)
    with executor(settings.cluster) as workers:
        bench = Bench(workers, listener)
        again = stages.again(opened.inputs, settings, positions, bench)
    wanted = set(rows)
    stored = {name: t[t["row"].isin(wanted)] for name, t in record.tables.items() if name in again}
    worst = _worst(stored, again, asked.tolerance)
    wrong = [d for d in worst if not d.size <= 1]
    n = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    if not wrong:
        most = max((d.size for d in worst), default=0.0) * asked.tolerance
        words = f"{n}, explained again with {bench.model_rows:,} rows asked of the model, give the stored explanations"
        exact = "to the last bit" if most == 0 else f"the largest difference is {most:.1g}"
        return [_say("confirmed", "rows", f"{words}; {exact}")]
    if other := _other_software(record):
        words = f"{len(wrong):,} of {n} differ when explained again, and so does the software: {other}"
        return [_say("could not run", "rows", f"{words}; {_words(wrong[0])}")]
    told = [_say("refuted", d.row, _words(d), f"{d.again!r}", f"{d.stored!r}") for d in wrong[:_TOLD]]
    if len(wrong) > _TOLD:
        told.append(_say("refuted", "rows", f"and {len(wrong) - _TOLD:,} more rows of {n}"))
    return told


def _settings(opened: Reopened) -> Settings:
    """The config's, with the perturbations that the last round had, in this process."""
    settings = opened.config.settings
    updates: dict[str, object] = {"cluster": settings.cluster.model_copy(update={"scheduler": "inline"})}
    if settings.aggregate.until_decided:
        n = opened.record.results.method.perturbations
        updates["explain"] = settings.explain.model_copy(update={"perturbations": n})
    return settings.model_copy(update=updates)


def _chosen(rows: "pd.Series[str]", asked: Asked) -> list[str]:
    """Rows drawn without replacement, in the order of the run."""
    every = list(dict.fromkeys(rows))
    if asked.rows == "all" or asked.rows >= len(every):
        return every
    drawn = np.random.default_rng(asked.seed).choice(len(every), asked.rows, replace=False)
    return [every[i] for i in np.sort(drawn)]


def _worst(stored: dict[str, pd.DataFrame], again: dict[str, pd.DataFrame], tolerance: float) -> list[_Difference]:
    """For each row its largest difference, largest first."""
    both = stored["explanations"].merge(again["explanations"], how="outer", on=_KEY, suffixes=("", "_again"))
    both = both.fillna({"weight": 0.0, "weight_again": 0.0})
    heaviest = both.assign(size=both["weight"].abs()).groupby(["row", "class"])["size"].transform("max")
    allowed = tolerance * heaviest.to_numpy()
    found = _differences(both, "weight", "weight of " + both["feature"], allowed)
    lines = stored["rows"].merge(again["rows"], how="outer", on=["row", "class"], suffixes=("", "_again"))
    for name in _NUMBERS:
        found += _differences(lines, name, name, tolerance * np.maximum(1.0, lines[name].abs().to_numpy()))
    largest: dict[str, _Difference] = {}
    for d in found:
        if d.row not in largest or not d.size <= largest[d.row].size:
            largest[d.row] = d
    return sorted(largest.values(), key=lambda d: -d.size)


def _differences(
    table: pd.DataFrame, name: str, what: "str | pd.Series[str]", allowed: np.ndarray
) -> list[_Difference]:
    stored, again = (table[column].to_numpy(dtype=float) for column in (name, f"{name}_again"))
    off = np.where(np.isnan(stored) & np.isnan(again), 0.0, np.abs(stored - again))
    off = np.where(np.isnan(off), np.inf, off)  # a number on one side alone
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(off == 0, 0.0, off / allowed)
    labels = [what] * len(table) if isinstance(what, str) else list(what)
    return [
        _Difference(str(row), str(label), float(s), float(a), float(z))
        for row, label, s, a, z in zip(table["row"], labels, stored, again, size, strict=True)
    ]


def _words(d: _Difference) -> str:
    return f"row {d.row}: {d.what} is stored as {d.stored:.6g}, and explained again it is {d.again:.6g}"


def _other_software(record: RunRecord) -> str:
    then, here = record.manifest.environment, software.environment(software.PACKAGES_OF_RESULTS)
    then = {"limekiln": record.manifest.limekiln, **then}
    other = [
        f"{name} {then.get(name, 'unknown')} then, {here[name]} here" for name in here if then.get(name) != here[name]
    ]
    if record.manifest.code_sha256 not in {None, software.code_sha256()} and not any(
        o.startswith("limekiln") for o in other
    ):
        other.append("limekiln's code")
    return ", ".join(other)


def _concepts(record: RunRecord) -> bool:
    data = record.results.data
    return data.domain == "images" and data.layout is None


def _say(verdict: Verdict, about: str, words: str, expected: str | None = None, found: str | None = None) -> Check:
    return Check(part="rows", verdict=verdict, about=about, words=words, expected=expected, found=found)
