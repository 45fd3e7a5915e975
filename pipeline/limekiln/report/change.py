"""What changed since an earlier run: whether the two can be compared, what is not the same, and what moved."""

from dataclasses import dataclass
from typing import Final

from limekiln.change import Altered, Change, ClassChange, FeatureChange
from limekiln.record import ALL_CLASSES, RunRecord
from limekiln.report import sections
from limekiln.report.figures import Move, move
from limekiln.report.names import Name, Sentence, join, name, say
from limekiln.report.voice import Voice, class_name
from limekiln.report.words import NONE, count, day, decimals, listing, number, percent, plural, signed

_NAME: Final = 40
_CLASSES, _SHOWN, _ROWS, _ALTERED, _NAMED = 30, 8, 12, 40, 5
_PARTS: Final = ("model", "data", "config", "software")
_NO_HASH: Final = "The model of at least one of the two runs has no hash, so whether it changed is not known."


@dataclass(frozen=True)
class AlteredRow:
    """Something that is not the same."""

    part: str
    what: Name
    old: Name
    new: Name


@dataclass(frozen=True)
class Agreement:
    """How far the rankings of one class agree, in numbers."""

    title: Name
    ndcg: str
    interval: str
    correlation: str
    overlap: str
    moved: str
    tested: str


@dataclass(frozen=True)
class MoveRow:
    """One feature then and now."""

    feature: Name
    chart: Move
    old_rank: str
    new_rank: str
    old: str
    new: str
    difference: str
    interval: str
    finding: str


@dataclass(frozen=True)
class ClassMoves:
    """The features of one class: those that moved, then the first of either run."""

    title: Name
    intro: Sentence
    rows: tuple[MoveRow, ...]
    more: str


@dataclass(frozen=True)
class ChangeView:
    """The section on what changed. `shown` are the classes in which something moved, or the first where nothing did."""

    lead: Sentence
    reasons: tuple[Name, ...]
    others: tuple[Sentence, ...]
    altered: tuple[AlteredRow, ...]
    altered_more: str
    same: str
    meaning: tuple[str, ...]
    each: str
    noun: str
    feature: str
    top: str
    classes: tuple[Agreement, ...]
    classes_more: str
    shown: tuple[ClassMoves, ...]
    shown_more: str


def build(record: RunRecord, says: Voice) -> ChangeView | None:
    """The section; None for the first run."""
    return None if record.change is None else view(record.change, says, record.manifest.model_sha256)


def view(change: Change, says: Voice, model_sha256: str | None) -> ChangeView:
    """The section of a change between any two runs."""
    told = _told(change, says)
    moved = [c for c in told if c.moved] or told[:1]
    left, hidden = len(told) - _CLASSES, len(moved) - _SHOWN
    several = "values" if says.several else "classes"
    return ChangeView(
        lead=_lead(change),
        reasons=tuple(name(reason, 300) for reason in change.reasons),
        others=_others(change),
        altered=tuple(_altered(a) for a in change.altered[:_ALTERED]),
        altered_more=_more(len(change.altered) - _ALTERED, "more"),
        same=_same(change, model_sha256),
        meaning=_meaning(change),
        each="each value by itself" if says.several else "class by class",
        noun="Value" if says.several else "Class",
        feature=says.feature.title,
        top=f"{told[0].top:,}" if told else "",
        classes=tuple(_agreement(c) for c in told[:_CLASSES]),
        classes_more=_more(left, f"more {several}"),
        shown=tuple(_moves(c, says) for c in moved[:_SHOWN]),
        shown_more=_more(hidden, f"more {several} in which something moved,"),
    )


def line(record: RunRecord, says: Voice) -> tuple[Sentence, ...]:
    """What page one says of it: nothing where nothing moved."""
    change = record.change
    if change is None:
        return ()
    where = f"section {sections.number(record.results, 'change', changed=True)}"
    if not change.compared:
        return (say(f"Whether something changed since the last run is not known: {where} says why."),)
    found = [c for c in _told(change, says) if c.moved]
    if not found:
        return ()
    first, more = found[0].features[0], len(found) - 1
    together = found[0].class_name == ALL_CLASSES
    one, many = ("more value", "more values") if says.several else ("more class", "more classes")
    others = f", and others in {count(more, one, many)}" if more and not together else ""
    return (
        say(
            f"Since the last run{_of(change)}, {says.feature.count(found[0].moved)} moved{others}; the most: ",
            name(first.feature, _NAME),
            *_whose(found[0], says),
            f"{_ranks(first)} ({where}).",
        ),
    )


def _told(change: Change, says: Voice) -> list[ClassChange]:
    """The classes that the report tells of: those with rows, and all together unless they are values."""
    alone = says.regression and len(change.classes) > 1
    return [c for c in change.classes if (c.old_rows or c.new_rows) and not (alone and c.class_name == ALL_CLASSES)]


def _of(change: Change) -> str:
    return f" of {day(change.old.created)}" if change.old.created else ""


def _lead(change: Change) -> Sentence:
    against = (
        *("The run ", name(change.new.run_id, 60), " against the run ", name(change.old.run_id, 60)),
        f"{_of(change)}. ",
    )
    said = {
        "comparable": "The two were made in the same way and can be compared.",
        "with reservations": "The two can be compared, but not all that differs need be the model or the data:",
        "incomparable": "The two cannot be compared, since their scores mean different things:",
        "unreadable": "Nothing could be compared:",
    }
    return say(*against, said[change.verdict])


