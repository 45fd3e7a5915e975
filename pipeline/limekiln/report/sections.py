"""The report's sections: their order, headings and numbers. Sentences name a section by its anchor."""

from dataclasses import dataclass
from typing import Final

from limekiln.record import Results
from limekiln.report import heat
from limekiln.report.voice import voice

NOT_COMPARED: Final = "methods_not_compared"

_TWO_METHODS: Final = "two-methods"
_TITLES: Final = {
    "summary": "Summary",
    "importances": "What each class rests on",
    "heat": "Features × classes",
    "picks": "Representative rows",
    "reliability": "Reliability",
    _TWO_METHODS: "Two methods",
    "method": "Method and parameters",
    "limitations": "Limitations",
    "sign-off": "Sign-off",
    "provenance": "Provenance",
    "glossary": "Glossary",
}


@dataclass(frozen=True)
class Section:
    """A numbered section: its anchor, its heading."""

    number: int
    anchor: str
    title: str


def numbered(results: Results) -> tuple[Section, ...]:
    """The sections that the report of a run has, page one first; two methods only where they were asked for."""
    says = voice(results)
    titles = _TITLES | {"heat": heat.heading(says), "picks": f"Representative {says.row.many}"}
    if says.regression:
        titles["importances"] = "What each value rests on" if says.several else "What the predictions rest on"
    left_out = set() if two_methods(results) else {_TWO_METHODS}
    kept = [(anchor, title) for anchor, title in titles.items() if anchor not in left_out]
    return tuple(Section(i, anchor, title) for i, (anchor, title) in enumerate(kept, start=1))


def number(results: Results, anchor: str) -> int:
    """The number of a section that the report of this run has."""
    return next(s.number for s in numbered(results) if s.anchor == anchor)


def two_methods(results: Results) -> bool:
    """Whether the report has a section on two methods."""
    return results.methods is not None or any(n.code == NOT_COMPARED for n in results.notices)
