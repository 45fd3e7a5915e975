"""Page one: which model, which data, what was found, how sure. It can be read alone."""

import math
from dataclasses import dataclass, replace
from typing import TypedDict

from limekiln.record import ALL_CLASSES, ClassFacts, Pick, Results, RunRecord, Score
from limekiln.report import certainty, change, floor, gates, images, picture, planes, pools, sections
from limekiln.report.gates import GateList, Status
from limekiln.report.names import Name, Sentence, between, join, name, say
from limekiln.report.picture import Picture
from limekiln.report.ranking import used
from limekiln.report.voice import LOW_FIT, Voice, class_name, fit_words, reading_order, voice, without_rows
from limekiln.report.words import NONE, count, day, decimals, is_number, number, percent, plural

_FOUND = 3
_CLASSES_NAMED = 3
_NOTICES = 2
_NAME = 40
# Lines of text that page one holds, and those of its parts that are always there.
_PAGE, _FIXED = 60, 20.5
_MEASURE, _GATE = 98, 46  # characters in a line of page one, and in what a gate measures
_FEWEST_ROWS, _WANTED_ROWS, _MOST_ROWS = 2, 4, 10


@dataclass(frozen=True)
class Figure:
    """One number of page one with what it means."""

    value: str
    label: str
    note: str
    low: bool = False


@dataclass(frozen=True)
class Found:
    """What was found for one class."""

    name: Name
    rows: str
    text: Sentence


@dataclass(frozen=True)
class Cover:
    """Everything page one prints."""

    title: Name
    facts: tuple[tuple[str, Name], ...]
    intended_use: Name | None
    status: Status
    verdict: Sentence
    caution: str
    gates: GateList | None
    found: tuple[Found, ...]
    found_more: str
    sure: tuple[Sentence, ...]
    figures: tuple[Figure, ...]
    notices: tuple[Name, ...]
    notices_more: str
    picture: Picture
    feature: str


def build(record: RunRecord) -> Cover:
    """Page one of a run."""
    results, manifest = record.results, record.manifest
    says = voice(results)
    classes = reading_order(results)
    named = [c for c in classes if c.name != ALL_CLASSES]
    ranked = sorted(named, key=lambda c: -c.rows)[:_CLASSES_NAMED]
    shown = [c for c in named if c in ranked]
    left = len(named) - len(shown)
    alone = says.regression and not says.several
    other = ("more output", "more outputs") if says.several else ("more class", "more classes")
    use = manifest.report.intended_use
    cover = Cover(
        title=name(manifest.report.title, 100),
        facts=_facts(record, says),
        intended_use=name(use, 180) if use else None,
        status=gates.status(results),
        verdict=verdict(results, says),
        caution=_caution(results, says),
        gates=gates.on_page_one(results),
        found=() if alone else tuple(_found(c, says) for c in shown),
        found_more=""
        if alone
        else _found_more(
            f"{count(left, *other)} in section {sections.number(results, 'importances')}." if left else "", results
        ),
        sure=(*sure(results, says), *change.line(record, says)),
        figures=_figures(results, says),
        **_notices(record, _NOTICES),
        picture=Picture("", "", ()),
        feature=says.feature.one,
    )
    if len(picture.shown(classes, says)) == len(named):  # the picture says what the list would
        cover = replace(cover, found=())
    rows = _rows_left(cover)
    for wanted, listed in ((_WANTED_ROWS, gates.few(results)), (_FEWEST_ROWS, gates.FEWEST)):
        if rows < wanted:
            cover = replace(cover, gates=gates.on_page_one(results, listed))
            rows = _rows_left(cover)
    if rows < _FEWEST_ROWS:
        cover = replace(cover, found=(), **_notices(record, 1))
        rows = _rows_left(cover)
    rows = max(_FEWEST_ROWS, min(_MOST_ROWS, rows))
    net = planes.net_shares(record.tables["importances"])
    return replace(cover, picture=picture.draw(results, classes, says, rows, net=net, concepts=images.concepts(record)))


class _Notices(TypedDict):
    notices: tuple[Name, ...]
    notices_more: str


def _notices(record: RunRecord, at_most: int) -> _Notices:
    results = record.results
    left = len(results.notices) - at_most
    where = sections.number(results, "limitations", changed=record.change is not None)
    more = f"and {left:,} more in section {where}" if left > 0 else ""
    return _Notices(notices=tuple(name(n.text, 190) for n in results.notices[:at_most]), notices_more=more)


def _found_more(left: str, results: Results) -> str:
    empty = without_rows(results)
    return f"{left} No explained row is predicted as any of {empty:,} other classes.".strip() if empty else left


