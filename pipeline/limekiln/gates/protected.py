"""`must_not_be_decided_above`: protected columns, and features that go together with one, against a reference.

Two questions to each feature: does it stand above the reference, and is it one of those that must not? Each is yes, no
or open. The gate fails where both are surely yes, and passes where one is surely no for every feature and class.
"""

from dataclasses import dataclass

from limekiln.evidence import AssociatedFeature, GateOutcome, GateVerdict, Proxies
from limekiln.gates.judging import Evidence, judge_one, settled
from limekiln.gates.ranks import about
from limekiln.gates.standings import Interval, Standing, classes_asked, no_interval, standing, surely, where, worst
from limekiln.settings.gates import NOISE, MustNotBeDecidedAbove


@dataclass(frozen=True)
class _Against:
    """One feature of one class against the reference: what was measured, what is asked of it, and in words."""

    verdict: GateVerdict
    measured: Interval | None
    threshold: float | None
    said: str


@judge_one.register
def _must_not_be_decided_above(gate: MustNotBeDecidedAbove, evidence: Evidence) -> GateOutcome:
    """By rank intervals that do not meet, or by the interval of the score and its noise floor."""
    proxies = _proxies(gate, evidence)
    members: dict[str, AssociatedFeature | None] = dict.fromkeys(gate.columns)
    for found in proxies.features if proxies else ():
        if found.feature not in members and found.feature != gate.above and found.standing != "no proxy":
            members[found.feature] = found
    if not members:
        return _none_found(gate, proxies)
    classes = classes_asked(gate.class_, evidence.results)
    outcomes = [
        _outcome(gate, standing(evidence, feature, c), evidence, found)
        for feature, found in members.items()
        for c in classes
    ]
    chosen = worst(outcomes)
    if chosen.verdict != "pass" or len(members) == 1:
        return chosen
    return chosen.model_copy(
        update={"reason": f"None of {len(members):,} features ranks above the reference; the nearest: {chosen.reason}"}
    )


def _proxies(gate: MustNotBeDecidedAbove, evidence: Evidence) -> Proxies | None:
    asked = (gate.proxies_of, gate.association)
    return next((p for p in evidence.results.proxies if (p.column, p.threshold) == asked), None)


def _about(gate: MustNotBeDecidedAbove) -> str:
    names = [*gate.columns]
    if gate.proxies_of is not None:
        names += [f"{gate.proxies_of} and its proxies"]
    what = "score" if gate.above == NOISE else "rank"
    return about(f"{what} of {', '.join(names)}", gate.class_)


def _none_found(gate: MustNotBeDecidedAbove, proxies: Proxies | None) -> GateOutcome:
    """Without a feature to judge: the strongest association with the column, which is surely under the threshold."""
    outcome = GateOutcome(
        rule=gate.rule,
        about=_about(gate),
        bound="below",
        threshold=gate.association,
        verdict="undecided",
        reason=f"The association of the features with {gate.proxies_of} was not measured.",
    )
    if proxies is None or not proxies.features:
        return outcome
    most = next((f for f in proxies.features if f.feature != gate.above), proxies.features[0])
    reason = (
        f"No feature goes together with {proxies.column} by {gate.association:g} or more: {most.feature} does most, by "
        f"{most.value:.2f}, surely by no more than {most.high:.2f}."
    )
    update = {"feature": most.feature, "value": most.value, "low": most.low, "high": most.high}
    return outcome.model_copy(update={**update, "verdict": "pass", "reason": reason})


def _outcome(
    gate: MustNotBeDecidedAbove, s: Standing, evidence: Evidence, found: AssociatedFeature | None
) -> tuple[float, GateOutcome]:
    against = _against(gate, s, evidence)
    verdict = against.verdict
    said = against.said
    if found is not None:
        said = f"{said} {_why(gate, found)}"
        if verdict == "fail" and found.standing == "open":
            verdict = "undecided"
    m = against.measured
    noise = gate.above == NOISE
    outcome = GateOutcome(
        rule=gate.rule,
        about=_about(gate),
        class_name=s.class_name,
        feature=s.feature,
        value=m.value if m else None,
        low=m.low if m else None,
        high=m.high if m else None,
        unit="score" if noise else "rank",
        bound="at most" if noise else "at least" if isinstance(gate.above, int) else "above",
        threshold=against.threshold,
        verdict=verdict,
        reason=said,
    )
    return (s.place or float("inf")), outcome


