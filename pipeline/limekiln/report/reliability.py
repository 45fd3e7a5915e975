"""How far the explanations can be trusted: fidelity, counts, and every row that failed."""

import math
from dataclasses import dataclass

import pandas as pd

from limekiln.record import ALL_CLASSES, RunRecord
from limekiln.report.figures import Histogram, histogram
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import class_name, fit_words, reading_order, voice
from limekiln.report.words import count, number, percent

_FAILURES = 20
_LINE = 0.5


@dataclass(frozen=True)
class FidelityRow:
    """The fidelity of one class's rows."""

    name: Name
    rows: str
    p05: str
    median: str
    p95: str
    below: str


@dataclass(frozen=True)
class FailureRow:
    """A row that could not be explained."""

    row: Name
    stage: Name
    error: Name


@dataclass(frozen=True)
class Reliability:
    """Section 5 of the report."""

    intro: Sentence
    accuracy: str
    chart: Histogram | None
    table: tuple[FidelityRow, ...]
    counts: tuple[tuple[str, str], ...]
    counts_note: str
    failures: tuple[FailureRow, ...]
    failures_more: str
    failures_intro: str


def build(record: RunRecord) -> Reliability:
    """Fidelity, counts and failures of a run."""
    results = record.results
    counts, says = results.counts, voice(results)
    values = fidelities(record.tables["rows"])
    failures = record.tables["failures"]
    printed = failures.head(_FAILURES)
    return Reliability(
        intro=_intro(record),
        accuracy=_accuracy(record),
        chart=_chart(record, values) if values else None,
        table=tuple(
            FidelityRow(
                class_name(c.name) if c.name != ALL_CLASSES or not says.regression else Name("all rows"),
                f"{c.rows:,}",
                number(c.fidelity.p05, 2),
                number(c.fidelity.median, 2),
                number(c.fidelity.p95, 2),
                percent(c.fidelity.below_half),
            )
            for c in reading_order(results.classes)
        ),
        counts=(
            ("requested", f"{counts.requested:,}"),
            ("explained", f"{counts.explained:,}"),
            ("failed", f"{counts.failed:,}"),
            ("rows the model was asked for", f"{counts.model_rows:,}"),
            ("perturbed rows that failed", f"{counts.pool_failed:,}"),
        ),
        counts_note="Requested rows are those explained and those failed; none is left out silently.",
        failures=tuple(
            FailureRow(name(str(f["row"]), 40), name(str(f["stage"]), 30), name(str(f["error"]), 240))
            for f in printed.to_dict("records")
        ),
        failures_more=(
            f"and {count(len(failures) - len(printed), 'more row')} in failures.parquet"
            if len(failures) > len(printed)
            else ""
        ),
        failures_intro=f"{count(counts.failed, 'row')} could not be explained." if counts.failed else "No row failed.",
    )


def fidelities(rows: pd.DataFrame) -> tuple[float, ...]:
    """The R² of each row's explanation of its predicted class, the one with the highest prediction."""
    known = rows[rows["r2"].notna() & rows["predicted"].notna()]
    best = known.sort_values(["predicted", "class"], ascending=[False, True], kind="stable").drop_duplicates("row")
    return tuple(sorted(float(v) for v in best["r2"] if math.isfinite(v)))


def _intro(record: RunRecord) -> Sentence:
    fidelity = record.results.fidelity
    if fidelity.median is None:
        return say("No fidelity could be measured.")
    start = (
        "Fidelity is the weighted R² of a row's local model against the model on the perturbed rows around it: 1 is "
        f"perfect. Here the explanations follow the model {fit_words(fidelity.median)}, with a median of "
        f"{number(fidelity.median, 2)}"
    )
    parts = [start]
    if fidelity.p05 is not None and fidelity.p95 is not None:
        parts.append(f"; nine rows in ten lie between {number(fidelity.p05, 2)} and {number(fidelity.p95, 2)}")
    parts.append(".")
    if fidelity.below_half:
        parts.append(
            f" {percent(fidelity.below_half)} of rows lie below 0.5: their explanations are counted, but a single "
            "one of them is not reliable."
        )
    elif fidelity.below_half == 0:
        parts.append(" No row lies below 0.5.")
    return say("".join(parts))


def _accuracy(record: RunRecord) -> str:
    share = record.results.accuracy
    if share is None:
        return ""
    return f"The model's predicted class is the true one in {percent(share)} of the explained rows."


def _chart(record: RunRecord, values: tuple[float, ...]) -> Histogram:
    fidelity = record.results.fidelity
    low = sum(v < _LINE for v in values)
    alt = (
        f"Of {count(len(values), 'row')}, {low:,} lie below 0.5; the median is {number(fidelity.median, 2)}, "
        f"the lowest {number(values[0], 2)}, the highest {number(values[-1], 2)}."
    )
    return histogram("Rows by the fidelity (R²) of their explanation", alt, values, median=fidelity.median, line=_LINE)
