"""`stable_since_last`: do features rank as they did in the last run of the model?"""

from typing import Final

from limekiln.change import Change, ClassChange
from limekiln.evidence import GateOutcome
from limekiln.gates.judging import Evidence, judge_one, settled
from limekiln.gates.ranks import about
from limekiln.gates.standings import classes_asked, where, worst
from limekiln.settings.gates import StableSinceLast

_FIRST: Final = "There is no earlier run of the model in this folder: nothing to compare with."
_MOST: Final = 3


@judge_one.register
def _stable_since_last(gate: StableSinceLast, evidence: Evidence) -> GateOutcome:
    """By the interval of nDCG, class by class."""
    change = evidence.change
    outcome = GateOutcome(
        rule=gate.rule,
        about=about("nDCG since the last run", gate.class_),
        bound="at least",
        threshold=gate.ndcg,
        verdict="undecided",
        reason="",
    )
    if change is None:
        return outcome.model_copy(update={"verdict": gate.first_run, "reason": _FIRST})
    if not change.compared:
        why = f"The last run, {change.old.run_id}, cannot be compared with: {'; '.join(change.reasons)}."
        return outcome.model_copy(update={"reason": why})
    if gate.class_ is None and (change.appeared or change.vanished):
        return outcome.model_copy(update={"reason": _other_classes(change)})
    asked = classes_asked(gate.class_, evidence.results)
    return worst(_of_class(outcome, gate, class_name, evidence, change) for class_name in asked)


def _of_class(
    outcome: GateOutcome, gate: StableSinceLast, class_name: str, evidence: Evidence, change: Change
) -> tuple[float, GateOutcome]:
    here = where(class_name, evidence.results)
    found = next((c for c in change.classes if c.class_name == class_name), None)
    if found is None or found.ndcg is None or found.ndcg_low is None or found.ndcg_high is None:
        why = found.reason if found else "the last run has no such class"
        said = f"{here}, the last run cannot be compared with: {why}."
        return 0.0, outcome.model_copy(update={"class_name": class_name, "reason": said})
    verdict = settled(passes=found.ndcg_low >= gate.ndcg, fails=found.ndcg_high < gate.ndcg)
    update = {
        "class_name": class_name,
        "feature": next((f.feature for f in found.features if f.moved), None),
        "value": found.ndcg,
        "low": found.ndcg_low,
        "high": found.ndcg_high,
        "verdict": verdict,
        "reason": f"{here}, {_how(found, change)}",
    }
    return found.ndcg, outcome.model_copy(update=update)


def _how(found: ClassChange, change: Change) -> str:
    since = f"the order agrees with that of the run {change.old.run_id} by an nDCG of {found.ndcg:.3f}"
    moved = [f.feature for f in found.features if f.moved]
    if not moved:
        return f"{since}; no score surely moved."
    more = "" if found.moved <= _MOST else f" and {found.moved - _MOST:,} more"
    return f"{since}; scores that surely moved: {', '.join(moved[:_MOST])}{more}."


def _other_classes(change: Change) -> str:
    told = [
        f"{', '.join(repr(c) for c in names[:_MOST])}{' and more' if len(names) > _MOST else ''} {verb}"
        for names, verb in ((change.appeared, "new"), (change.vanished, "gone"))
        if names
    ]
    return f"The model has other classes than in the run {change.old.run_id}: {'; '.join(told)}."
