"""The rules' judges on results made by hand, the verdict over all, and how a log shows them."""

from dataclasses import replace
from typing import get_args

import pytest

import gate_cases
from gate_cases import FAILED, PASSED, UNDECIDED
from limekiln import fooling, gates
from limekiln.evidence import GateOutcome, GateVerdict, PoolComparison
from limekiln.gates import Evidence
from limekiln.record import Notice
from limekiln.settings.gates import Gate, PoolsAgree
from report import sample_record as sample
from report.test_pools import Verdict, finding, pools

STRICT = PoolsAgree(rule="pools_agree")
LENIENT = PoolsAgree(rule="pools_agree", allow_suspicious=True)


def evidence(found: PoolComparison | None, *notices: Notice) -> Evidence:
    record = sample.credit()
    return Evidence(record.results.model_copy(update={"pools": found, "notices": notices}), record.tables)


def judged(gate: PoolsAgree, found: PoolComparison | None, *notices: Notice) -> GateOutcome:
    (outcome,) = gates.judge([gate], evidence(found, *notices))
    return outcome


@pytest.mark.parametrize(
    ("found", "strict", "lenient"),
    [("agree", "pass", "pass"), ("suspicious", "undecided", "pass"), ("disagree", "fail", "fail")],
)
def test_pools_agree_follows_the_finding(found: Verdict, strict: GateVerdict, lenient: GateVerdict) -> None:
    comparison = pools(found, finding("*", found, 0.1))
    outcome = judged(STRICT, comparison)
    assert (outcome.verdict, outcome.threshold, outcome.bound) == (strict, 0.08, "below")
    outcome = judged(LENIENT, comparison)
    assert (outcome.verdict, outcome.threshold, outcome.bound) == (lenient, 0.12, "below")


def test_pools_agree_names_the_class_and_the_feature_of_the_largest_excess() -> None:
    comparison = pools("disagree", finding("*", "suspicious", 0.1), finding("bad", "disagree", 0.43, 80))
    outcome = judged(STRICT, comparison)
    assert (outcome.class_name, outcome.feature, outcome.value) == ("bad", "sex", 0.43)
    assert outcome.reason == (
        "Over real rows predicted 'bad', sex takes 0.43 more of the weight than the model's answers to perturbed rows "
        "let expect. From 0.12 on perturbed rows do not show what real ones get."
    )


def test_pools_agree_reads_the_thresholds_that_the_run_stored() -> None:
    comparison = pools("agree", finding("*", "agree", 0.1)).model_copy(update={"suspicious_from": 0.2})
    assert judged(STRICT, comparison).threshold == 0.2


def test_a_comparison_that_was_not_made_passes_nothing_and_says_why() -> None:
    why = Notice(code="pools_not_compared", text="It was not checked: it takes 100 rows of the background.")
    for gate in (STRICT, LENIENT):
        outcome = judged(gate, None, Notice(code="other", text="Another."), why)
        assert (outcome.verdict, outcome.value, outcome.reason) == ("undecided", None, why.text)
    assert judged(STRICT, None).reason.endswith("was not checked.")
    assert (judged(STRICT, None).threshold, judged(LENIENT, None).threshold) == (fooling.SUSPICIOUS, fooling.DISAGREE)


def test_outcomes_keep_the_order_of_the_config() -> None:
    found = gates.judge([LENIENT, STRICT], evidence(pools("suspicious", finding("*", "suspicious", 0.1))))
    assert [o.verdict for o in found] == ["pass", "undecided"]
    assert gates.judge([], evidence(None)) == ()


def test_every_rule_of_the_settings_has_a_judge() -> None:
    union = get_args(Gate)[0]
    sections = get_args(union) or (union,)
    for section in sections:
        assert gates.judge_one.dispatch(section) is not gates.judge_one.dispatch(object), section
    with pytest.raises(NotImplementedError, match="no judge is registered for str"):
        gates.judge_one("a rule", evidence(None))


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ((), "pass"),
        ((PASSED, PASSED), "pass"),
        ((PASSED, UNDECIDED), "undecided"),
        ((UNDECIDED, FAILED, PASSED), "fail"),
    ],
)
def test_a_failure_beats_what_is_undecided(outcomes: tuple[GateOutcome, ...], verdict: GateVerdict) -> None:
    assert gates.verdict(outcomes) == verdict


@pytest.mark.parametrize(
    ("value", "threshold", "text"),
    [
        (0.43, 0.08, "0.43"),
        (0.0799, 0.08, "0.0799"),
        (0.1199999, 0.12, "0.1199999"),
        (0.08, 0.08, "0.08"),
        (-0.001, 0.08, "0.00"),
        (3.0, None, "3.00"),
        (None, 0.08, "not measured"),
    ],
)
def test_rounding_carries_no_value_over_its_threshold(value: float | None, threshold: float | None, text: str) -> None:
    shown = gates.value(PASSED.model_copy(update={"value": value, "threshold": threshold}))
    assert shown == text
    if value is not None and threshold is not None:
        assert (float(shown) < threshold) == (value < threshold)


def test_a_log_shows_each_gate_with_its_reason() -> None:
    assert gates.lines((PASSED, FAILED, UNDECIDED)) == [
        "gates: 1 failed, 1 undecided, 1 passed",
        "  passed     a_rule, some rows: 0.25, asked for below 0.3",
        "             Because of sex.",
        "  FAILED     b_rule, some rows: 0.25, asked for below 0.2",
        "             Because of sex.",
        "  UNDECIDED  c_rule, some rows: not measured, asked for below 0.2",
        "             Because of sex.",
    ]
    assert gates.lines(()) == []


def test_a_name_cannot_forge_a_line_of_the_log() -> None:
    told = gates.lines((gate_cases.outcome("fail", about=gate_cases.HOSTILE, feature=gate_cases.HOSTILE),))
    assert len(told) == 3
    assert all(line.isprintable() for line in told)


def test_evidence_holds_the_tables_too() -> None:
    given = evidence(None)
    assert replace(given, tables={}).tables == {}
    assert "importances" in given.tables


@pytest.mark.parametrize(
    ("unit", "numbers", "threshold", "text"),
    [
        (None, (0.3, 0.2, 0.4), 0.25, "0.30 (0.20 to 0.40)"),
        (None, (0.2504, 0.2499, 0.4), 0.25, "0.2504 (0.2499 to 0.40)"),
        (None, (0.3, 0.3, 0.3), 0.25, "0.30"),
        ("rank", (3.0, 2.0, 4.0), 5, "3 (2 to 4)"),
        ("score", (0.003251, 0.00294, 0.0036), 0.0000312, "0.0033 (0.0029 to 0.0036)"),
    ],
)
def test_a_value_stands_with_its_interval(
    unit: str | None, numbers: tuple[float, float, float], threshold: float, text: str
) -> None:
    value, low, high = numbers
    update = {"value": value, "low": low, "high": high, "unit": unit, "threshold": threshold}
    assert gates.measured(PASSED.model_copy(update=update)) == text
