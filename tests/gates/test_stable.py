"""`stable_since_last` on changes made by hand: sure, open, and where there is nothing to compare with."""

from dataclasses import replace
from typing import Any

import pytest

from change_cases import PLANTED, STEADY, Scores, run
from limekiln import comparison, gates
from limekiln.change import Change, RunName
from limekiln.evidence import GateOutcome
from limekiln.gates import Evidence
from limekiln.settings.gates import StableSinceLast

NOISY: Scores = {c: [(f, s, 12.0) for f, s, _ in features] for c, features in STEADY.items()}


def judged(change: Change | None, **keys: Any) -> GateOutcome:
    gate = StableSinceLast.model_validate({"rule": "stable_since_last"} | keys)
    new = run(STEADY)
    (outcome,) = gates.judge([gate], Evidence(new.results, new.tables, change))
    return outcome


def since(old: Scores, new: Scores, **facts: Any) -> Change:
    return comparison.between(run(old, "then"), run(new, "now", **facts))


def test_the_same_ranking_passes() -> None:
    outcome = judged(since(STEADY, STEADY))
    assert (outcome.verdict, outcome.value, outcome.low, outcome.high, outcome.threshold) == ("pass", 1, 1, 1, 0.9)
    assert outcome.reason == (
        "Over all rows, the order agrees with that of the run then by an nDCG of 1.000; no score surely moved."
    )


def test_a_planted_feature_fails_its_class_and_is_named() -> None:
    outcome = judged(since(STEADY, PLANTED))
    assert (outcome.verdict, outcome.class_name, outcome.feature) == ("fail", "*", "sex")
    assert outcome.reason.endswith("scores that surely moved: sex.")
    assert judged(since(STEADY, PLANTED), **{"class": "good"}).verdict == "pass"
    assert judged(since(STEADY, PLANTED), ndcg=0.1).verdict == "pass"


def test_a_noisy_small_sample_is_undecided_and_not_passed() -> None:
    other = {c: [(f, s * 1.01, off) for f, s, off in features] for c, features in NOISY.items()}
    outcome = judged(since(NOISY, other))
    assert outcome.value == 1, "by its numbers alone it would pass"
    assert outcome.low is not None
    assert outcome.low < 0.9
    assert outcome.verdict == "undecided"


@pytest.mark.parametrize("verdict", ["pass", "undecided"])
def test_a_first_run_has_nothing_to_compare_with(verdict: str) -> None:
    outcome = judged(None, first_run=verdict)
    assert (outcome.verdict, outcome.value) == (verdict, None)
    assert "nothing to compare with" in outcome.reason


def test_a_last_run_that_cannot_be_compared_with_passes_nothing() -> None:
    outcome = judged(since(STEADY, STEADY, score="share"))
    assert (outcome.verdict, outcome.value) == ("undecided", None)
    assert outcome.reason == ("The last run, then, cannot be compared with: aggregate.score was weighted and is share.")
    gone = comparison.unreadable(RunName(run_id="then"), run(STEADY), "its files cannot be read")
    assert judged(gone).verdict == "undecided"


def test_classes_that_came_or_went_leave_it_open_unless_it_asks_for_one_that_stayed() -> None:
    new = run(STEADY)
    left = tuple(c for c in new.results.classes if c.name != "good")
    old = replace(new, results=new.results.model_copy(update={"classes": left}))
    change = comparison.between(old, new)
    outcome = judged(change)
    assert outcome.verdict == "undecided"
    assert outcome.reason.endswith("'good' new.")
    assert judged(change, **{"class": "bad"}).verdict == "pass"
    assert judged(change, **{"class": "good"}).reason.endswith("the last run has no such class.")
