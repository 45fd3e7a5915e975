"""Gates in words and numbers, as a log, a CI server and the report show them."""

from collections.abc import Mapping, Sequence
from typing import Final

from limekiln.evidence import GateOutcome, GateVerdict
from limekiln.gates.judging import WORST_FIRST

WORDS: Final[Mapping[GateVerdict, str]] = {"pass": "passed", "fail": "failed", "undecided": "undecided"}
NOT_MEASURED: Final = "not measured"

_PLACES: Final = 2
_MOST_PLACES: Final = 8


def value(outcome: GateOutcome) -> str:
    """The value with two decimals, a rank with none; with more where rounding would carry it over the threshold."""
    return NOT_MEASURED if outcome.value is None else _number(outcome.value, outcome)


def measured(outcome: GateOutcome) -> str:
    """The value with its interval, such as `3 (2 to 5)`."""
    return f"{value(outcome)} ({interval(outcome)})" if interval(outcome) else value(outcome)


def interval(outcome: GateOutcome) -> str:
    """The interval, such as `2 to 5`; empty where there is none, or it is one number."""
    if outcome.value is None or outcome.low is None or outcome.high is None or outcome.low == outcome.high:
        return ""
    return f"{_number(outcome.low, outcome)} to {_number(outcome.high, outcome)}"


def _number(number: float, outcome: GateOutcome) -> str:
    limit = outcome.threshold
    for places in range(0 if outcome.unit == "rank" else _PLACES, _MOST_PLACES):
        # no minus before a zero; scores may be tiny, and are shown by their digits
        text = f"{number:.{places}g}" if outcome.unit == "score" else f"{round(number, places) + 0.0:.{places}f}"
        shown = float(text)
        if limit is None or ((shown < limit) == (number < limit) and (shown > limit) == (number > limit)):
            return text
    return f"{number:g}"


def asked(outcome: GateOutcome) -> str:
    """What the rule asks of the value, such as `below 0.08`; empty where it names no number."""
    if outcome.threshold is None:
        return ""
    return f"{outcome.bound} {outcome.threshold:.{3 if outcome.unit == 'score' else 6}g}"


def counted(outcomes: Sequence[GateOutcome]) -> str:
    """How many came out how, such as `1 failed, 2 passed`, the worst first."""
    found = [outcome.verdict for outcome in outcomes]
    return ", ".join(f"{found.count(v):,} {WORDS[v]}" for v in WORST_FIRST if v in found)


def lines(outcomes: Sequence[GateOutcome]) -> list[str]:
    """The gates as a log shows them: a head, then for each its verdict, numbers and reason; nothing without gates."""
    told = [f"gates: {counted(outcomes)}"] if outcomes else []
    for outcome in outcomes:
        word = WORDS[outcome.verdict]
        numbers = f"{measured(outcome)}, asked for {asked(outcome)}" if asked(outcome) else measured(outcome)
        head = word if outcome.verdict == "pass" else word.upper()
        told.append(_one_line(f"  {head:<9}  {outcome.rule}, {outcome.about}: {numbers}"))
        told.append(_one_line(f"{'':11}  {outcome.reason}"))
    return told


def _one_line(text: str) -> str:
    """The text without line breaks and control characters, which a name could use to forge a line of a CI log."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
