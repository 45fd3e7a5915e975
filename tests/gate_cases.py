"""Outcomes of gates made by hand, for the tests of all that shows them."""

from limekiln.evidence import GateOutcome, GateVerdict

HOSTILE = "\x1b[2J\n::error::<b>\"]]>&'\ud800\x00 sex"
"""What a column's name may hold: an escape code, a line that a CI server obeys, markup, no character at all."""


def outcome(
    verdict: GateVerdict, rule: str = "some_rule", about: str = "some rows", feature: str = "sex"
) -> GateOutcome:
    return GateOutcome(
        rule=rule,
        about=about,
        class_name="*",
        feature=feature,
        value=None if verdict == "undecided" else 0.25,
        bound="below",
        threshold=0.3 if verdict == "pass" else 0.2,
        verdict=verdict,
        reason=f"Because of {feature}.",
    )


PASSED, FAILED, UNDECIDED = outcome("pass", "a_rule"), outcome("fail", "b_rule"), outcome("undecided", "c_rule")
