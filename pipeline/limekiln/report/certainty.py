"""How sure the rankings are, in words: decided or open, tied groups, what would help; and which explanations count."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from limekiln.certify import FEWEST_USERS, LEAST_ROWS
from limekiln.evidence import Certificate, Trust, View
from limekiln.record import ALL_CLASSES, ClassFacts, Results, Score
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import Voice, class_name, reading_order
from limekiln.report.words import count, number, percent

_NAME: Final = 40
_GROUPS: Final = 3
_MOSTLY: Final = 0.8
_GROWN: Final = 1000.0
_FEW: Final = 10.0
_CLASSES: Final = 12


@dataclass(frozen=True)
class TrustRow:
    """One class's explanations by whether they are usable."""

    name: Name
    usable: str
    low: str
    unstable: str
    overlap: str


@dataclass(frozen=True)
class ViewRow:
    """Another score against NormLIME's, for one class."""

    name: Name
    score: str
    correlation: str
    overlap: str
    moved: Sentence


@dataclass(frozen=True)
class Ledger:
    """Which explanations are usable, and what other scores say."""

    intro: str
    trust: tuple[TrustRow, ...]
    views: tuple[ViewRow, ...]
    views_more: str


def ranks(score: Score) -> str:
    """The interval of a rank that is not sure."""
    if score.rank_low is None or score.rank_high is None or score.rank_low == score.rank_high:
        return ""
    return f"{score.rank_low}\N{EN DASH}{score.rank_high}"


def verdict(facts: ClassFacts, results: Results, says: Voice) -> tuple[Sentence, ...]:
    """What is sure about a class's ranking, in a few sentences; none where it has no certificate."""
    c = facts.certificate
    if c is None:
        return ()
    if c.verdict == "too few rows":
        if c.rows < LEAST_ROWS:
            few = f"With {says.row.count(c.rows)} out of more"
            return (say(f"{few}, the order is not certified: that takes {LEAST_ROWS}."),)
        few = f"that fewer than {FEWEST_USERS} of the explained {says.row.many} use"
        return (say(f"{says.feature.many.capitalize()} {few} cannot be compared; the order is not certified."),)
    sure = f"at {percent(results.method.confidence)} confidence for all rankings together"
    if c.verdict == "decided":
        ties = (
            f"; {count(c.tied, 'pair')} {'differs' if c.tied == 1 else 'differ'} too little to matter" if c.tied else ""
        )
        return (say(f"The order of the first {says.feature.count(c.top)} is decided, {sure}{ties}."),)
    first = say(
        f"The order of the first {says.feature.count(c.top)} is not decided, {sure}: "
        f"{c.n_open:,} of {count(c.pairs, 'pair')} {'is' if c.n_open == 1 else 'are'} open."
    )
    return tuple(s for s in (first, _tied(facts.features, says), _hardest(c, results, says)) if s is not None)


def line(results: Results, says: Voice) -> Sentence | None:
    """The one line for page one."""
    alone = all(c.name == ALL_CLASSES or not c.rows for c in results.classes)
    found = [c.certificate for c in reading_order(results) if c.certificate and (c.name != ALL_CLASSES or alone)]
    known = [c for c in found if c.verdict != "too few rows"]
    if not known:
        return None
    decided = sum(c.verdict == "decided" for c in known)
    top = max(c.top for c in known)
    what = f"the order of the first {says.feature.count(top)}"
    at = f"At {percent(results.method.confidence)} confidence, {what}"
    if len(known) == 1:
        return say(f"{at} is {'decided' if decided else 'not decided; ranks are given with their intervals'}.")
    return say(f"{at} is decided in {decided:,} of {len(known):,} rankings; open ranks are given with their intervals.")


def method(results: Results, says: Voice) -> str:
    """How the intervals were made, in a few sentences."""
    at, rows = percent(results.method.confidence), says.row.many
    folds = next((c.certificate.folds for c in results.classes if c.certificate is not None), None)
    if folds is None:
        source = (
            f"Intervals say how far scores would differ with other {rows} like these, their perturbations drawn anew."
        )
    else:
        source = (
            f"A score may be off because other {rows} could have been taken (not where all were explained), and "
            f"because other perturbed {rows} could have been drawn (jackknife over {folds} folds); intervals hold both."
        )
    return (
        f"{source} Each score's interval is at {at}; the intervals of ranks hold together for a class at {at}. An "
        f"order is decided where every pair in it is apart, or tied within {percent(results.method.indifference)} of "
        f"all scores; in {at} of runs like this one no verdict is wrong."
    )