def _why(gate: MustNotBeDecidedAbove, found: AssociatedFeature) -> str:
    """Why a feature is judged that the gate does not name."""
    numbers = f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f}, a proxy from {gate.association:g} on)"
    if found.standing == "the column":
        return f"It is, or holds, the column {gate.proxies_of} itself."
    if found.standing == "proxy":
        return f"It is a proxy of {gate.proxies_of}: association {numbers}."
    return f"Whether it is a proxy of {gate.proxies_of} is open: association {numbers}."


def _against(gate: MustNotBeDecidedAbove, s: Standing, evidence: Evidence) -> _Against:
    if gate.above == NOISE:
        return _against_noise(s, evidence)
    if isinstance(gate.above, int):
        return _against_rank(gate.above, s, evidence)
    return _against_feature(gate.above, s, evidence)


def _against_noise(s: Standing, evidence: Evidence) -> _Against:
    if s.score is None or s.floor is None:
        here = where(s.class_name, evidence.results)
        return _Against("undecided", None, s.floor, f"{here}, {s.feature} has no interval, or no noise floor.")
    verdict = settled(passes=s.score.high <= s.floor, fails=s.score.low > s.floor)
    head = f"{where(s.class_name, evidence.results)}, {s.feature} scores {s.score.value:.3g}"
    said = {
        "pass": f"{head}, surely no more than {s.score.high:.3g}; a column like it reaches {s.floor:.3g} by chance.",
        "fail": f"{head}, surely {s.score.low:.3g} or more; a column like it reaches {s.floor:.3g} by chance.",
        "undecided": f"{head}, {s.score.low:.3g} to {s.score.high:.3g}: whether more than the {s.floor:.3g} that a "
        "column like it reaches by chance is open.",
    }
    return _Against(verdict, s.score, s.floor, said[verdict])


def _against_rank(rank: int, s: Standing, evidence: Evidence) -> _Against:
    if s.rank is None:
        return _Against("undecided", None, rank, no_interval(s, evidence.results))
    verdict = settled(passes=s.rank.low >= rank, fails=s.rank.high < rank)
    head = f"{where(s.class_name, evidence.results)}, {s.feature} ranks {s.rank.value:.0f}"
    ends = f"from {s.rank.low:.0f} to {s.rank.high:.0f}"
    said = {
        "pass": f"{head}, {surely(s.rank)}: not above rank {rank}.",
        "fail": f"{head}, {surely(s.rank)}: above rank {rank}.",
        "undecided": f"{head}, and may rank {ends}: whether above rank {rank} is open.",
    }
    return _Against(verdict, s.rank, rank, said[verdict])


def _against_feature(feature: str, s: Standing, evidence: Evidence) -> _Against:
    other = standing(evidence, feature, s.class_name)
    place = float(other.place) if other.place else None
    if s.rank is None or other.rank is None:
        lacks = s if s.rank is None else other
        return _Against("undecided", s.rank, place, no_interval(lacks, evidence.results))
    verdict = settled(passes=s.rank.low > other.rank.high, fails=s.rank.high < other.rank.low)
    here = where(s.class_name, evidence.results)
    head = f"{here}, {s.feature} ranks {_ranks(s.rank)} and {feature} {_ranks(other.rank)}"
    said = {
        "pass": f"{head}: surely after it.",
        "fail": f"{head}: surely above it.",
        "undecided": f"{head}: which comes first is open.",
    }
    return _Against(verdict, s.rank, place, said[verdict])


def _ranks(rank: Interval) -> str:
    return f"{rank.value:.0f} ({rank.low:.0f} to {rank.high:.0f})"
