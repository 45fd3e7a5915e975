"""max_rank, max_share and max_rank_noise on intervals made by hand: exact boundaries, classes, what has no interval."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.made import feature, of_classes
from limekiln import gates
from limekiln.evidence import GateOutcome, GateVerdict
from limekiln.gates import Evidence
from limekiln.settings.gates import MaxRank, MaxRankNoise, MaxShare


def judged(rule: type[MaxRank | MaxShare | MaxRankNoise], evidence: Evidence, **keys: Any) -> GateOutcome:
    name = {MaxRank: "max_rank", MaxShare: "max_share", MaxRankNoise: "max_rank_noise"}[rule]
    (outcome,) = gates.judge([rule.model_validate({"rule": name} | keys)], evidence)
    return outcome


def one_class(*features: dict[str, Any]) -> Evidence:
    return of_classes({"*": features, "bad": features, "good": features})


@pytest.mark.parametrize(
    ("rank", "verdict"),
    [((7, 6, 9), "pass"), ((6, 5, 7), "undecided"), ((4, 2, 5), "fail"), ((5, 4, 6), "undecided"), (9, "undecided")],
)
def test_max_rank_passes_after_the_first_and_fails_among_them(
    rank: tuple[int, int, int] | int, verdict: GateVerdict
) -> None:
    outcome = judged(MaxRank, one_class(feature("sex", rank)), feature="sex", below=5)
    assert (outcome.verdict, outcome.bound, outcome.threshold, outcome.unit) == (verdict, "above", 5, "rank")


def test_max_rank_names_the_worst_class_and_an_open_one_goes_before_one_that_passes() -> None:
    found = {"*": [feature("sex", (8, 7, 9))], "bad": [feature("sex", (9, 4, 12))], "good": [feature("sex", (7, 6, 8))]}
    outcome = judged(MaxRank, of_classes(found), feature="sex", below=5)
    assert (outcome.verdict, outcome.class_name, outcome.value) == ("undecided", "bad", 9)
    assert outcome.reason == (
        "In the class 'bad', sex ranks 9, and may rank from 4 to 12: whether after the first 5 is open."
    )
    assert judged(MaxRank, of_classes(found), feature="sex", below=5, **{"class": "good"}).verdict == "pass"
    assert judged(MaxRank, of_classes(found), feature="sex", below=5, **{"class": "*"}).verdict == "pass"
    found["good"] = [feature("sex", (3, 2, 4))]
    outcome = judged(MaxRank, of_classes(found), feature="sex", below=5)
    assert (outcome.verdict, outcome.class_name, outcome.feature) == ("fail", "good", "sex")
    assert gates.lines([outcome])[1:] == [
        "  FAILED     max_rank, rank of sex: 3 (2 to 4), asked for above 5",
        "             In the class 'good', sex ranks 3, surely from 2 to 4, and so not after the first 5.",
    ]


def test_a_feature_that_no_explanation_knows_and_a_class_without_rows_are_undecided() -> None:
    outcome = judged(MaxRank, one_class(feature("age", (1, 1, 1))), feature="sex", below=1)
    assert (outcome.verdict, outcome.value) == ("undecided", None)
    assert "no explanation uses sex" in outcome.reason
    outcome = judged(MaxRank, one_class(feature("sex_and_status", (1, 1, 1))), feature="sex_and_stat", below=1)
    assert outcome.reason.endswith("The name most like it is sex_and_status.")
    outcome = judged(MaxRank, one_class(feature("sex", (2, 2, 2))), feature="sex", below=1)
    assert outcome.reason == "Over all rows, sex ranks 2, surely, and so after the first."
    evidence = of_classes({"*": [feature("sex", (8, 7, 9))], "bad": [feature("sex", (8, 7, 9))]})
    facts = [c.model_copy(update={"rows": 0} if c.name == "good" else {}) for c in evidence.results.classes]
    evidence = Evidence(evidence.results.model_copy(update={"classes": tuple(facts)}), evidence.tables)
    outcome = judged(MaxRank, evidence, feature="sex", below=5)
    assert (outcome.verdict, outcome.class_name) == ("undecided", "good")
    assert "no row was explained" in outcome.reason


@pytest.mark.parametrize(
    ("share", "verdict"),
    [
        ((0.1, 0.05, 0.2), "pass"),
        ((0.1, 0.05, 0.2001), "undecided"),
        ((0.3, 0.2, 0.4), "undecided"),
        ((0.3, 0.2001, 0.4), "fail"),
        (None, "undecided"),
    ],
)
def test_max_share_is_by_the_interval_of_the_share(
    share: tuple[float, float, float] | None, verdict: GateVerdict
) -> None:
    outcome = judged(MaxShare, one_class(feature("sex", (3, 2, 4), share)), feature="sex", value=0.2)
    assert (outcome.verdict, outcome.bound) == (verdict, "at most")
    assert outcome.value == (share[0] if share else None)


def test_a_share_that_is_no_more_than_chance_does_not_fail_and_does_not_pass() -> None:
    by_chance = feature("sex", (3, 2, 4), (0.3, 0.25, 0.4), score=(0.01, 0.005, 0.02), floor=0.02)
    outcome = judged(MaxShare, one_class(by_chance), feature="sex", value=0.2)
    assert outcome.verdict == "undecided"
    assert "cannot be told from what a column that does nothing would take" in outcome.reason
    assert judged(MaxShare, one_class(by_chance | {"floor": 0.001}), feature="sex", value=0.2).verdict == "fail"
    assert judged(MaxShare, one_class(by_chance), feature="sex", value=0.5).verdict == "pass"


def test_a_share_from_perturbations_of_each_rows_own_says_what_its_interval_leaves_out() -> None:
    found = {c: [feature("sex", (3, 2, 4), (0.1, 0.05, 0.2))] for c in ("*", "bad", "good")}
    said = [judged(MaxShare, of_classes(found, pool=p), feature="sex", value=0.5).reason for p in ("none", "marginal")]
    assert ["leaves out what their noise adds" in reason for reason in said] == [True, False]


@pytest.mark.parametrize(
    ("widths", "verdict", "value"),
    [
        (((1, 1, 2), (2, 1, 2)), "pass", 0.25),
        (((1, 1, 3), (2, 1, 2)), "fail", 0.375),
        (((1, 1, 1), 2), "undecided", 0.0),
        ((1, 2), "undecided", None),
        (((1, 1, 5), 2), "fail", 1.0),
    ],
)
def test_max_rank_noise_is_the_mean_width_of_the_first_intervals(
    widths: tuple[Any, ...], verdict: GateVerdict, value: float | None
) -> None:
    first = [feature(f"f{i}", w) for i, w in enumerate(widths)]
    others = [feature(f"g{i}", (i, 1, 5)) for i in (3, 4, 5)]
    outcome = judged(MaxRankNoise, one_class(*first, *others), value=0.25)
    assert (outcome.verdict, outcome.value) == (verdict, value)


def test_max_rank_noise_says_what_would_help() -> None:
    for se, key in (((0.2, 0.1), "sample.rows"), ((0.1, 0.2), "explain.perturbations")):
        found = [feature(f"f{i}", (i, 1, 3), se=se) for i in (1, 2, 3)]
        assert key in judged(MaxRankNoise, one_class(*found), value=0.5).reason


RANKS = st.tuples(st.integers(1, 12), st.integers(0, 11), st.integers(0, 11))
ORDER = {"pass": 0, "undecided": 1, "fail": 2}


@settings(max_examples=25)
@given(RANKS, st.integers(0, 5), st.integers(0, 5), st.integers(1, 11))
def test_a_wider_interval_settles_nothing(rank: tuple[int, int, int], down: int, up: int, below: int) -> None:
    place, low, high = rank[0], max(1, rank[0] - rank[1]), rank[0] + rank[2]
    narrow = judged(MaxRank, one_class(feature("f", (place, low, high))), feature="f", below=below).verdict
    wide = (place, max(1, low - down), high + up)
    found = judged(MaxRank, one_class(feature("f", wide)), feature="f", below=below).verdict
    assert found in {narrow, "undecided"}
    shares = [(a / 40, b / 40, c / 40) for a, b, c in ((place, low, high), wide)]
    first, second = (
        judged(MaxShare, one_class(feature("f", 1, share)), feature="f", value=below / 40).verdict for share in shares
    )
    assert second in {first, "undecided"}
    noise = [
        judged(MaxRankNoise, one_class(feature("f", r), feature("g", (2, 1, 30)), *rest), value=below / 12).verdict
        for r in ((place, low, high), wide)
        for rest in [[feature(f"h{i}", (30 + i, 1, 33)) for i in range(20)]]
    ]
    assert ORDER[noise[1]] >= ORDER[noise[0]]
