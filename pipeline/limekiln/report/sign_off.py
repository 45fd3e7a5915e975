"""The sign-off block: what the config gives, and lines to fill in by hand for what it does not."""

from dataclasses import dataclass
from typing import Final

from limekiln.governance import ReportFacts, Signed
from limekiln.report.names import Name, name
from limekiln.report.words import calendar_day

_STEPS: Final = ("prepared", "validated", "approved")
_BY_HAND: Final = "To be filled in by hand"
_GIVEN: Final = "As the config gives it; what is empty is to be filled in by hand"


@dataclass(frozen=True)
class Line:
    """A step with who takes it; what is empty is a line to fill in."""

    step: str
    who: Name
    role: Name
    decision: Name
    comment: Name
    day: str


@dataclass(frozen=True)
class SignOff:
    """The lines in the order of the steps, under their caption."""

    caption: str
    note: str
    lines: tuple[Line, ...]


def build(facts: ReportFacts) -> SignOff:
    """The block; each step has one line at least, and those whom the config names one each."""
    named = {
        "prepared": tuple(filter(None, [facts.prepared_by])),
        "validated": tuple(filter(None, [facts.validated_by])),
        "approved": facts.approvers,
    }
    lines: list[Line] = []
    for step in _STEPS:
        taken = [s for s in facts.sign_off if s.step == step]
        waiting = [who for who in named[step] if who not in {s.name for s in taken}]
        lines += [_line(s) for s in taken]
        lines += [_blank(step, who) for who in waiting or ([] if taken else [""])]
    note = "limekiln prints these entries as they were given. It does not know who made them." if facts.sign_off else ""
    return SignOff(_GIVEN if facts.sign_off else _BY_HAND, note, tuple(lines))


def _line(signed: Signed) -> Line:
    return Line(
        step=signed.step.capitalize(),
        who=name(signed.name, 60),
        role=_text(signed.role, 60),
        decision=_text(signed.decision, 80),
        comment=_text(signed.comment, 400),
        day=calendar_day(signed.date) if signed.date else "",
    )


def _blank(step: str, who: str) -> Line:
    return Line(step.capitalize(), _text(who, 60), Name(""), Name(""), Name(""), "")


def _text(text: str | None, limit: int) -> Name:
    return name(text, limit) if text else Name("")