def _rows_left(cover: Cover) -> int:
    """How many bars a panel can have so that page one stays one page, from the lines that all else takes."""
    found = sum(_lines(f"{f.name.short} {f.rows}{f.text.text}", _MEASURE) + 0.3 for f in cover.found)
    taken = (
        _FIXED
        + 2.4 * _lines(cover.title.short, 46)
        + _lines(cover.intended_use.short if cover.intended_use else "", 92)
        + 1.8 * _lines(cover.verdict.text, 62)
        + (2.8 if cover.caution else 0)
        + (_lines_of_gates(cover.gates) if cover.gates else 0)
        + sum(_lines(s.text, _MEASURE) + 0.3 for s in cover.sure)
        + sum(_lines(n.short, _MEASURE) + 0.3 for n in cover.notices)
        + (2.5 if cover.notices else 0)
        + found
        + (3 if cover.found else 1.3 if cover.found_more else 0)
    )
    return int((_PAGE - taken) / 2.25)


def _lines_of_gates(gates: GateList) -> float:
    return 2.6 + sum(0.45 + _lines(g.about.short, _GATE) for g in gates.rows) + (1.3 if gates.note else 0)


def _lines(text: str, room: int) -> int:
    return math.ceil(len(text) / room)


def verdict(results: Results, says: Voice) -> Sentence:
    """The one sentence to take away: what weighs most in the explanations."""
    facts = next((c for c in reading_order(results) if c.rows), None)
    whole = floor.told(facts.features) if facts else ()
    if facts is None or not results.counts.explained or not used(facts.features):
        return say(f"No {says.row.one} could be explained, so this run says nothing about the model.")
    rows = results.counts.explained
    over = f"In the one {says.row.one} explained" if rows == 1 else f"Over the {says.row.count(rows)} explained"
    if says.several and any(floor.told(c.features) for c in results.classes):
        return say(f"{over}, ", *_of_each(results))
    if not whole:
        return say(f"{over}, no {says.feature.one} that ranks first can be told from columns that do nothing.")
    tops = join(tuple(name(s.feature, _NAME) for s in whole[:_FOUND]))
    what = "the output of the model" if says.regression else "the class that the model predicts"
    return say(f"{over}, ", *tops, f" {_weigh(whole[:_FOUND])} most in explaining {what}.")


def _of_each(results: Results) -> tuple[str | Name, ...]:
    """The heaviest feature of each of the first few values."""
    parts: list[str | Name] = []
    classes = [c for c in reading_order(results) if floor.told(c.features)]
    for i, c in enumerate(classes[:_CLASSES_NAMED]):
        glue = "" if i == 0 else " and " if i == len(classes) - 1 else ", "
        weighs = " weighs most in explaining " if i == 0 else " in explaining "
        parts += [glue, name(floor.told(c.features)[0].feature, _NAME), weighs, class_name(c.name, _NAME)]
    return (*parts, ".")


def sure(results: Results, says: Voice) -> tuple[Sentence, ...]:
    """How far the findings can be trusted: the fit of the local models, unless a caution says it, and the order."""
    fidelity = results.fidelity
    lines = []
    if fidelity.median is not None and not _low_fit(results, says):
        numbers = f"median R² {number(fidelity.median, 2)}"
        if fidelity.below_half is not None:
            numbers += f"; {percent(fidelity.below_half)} of {says.row.many} below 0.5"
        lines.append(say(f"The local explanations follow the model {fit_words(fidelity.median)} ({numbers})."))
    elif fidelity.median is None and results.counts.explained:
        lines.append(say("The fidelity of the local explanations could not be measured."))
    if results.counts.failed:
        failed, listed = says.row.count(results.counts.failed), sections.number(results, "reliability")
        lines.append(
            say(f"{failed} of {results.counts.requested:,} could not be explained; section {listed} lists them.")
        )
    if (line := certainty.line(results, says)) is not None:
        lines.append(line)
    return tuple(lines)


def _caution(results: Results, says: Voice) -> str:
    return pools.caution(results) or _low_fit(results, says)


def _low_fit(results: Results, says: Voice) -> str:
    median = results.fidelity.median
    if median is None or median >= LOW_FIT:
        return ""
    return (
        f"Read this with caution: the local models follow the model poorly around most {says.row.many}, so single "
        "explanations are not reliable and close ranks may be ties."
    )


def certificate(pick: Pick, says: Voice) -> Sentence:
    """What the pick covers, and what no pick of its size can exceed."""
    places = decimals([pick.total]) + 1
    covered, total, bound = (number(v, places) for v in (pick.covered, pick.total, pick.upper_bound))
    whose: tuple[str | Name, ...] = (" for ", name(pick.scope, _NAME)) if says.several else ()
    first = f" covers {covered} of {total} ({percent(_share(pick.covered, pick.total))}) of the importance"
    if pick.optimal:
        return say("This pick", *whose, f"{first}; no other pick of {says.row.count(len(pick.rows))} covers more.")
    return say(
        "This pick",
        *whose,
        f"{first}; no pick of {says.row.count(pick.budget)} can cover more than {bound} "
        f"({percent(_share(pick.upper_bound, pick.total))}).",
    )


