"""`min_fidelity`, `min_trusted` and `max_failed`: what holds of a run's rows, sampled or all of them.

A sample without replacement stands for the data that it was drawn from (`survey`); where all rows were explained, what
was counted is exact.
"""

from dataclasses import dataclass
from math import ceil, floor

import pandas as pd

from limekiln import survey
from limekiln.evidence import GateOutcome, GateVerdict
from limekiln.gates.judging import Evidence, judge_one, settled
from limekiln.gates.ranks import about
from limekiln.gates.standings import where
from limekiln.record import ALL_CLASSES, Results
from limekiln.settings.gates import MaxFailed, MinFidelity, MinTrusted
from limekiln.survey import Estimate


@dataclass(frozen=True)
class _Drawn:
    """How many explanations there are (`n`), of how many rows, and how many the data would give; see `survey.tilt`."""

    n: int
    rows: int
    population: int
    tilt: float


def _drawn(results: Results, n: int, rows: int, class_name: str) -> _Drawn:
    """As the run's sample was drawn; `n` explanations of `rows` rows are of the class."""
    s, asked = results.sample, results.counts.requested
    off = survey.tilt([t.rows for t in s.strata], [t.taken for t in s.strata])
    if class_name != ALL_CLASSES:  # within a class that is a stratum nothing is off; else up to this much
        off = 0.0 if s.stratify == "predicted" else min(1.0, 2 * off * asked / max(rows, 1))
    return _Drawn(n, rows, max(n, round(n * s.of / max(asked, 1))), off)


@judge_one.register
def _min_fidelity(gate: MinFidelity, evidence: Evidence) -> GateOutcome:
    """By the median of the rows' R²; rows around which the model does not vary have none."""
    results, class_name = evidence.results, gate.class_ or ALL_CLASSES
    rows = _rows_of(evidence, class_name)
    rows = rows[rows["r2"].notna()]
    drawn = _drawn(results, len(rows), rows["row"].nunique(), class_name)
    found = survey.median(
        rows["r2"].to_numpy(dtype=float),
        drawn.population,
        results.method.confidence,
        drawn=drawn.rows,
        tilt=drawn.tilt,
    )
    outcome = GateOutcome(
        rule=gate.rule,
        about=about("median R²", gate.class_),
        class_name=class_name,
        bound="at least",
        threshold=gate.value,
        verdict="undecided",
        reason="",
    )
    here = where(class_name, results)
    if found is None:
        what = f"{drawn.n:,} explanations have an R²" if drawn.n else "no explanation has an R²"
        return outcome.model_copy(update={"reason": f"{here}, {what}: too few to say where their median lies."})
    verdict = settled(passes=found.low >= gate.value, fails=found.high < gate.value)
    reason = f"{here}, half of the {drawn.n:,} explanations follow the model with an R² of {found.value:.3f} or more"
    return outcome.model_copy(update=_update(found, verdict, f"{reason}{_how_sure(found, 'median')}"))


@judge_one.register
def _min_trusted(gate: MinTrusted, evidence: Evidence) -> GateOutcome:
    """By the share of explanations that `rows.parquet` calls usable."""
    results, class_name = evidence.results, gate.class_ or ALL_CLASSES
    rows = _rows_of(evidence, class_name)
    usable = int((rows["trust"] == "usable").sum())
    drawn = _drawn(results, len(rows), rows["row"].nunique(), class_name)
    outcome = GateOutcome(
        rule=gate.rule,
        about=about("share of usable explanations", gate.class_),
        class_name=class_name,
        bound="at least",
        threshold=gate.value,
        verdict="undecided",
        reason="",
    )
    found = _share(usable, drawn, results.method.confidence)
    here = where(class_name, results)
    if found is None:
        return outcome.model_copy(update={"reason": f"{here}, no row was explained."})
    verdict = settled(passes=found.low >= gate.value, fails=found.high < gate.value)
    reason = f"{here}, {usable:,} of {drawn.n:,} explanations are usable{_how_sure(found, 'share')}"
    if rows["vsi"].isna().all():
        reason += " Their stability was not measured; this is by fidelity alone."
    return outcome.model_copy(update=_update(found, verdict, reason))


@judge_one.register
def _max_failed(gate: MaxFailed, evidence: Evidence) -> GateOutcome:
    """By the share of the rows asked for that could not be explained."""
    results, counts = evidence.results, evidence.results.counts
    drawn = _drawn(results, counts.requested, counts.requested, ALL_CLASSES)
    found = _share(counts.failed, drawn, results.method.confidence)
    outcome = GateOutcome(
        rule=gate.rule,
        about="share of failed rows",
        bound="at most",
        threshold=gate.value,
        verdict="undecided",
        reason="",
    )
    if found is None:
        return outcome.model_copy(update={"reason": "No row was asked for."})
    verdict = settled(passes=found.high <= gate.value, fails=found.low > gate.value)
    reason = f"{counts.failed:,} of {counts.requested:,} rows could not be explained{_how_sure(found, 'share')}"
    return outcome.model_copy(update=_update(found, verdict, reason))


def _rows_of(evidence: Evidence, class_name: str) -> pd.DataFrame:
    table = evidence.tables["rows"]
    return table if class_name == ALL_CLASSES else table[table["class"] == class_name]


def _share(found: int, drawn: _Drawn, confidence: float) -> Estimate | None:
    """The share of explanations with its interval; those of one row, for several outputs, were drawn together."""
    if not drawn.n:
        return None
    each = drawn.n / drawn.rows
    population = max(drawn.rows, round(drawn.population / each))
    ends = [survey.share(k, drawn.rows, population, confidence) for k in (floor(found / each), ceil(found / each))]
    low, high = (e for e in ends if e is not None)
    return Estimate(found / drawn.n, max(0.0, low.low - drawn.tilt), min(1.0, high.high + drawn.tilt))


def _update(found: Estimate, verdict: GateVerdict, reason: str) -> dict[str, object]:
    return {"value": found.value, "low": found.low, "high": found.high, "verdict": verdict, "reason": reason}


def _how_sure(found: Estimate, what: str) -> str:
    """The end of a sentence about a sample: what holds of the data; nothing where all rows were taken."""
    if found.low == found.high:
        return "."
    return f"; over all rows of the data the {what} is surely from {found.low:.3f} to {found.high:.3f}."
