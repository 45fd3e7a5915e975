"""`max_rank`, `max_share` and `max_rank_noise`: how much a feature weighs, and how settled the ranks are.

Judged by the intervals in `importances.parquet`. A feature without one is undecided.
"""

from typing import Final

import pandas as pd

from limekiln.evidence import GateOutcome
from limekiln.gates.judging import Evidence, judge_one, settled
from limekiln.gates.standings import Standing, classes_asked, features, no_interval, standing, surely, where, worst
from limekiln.settings.gates import MaxRank, MaxRankNoise, MaxShare

_OWN_PERTURBATIONS: Final = (
    " Each row had perturbations of its own: the interval leaves out what their noise adds to small shares and takes "
    "from large ones."
)


def about(what: str, class_: str | None) -> str:
    """What a gate is about, with the class where it names one."""
    return what if class_ is None else f"{what}, class {class_}"


@judge_one.register
def _max_rank(gate: MaxRank, evidence: Evidence) -> GateOutcome:
    """After the first `below` where even the best rank is; among them where even the worst is."""
    found = [standing(evidence, gate.feature, c) for c in classes_asked(gate.class_, evidence.results)]
    return worst((s.place or float("inf"), _of_rank(gate, s, evidence)) for s in found)


def _of_rank(gate: MaxRank, s: Standing, evidence: Evidence) -> GateOutcome:
    outcome = GateOutcome(
        rule=gate.rule,
        about=about(f"rank of {gate.feature}", gate.class_),
        class_name=s.class_name,
        feature=gate.feature,
        value=s.place or None,
        unit="rank",
        bound="above",
        threshold=gate.below,
        verdict="undecided",
        reason="",
    )
    if s.rank is None:
        return outcome.model_copy(update={"reason": no_interval(s, evidence.results)})
    r = s.rank
    verdict = settled(passes=r.low > gate.below, fails=r.high <= gate.below)
    head = f"{where(s.class_name, evidence.results)}, {s.feature} ranks {r.value:.0f}"
    sure = f"{head}, {surely(r)}"
    first = "the first" if gate.below == 1 else f"the first {gate.below}"
    reason = {
        "pass": f"{sure}, and so after {first}.",
        "fail": f"{sure}, and so not after {first}.",
        "undecided": f"{head}, and may rank from {r.low:.0f} to {r.high:.0f}: whether after {first} is open.",
    }[verdict]
    return outcome.model_copy(update={"low": r.low, "high": r.high, "verdict": verdict, "reason": reason})


@judge_one.register
def _max_share(gate: MaxShare, evidence: Evidence) -> GateOutcome:
    """By the interval of the share; what cannot be told from a column that does nothing does not fail."""
    found = [standing(evidence, gate.feature, c) for c in classes_asked(gate.class_, evidence.results)]
    return worst((-s.share.value if s.share else 0.0, _of_share(gate, s, evidence)) for s in found)


def _of_share(gate: MaxShare, s: Standing, evidence: Evidence) -> GateOutcome:
    outcome = GateOutcome(
        rule=gate.rule,
        about=about(f"share of {gate.feature}", gate.class_),
        class_name=s.class_name,
        feature=gate.feature,
        bound="at most",
        threshold=gate.value,
        verdict="undecided",
        reason="",
    )
    if s.share is None:
        return outcome.model_copy(update={"reason": no_interval(s, evidence.results)})
    share = s.share
    verdict = settled(passes=share.high <= gate.value, fails=share.low > gate.value)
    by_chance = s.floor is not None and s.score is not None and s.score.value <= s.floor
    if verdict == "fail" and by_chance:
        verdict = "undecided"
    update = {"value": share.value, "low": share.low, "high": share.high, "verdict": verdict}
    head = f"{where(s.class_name, evidence.results)}, {s.feature} takes {share.value:.1%} of an explanation's weight"
    reason = {
        "pass": f"{head}, surely no more than {share.high:.1%}.",
        "fail": f"{head}, surely {share.low:.1%} or more.",
        "undecided": f"{head}, {share.low:.1%} to {share.high:.1%}: whether more than {gate.value:.4g} is open.",
    }[verdict]
    if verdict == "undecided" and by_chance:
        reason = f"{head}, which cannot be told from what a column that does nothing would take."
    if evidence.results.method.pool == "none":
        reason += _OWN_PERTURBATIONS
    return outcome.model_copy(update={**update, "reason": reason})


@judge_one.register
def _max_rank_noise(gate: MaxRankNoise, evidence: Evidence) -> GateOutcome:
    """By the mean width of the rank intervals of the first features, as a part of the most it could be."""
    found = [_of_noise(gate, c, evidence) for c in classes_asked(gate.class_, evidence.results)]
    return worst((-(outcome.value or 0.0), outcome) for outcome in found)


def _of_noise(gate: MaxRankNoise, class_name: str, evidence: Evidence) -> GateOutcome:
    results = evidence.results
    table = features(evidence, class_name)
    places, first = max(len(table) - 1, 1), table.head(results.method.top)
    widths = (first["rank_high"] - first["rank_low"]).astype("Float64") / places
    known = widths.dropna()
    low, high = (float(widths.fillna(end).mean()) if len(first) else end for end in (0.0, 1.0))
    if len(table) == 1:
        low = high = 0.0
    verdict = settled(passes=high <= gate.value, fails=low > gate.value)
    here, n = where(class_name, results), len(first)
    missing = n - len(known)
    mean = f"{float(known.mean()) * places:.1f}" if len(known) else ""
    reason = f"{here}, the intervals of the first {n:,} of {len(table):,} ranks are {mean} places wide on average"
    if missing:
        reason = f"{here}, {missing:,} of the first {n:,} of {len(table):,} features have no rank interval."
    else:
        reason += f", of {places:,} possible. {_helps(first)}"
    return GateOutcome(
        rule=gate.rule,
        about=about(f"width of the first {results.method.top:,} rank intervals", gate.class_),
        class_name=class_name,
        value=float(known.mean()) if len(known) else None,
        low=low if len(known) else None,
        high=high if len(known) else None,
        bound="at most",
        threshold=gate.value,
        verdict=verdict,
        reason=reason,
    )


def _helps(first: pd.DataFrame) -> str:
    by_rows, by_pool = (float((first[name].astype(float) ** 2).sum()) for name in ("se_rows", "se_pool"))
    if by_rows > by_pool:
        return "More rows (sample.rows) would narrow them most."
    return "More perturbations (explain.perturbations) would narrow them most."
