"""Does what follows from the results and the tables really follow from them?"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from limekiln import gates, junit, seal, store
from limekiln.record import ALL_CLASSES, Gates, RunRecord
from limekiln.verification.document import Check

_WHOLE_NUMBERS: Final = {pa.int64(): pd.Int64Dtype()}  # which may be missing, and are no floats for that
_RELATIVE: Final = 1e-9
_SCORES: Final = ("rank", "share", "weighted", "positive", "negative", "support", "ci_low", "ci_high")


def check(folder: Path, record: RunRecord) -> list[Check]:
    """One check for each thing that does not follow, or one for all of them."""
    wrong = [
        Check(part="contents", verdict="refuted", about=about, words=words, expected=expected, found=found)
        for about, words, expected, found in (
            *_documents(folder, record),
            *_twins(folder),
            *_counts(record),
            *_same_run(record),
            *_of_rows(record),
            *_scores(record),
            *_importances(record),
            *_picks(record),
        )
    ]
    words = (
        "counts, hashes, gates, CSV twins, importances and picks are those that follow from the results and the tables"
    )
    return wrong or [Check(part="contents", verdict="confirmed", about="results and tables", words=words)]


_Wrong = tuple[str, str, str | None, str | None]


def _documents(folder: Path, record: RunRecord) -> Iterator[_Wrong]:
    content = (folder / store.RESULTS).read_bytes()
    yield from _bytes(store.RESULTS, seal.as_json(json.loads(content)), content)
    outcomes = record.results.gates
    derived = {}
    if outcomes:
        found = Gates(verdict=gates.verdict(outcomes), gates=outcomes)
        derived = {store.GATES: store.to_json(found), store.GATES_FOR_CI: junit.render(record.results)}
    for name in (store.GATES, store.GATES_FOR_CI):
        if name in derived and name in record.manifest.files:
            yield from _bytes(name, store.encode(derived[name]), (folder / name).read_bytes())
        elif name in derived or name in record.manifest.files:
            there = "has gates" if outcomes else "has none"
            yield name, f"{name} does not go with results.json, which {there}", None, None


def _twins(folder: Path) -> Iterator[_Wrong]:
    for table in store.CSV_TWINS:
        whole = pq.read_table(folder / f"{table}.parquet").to_pandas(types_mapper=_WHOLE_NUMBERS.get)
        expected = store.encode(store.to_csv(whole))
        yield from _bytes(f"{table}.csv", expected, (folder / f"{table}.csv").read_bytes())


def _bytes(name: str, expected: bytes, found: bytes) -> Iterator[_Wrong]:
    if expected != found:
        digests = (hashlib.sha256(content).hexdigest() for content in (expected, found))
        yield name, f"{name} is not what follows from the results and the tables", *digests  # type: ignore[misc]


def _counts(record: RunRecord) -> Iterator[_Wrong]:
    counts, tables = record.results.counts, record.tables
    for about, expected, found in (
        ("counts of manifest.json", counts, record.manifest.counts),
        ("counts.requested", counts.explained + counts.failed, counts.requested),
        ("counts.explained", tables["rows"]["row"].nunique(), counts.explained),
        ("counts.failed", len(tables["failures"]), counts.failed),
        ("sample.rows", counts.requested, record.results.sample.rows),
        ("rows of classes", len(tables["rows"]), _all_rows(record)),
    ):
        yield from _equal(about, expected, found)
    unknown = set(tables["explanations"]["row"]) - set(tables["rows"]["row"])
    if unknown:
        yield "explanations.parquet", f"row {min(unknown)} has weights and is not in rows.parquet", None, min(unknown)


def _all_rows(record: RunRecord) -> int:
    classes = record.results.classes
    together = [c.rows for c in classes if c.name == ALL_CLASSES]
    return together[0] if together else sum(c.rows for c in classes)


def _same_run(record: RunRecord) -> Iterator[_Wrong]:
    results, manifest = record.results, record.manifest
    yield from _equal("model_sha256", results.model.sha256, manifest.model_sha256)
    yield from _equal("data_sha256", results.data.sha256, manifest.data_sha256)
    yield from _equal("seed", results.sample.seed, manifest.seed)


def _of_rows(record: RunRecord) -> Iterator[_Wrong]:
    """What results.json says of all rows, from rows.parquet: how often the model is right, and the fidelity."""
    results, rows = record.results, record.tables["rows"]
    told = results.data.target not in {column.column for column in results.data.redacted}
    if results.accuracy is not None and told:
        known = rows[rows["target"].notna() & (rows["target"] != "")]
        yield from _near("accuracy", float((known["class"] == known["target"]).mean()), results.accuracy)
    r2 = rows["r2"].dropna().to_numpy(dtype=float)
    if len(r2) and results.fidelity.median is not None:
        yield from _near("fidelity.median", float(np.median(r2)), results.fidelity.median)


def _scores(record: RunRecord) -> Iterator[_Wrong]:
    """Each score in results.json beside its line in importances.parquet."""
    keyed = {
        (str(line["class"]), str(line["level"]), str(line["feature"]), _value(line["value"])): line
        for line in record.tables["importances"].to_dict("records")
    }
    for facts in record.results.classes:
        for level, scores in (("feature", facts.features), ("value", facts.values)):
            for score in scores:
                line = keyed.get((facts.name, level, score.feature, _value(score.value)))
                for name in _SCORES:
                    stored = None if line is None or pd.isna(line[name]) else float(line[name])
                    told = getattr(score, name)
                    if stored != (None if told is None else float(told)):
                        about = f"results.json, class {facts.name}: {name} of {score.feature}"
                        yield about, f"{about} is not that of importances.parquet", str(stored), str(told)


def _importances(record: RunRecord) -> Iterator[_Wrong]:
    """Support and both scores again, from the weights (Ahern et al. 2019, equation 6; docs/explanation/normlime.md)."""
    table, weights = record.tables["importances"], record.tables["explanations"]
    for level, keys in (("feature", ["feature"]), ("value", ["feature", "value"])):
        lines = table[table["level"] == level]
        if lines.empty:
            continue
        summed = weights.groupby(["row", "class", *keys], sort=False)["weight"].sum().abs()
        used = summed[summed > 0].rename("size").reset_index()
        used["share"] = used["size"] / used.groupby(["row", "class"], sort=False)["size"].transform("sum")
        used["weighted"] = used["share"] * used["size"]
        both = pd.concat([used, used.assign(**{"class": ALL_CLASSES})])
        again = both.groupby(["class", *keys], sort=False).agg(
            share=("share", "mean"), weighted=("weighted", "mean"), support=("size", "size")
        )
        joined = lines.merge(again, how="left", on=["class", *keys], suffixes=("", "_again"))
        for name in ("support", "share", "weighted"):
            stored = joined[name].to_numpy(dtype=float)
            found = joined[f"{name}_again"].fillna(0.0).to_numpy(dtype=float)
            for i in np.flatnonzero(~np.isclose(stored, found, rtol=_RELATIVE, atol=_RELATIVE))[:1]:
                about = f"importances.parquet, class {joined['class'][i]}: {name} of {joined['feature'][i]}"
                yield about, f"{about} does not follow from explanations.parquet", str(found[i]), str(stored[i])


def _picks(record: RunRecord) -> Iterator[_Wrong]:
    columns = ["scope", "order", "row", "gain", "coverage", "upper_bound"]
    told = [
        (pick.scope, row.order, row.row, row.gain, row.coverage, row.upper_bound)
        for pick in record.results.picks
        for row in pick.rows
    ]
    stored = [tuple(line) for line in record.tables["picks"][columns].itertuples(index=False)]
    if told != stored:
        yield "picks.parquet", "picks.parquet does not hold the picks of results.json", None, None


def _equal(about: str, expected: object, found: object) -> Iterator[_Wrong]:
    if expected != found:
        yield about, f"{about} does not add up", str(expected), str(found)


def _near(about: str, expected: float, found: float) -> Iterator[_Wrong]:
    if not np.isclose(expected, found, rtol=_RELATIVE, atol=_RELATIVE):
        yield about, f"{about} of results.json does not follow from rows.parquet", str(expected), str(found)


def _value(value: object) -> str | None:
    return None if value is None or pd.isna(value) else str(value)  # type: ignore[call-overload]  # a scalar
