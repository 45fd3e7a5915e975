"""`pools_agree`: does the model treat perturbed rows as it treats real ones?"""

from typing import Final

from limekiln import fooling
from limekiln.evidence import GateOutcome, GateVerdict, PoolFinding
from limekiln.gates.judging import Evidence, judge_one
from limekiln.gates.words import value
from limekiln.record import ALL_CLASSES, Results
from limekiln.settings.gates import PoolsAgree

_BEYOND_EXPECTED: Final = "weight beyond what perturbed rows let expect"


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


def _rows(finding: PoolFinding, results: Results) -> str:
    if finding.class_name == ALL_CLASSES:
        return "the real rows compared"
    verb = "explained for" if results.model.task == "regression" else "predicted"
    return f"real rows {verb} {finding.class_name!r}"
