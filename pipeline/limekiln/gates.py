"""Whether a run passes the gates of its config: each rule's judge, and the verdict over all of them.

A rule that the evidence settles passes or fails. One that it does not settle, or that there is no evidence for, is
undecided: it never passes for want of evidence. A new rule is a section in `settings.gates` and, here, a function
registered with `judge_one`; nothing else knows the rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Final

import pandas as pd

from limekiln import fooling
from limekiln.evidence import GateOutcome, GateVerdict, PoolFinding
from limekiln.record import ALL_CLASSES, Results
from limekiln.settings.gates import Gate, PoolsAgree

WORDS: Final[Mapping[GateVerdict, str]] = {"pass": "passed", "fail": "failed", "undecided": "undecided"}
NOT_MEASURED: Final = "not measured"

_BEYOND_EXPECTED: Final = "weight beyond what perturbed rows let expect"
_PLACES: Final = 2
_MOST_PLACES: Final = 8


@dataclass(frozen=True)
class Evidence:
    """What gates are judged by: a run's results, and its tables, which hold every feature where results hold a few."""

    results: Results
    tables: Mapping[str, pd.DataFrame]


def judge(gates: Sequence[Gate], evidence: Evidence) -> tuple[GateOutcome, ...]:
    """The outcome of each gate, in the order of the config."""
    return tuple(judge_one(gate, evidence) for gate in gates)


def verdict(outcomes: Sequence[GateOutcome]) -> GateVerdict:
    """The verdict over all: one failed gate fails the run, else one undecided leaves it undecided."""
    found = {outcome.verdict for outcome in outcomes}
    return "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"


@singledispatch
def judge_one(gate: object, evidence: Evidence) -> GateOutcome:
    """The outcome of one gate.

    Raises:
        NotImplementedError: the rule has no judge.
    """
    raise NotImplementedError(f"no judge is registered for {type(gate).__name__}")


@judge_one.register
def _pools_agree(gate: PoolsAgree, evidence: Evidence) -> GateOutcome:
    """By the largest excess of `fooling.Comparison`, and the thresholds that the run stored with it."""
    results, pools = evidence.results, evidence.results.pools
    if pools is None:
        told = next((n.text for n in results.notices if n.code == "pools_not_compared"), "")
        return GateOutcome(
            rule=gate.rule,
            about=_BEYOND_EXPECTED,
            bound="below",
            threshold=fooling.DISAGREE if gate.allow_suspicious else fooling.SUSPICIOUS,
            verdict="undecided",
            reason=told or "Whether the model treats perturbed rows as it treats real ones was not checked.",
        )
    worst = max(pools.findings, key=lambda f: f.excess)
    passes: GateVerdict = "pass" if gate.allow_suspicious else "undecided"
    by_finding: dict[str, GateVerdict] = {"agree": "pass", "suspicious": passes, "disagree": "fail"}
    outcome = GateOutcome(
        rule=gate.rule,
        about=_BEYOND_EXPECTED,
        class_name=worst.class_name,
        feature=worst.feature,
        value=worst.excess,
        bound="below",
        threshold=pools.disagree_from if gate.allow_suspicious else pools.suspicious_from,
        verdict=by_finding[pools.verdict],
        reason="",
    )
    beyond = (
        f"Over {_rows(worst, results)}, {worst.feature} takes {value(outcome)} more of the weight than the model's "
        "answers to perturbed rows let expect"
    )
    said = {
        "agree": f"{beyond}, the most of all features.",
        "suspicious": (
            f"{beyond}. From {pools.suspicious_from:g} on that asks for a look, from {pools.disagree_from:g} on it is "
            "a finding; explain.pool: data gives the whole ranking by real rows."
        ),
        "disagree": f"{beyond}. From {pools.disagree_from:g} on perturbed rows do not show what real ones get.",
    }
    return outcome.model_copy(update={"reason": said[pools.verdict]})


def value(outcome: GateOutcome) -> str:
    """The value with two decimals, and with more where rounding would carry it over the threshold."""
    if outcome.value is None:
        return NOT_MEASURED
    for places in range(_PLACES, _MOST_PLACES):
        text = f"{round(outcome.value, places) + 0.0:.{places}f}"  # no minus before a zero
        if outcome.threshold is None or (float(text) < outcome.threshold) == (outcome.value < outcome.threshold):
            return text
    return f"{outcome.value:g}"


def asked(outcome: GateOutcome) -> str:
    """What the rule asks of the value, such as `below 0.08`; empty where it names no number."""
    return "" if outcome.threshold is None else f"{outcome.bound} {outcome.threshold:g}"


def counted(outcomes: Sequence[GateOutcome]) -> str:
    """How many came out how, such as `1 failed, 2 passed`, the worst first."""
    found = [outcome.verdict for outcome in outcomes]
    order: tuple[GateVerdict, ...] = ("fail", "undecided", "pass")
    return ", ".join(f"{found.count(v):,} {WORDS[v]}" for v in order if v in found)


def lines(outcomes: Sequence[GateOutcome]) -> list[str]:
    """The gates as a log shows them: a head, then for each its verdict, numbers and reason; nothing without gates."""
    told = [f"gates: {counted(outcomes)}"] if outcomes else []
    for outcome in outcomes:
        word = WORDS[outcome.verdict]
        numbers = f"{value(outcome)}, asked for {asked(outcome)}" if asked(outcome) else value(outcome)
        head = word if outcome.verdict == "pass" else word.upper()
        told.append(_one_line(f"  {head:<9}  {outcome.rule}, {outcome.about}: {numbers}"))
        told.append(_one_line(f"{'':11}  {outcome.reason}"))
    return told


def _rows(finding: PoolFinding, results: Results) -> str:
    if finding.class_name == ALL_CLASSES:
        return "the real rows compared"
    verb = "explained for" if results.model.task == "regression" else "predicted"
    return f"real rows {verb} {finding.class_name!r}"


def _one_line(text: str) -> str:
    """The text without line breaks and control characters, which a name could use to forge a line of a CI log."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