def main_pick(results: Results) -> Pick | None:
    """The pick over all classes, or the only one there is."""
    return next((p for p in results.picks if p.scope == ALL_CLASSES), next(iter(results.picks), None))


def _facts(record: RunRecord, says: Voice) -> tuple[tuple[str, Name], ...]:
    results, report = record.results, record.manifest.report
    model, data = results.model, results.data
    version = f"{model.name}, version {model.version}" if model.version else model.name
    counted = f"{says.row.count(data.rows)}, {says.feature.count(data.n_features)}"
    facts = [
        ("Model", name(version, 110)),
        ("Data", name(data.source, 80)),
        ("", Name(counted)),
        ("Explained", Name(f"{results.counts.explained:,} of {says.row.count(data.rows)}")),
        ("Output", _output(results, says)),
        ("Report of", Name(day(record.manifest.created))),
    ]
    if report.owner:
        facts.append(("Owner", name(report.owner, 80)))
    if report.materiality_tier:
        facts.append(("Materiality tier", name(report.materiality_tier, 60)))
    facts.append(("Run", name(record.manifest.run_id, 60)))
    return tuple(_merge(facts))


def _output(results: Results, says: Voice) -> Name:
    """What the model gives: its scale, or the names of its values with their unit."""
    if not says.several:
        return says.axis(next((c.name for c in results.classes if c.name != ALL_CLASSES), ALL_CLASSES))
    names = ", ".join(c.name for c in results.classes if c.name != ALL_CLASSES)
    return name(f"{names} ({says.unit})" if says.unit else names, 80)


def _merge(facts: list[tuple[str, Name]]) -> list[tuple[str, Name]]:
    """The line without a label belongs to the one before it."""
    merged: list[tuple[str, Name]] = []
    for label, value in facts:
        if label:
            merged.append((label, value))
        else:
            before, text = merged[-1]
            merged[-1] = (before, Name(f"{text.short} ({value.short})", text.full))
    return merged


def _found(facts: ClassFacts, says: Voice) -> Found:
    rows = "" if says.several else says.row.count(facts.rows)
    if not facts.rows or not facts.features:
        nothing = f"no explained {says.row.one} is predicted so; nothing can be said."
        return Found(class_name(facts.name, _NAME), rows, say(nothing))
    tops = floor.told(facts.features)[:_FOUND]
    if not tops:
        nothing = f"no {says.feature.one} that ranks first can be told from noise."
        return Found(class_name(facts.name, _NAME), rows, say(nothing))
    names = tuple(name(score.feature, _NAME) for score in tops)
    parts: list[str | Name] = []
    for i, (score, called) in enumerate(zip(tops, names, strict=True)):
        parts += [between(i, names), called, f" ({percent(score.share)})"]
    return Found(class_name(facts.name, _NAME), rows, say(*parts, "."))


def _figures(results: Results, says: Voice) -> tuple[Figure, ...]:
    counts, fidelity = results.counts, results.fidelity
    below = (
        f"{percent(fidelity.below_half)} of {says.row.many} below 0.5"
        if is_number(fidelity.below_half)
        else "not measured"
    )
    figures = [
        Figure(
            number(fidelity.median, 2) if fidelity.median is not None else NONE,
            "median fidelity, R²",
            below,
            low=bool(_low_fit(results, says)),
        ),
        Figure(
            f"{counts.explained:,}",
            f"{says.row.of(counts.explained)} explained",
            f"of {counts.requested:,} requested, {counts.failed:,} failed",
        ),
    ]
    pick = main_pick(results)
    if pick is not None and pick.rows:
        n = len(pick.rows)
        most = f"no {says.row.count(pick.budget)} can cover more than {percent(_share(pick.upper_bound, pick.total))}"
        figures.append(
            Figure(
                percent(_share(pick.covered, pick.total)),
                f"of the importance in {n:,} picked {says.row.of(n)}",
                "the best possible" if pick.optimal else most,
            )
        )
    if results.accuracy is not None:
        figures.append(Figure(percent(results.accuracy), "the model's accuracy", "its likeliest class is the true one"))
    return tuple(figures)


def _weigh(scores: tuple[Score, ...]) -> str:
    return plural(len(scores), "weighs", "weigh")


def _share(part: float, total: float) -> float | None:
    return part / total if total > 0 else None
