"""Class-specific importances: a table with bars for each class, and all classes side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from limekiln.record import ALL_CLASSES, ClassFacts, Results, RunRecord, Score
from limekiln.report import certainty, floor, images, planes, texts, vocabulary
from limekiln.report.figures import Bar, stacked_bar
from limekiln.report.heat import Heat, draw
from limekiln.report.images import Image
from limekiln.report.names import Name, Sentence, join, name, say
from limekiln.report.planes import Map, Scale
from limekiln.report.ranking import score_of, used
from limekiln.report.vocabulary import Words
from limekiln.report.voice import Voice, class_key, class_name, fit_words, reading_order, voice, without_rows
from limekiln.report.words import count, decimals, number, percent
from limekiln.report.words import score as printed_score

_VALUES = 10
_VALUES_OF_MANY = 5
_MANY = 6
_SECTIONS = 50

Interval = tuple[float, float]
Intervals = Mapping[tuple[str, str, str, str | None], Interval]


@dataclass(frozen=True)
class ScoreRow:
    """One feature, or one value of it, for one class."""

    rank: str
    ranks: str
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
    noise: str = ""
    patches: tuple[Image, ...] = ()


@dataclass(frozen=True)
class ClassSection:
    """One class: a sentence, its features, its values, and what is left out.

    `key` is what the page’s class switch knows it by.
    `map` has the features that lie in a plane, `words` those of texts, for and against.
    """

    anchor: str
    key: str
    title: Name
    unit: Name
    intro: Sentence
    sure: tuple[Sentence, ...]
    map: Map | None
    words: Words | None
    features: tuple[ScoreRow, ...]
    features_more: str
    values: tuple[ScoreRow, ...]
    values_more: str
    weak: str
    noise: str


@dataclass(frozen=True)
class Importances:
    """The sections on importances and on features beside classes."""

    score_name: str
    score_words: str
    scale_words: str
    feature: str
    features: str
    outputs: bool
    has_unit: bool
    legend_for: str
    legend_against: str
    classes: tuple[ClassSection, ...]
    classes_more: str
    scale: Scale | None
    atlas: tuple[Image, ...]
    heat: Heat


def build(record: RunRecord) -> Importances:
    """The importances of every class."""
    results, says = record.results, voice(record.results)
    table = record.tables["importances"]
    classes = reading_order(results)
    shown = _most_rows(classes)
    intervals = _intervals(table)
    noise = floor.noise(table)
    ink = _Ink(results, says, intervals, images.concepts(record), noise)
    limit = _VALUES if len(classes) <= _MANY else _VALUES_OF_MANY
    layout, net = results.data.layout, planes.net_shares(table)
    end = planes.reach(layout, net, [c.name for c in shown]) if layout else 0.0
    carried = texts.carriers(results.picks)

    def section(i: int, c: ClassFacts) -> ClassSection:
        own = [c] if says.several else shown
        feature_top = _scale([s for o in own for s in o.features], results, intervals)
        value_top = _scale([s for o in own for s in o.values[:limit]], results, intervals)
        found = c.rows and bool(c.features)
        return ClassSection(
            anchor=f"class-{i}",
            key=class_key(c.name),
            title=class_name(c.name),
            unit=says.axis(c.name) if results.method.score == "weighted" else Name(""),
            intro=_intro(c, says),
            sure=_sure(c, results, says, noise.get(c.name, ())) if found else (),
            map=planes.draw(layout, net, c.name, end, says) if layout and found else None,
            words=vocabulary.build(table, c, results, says, carried) if says.domain == "text" and found else None,
            features=_rows(c, used(c.features), feature_top, ink),
            features_more=_more(c.n_features - len(used(c.features)), says) if c.rows else "",
            values=_rows(c, used(c.values)[:limit], value_top, ink),
            values_more=_more_values(_count(table, c.name, "value") - len(used(c.values)[:limit])),
            weak=_weak(c, results),
            noise=floor.footnote(says) if _marked(c, noise.get(c.name, ()), limit) else "",
        )

    sections = tuple(section(i, c) for i, c in enumerate(shown, start=1))
    patches = {image.key: image for s in sections for row in s.features for image in row.patches}
    return Importances(
        score_name=results.method.score,
        score_words=_score_words(results, says),
        scale_words=_scale_words(says),
        feature=says.feature.title,
        features=says.feature.many.capitalize(),
        outputs=says.regression,
        has_unit=results.method.score == "weighted",
        legend_for="raises the value" if says.regression else "for the class",
        legend_against="lowers the value" if says.regression else "against the class",
        classes=sections,
        classes_more=_classes_more(len(classes) - len(shown), without_rows(results)),
        scale=planes.scale(end) if end > 0 else None,
        atlas=tuple(patches.values()),
        heat=draw(table, shown, says),
    )


def _most_rows(classes: Sequence[ClassFacts]) -> tuple[ClassFacts, ...]:
    """The classes that get a section: all of them, up to a number that still can be read."""
    if len(classes) <= _SECTIONS:
        return tuple(classes)
    kept = {c.name for c in sorted(classes, key=lambda c: (c.name != ALL_CLASSES, -c.rows))[:_SECTIONS]}
    return tuple(c for c in classes if c.name in kept)


def _classes_more(left: int, empty: int) -> str:
    told = []
    if left:
        told.append(f"{left:,} more classes, which have fewer rows, stand in importances.parquet.")
    if empty:
        told.append(f"{empty:,} classes have no section: no explained row is predicted so.")
    return " ".join(told)


def _scale_words(says: Voice) -> str:
    if says.several:
        return "Every value has a scale of its own; a bar is split as the share splits by sign."
    if says.tabular:
        return (
            "Bars share one scale through all classes, one for features and one for values; a bar is split as the "
            "share splits by sign."
        )
    return "Bars share one scale through all classes; a bar is split as the share splits by sign."


def _score_words(results: Results, says: Voice) -> str:
    one, many = says.feature.one, says.feature.many
    if results.method.score == "weighted":
        output = f"output, {says.output}" if not says.regression else "output"
        return (
            f"The score that ranks {many} is NormLIME's weighted score: the mean of w²/‖w‖₁ over the explanations "
            f"that use the {one}, in the units of the model's {output}."
        )
    return (
        f"The score that ranks {many} is the share: the mean of |w|/‖w‖₁ over the explanations that use the "
        f"{one}, between 0 and 1."
    )


def _intro(facts: ClassFacts, says: Voice) -> Sentence:
    if not facts.rows:
        return say(
            f"No explained {says.row.one} is predicted so. Nothing can be said about what its explanations rest on."
        )
    rows = says.row.count(facts.rows)
    if facts.name == ALL_CLASSES:
        first = f"{rows}, each explained for the class that the model predicts for it."
    elif says.regression:
        first = f"{rows} explained."
    else:
        first = f"{rows} predicted so."
    tops = tuple(name(s.feature) for s in floor.told(facts.features)[:3])
    led: tuple[str | Name, ...] = (" They rest most on ", *join(tops), ".") if tops else ()
    fidelity = facts.fidelity
    if fidelity.median is None:
        return say(first, *led)
    below = "" if fidelity.below_half is None else f", {percent(fidelity.below_half)} of {says.row.many} below 0.5"
    how = f" The explanations follow the model {fit_words(fidelity.median)}"
    return say(first, *led, f"{how} (median R² {number(fidelity.median, 2)}{below}).")


@dataclass(frozen=True)
class _Ink:
    """What every row of a table is written with."""

    results: Results
    says: Voice
    intervals: Intervals
    concepts: Mapping[str, tuple[Image, ...]]
    noise: floor.Noise


def _sure(facts: ClassFacts, results: Results, says: Voice, noise: Sequence[str]) -> tuple[Sentence, ...]:
    """What is sure about a class's ranking, and which of its features are noise."""
    of_noise = floor.of_class(noise, facts.n_features, says)
    return (*certainty.verdict(facts, results, says), *(() if of_noise is None else (of_noise,)))


