"""What gates are judged by, and the verdict over all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Final

import pandas as pd

from limekiln.change import Change
from limekiln.evidence import GateOutcome, GateVerdict
from limekiln.record import Results
from limekiln.settings.gates import Gate

WORST_FIRST: Final[tuple[GateVerdict, ...]] = ("fail", "undecided", "pass")


@dataclass(frozen=True)
class Evidence:
    """What gates are judged by.

    Attributes:
        results: of the run.
        tables: of the run; they hold every feature where results hold a few.
        change: since the last run of the model; None for the first.
    """

    results: Results
    tables: Mapping[str, pd.DataFrame]
    change: Change | None = None


def judge(gates: Sequence[Gate], evidence: Evidence) -> tuple[GateOutcome, ...]:
    """The outcome of each gate, in the order of the config."""
    return tuple(judge_one(gate, evidence) for gate in gates)


def verdict(outcomes: Sequence[GateOutcome]) -> GateVerdict:
    """The verdict over all: one failed gate fails the run, else one undecided leaves it undecided."""
    found = {outcome.verdict for outcome in outcomes}
    return next((v for v in WORST_FIRST if v in found), "pass")


@singledispatch
def judge_one(gate: object, evidence: Evidence) -> GateOutcome:
    """The outcome of one gate.

    Raises:
        NotImplementedError: the rule has no judge.
    """
    raise NotImplementedError(f"no judge is registered for {type(gate).__name__}")


def settled(*, passes: bool, fails: bool) -> GateVerdict:
    """The verdict where an interval lies wholly on one side of what is asked, or on neither."""
    return "pass" if passes else "fail" if fails else "undecided"
