"""must_not_be_decided_above: three references, columns and proxies, and what is open in either question."""

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.made import feature, of_classes, proxies_of
from limekiln import gates
from limekiln.evidence import GateOutcome, GateVerdict, Proxies
from limekiln.gates import Evidence
from limekiln.settings.gates import MustNotBeDecidedAbove

Ranks = tuple[int, int, int]
Standing = Literal["the column", "proxy", "no proxy", "open"]


def judged(evidence: Evidence, **keys: Any) -> GateOutcome:
    gate = MustNotBeDecidedAbove.model_validate({"rule": "must_not_be_decided_above"} | keys)
    return gates.judge([gate], evidence)[0]


def evidence(*features: dict[str, Any], proxies: tuple[Proxies, ...] = ()) -> Evidence:
    return of_classes({"*": features, "bad": features, "good": features}, proxies)


@pytest.mark.parametrize(
    ("sex", "verdict"), [((4, 3, 5), "pass"), ((3, 2, 4), "undecided"), ((1, 1, 2), "fail"), (2, "undecided")]
)
def test_against_a_rank(sex: Ranks | int, verdict: GateVerdict) -> None:
    outcome = judged(evidence(feature("sex", sex)), columns=("sex",), above=3)
    assert (outcome.verdict, outcome.bound, outcome.threshold) == (verdict, "at least", 3)


@pytest.mark.parametrize(
    ("sex", "income", "verdict"),
    [
        ((1, 1, 2), (3, 3, 4), "fail"),
        ((1, 1, 3), (3, 3, 4), "undecided"),
        ((4, 4, 5), (2, 1, 3), "pass"),
        ((4, 3, 5), (2, 1, 3), "undecided"),
        ((4, 4, 5), 2, "undecided"),
    ],
)
def test_against_a_feature_rank_intervals_must_not_meet(sex: Ranks, income: Ranks | int, verdict: GateVerdict) -> None:
    outcome = judged(evidence(feature("sex", sex), feature("income", income)), columns=("sex",), above="income")
    assert (outcome.verdict, outcome.bound) == (verdict, "above")


@pytest.mark.parametrize(
    ("score", "floor", "verdict"),
    [
        ((0.2, 0.1, 0.3), 0.09, "fail"),
        ((0.2, 0.1, 0.3), 0.1, "undecided"),
        ((0.2, 0.1, 0.3), 0.3, "pass"),
        (None, 0.3, "undecided"),
        ((0.2, 0.1, 0.3), None, "undecided"),
    ],
)
def test_against_noise(score: tuple[float, float, float] | None, floor: float | None, verdict: GateVerdict) -> None:
    found = evidence(feature("sex", (1, 1, 1), score=score, floor=floor))
    outcome = judged(found, columns=("sex",), above="noise")
    assert (outcome.verdict, outcome.bound, outcome.threshold) == (verdict, "at most", floor)


@pytest.mark.parametrize(
    ("standing", "rank", "verdict"),
    [
        ("proxy", (1, 1, 2), "fail"),
        ("proxy", (2, 1, 4), "undecided"),
        ("proxy", (4, 3, 5), "pass"),
        ("open", (1, 1, 2), "undecided"),
        ("open", (4, 3, 5), "pass"),
        ("no proxy", (1, 1, 2), "pass"),
        ("the column", (1, 1, 2), "fail"),
    ],
)
def test_a_proxy_fails_where_both_questions_are_settled(standing: Standing, rank: Ranks, verdict: GateVerdict) -> None:
    found = proxies_of("sex", ("job", (0.5, 0.4, 0.6), standing))
    outcome = judged(evidence(feature("job", rank), proxies=(found,)), proxies_of="sex", above=3)
    assert (outcome.verdict, outcome.feature) == (verdict, "job")
    assert outcome.about == "rank of sex and its proxies"


def test_without_any_proxy_the_strongest_association_is_the_evidence() -> None:
    found = proxies_of("sex", ("job", (0.1, 0.05, 0.2), "no proxy"))
    outcome = judged(evidence(feature("job", (1, 1, 1)), proxies=(found,)), proxies_of="sex", above=3)
    assert (outcome.verdict, outcome.value, outcome.bound, outcome.threshold) == ("pass", 0.1, "below", 0.3)
    assert "job does most, by 0.10, surely by no more than 0.20" in outcome.reason


def test_associations_that_nobody_measured_leave_it_undecided() -> None:
    of_another_threshold = proxies_of("sex", ("job", (0.1, 0.05, 0.2), "no proxy"), threshold=0.5)
    for stored in ((), (of_another_threshold,)):
        found = evidence(feature("job", (1, 1, 1)), proxies=stored)
        assert judged(found, proxies_of="sex", above=3).verdict == "undecided"


def test_the_reference_is_not_judged_against_itself() -> None:
    found = proxies_of("sex", ("income", (0.5, 0.4, 0.6), "proxy"), ("job", (0.4, 0.35, 0.5), "proxy"))
    features = [feature("income", (1, 1, 1)), feature("job", (3, 2, 3))]
    outcome = judged(evidence(*features, proxies=(found,)), proxies_of="sex", above="income")
    assert (outcome.verdict, outcome.feature) == ("pass", "job")


def test_the_worst_feature_and_class_are_named() -> None:
    features = [feature("sex", (4, 3, 5)), feature("age", (2, 1, 2))]
    found = of_classes({"*": features, "bad": [*features[:1], feature("age", (5, 4, 6))], "good": features})
    outcome = judged(found, columns=("sex", "age"), above=3)
    assert (outcome.verdict, outcome.class_name, outcome.feature) == ("fail", "*", "age")
    outcome = judged(found, columns=("sex", "age"), above=3, **{"class": "bad"})
    assert outcome.reason.startswith(
        "None of 2 features ranks above the reference; the nearest: In the class 'bad', sex"
    )


@settings(max_examples=25)
@given(st.tuples(*[st.integers(0, 4)] * 3), st.tuples(*[st.integers(0, 4)] * 3), st.tuples(*[st.integers(0, 3)] * 4))
def test_wider_intervals_settle_nothing(sex: Ranks, other: Ranks, more: tuple[int, int, int, int]) -> None:
    def ranks(r: Ranks, down: int = 0, up: int = 0) -> Ranks:
        place = 5 + r[0]
        return place, max(1, place - r[1] - down), place + r[2] + up

    narrow = evidence(feature("sex", ranks(sex)), feature("income", ranks(other)))
    wide = evidence(feature("sex", ranks(sex, *more[:2])), feature("income", ranks(other, *more[2:])))
    for above in ("income", 6):
        first, second = (judged(e, columns=("sex",), above=above).verdict for e in (narrow, wide))
        assert second in {first, "undecided"}