def _marked(facts: ClassFacts, noise: Sequence[str], limit: int) -> bool:
    shown = {s.feature for s in (*used(facts.features), *used(facts.values)[:limit])}
    return not shown.isdisjoint(noise)


def _rows(facts: ClassFacts, scores: Sequence[Score], top: float, ink: _Ink) -> tuple[ScoreRow, ...]:
    results, says, intervals = ink.results, ink.says, ink.intervals
    places = decimals(score_of(s, results) for s in scores)
    noise = set(ink.noise.get(facts.name, ()))
    rows = []
    for s in scores:
        level = "feature" if s.value is None else "value"
        interval = intervals.get((facts.name, level, s.feature, s.value))
        value, direction = printed_score(score_of(s, results), places), says.direction(s.positive, s.negative)
        printed = "" if interval is None else f"{number(interval[0], places)}\N{EN DASH}{number(interval[1], places)}"
        rows.append(
            ScoreRow(
                rank=f"{s.rank}",
                ranks=certainty.ranks(s),
                feature=name(s.feature),
                value=None if s.value is None else name(s.value),
                bar=stacked_bar(
                    f"{value}, {direction}" + (f", interval {printed}" if printed else ""),
                    score=score_of(s, results),
                    positive=s.positive,
                    negative=s.negative,
                    top=top,
                    interval=interval,
                    floor=s.floor,
                ),
                score=value,
                interval=printed,
                share=percent(s.share),
                direction=direction,
                consistency=percent(s.sign_consistency),
                support=f"{s.support:,}",
                supported=s.supported,
                patches=ink.concepts.get(s.feature, ()) if s.value is None else (),
                noise=floor.MARK if s.feature in noise else "",
            )
        )
    return tuple(rows)


def _more(n: int, says: Voice) -> str:
    return f"and {n:,} more {says.feature.of(n)} in importances.parquet" if n > 0 else ""


def _more_values(n: int) -> str:
    return f"and {count(n, 'more value')} in importances.parquet" if n > 0 else ""


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
