"""The gates of the config: a line each on page one, and the table behind them in section 5."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from limekiln import gates
from limekiln.evidence import GateOutcome, GateVerdict
from limekiln.record import Results
from limekiln.report.names import Name, name
from limekiln.report.words import MINUS, NONE

NO_GATES: Final = "The config asks for none: nothing in this run was put to a pass or a fail."

MOST: Final = 4
FEWEST: Final = 1
"""Gates that page one lists, at most, and where it has no room for them."""

_WORST_FIRST: Final[tuple[GateVerdict, ...]] = ("fail", "undecided", "pass")
_SHAPES: Final = {"pass": "Tick in a circle", "fail": "Cross in a square", "undecided": "Open diamond"}


@dataclass(frozen=True)
class GateRow:
    """One gate. `verdict` is its word for the page's style, `word` the one to read, `shape` the mark beside it."""

    rule: str
    about: Name
    whose: Name
    value: str
    asked: str
    verdict: GateVerdict
    word: str
    shape: str
    reason: Name


@dataclass(frozen=True)
class GateList:
    """Gates as page one or section 5 prints them; `note` is what stands below or in place of them, if anything."""

    head: str
    verdict: GateVerdict
    rows: tuple[GateRow, ...]
    note: str


def on_page_one(results: Results, at_most: int = MOST) -> GateList | None:
    """A few gates, the worst first; None where the config asks for none."""
    if not results.gates:
        return None
    ordered = sorted(results.gates, key=lambda o: _WORST_FIRST.index(o.verdict))
    left = len(ordered) - at_most
    return GateList(
        head=_head(results.gates),
        verdict=gates.verdict(results.gates),
        rows=tuple(_row(outcome) for outcome in ordered[:at_most]),
        note=f"and {left:,} more in section 5" if left > 0 else "",
    )


def in_full(results: Results) -> GateList:
    """Every gate, in the order of the config."""
    if not results.gates:
        return GateList("Gates", "pass", (), NO_GATES)
    note = (
        "A gate that the evidence settles passes or fails; what it does not settle, or could not be measured, is "
        "undecided and does not pass."
    )
    rows = tuple(_row(outcome) for outcome in results.gates)
    return GateList(_head(results.gates), gates.verdict(results.gates), rows, note)


def _head(outcomes: Sequence[GateOutcome]) -> str:
    return f"Gates: {gates.counted(outcomes)}"


def _row(outcome: GateOutcome) -> GateRow:
    return GateRow(
        rule=outcome.rule,
        about=name(outcome.about),
        whose=name(outcome.feature, 40) if outcome.feature else Name(NONE),
        value=gates.value(outcome).replace("-", MINUS),
        asked=gates.asked(outcome).replace("-", MINUS),
        verdict=outcome.verdict,
        word=gates.WORDS[outcome.verdict],
        shape=_SHAPES[outcome.verdict],
        reason=name(outcome.reason, 600),
    )
