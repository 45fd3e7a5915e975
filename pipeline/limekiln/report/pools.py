"""Whether perturbed rows show what real rows get: the verdict, the numbers behind it, and what real rows show."""

from dataclasses import dataclass
from typing import Final

from limekiln.evidence import PoolComparison, PoolFinding, PoolShare
from limekiln.record import ALL_CLASSES, MethodFacts, Results
from limekiln.report import sections
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import Voice, class_name
from limekiln.report.words import count, number, percent

_NAME: Final = 40
_FIRST: Final = 5
_TABLES: Final = 3


@dataclass(frozen=True)
class RankRow:
    """What stands at one rank: a feature and its share by perturbed rows, and by real rows with what was expected."""

    rank: str
    perturbed: Name
    perturbed_share: str
    real: Name
    real_share: str
    expected: str


@dataclass(frozen=True)
class Side:
    """One class's heaviest features from each pool, side by side."""

    title: Name
    rows: tuple[RankRow, ...]


@dataclass(frozen=True)
class Pools:
    """The part of the section on reliability on perturbed and real rows."""

    verdict: Sentence
    how: str
    alarm: bool
    facts: tuple[tuple[str, Name], ...]
    sides: tuple[Side, ...]
    sides_note: str


def build(results: Results, says: Voice) -> Pools | None:
    """The finding; None for data that have no rows to compare."""
    if not says.tabular:
        return None
    p = results.pools
    if p is None:
        return Pools(say(_unchecked(results)), "", alarm=False, facts=(), sides=(), sides_note="")
    worst = sorted((f for f in p.findings if f.verdict != "agree"), key=lambda f: -f.excess)[:_TABLES]
    sides = tuple(_side(f, says) for f in p.findings if f in worst)
    return Pools(
        verdict=_verdict(p, says),
        how=_how(results.method, p),
        alarm=p.verdict == "disagree",
        facts=_facts(p),
        sides=sides,
        sides_note=(
            "Expected is what the feature to its left would have if the model treated real rows as it treats "
            "perturbed ones."
            if sides
            else ""
        ),
    )


def caution(results: Results) -> str:
    """The warning for page one; empty where the pools do not disagree."""
    if results.pools is None or results.pools.verdict != "disagree":
        return ""
    section = sections.number(results, "reliability")
    if results.method.pool == "data":
        return (
            "The model treats perturbed rows otherwise than real ones. This report rests on real rows; do not rely on "
            f"explanations that rest on perturbed ones. Section {section} says more."
        )
    return (
        "Do not rely on this ranking: it rests on perturbed rows, and the model treats real rows otherwise. "
        f"Section {section} says what they show instead."
    )


def _unchecked(results: Results) -> str:
    told = next((n.text for n in results.notices if n.code == "pools_not_compared"), "")
    return told or "Whether the model treats perturbed rows as it treats real ones was not checked in this run."


def _verdict(p: PoolComparison, says: Voice) -> Sentence:
    worst = max(p.findings, key=lambda f: f.excess)
    if p.verdict == "agree":
        return say(
            "They agree: what the model does with perturbed rows holds for the data's own. This rules out strong "
            "fooling, not a weak one."
        )
    share = next(s for s in worst.features if s.feature == worst.feature)
    start = "They disagree: over " if p.verdict == "disagree" else "They differ, which asks for a look: over "
    end = (
        "The ranking by perturbed rows does not describe how the model treats real ones."
        if p.verdict == "disagree"
        else "Some honest models differ so far; explain.pool: data gives the whole ranking by real rows."
    )
    return say(
        start,
        *_rows(worst, says),
        ", ",
        name(share.feature, _NAME),
        f" takes {percent(share.real)} of the weight when real rows are asked. The model's answers to perturbed rows "
        f"let {percent(share.expected)} be expected. {end}",
    )


def _rows(finding: PoolFinding, says: Voice) -> tuple[str | Name, ...]:
    if finding.class_name == ALL_CLASSES:
        return (f"the {says.row.count(finding.rows)} compared",)
    if says.regression:
        return (f"{says.row.count(finding.rows)} explained for ", class_name(finding.class_name))
    return (f"{says.row.count(finding.rows)} predicted ", class_name(finding.class_name))


def _how(method: MethodFacts, p: PoolComparison) -> str:
    made = f"{p.perturbed_rows:,} perturbed rows"
    if method.pool == "marginal":
        made = f"{p.perturbed_rows:,} rows of this run's pool"
    elif method.method == "kernelshap":
        made += " as LIME draws them (KernelSHAP's own, part row and part background, are not judged)"
    elif method.pool == "none":
        made += " of the kind that every row had"
    return (
        f"A model that tells perturbed rows from real ones can show the first a behaviour that real rows do not get. "
        f"{count(p.rows, 'row')} explained from {made} were explained again from {p.real_rows:,} of the data's own. "
        "What counts is how much more of the weight a feature takes there than a stand-in lets expect that was taught "
        f"the model's answers to perturbed rows: {number(p.suspicious_from, 2)} asks for a look, "
        f"{number(p.disagree_from, 2)} is a finding."
    )


def _facts(p: PoolComparison) -> tuple[tuple[str, Name], ...]:
    worst = max(p.findings, key=lambda f: f.excess)
    excess = f"{number(worst.excess, 2)} ({name(worst.feature, _NAME).short})"
    return (
        ("most beyond what was expected", name(excess)),
        ("real and perturbed rows told apart, AUC", Name(number(p.told_apart, 2))),
        ("learnt from perturbed rows, R²", Name(number(p.learnt, 2))),
        ("held for real rows, R²", Name(number(p.carried, 2))),
    )


def _side(finding: PoolFinding, says: Voice) -> Side:
    perturbed, real = (_first(finding, by) for by in ("perturbed", "real"))
    return Side(
        title=Name(f"all {says.row.many} compared")
        if finding.class_name == ALL_CLASSES
        else class_name(finding.class_name),
        rows=tuple(
            RankRow(
                rank=f"{i}",
                perturbed=name(a.feature, _NAME),
                perturbed_share=percent(a.perturbed),
                real=name(b.feature, _NAME),
                real_share=percent(b.real),
                expected=percent(b.expected),
            )
            for i, (a, b) in enumerate(zip(perturbed, real, strict=True), start=1)
        ),
    )


def _first(finding: PoolFinding, by: str) -> list[PoolShare]:
    return sorted(finding.features, key=lambda s: -float(getattr(s, by)))[:_FIRST]