def ledger(results: Results, says: Voice) -> Ledger | None:
    """The table of trust, and that of other scores; None where nothing was kept of either."""
    classes = [c for c in reading_order(results) if c.trust is not None and c.rows]
    if not classes:
        return None
    told = classes[:_CLASSES]
    views = [(c, v) for c in told for v in c.views]
    measured = any(c.trust is not None and c.trust.stability_measured for c in classes)
    unstable = (
        "unstable where repeats from quarters of the perturbations share, on average, less than 80% of their heaviest "
        f"{says.feature.many} (VSI under 0.8)"
        if measured
        else "stability was not measured"
    )
    return Ledger(
        intro=f"{says.row.its.capitalize()} explanation has low fidelity where R² is under 0.5, and is {unstable}; "
        "else it is usable."
        if measured
        else f"{says.row.its.capitalize()} explanation has low fidelity where R² is under 0.5; {unstable}.",
        trust=tuple(_trust_row(c, c.trust, says) for c in told if c.trust is not None),
        views=tuple(_view_row(c, v, says) for c, v in views),
        views_more=f"and {len(classes) - len(told):,} more classes" if len(classes) > len(told) else "",
    )


def _tied(features: Sequence[Score], says: Voice) -> Sentence | None:
    groups: dict[int, list[Name]] = {}
    for s in features:
        if s.tied is not None:
            groups.setdefault(s.tied, []).append(name(s.feature, _NAME))
    several = [g for g in groups.values() if len(g) > 1]
    if not several:
        return None
    parts: list[str | Name] = [f"No order is sure within these groups of {says.feature.many}: "]
    for i, group in enumerate(several[:_GROUPS]):
        parts += ["; " if i else ""]
        for j, named in enumerate(group):
            parts += [" and " if j and j == len(group) - 1 else ", " if j else "", named]
    parts.append("; and others." if len(several) > _GROUPS else ".")
    return say(*parts)


def _hardest(c: Certificate, results: Results, says: Voice) -> Sentence | None:
    if not c.open:
        return None
    pool = median(p.pool_share for p in c.open)
    perturbations = f"more perturbed {says.row.many} (explain.perturbations)"
    if pool >= _MOSTLY:
        helps = f"What is unsure comes to {percent(pool)} from the perturbations: {perturbations} would settle more"
        helps += "." if results.counts.explained < results.data.rows else f", all {says.row.many} being explained."
    elif pool <= 1 - _MOSTLY:
        helps = (
            f"What is unsure comes from the choice of {says.row.many}: explaining more (sample.rows) would settle it."
        )
    else:
        helps = f"Both explaining more {says.row.many} (sample.rows) and {perturbations} would settle more."
    p = c.open[0]
    growth = (
        ""
        if p.growth is None or p.growth > _GROWN
        else f", which would take about {number(p.growth, 1 if p.growth < _FEW else 0)} times as many"
    )
    return say(f"{helps} The hardest pair is ", name(p.first, _NAME), " and ", name(p.second, _NAME), f"{growth}.")


def _trust_row(c: ClassFacts, t: Trust, says: Voice) -> TrustRow:
    return TrustRow(
        name=_called(c, says),
        usable=f"{t.usable:,}",
        low=f"{t.low_fidelity:,}",
        unstable=f"{t.unstable:,}" if t.stability_measured else "\N{EN DASH}",
        overlap="too few" if t.overlap is None else percent(t.overlap),
    )


def _view_row(c: ClassFacts, v: View, says: Voice) -> ViewRow:
    moved = say("none") if v.moved is None else say(name(v.moved, _NAME), f": {v.moved_from} here, {v.moved_to} there")
    return ViewRow(
        name=_called(c, says),
        score=v.score,
        correlation=number(v.rank_correlation, 2),
        overlap=percent(v.overlap),
        moved=moved,
    )


def _called(c: ClassFacts, says: Voice) -> Name:
    return Name(f"all {says.row.many}") if c.name == ALL_CLASSES else class_name(c.name)