def _others(change: Change) -> tuple[Sentence, ...]:
    told = []
    for names, verb in ((change.appeared, "new"), (change.vanished, "gone")):
        if names:
            shown = join(tuple(name(c, _NAME) for c in names[:_NAMED]))
            rest = len(names) - _NAMED
            more = f" and {rest:,} more" if rest > 0 else ""
            told.append(say("Classes that are " + verb + ": ", *shown, f"{more}."))
    return tuple(told)


def _altered(a: Altered) -> AlteredRow:
    return AlteredRow(a.part, name(a.what), *(Name(NONE) if v is None else name(v) for v in (a.old, a.new)))


def _same(change: Change, model_sha256: str | None) -> str:
    if change.verdict == "unreadable":
        return ""
    there = {a.part for a in change.altered}
    same = [part for part in _PARTS if part not in there and not (part == "model" and model_sha256 is None)]
    text = ""
    if same:
        text = f"The same in both runs: {listing(same)}."
    if model_sha256 is None and not any(a.part == "model" for a in change.altered):
        text = f"{text} {_NO_HASH}".strip()
    return text


def _meaning(change: Change) -> tuple[str, ...]:
    sure = f"{change.confidence:.0%}"
    return (
        (
            "nDCG says how well today's order puts first what weighed most then: 1 is the same order. It is SageMaker "
            f"Clarify's, which speaks of drift below 0.9. The intervals hold together at {sure}."
        ),
        "Rank correlation is Spearman's. What is shared counts features first in both runs, of those first in either.",
        (
            "A score moved where noise would hardly make such a difference: of all that are called so, at most "
            f"{1 - change.confidence:.0%} are expected to be false (Benjamini and Yekutieli). The two runs are taken "
            "as independent, which is on the safe side where they share rows or perturbations."
        ),
    )


def _agreement(c: ClassChange) -> Agreement:
    interval = NONE if c.ndcg_low is None else f"{number(c.ndcg_low, 3)} to {number(c.ndcg_high, 3)}"
    return Agreement(
        title=class_name(c.class_name),
        ndcg=number(c.ndcg, 3),
        interval=interval,
        correlation=number(c.rank_correlation, 2),
        overlap=percent(c.overlap),
        moved=f"{c.moved:,}",
        tested=f"{c.tested:,}",
    )


def _moves(c: ClassChange, says: Voice) -> ClassMoves:
    rows = c.features[:_ROWS]
    places = decimals([v for f in rows for v in (f.old, f.new)])
    top = max((max(v for v in (f.old, f.new, f.old_high, f.new_high) if v is not None) for f in rows), default=0.0)
    left = c.moved - sum(f.moved for f in rows)
    return ClassMoves(
        title=class_name(c.class_name),
        intro=_intro(c, says),
        rows=tuple(_row(f, top, places) for f in rows),
        more=_more(left, f"more {says.feature.of(left)} that moved,"),
    )


def _intro(c: ClassChange, says: Voice) -> Sentence:
    if c.reason:
        return say(f"Not compared: {c.reason}.")
    feature = says.feature
    if not c.moved:
        parts: list[str | Name] = [f"Of {feature.count(c.tested)} tested, none moved for sure."]
    else:
        parts = [f"{feature.count(c.moved)} of {c.tested:,} tested moved, the largest difference first."]
    for names, n, verb in ((c.appeared, c.n_appeared, "new"), (c.vanished, c.n_vanished, "no longer used")):
        if n:
            parts += [f" {n:,} {plural(n, 'is', 'are')} {verb}: ", *join(tuple(name(f, _NAME) for f in names[:_NAMED]))]
            parts.append(f" and {n - _NAMED:,} more." if n > _NAMED else ".")
    return say(*parts)


def _row(f: FeatureChange, top: float, places: int) -> MoveRow:
    shown = name(f.feature, _NAME)
    title = f"{shown.short}: score {number(f.old, places)} then, {number(f.new, places)} now"
    tested = f.p is not None
    return MoveRow(
        feature=shown,
        chart=move(title, (f.old, f.old_low, f.old_high), (f.new, f.new_low, f.new_high), top=top, moved=f.moved),
        old_rank=NONE if f.old_rank is None else f"{f.old_rank:,}",
        new_rank=NONE if f.new_rank is None else f"{f.new_rank:,}",
        old=number(f.old, places),
        new=number(f.new, places),
        difference=signed(f.difference, places),
        interval=f"{signed(f.low, places)} to {signed(f.high, places)}" if tested else "",
        finding=_finding(f) if tested else "not tested",
    )


def _finding(f: FeatureChange) -> str:
    if f.moved:
        return "up, moved" if f.difference > 0 else "down, moved"
    by_itself = (f.low is not None and f.low > 0) or (f.high is not None and f.high < 0)
    return "not sure" if by_itself else "within noise"


def _ranks(f: FeatureChange) -> str:
    if f.old_rank is None or f.new_rank is None:
        return ""
    return f", rank {f.old_rank:,} then and {f.new_rank:,} now" if f.old_rank != f.new_rank else ", at the same rank"


def _whose(c: ClassChange, says: Voice) -> tuple[str | Name, ...]:
    if c.class_name == ALL_CLASSES or (says.regression and not says.several):
        return ()
    return (" for ", class_name(c.class_name, _NAME))


def _more(n: int, what: str) -> str:
    return f"and {n:,} {what} in the JSON file" if n > 0 else ""
