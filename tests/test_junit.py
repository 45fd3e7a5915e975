"""The gates as CI servers read them: what an XML parser finds in the file."""

from xml.etree import ElementTree as ET

import pytest

import gate_cases
from gate_cases import FAILED, PASSED, UNDECIDED
from limekiln import junit
from limekiln.evidence import GateOutcome
from limekiln.record import Results
from report import sample_record as sample


def results(*outcomes: GateOutcome, model: str = "Credit") -> Results:
    base = sample.credit().results
    return base.model_copy(update={"gates": outcomes, "model": base.model.model_copy(update={"name": model})})


def parsed(*outcomes: GateOutcome, model: str = "Credit") -> ET.Element:
    return ET.fromstring(junit.render(results(*outcomes, model=model)).encode())  # noqa: S314 - our own document


def test_a_gate_that_fails_is_a_failure_and_an_undecided_one_an_error() -> None:
    root = parsed(PASSED, FAILED, UNDECIDED)
    (suite,) = root
    for element in (root, suite):
        counts = {k: element.get(k) for k in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "3", "failures": "1", "errors": "1", "skipped": "0"}
    assert [(c.get("name"), [child.tag for child in c]) for c in suite] == [
        ("a_rule: some rows", ["system-out"]),
        ("b_rule: some rows", ["failure"]),
        ("c_rule: some rows", ["error"]),
    ]
    failure = suite[1][0]
    assert (failure.get("type"), failure.get("message")) == ("fail", "Because of sex.")
    assert failure.text == "value 0.25, asked for below 0.2"
    assert suite[2][0].text == "value not measured, asked for below 0.2"


def test_two_gates_of_one_name_stay_two() -> None:
    names = [c.get("name") for c in parsed(PASSED, PASSED, FAILED, PASSED)[0]]
    assert names == ["a_rule: some rows", "a_rule: some rows (2)", "b_rule: some rows", "a_rule: some rows (3)"]


@pytest.mark.parametrize("name", [*sample.NASTY, gate_cases.HOSTILE])
def test_any_name_makes_a_document_that_a_parser_reads(name: str) -> None:
    (suite,) = parsed(gate_cases.outcome("fail", about=name, feature=name), model=name)
    case = suite[0]
    assert [c.tag for c in suite] == ["testcase"]
    told = case[0].get("message") or ""
    plain = "".join(c for c in name if c.isprintable())
    assert told.replace("\N{REPLACEMENT CHARACTER}", "").replace("\n", "").replace("\t", "") == f"Because of {plain}."
    assert (case.get("classname") or "").startswith("gates.")


def test_the_same_results_give_the_same_bytes() -> None:
    assert junit.render(results(PASSED, FAILED)) == junit.render(results(PASSED, FAILED))
