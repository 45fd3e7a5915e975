"""min_fidelity, min_trusted and max_failed: of all rows exactly, of a sample by its interval."""

from collections.abc import Sequence
from typing import Any

import pytest

from gates.made import of_rows
from limekiln import gates
from limekiln.evidence import GateOutcome, GateVerdict
from limekiln.gates import Evidence
from limekiln.settings.gates import MaxFailed, MinFidelity, MinTrusted

R2 = [i / 100 for i in range(1, 100)]


def fidelity(evidence: Evidence, value: float, **keys: Any) -> GateOutcome:
    rule = MinFidelity.model_validate({"rule": "min_fidelity", "value": value} | keys)
    return gates.judge([rule], evidence)[0]


def trusted(evidence: Evidence, value: float) -> GateOutcome:
    return gates.judge([MinTrusted.model_validate({"rule": "min_trusted", "value": value})], evidence)[0]


def failed(evidence: Evidence, value: float) -> GateOutcome:
    return gates.judge([MaxFailed(rule="max_failed", value=value)], evidence)[0]


def rows(values: Sequence[float | None], usable: int = 0) -> list[tuple[str, float | None, str]]:
    return [("bad" if i % 2 else "good", v, "usable" if i < usable else "low_fidelity") for i, v in enumerate(values)]


@pytest.mark.parametrize(("value", "verdict"), [(0.5, "pass"), (0.5001, "fail"), (0.1, "pass")])
def test_of_all_rows_the_median_is_exact(value: float, verdict: GateVerdict) -> None:
    outcome = fidelity(of_rows(rows(R2)), value)
    assert (outcome.verdict, outcome.value, outcome.low, outcome.high) == (verdict, 0.5, 0.5, 0.5)
    assert outcome.reason.endswith("R² of 0.500 or more.")


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.35, "pass"), (0.5, "undecided"), (0.45, "undecided"), (0.65, "fail")]
)
def test_of_a_sample_the_median_has_an_interval(value: float, verdict: GateVerdict) -> None:
    outcome = fidelity(of_rows(rows(R2), of=10_000), value)
    assert outcome.verdict == verdict
    assert outcome.low is not None
    assert outcome.high is not None
    assert 0.35 < outcome.low < 0.42
    assert 0.58 < outcome.high < 0.65


def test_a_small_sample_settles_no_median() -> None:
    outcome = fidelity(of_rows(rows([0.9, 0.95, 0.99, 0.9]), of=1000), 0.1)
    assert (outcome.verdict, outcome.value) == ("undecided", None)
    assert outcome.reason == ("Over all rows, 4 explanations have an R²: too few to say where their median lies.")
    assert fidelity(of_rows(rows([None] * 40)), 0.1).verdict == "undecided"


def test_fidelity_of_one_class_is_of_its_rows() -> None:
    evidence = of_rows([("good", 0.9, "usable")] * 9 + [("bad", 0.2, "low_fidelity")] * 9)
    verdicts = [fidelity(evidence, 0.5, **{"class": c}).verdict for c in ("good", "bad")]
    assert verdicts == ["pass", "fail"]
    assert fidelity(evidence, 0.5, **{"class": "bad"}).about == "median R², class bad"


@pytest.mark.parametrize(
    ("usable", "of", "verdict"),
    [(50, None, "pass"), (49, None, "fail"), (50, 10_000, "undecided"), (70, 10_000, "pass"), (30, 10_000, "fail")],
)
def test_usable_explanations_are_a_share(usable: int, of: int | None, verdict: GateVerdict) -> None:
    outcome = trusted(of_rows(rows([0.5] * 100, usable), of=of), 0.5)
    assert (outcome.verdict, outcome.value) == (verdict, usable / 100)


def test_usable_without_stability_says_so() -> None:
    assert "by fidelity alone" in trusted(of_rows(rows([0.5] * 9, 5), vsi=None), 0.5).reason
    assert "by fidelity alone" not in trusted(of_rows(rows([0.5] * 9, 5)), 0.5).reason


@pytest.mark.parametrize(
    ("n", "of", "verdict"),
    [(1, None, "pass"), (2, None, "fail"), (0, 10_000, "undecided"), (20, 10_000, "fail")],
)
def test_failed_rows_are_counted_among_those_asked_for(n: int, of: int | None, verdict: GateVerdict) -> None:
    outcome = failed(of_rows(rows([0.5] * (100 - n)), of=of, failed=n), 0.01)
    assert (outcome.verdict, outcome.value) == (verdict, n / 100)


def test_explanations_of_one_row_for_several_outputs_count_once() -> None:
    once, twice = (of_rows(rows([0.5] * n, n * 7 // 10), of=400) for n in (50, 100))
    twice.tables["rows"]["row"] = [f"r{i // 2}" for i in range(100)]
    counts = twice.results.counts.model_copy(update={"requested": 50})
    twice = Evidence(twice.results.model_copy(update={"counts": counts}), twice.tables)
    first, second = trusted(once, 0.5), trusted(twice, 0.5)
    assert (first.value, first.low, first.high) == (second.value, second.low, second.high)
