"""Class-specific importances: a table with bars for each class, and all classes side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from limekiln.record import ALL_CLASSES, ClassFacts, Results, RunRecord, Score
from limekiln.report.figures import Bar, shade, stacked_bar
from limekiln.report.names import Name, Sentence, fit, join, name, say
from limekiln.report.ranking import score_of, used
from limekiln.report.voice import Voice, class_name, fit_words, reading_order, voice
from limekiln.report.words import count, decimals, number, percent

_VALUES = 10
_VALUES_OF_MANY = 5
_MANY = 6
_HEAT_ROWS = 20
_HEAT_OF_EACH = 5
_UPRIGHT = 6
_TURNED_EMS = 10.6
_FINE = 0.1
_EMPTY_CELL = "no value"

Interval = tuple[float, float]
Intervals = Mapping[tuple[str, str, str, str | None], Interval]


@dataclass(frozen=True)
class ScoreRow:
    """One feature, or one value of it, for one class."""

    rank: str
    feature: Name
    value: Name | None
    bar: Bar
    score: str
    interval: str
    share: str
    direction: str
    consistency: str
    support: str
    supported: bool


@dataclass(frozen=True)
class ClassSection:
    """One class: a sentence, its features, its values, and what is left out."""

    anchor: str
    title: Name
    intro: Sentence
    features: tuple[ScoreRow, ...]
    features_more: str
    values: tuple[ScoreRow, ...]
    values_more: str
    weak: str


@dataclass(frozen=True)
class HeatCell:
    """One class and feature: the share, and the fill behind it."""

    text: str
    fill: str
    ink: str
    hint: str


@dataclass(frozen=True)
class Heat:
    """Features × classes: the share of the explanation that a feature takes in each class."""

    title: str
    note: str
    classes: tuple[Name, ...]
    heads: tuple[str, ...]
    turned: bool
    rows: tuple[tuple[Name, tuple[HeatCell, ...]], ...]
    more: str
    instead: str


@dataclass(frozen=True)
class Importances:
    """Sections 2 and 3 of the report."""

    score_name: str
    score_words: str
    legend_for: str
    legend_against: str
    classes: tuple[ClassSection, ...]
    has_intervals: bool
    heat: Heat


def build(record: RunRecord) -> Importances:
    """The importances of every class."""
    results, says = record.results, voice(record.results)
    table = record.tables["importances"]
    classes = reading_order(results.classes)
    intervals = _intervals(table)
    ink = _Ink(results, says, intervals)
    limit = _VALUES if len(classes) <= _MANY else _VALUES_OF_MANY
    feature_top = _scale([s for c in classes for s in c.features], results, intervals)
    value_top = _scale([s for c in classes for s in c.values[:limit]], results, intervals)
    return Importances(
        score_name=results.method.score,
        score_words=_score_words(results),
        legend_for="raises the value" if says.regression else "for the class",
        legend_against="lowers the value" if says.regression else "against the class",
        classes=tuple(
            ClassSection(
                anchor=f"class-{i}",
                title=class_name(c.name),
                intro=_intro(c, says),
                features=_rows(c, used(c.features), feature_top, ink),
                features_more=_more(c.n_features - len(used(c.features)), "feature") if c.rows else "",
                values=_rows(c, used(c.values)[:limit], value_top, ink),
                values_more=_more(_count(table, c.name, "value") - len(used(c.values)[:limit]), "value"),
                weak=_weak(c, results),
            )
            for i, c in enumerate(classes, start=1)
        ),
        has_intervals=bool(intervals),
        heat=_heat(table, classes, says),
    )


def _score_words(results: Results) -> str:
    if results.method.score == "weighted":
        return (
            "The score that ranks features is NormLIME's weighted score: the mean of w²/‖w‖₁ over the explanations "
            "that use the feature, in the units of the model's output."
        )
    return (
        "The score that ranks features is the share: the mean of |w|/‖w‖₁ over the explanations that use the "
        "feature, between 0 and 1."
    )


def _intro(facts: ClassFacts, says: Voice) -> Sentence:
    if not facts.rows:
        return say("No explained row is predicted so. Nothing can be said about what its explanations rest on.")
    rows = count(facts.rows, "row")
    if facts.name == ALL_CLASSES:
        first = f"{rows}, each explained for the class that the model predicts for it."
    elif says.regression:
        first = f"{rows} explained."
    else:
        first = f"{rows} predicted so."
    tops = tuple(name(s.feature) for s in used(facts.features)[:3])
    led: tuple[str | Name, ...] = (" They rest most on ", *join(tops), ".") if tops else ()
    fidelity = facts.fidelity
    if fidelity.median is None:
        return say(first, *led)
    below = "" if fidelity.below_half is None else f", {percent(fidelity.below_half)} of rows below 0.5"
    how = f" The explanations follow the model {fit_words(fidelity.median)}"
    return say(first, *led, f"{how} (median R² {number(fidelity.median, 2)}{below}).")


@dataclass(frozen=True)
class _Ink:
    """What every row of a table is written with."""

    results: Results
    says: Voice
    intervals: Intervals


def _rows(facts: ClassFacts, scores: Sequence[Score], top: float, ink: _Ink) -> tuple[ScoreRow, ...]:
    results, says, intervals = ink.results, ink.says, ink.intervals
    places = decimals(score_of(s, results) for s in scores)
    rows = []
    for s in scores:
        level = "feature" if s.value is None else "value"
        interval = intervals.get((facts.name, level, s.feature, s.value))
        value, direction = number(score_of(s, results), places), says.direction(s.positive, s.negative)
        printed = "" if interval is None else f"{number(interval[0], places)} to {number(interval[1], places)}"
        rows.append(
            ScoreRow(
                rank=f"{s.rank}",
                feature=name(s.feature),
                value=None if s.value is None else name(s.value),
                bar=stacked_bar(
                    f"{value}, {direction}" + (f", interval {printed}" if printed else ""),
                    score=score_of(s, results),
                    positive=s.positive,
                    negative=s.negative,
                    top=top,
                    interval=interval,
                ),
                score=value,
                interval=printed,
                share=percent(s.share),
                direction=direction,
                consistency=percent(s.sign_consistency),
                support=f"{s.support:,}",
                supported=s.supported,
            )
        )
    return tuple(rows)


def _more(n: int, what: str) -> str:
    return f"and {count(n, f'more {what}')} in importances.parquet" if n > 0 else ""


def _weak(facts: ClassFacts, results: Results) -> str:
    weak = any(not s.supported for s in (*used(facts.features), *used(facts.values)))
    least = results.method.min_support
    return f"† Used by fewer than {count(least, 'explanation')}; ranked after all others." if weak else ""


def _count(table: pd.DataFrame, class_: str, level: str) -> int:
    return int(((table["class"] == class_) & (table["level"] == level)).sum())


def _intervals(table: pd.DataFrame) -> Intervals:
    found = table[table["ci_low"].notna() & table["ci_high"].notna()]
    columns = (found[c] for c in ("class", "level", "feature", "value", "ci_low", "ci_high"))
    return {
        (str(c), str(level), str(f), None if level == "feature" else str(v)): (float(low), float(high))
        for c, level, f, v, low, high in zip(*columns, strict=True)
    }


def _scale(scores: Sequence[Score], results: Results, intervals: Intervals) -> float:
    shown = {(s.feature, s.value) for s in scores}
    highs = [high for (_, _, f, v), (_, high) in intervals.items() if (f, v) in shown and math.isfinite(high)]
    return max((*(score_of(s, results) for s in scores), *highs), default=0.0)


def _heat(table: pd.DataFrame, classes: Sequence[ClassFacts], says: Voice) -> Heat:
    named = [c for c in classes if c.name != ALL_CLASSES]
    title = "Features × classes"
    if len(named) <= 1:
        only = "The model gives one value" if says.regression else "The model has one class"
        return Heat(
            title, "", (), (), turned=False, rows=(), more="", instead=f"{only}, so there is nothing to compare."
        )
    shares = _shares(table)
    features = _heat_features(named, shares)
    top = max((shares.get((c.name, f), 0.0) for c in named for f in features), default=0.0)
    every = {f for _, f in shares}
    return Heat(
        title=title,
        note=(
            "Each cell: the mean share of an explanation that the feature takes, in percent, over the rows predicted "
            "as that class. Darker is more. A dash: no explanation of that class uses the feature."
        ),
        classes=tuple(class_name(c.name) for c in named),
        heads=tuple(fit(c.name, _TURNED_EMS) for c in named),
        turned=len(named) > _UPRIGHT,
        rows=tuple((name(f), tuple(_cell(shares.get((c.name, f)), top, c.name) for c in named)) for f in features),
        more=_more(len(every) - len(features), "feature"),
        instead="" if features else "No row could be explained, so there is nothing to compare.",
    )


def _shares(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    part = table[(table["level"] == "feature") & (table["class"] != ALL_CLASSES)]
    columns = (part[c] for c in ("class", "feature", "share", "support"))
    return {(str(c), str(f)): float(s) for c, f, s, n in zip(*columns, strict=True) if n > 0 and math.isfinite(s)}


def _heat_features(named: Sequence[ClassFacts], shares: Mapping[tuple[str, str], float]) -> tuple[str, ...]:
    """The first few of every class, at most a page's height, in the order of their mean share."""
    wanted: dict[str, None] = {}
    for place in range(_HEAT_OF_EACH):
        for c in named:
            if place < len(c.features):
                wanted.setdefault(c.features[place].feature)
    kept = list(wanted)[:_HEAT_ROWS]
    return tuple(sorted(kept, key=lambda f: (-sum(shares.get((c.name, f), 0.0) for c in named), f)))


def _cell(share: float | None, top: float, class_: str) -> HeatCell:
    if share is None:
        return HeatCell("–", "none", "#5b6672", _EMPTY_CELL)
    fill, ink = shade(share, top)
    points = f"{100 * share:.{1 if top < _FINE else 0}f}"
    return HeatCell(points, fill, ink, f"{name(class_, 40).short}: {percent(share)}")
