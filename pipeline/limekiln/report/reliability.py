"""How far the explanations can be trusted: fidelity, counts, and every row that failed."""

import math
from dataclasses import dataclass

import pandas as pd

from limekiln.record import ALL_CLASSES, RunRecord
from limekiln.report import certainty, pools
from limekiln.report.certainty import Ledger
from limekiln.report.figures import Histogram, histogram
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.pools import Pools
from limekiln.report.voice import Voice, class_name, fit_words, reading_order, voice, without_rows
from limekiln.report.words import count, number, percent

_FAILURES = 20
_LINE = 0.5
_CLASSES = 50


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
    """The section on reliability."""

    intro: Sentence
    accuracy: str
    chart: Histogram | None
    head: str
    rows: str
    table: tuple[FidelityRow, ...]
    table_more: str
    counts: tuple[tuple[str, str], ...]
    counts_note: str
    failures: tuple[FailureRow, ...]
    failures_more: str
    failures_intro: str
    ledger: Ledger | None
    pools: Pools | None


def build(record: RunRecord) -> Reliability:
    """Fidelity, counts and failures of a run."""
    results = record.results
    counts, says = results.counts, voice(results)
    values = fidelities(record.tables["rows"], each=says.several)
    classes = reading_order(results)
    failures = record.tables["failures"]
    printed = failures.head(_FAILURES)
    return Reliability(
        intro=_intro(record, says),
        accuracy=_accuracy(record, says),
        chart=_chart(record, values, says) if values else None,
        head=("Output" if says.several else says.row.many.capitalize()) if says.regression else "Predicted class",
        rows=says.row.many.capitalize(),
        table=tuple(
            FidelityRow(
                class_name(c.name) if c.name != ALL_CLASSES or not says.regression else Name(f"all {says.row.many}"),
                f"{c.rows:,}",
                number(c.fidelity.p05, 2),
                number(c.fidelity.median, 2),
                number(c.fidelity.p95, 2),
                percent(c.fidelity.below_half),
            )
            for c in classes[:_CLASSES]
        ),
        table_more=_more(len(classes) - _CLASSES, without_rows(results)),
        counts=(
            ("requested", f"{counts.requested:,}"),
            ("explained", f"{counts.explained:,}"),
            ("failed", f"{counts.failed:,}"),
            (f"{says.row.many} the model was asked for", f"{counts.model_rows:,}"),
            (f"perturbed {says.row.many} that failed", f"{counts.pool_failed:,}"),
        ),
        counts_note=f"Requested {says.row.many} are those explained and those failed; none is left out silently.",
        failures=tuple(
            FailureRow(name(str(f["row"]), 40), name(str(f["stage"]), 30), name(str(f["error"]), 240))
            for f in printed.to_dict("records")
        ),
        failures_more=(
            f"and {len(failures) - len(printed):,} more {says.row.of(len(failures) - len(printed))} in failures.parquet"
            if len(failures) > len(printed)
            else ""
        ),
        failures_intro=(
            f"{says.row.count(counts.failed)} could not be explained."
            if counts.failed
            else f"No {says.row.one} failed."
        ),
        ledger=certainty.ledger(results, says),
        pools=pools.build(results, says),
    )


def fidelities(rows: pd.DataFrame, *, each: bool = False) -> tuple[float, ...]:
    """The R² of each row's explanation of its predicted class, the one with the highest prediction.

    `each`: of every explanation, where a row is explained for each of several values.
    """
    known = rows[rows["r2"].notna() & rows["predicted"].notna()]
    if each:
        return tuple(sorted(float(v) for v in known["r2"] if math.isfinite(v)))
    best = known.sort_values(["predicted", "class"], ascending=[False, True], kind="stable").drop_duplicates("row")
    return tuple(sorted(float(v) for v in best["r2"] if math.isfinite(v)))


def _more(left: int, empty: int) -> str:
    told = [f"{left:,} more classes, with fewer rows"] if left > 0 else []
    told += [f"{empty:,} classes without any"] if empty else []
    return f"and {' and '.join(told)}" if told else ""


def _intro(record: RunRecord, says: Voice) -> Sentence:
    fidelity = record.results.fidelity
    if fidelity.median is None:
        return say("No fidelity could be measured.")
    start = (
        f"Fidelity is the weighted R² of {says.row.its} local model against the model on the perturbed {says.row.many} "
        f"around it: 1 is perfect. Here the explanations follow the model {fit_words(fidelity.median)}, with a median "
        f"of {number(fidelity.median, 2)}"
    )
    parts = [start]
    if fidelity.p05 is not None and fidelity.p95 is not None:
        parts.append(
            f"; nine {says.row.many} in ten lie between {number(fidelity.p05, 2)} and {number(fidelity.p95, 2)}"
        )
    parts.append(".")
    if fidelity.below_half:
        parts.append(
            f" {percent(fidelity.below_half)} of {says.row.many} lie below 0.5: their explanations are counted, but "
            "a single one of them is not reliable."
        )
    elif fidelity.below_half == 0:
        parts.append(f" No {says.row.one} lies below 0.5.")
    return say("".join(parts))


def _accuracy(record: RunRecord, says: Voice) -> str:
    share = record.results.accuracy
    if share is None:
        return ""
    return f"The model's predicted class is the true one in {percent(share)} of the explained {says.row.many}."


def _chart(record: RunRecord, values: tuple[float, ...], says: Voice) -> Histogram:
    fidelity = record.results.fidelity
    low = sum(v < _LINE for v in values)
    every = count(len(values), "explanation") if says.several else says.row.count(len(values))
    alt = (
        f"Of {every}, {low:,} lie below 0.5; the median is {number(fidelity.median, 2)}, the lowest "
        f"{number(values[0], 2)}, the highest {number(values[-1], 2)}."
    )
    title = f"{says.row.many.capitalize()} by the fidelity (R²) of their explanation"
    return histogram(title, alt, values, median=fidelity.median, line=_LINE)
