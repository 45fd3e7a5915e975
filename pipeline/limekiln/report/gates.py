"""The gates of the config: a line each on page one, and the table behind them in the section on reliability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from limekiln import gates
from limekiln.evidence import AssociatedFeature, GateOutcome, GateVerdict, Proxies
from limekiln.gates.judging import WORST_FIRST
from limekiln.record import Results
from limekiln.report import sections
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.words import MINUS, NONE, number

NO_STATUS: Final = "No gates were set: nothing was put to a pass or a fail"
NO_GATES: Final = "The config asks for none: nothing in this run was put to a pass or a fail."

MOST: Final = 4
FEW: Final = 2
FEWEST: Final = 1
"""Gates that page one lists, at most: with room, where the picture needs some of it (see `few`), and with none."""

PROXIES: Final = 10
"""Rows of a table of proxies, at most."""

STANDINGS: Final = {"the column": "the column itself", "proxy": "proxy", "no proxy": "no proxy", "open": "open"}
_SHAPES: Final = {"pass": "Tick in a circle", "fail": "Cross in a square", "undecided": "Open diamond"}


@dataclass(frozen=True)
class GateRow:
    """One gate. `verdict` is its word for the page's style, `word` the one to read, `shape` the mark beside it.

    `measured` is the `value` with its `interval`, which is empty where there is none.
    """

    rule: str
    about: Name
    whose: Name
    measured: str
    value: str
    interval: str
    asked: str
    verdict: GateVerdict
    word: str
    shape: str
    reason: Name


@dataclass(frozen=True)
class ProxyRow:
    """One feature by its association with a column that a gate names."""

    feature: Name
    value: str
    interval: str
    standing: str


@dataclass(frozen=True)
class ProxyTable:
    """The features that go together with a column most; `note` says how it was measured, and of the others."""

    caption: Sentence
    rows: tuple[ProxyRow, ...]
    note: str


@dataclass(frozen=True)
class GateList:
    """Gates as a page prints them; `note` is what stands below or in place of them, if anything."""

    head: str
    verdict: GateVerdict
    rows: tuple[GateRow, ...]
    note: str
    proxies: tuple[ProxyTable, ...] = ()


@dataclass(frozen=True)
class Status:
    """The verdict over all gates as page one opens with it; `verdict` and `shape` are empty without gates."""

    verdict: GateVerdict | Literal["none"]
    shape: str
    text: str


def status(results: Results) -> Status:
    """Whether the run holds what its config asks of it, in one line."""
    if not results.gates:
        return Status("none", "", NO_STATUS)
    n, found = len(results.gates), gates.verdict(results.gates)
    if found == "pass":
        text = "The gate passed" if n == 1 else f"All {n:,} gates passed"
    elif n == 1:
        text = f"The gate {'failed' if found == 'fail' else 'is undecided'}"
    else:
        text = f"Of {n:,} gates, {gates.counted(results.gates)}"
    return Status(found, _SHAPES[found], text)


def on_page_one(results: Results, at_most: int = MOST) -> GateList | None:
    """A few gates, the worst first; None where the config asks for none."""
    if not results.gates:
        return None
    ordered = sorted(results.gates, key=lambda o: WORST_FIRST.index(o.verdict))
    left = len(ordered) - at_most
    more = f"and {left:,} more in section {sections.number(results, 'reliability')}"
    return GateList(
        head=_head(results.gates),
        verdict=gates.verdict(results.gates),
        rows=tuple(_row(outcome) for outcome in ordered[:at_most]),
        note=more if left > 0 else "",
    )


def few(results: Results) -> int:
    """How many gates page one lists where the picture needs room: those that passed give way, no others."""
    return max(FEW, min(MOST, sum(outcome.verdict != "pass" for outcome in results.gates)))


def in_full(results: Results) -> GateList:
    """Every gate, in the order of the config."""
    if not results.gates:
        return GateList("Gates", "pass", (), NO_GATES)
    note = (
        "A gate that the evidence settles passes or fails; what it does not settle, or could not be measured, is "
        "undecided and does not pass."
    )
    rows = tuple(_row(outcome) for outcome in results.gates)
    proxies = tuple(_proxies(p) for p in results.proxies)
    return GateList(_head(results.gates), gates.verdict(results.gates), rows, note, proxies)


def _proxies(p: Proxies) -> ProxyTable:
    """The column itself, and those that are proxies or may be, at most `PROXIES`; else the strongest of the others."""
    itself = [f for f in p.features if f.standing == "the column"]
    others = [f for f in p.features if f.standing != "the column"]
    near = [f for f in others if f.standing != "no proxy"]
    shown = [*itself, *(near or others[:1])][:PROXIES]
    left = len(p.features) - len(shown)
    measure = "Cramér's V" if p.measure == "cramers_v" else "the correlation ratio of ranks"
    note = (
        f"Measured by {measure} over {p.rows:,} rows; from 0, none, to 1, where one fixes the other. The intervals "
        f"hold together at {p.confidence:.0%}. The gate counts a feature as a proxy from {p.threshold:g} on."
    )
    if left:
        note += f" The other {left:,} of {len(p.features):,} features, which are less associated, are in results.json."
    return ProxyTable(
        caption=say("Features that go together with ", name(p.column)),
        rows=tuple(_proxy(f) for f in shown),
        note=note,
    )


def _proxy(f: AssociatedFeature) -> ProxyRow:
    itself = f.standing == "the column"
    interval = NONE if itself else f"{number(f.low, 2)} to {number(f.high, 2)}"
    return ProxyRow(name(f.feature), NONE if itself else number(f.value, 2), interval, STANDINGS[f.standing])


def _head(outcomes: Sequence[GateOutcome]) -> str:
    return f"Gates: {gates.counted(outcomes)}"


def _row(outcome: GateOutcome) -> GateRow:
    return GateRow(
        rule=outcome.rule,
        about=name(outcome.about),
        whose=name(outcome.feature, 40) if outcome.feature else Name(NONE),
        measured=gates.measured(outcome).replace("-", MINUS),
        value=gates.value(outcome).replace("-", MINUS),
        interval=gates.interval(outcome).replace("-", MINUS),
        asked=gates.asked(outcome).replace("-", MINUS),
        verdict=outcome.verdict,
        word=gates.WORDS[outcome.verdict],
        shape=_SHAPES[outcome.verdict],
        reason=name(outcome.reason, 600),
    )
