"""The same rows explained by LIME and by KernelSHAP: both rankings of each class side by side, and how to read them."""

from dataclasses import dataclass
from typing import Final

from limekiln.evidence import MethodComparison, MethodFinding, MethodScore
from limekiln.record import Results
from limekiln.report import sections
from limekiln.report.figures import Pair, pair
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import FEATURE, ROW, Voice, class_name
from limekiln.report.words import number, percent

_NAME: Final = 40
_CLASSES: Final = 12
_CALLED: Final = {"lime": "LIME", "kernelshap": "KernelSHAP"}


@dataclass(frozen=True)
class PairRow:
    """A feature by the run's own method and by the other: rank and share of each, and by how far the rank differs."""

    feature: Name
    bars: Pair
    own_rank: str
    own_share: str
    other_rank: str
    other_share: str
    apart: str


@dataclass(frozen=True)
class ClassPair:
    """One class: what agrees, in sentences, and the first features of either method."""

    title: Name
    intro: Sentence
    rows: tuple[PairRow, ...]


@dataclass(frozen=True)
class TwoMethods:
    """The section on two methods; `own` is the run's, `other` the second one.

    `missing` says why there is nothing else to show.
    """

    own: str
    other: str
    lead: str
    meaning: tuple[str, ...]
    facts: tuple[tuple[str, Name], ...]
    classes: tuple[ClassPair, ...]
    classes_more: str
    missing: str = ""


def build(results: Results, says: Voice) -> TwoMethods | None:
    """The comparison; None where nobody asked for a second method."""
    if not sections.two_methods(results):
        return None
    m, facts = results.methods, results.method
    if m is None:
        return TwoMethods("", "", "", (), (), (), "", missing=_missing(results))
    own, other = _CALLED[facts.method], _CALLED[m.second]
    shown = m.findings[:_CLASSES]
    left = len(m.findings) - len(shown)
    return TwoMethods(
        own=own,
        other=other,
        lead=_lead(m, results, says, own, other),
        meaning=_meaning(m),
        facts=_facts(m, other),
        classes=tuple(_class(f, says, own, other) for f in shown),
        classes_more=f"and {left:,} more {'values' if says.several else 'classes'} in results.json" if left else "",
    )


def _missing(results: Results) -> str:
    return next((n.text for n in results.notices if n.code == sections.NOT_COMPARED), "")


def _lead(m: MethodComparison, results: Results, says: Voice, own: str, other: str) -> str:
    of = "" if says.regression else " of each class"
    return (
        f"{ROW.count(m.rows)}, at most 100{of}, {'was' if m.rows == 1 else 'were'} explained twice: by {own}, as the "
        f"rest of this report is, and by {other}. Each table has the NormLIME scores ({results.method.score}) of both "
        f"from these rows alone, in percent of the sum of all features' scores. So {own}'s ranks may differ from those "
        f"in section {sections.number(results, 'importances')}, which rest on all explained rows."
    )


def _meaning(m: MethodComparison) -> tuple[str, ...]:
    lime = (
        "A weight of LIME's says how much the output changes around the row when the feature has the row's own value, "
        "or one of the same interval, instead of another. It is fitted to perturbed rows, near ones counting more."
    )
    slope = (
        f" Of {FEATURE.count(m.slopes)} not cut into intervals it is a slope, which does not depend on how unusual the "
        "row's own number is; its sign is left out of the comparison."
    )
    kernelshap = (
        "A contribution of KernelSHAP's is the feature's part of the difference between the row's prediction and the "
        f"mean prediction of {ROW.count(m.background)} of the background. The contributions add up to that difference. "
        "So a value that most rows have contributes little, even where its weight by LIME is great."
    )
    neither = (
        "Where the two differ, neither is wrong: they answer different questions, and they part most where features "
        "act together. A feature that both put first does not owe its place to the choice of a method. Of one that "
        "only one of them puts first, say which."
    )
    return f"{lime}{slope if m.slopes else ''}", kernelshap, neither


def _facts(m: MethodComparison, other: str) -> tuple[tuple[str, Name], ...]:
    work = (
        f"one pool of {m.perturbations:,} perturbed rows"
        if m.second == "lime"
        else f"at most {m.perturbations:,} coalitions a row, {ROW.count(m.background)} each"
    )
    found = [
        ("rows explained by both", Name(f"{m.rows:,}")),
        (f"{other}'s perturbations", Name(work)),
        (f"rows that {other} asked the model for", Name(f"{m.model_rows:,}")),
    ]
    if m.failed:
        found.append((f"rows that {other} could not explain", Name(f"{m.failed:,}")))
    return tuple(found)


def _class(f: MethodFinding, says: Voice, own: str, other: str) -> ClassPair:
    most = max((max(s.lime, s.kernelshap) for s in f.features), default=0.0)
    return ClassPair(
        title=class_name(f.class_name),
        intro=say(*_over(f, says), *_ranks(f, own, other), *_within(f)),
        rows=tuple(_row(s, own, other, most) for s in f.features),
    )


def _over(f: MethodFinding, says: Voice) -> tuple[str | Name, ...]:
    if not says.regression:
        return (f"Over {ROW.count(f.rows)} predicted ", class_name(f.class_name), ", ")
    if says.several:
        return (f"Over {ROW.count(f.rows)} explained for ", class_name(f.class_name), ", ")
    return (f"Over {ROW.count(f.rows)}, ",)


def _ranks(f: MethodFinding, own: str, other: str) -> tuple[str | Name, ...]:
    shared = round(f.overlap * f.top)
    same = f"{shared:,} of the first {f.top:,} features {'is' if shared == 1 else 'are'} the same"
    start = (
        f"the rank correlation is {number(f.rank_correlation, 2)}, and {same}. "
        if f.rank_correlation is not None
        else f"{same}. "
    )
    score = next((s for s in f.features if s.feature == f.moved), None)
    if score is None:
        return (start, "No rank differs among them.")
    first, second = _both(score.lime_rank, score.kernelshap_rank, own)
    return (start, name(score.feature, _NAME), f" moves most: rank {first:,} by {own}, {second:,} by {other}.")


def _within(f: MethodFinding) -> tuple[str, ...]:
    told = []
    if f.row_correlation is not None:
        told.append(f"the sizes of the weights have a rank correlation of {number(f.row_correlation, 2)} in the median")
    if f.same_sign is not None:
        told.append(f"{percent(f.same_sign)} of the weight that both methods give has the same sign")
    return (f" Row by row, {', and '.join(told)}.",) if told else ()


def _row(s: MethodScore, own: str, other: str, most: float) -> PairRow:
    shares, ranks = _both(s.lime, s.kernelshap, own), _both(s.lime_rank, s.kernelshap_rank, own)
    shown = name(s.feature, _NAME)
    return PairRow(
        feature=shown,
        bars=pair(f"{shown.short}: {percent(shares[0])} by {own}, {percent(shares[1])} by {other}", *shares, top=most),
        own_rank=f"{ranks[0]:,}",
        own_share=percent(shares[0]),
        other_rank=f"{ranks[1]:,}",
        other_share=percent(shares[1]),
        apart=_apart(int(ranks[0] - ranks[1])),
    )


def _apart(places: int) -> str:
    """How far a feature climbs or falls from the run's own method to the other; the arrow says which without colour."""
    return "=" if not places else f"{'↑' if places > 0 else '↓'} {abs(places):,}"


def _both(lime: float, kernelshap: float, own: str) -> tuple[float, float]:
    """The two values, the run's own method first."""
    return (lime, kernelshap) if own == _CALLED["lime"] else (kernelshap, lime)
