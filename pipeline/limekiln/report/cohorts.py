"""Cohorts against all other rows: who they are, how well the model does for them, and which features differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from limekiln.evidence import CohortColumn, CohortComparison, CohortDifference, CohortFacts
from limekiln.record import ALL_CLASSES, Results
from limekiln.report.figures import Move, move
from limekiln.report.names import Name, Sentence, join, name, say
from limekiln.report.voice import Voice, class_name
from limekiln.report.words import count, decimals, number, percent, plural, score, signed

_NAME: Final = 40
_SHORT: Final = 30
_DIFFERENCES: Final = 10


@dataclass(frozen=True)
class CohortRow:
    """One cohort: its rows, what the model and its explanations are like there, and how many features differ."""

    cohort: Name
    of: str
    rows: str
    accuracy: str
    fidelity: str
    differ: str
    first: Sentence


@dataclass(frozen=True)
class DifferenceRow:
    """A feature that differs in a cohort, for a class and perhaps for more; the chart's open dot is the other rows'."""

    cohort: Name
    feature: Name
    whose: Name
    whose_more: str
    chart: Move
    other: str
    score: str
    difference: str
    interval: str


@dataclass(frozen=True)
class ColumnView:
    """One column: its cohorts, then what differs."""

    title: Name
    intro: Sentence
    cohorts: tuple[CohortRow, ...]
    finding: str
    rows: tuple[DifferenceRow, ...]
    more: str


@dataclass(frozen=True)
class CohortsView:
    """The section on cohorts; `noun` heads the column of classes or values, empty where there is only one."""

    lead: str
    meaning: tuple[str, ...]
    noun: str
    feature: str
    each: str
    columns: tuple[ColumnView, ...]


def build(results: Results, says: Voice) -> CohortsView | None:
    """The section; None where no cohorts were asked for."""
    found = results.cohorts
    if found is None:
        return None
    return CohortsView(
        lead=_lead(found, results, says),
        meaning=_meaning(found, says),
        noun="" if says.regression and not says.several else "Value" if says.several else "Predicted class",
        feature=says.feature.title,
        each=says.row.many.capitalize(),
        columns=tuple(_column(c, says) for c in found.columns),
    )


def _lead(c: CohortComparison, results: Results, says: Voice) -> str:
    each = " and value by value" if says.several else "" if says.regression else " and class by class"
    tests = (
        f"{count(c.tested, 'difference')} {plural(c.tested, 'was', 'were')} tested, and "
        f"{f'{c.found:,}' if c.found else 'none'} can be told from noise."
        if c.tested
        else f"No cohort has enough {says.row.many} for a test."
    )
    return (
        f"The {says.row.many} of each cohort beside all other {says.row.many} of the sample: the same score "
        f"({results.method.score}), {says.feature.one} by {says.feature.one}{each}. {tests}"
    )


def _meaning(c: CohortComparison, says: Voice) -> tuple[str, ...]:
    row, feature = says.row, says.feature
    if c.each is None:
        whose = (
            f"The {row.many} are those of the sample that are in the cohort, few where it is small: more would each "
            "take perturbations of their own."
        )
    else:
        whose = (
            f"At least {c.each:,} {row.of(c.each)} of a cohort are explained, or all that it has: those of the sample, "
            "and further ones that count in this section alone."
        )
    return (
        whose,
        (
            f"Of all differences that are shown, at most {1 - c.confidence:.0%} are expected to be false (Benjamini "
            f"and Yekutieli). Tested is what at least {c.least:,} {row.of(c.least)} use on either side. The intervals "
            "of differences are as wide as so many tests ask for, and leave 0 out exactly where a difference is shown. "
            f"The {row.many} count as drawn from more like them, so that a split by chance is no finding."
        ),
        (
            f"A difference says that the model rests more, or less, on {feature.a} for these {row.many}. It does not "
            f"say why: the {row.many} of a cohort differ in other ways too. Nor is it a verdict on fairness, and where "
            "none can be told there may still be one."
        ),
    )


def _column(c: CohortColumn, says: Voice) -> ColumnView:
    merged = sorted(_merged(c), key=lambda m: (m[1][0].feature == c.column, -abs(m[1][0].difference)))  # itself last
    shown = merged[:_DIFFERENCES]
    differences = [d for _, d in shown]
    places = decimals([v for d in differences for v in (d[0].score, d[0].other)])
    top = max((max(d[0].high, d[0].score, d[0].other) for d in differences), default=0.0)
    found = sum(f.found for f in c.cohorts)
    left = found - sum(len(d) for d in differences)
    return ColumnView(
        title=name(c.column),
        intro=_intro(c, says),
        cohorts=tuple(_cohort(f) for f in c.cohorts),
        finding="" if found else _nothing(c, says),
        rows=tuple(_row(c.column, f, d, top, places) for f, d in shown),
        more=f"and {count(left, 'more difference')} in cohorts.parquet" if left > 0 else "",
    )


def _merged(c: CohortColumn) -> Iterator[tuple[CohortFacts, list[CohortDifference]]]:
    """Each feature of a cohort once, with its findings, the largest first."""
    for f in c.cohorts:
        by_feature = sorted(f.differences, key=lambda d: (d.feature, -abs(d.difference)))
        for _, of_feature in groupby(by_feature, key=lambda d: d.feature):
            yield f, list(of_feature)


def _intro(c: CohortColumn, says: Voice) -> Sentence:
    what = "quarters of its numbers" if c.by == "quarter" else "its values"
    pooled = f"; {count(c.pooled, 'rarer value')} are one cohort, (other)" if c.pooled else ""
    added, failed = sum(f.added for f in c.cohorts), sum(f.failed for f in c.cohorts)
    were = plural(added, "was", "were")
    told = f" For them {says.row.count(added)} beyond the sample {were} explained." if added else ""
    lost = f" {says.row.count(failed)} could not be explained." if failed else ""
    return say(f"{count(len(c.cohorts), 'cohort')}: {what}{pooled}.{told}{lost}")


def _nothing(c: CohortColumn, says: Voice) -> str:
    tested = sum(f.tested for f in c.cohorts)
    if len(c.cohorts) == 1:
        return f"All {says.row.many} are in one cohort, so there is nothing to compare it with."
    if not tested:
        return f"The cohorts have too few {says.row.many} to tell any difference."
    return f"No difference can be told from noise, of {tested:,} tested."


def _cohort(f: CohortFacts) -> CohortRow:
    return CohortRow(
        cohort=name(f.name, _NAME),
        of=f"{f.of:,}",
        rows=f"{f.rows:,}",
        accuracy=percent(f.accuracy),
        fidelity=number(f.median_r2, 2),
        differ=f"{f.found:,} of {f.tested:,}" if f.tested else "too few",
        first=say(*join(tuple(name(feature, _SHORT) for feature in f.first))),
    )


def _row(column: str, f: CohortFacts, found: list[CohortDifference], top: float, places: int) -> DifferenceRow:
    d, shown = found[0], name(found[0].feature, _NAME)
    title = f"{shown.short}: score {number(d.score, places)} in the cohort, {number(d.other, places)} elsewhere"
    more = len(found) - 1
    return DifferenceRow(
        cohort=name(f.name, _NAME),
        feature=Name(f"{shown.short} (the column itself)", shown.full) if d.feature == column else shown,
        whose=class_name(d.class_name, _NAME) if d.class_name != ALL_CLASSES else Name("all together"),
        whose_more=f"and {more:,} more" if more else "",
        chart=move(title, (d.other, None, None), (d.score, d.low, d.high), top=top, moved=True, width=140),
        other=score(d.other, places),
        score=score(d.score, places),
        difference=signed(d.difference, places),
        interval=f"{signed(d.difference_low, places)} to {signed(d.difference_high, places)}",
    )
