"""The report's sections: their order, headings and numbers. Sentences name a section by its anchor."""

from dataclasses import dataclass
from typing import Final

from limekiln.record import Results
from limekiln.report import heat
from limekiln.report.voice import voice

NOT_COMPARED: Final = "methods_not_compared"

_COHORTS: Final = "cohorts"
_TWO_METHODS: Final = "two-methods"
_CHANGE: Final = "change"
_MAPPING: Final = "mapping"
_TITLES: Final = {
    "summary": "Summary",
    "identity": "Identity and scope",
    "importances": "What each class rests on",
    "heat": "Features × classes",
    "picks": "Representative rows",
    "reliability": "Reliability",
    _COHORTS: "Cohorts",
    _TWO_METHODS: "Two methods",
    _CHANGE: "Change since the last run",
    "method": "Method and parameters",
    "limitations": "Limitations",
    _MAPPING: "Governance mapping",
    "sign-off": "Sign-off",
    "provenance": "Provenance",
    "glossary": "Glossary",
}
ANCHORS: Final = tuple(_TITLES)
"""Every section that a report can have."""


@dataclass(frozen=True)
class Section:
    """A numbered section: its anchor, its heading."""

    number: int
    anchor: str
    title: str


def numbered(results: Results, *, mapped: bool = False, changed: bool = False) -> tuple[Section, ...]:
    """The sections that the report of a run has, page one first.

    Cohorts and two methods only where they were asked for, the mapping where there is one: `mapped`; the change where
    there was a run before this one: `changed`.
    """
    says = voice(results)
    titles = _TITLES | {"heat": heat.heading(says), "picks": f"Representative {says.row.many}"}
    if says.regression:
        titles["importances"] = "What each value rests on" if says.several else "What the predictions rest on"
    optional = {
        _COHORTS: results.cohorts is not None,
        _TWO_METHODS: two_methods(results),
        _CHANGE: changed,
        _MAPPING: mapped,
    }
    kept = [(anchor, title) for anchor, title in titles.items() if optional.get(anchor, True)]
    return tuple(Section(i, anchor, title) for i, (anchor, title) in enumerate(kept, start=1))


def number(results: Results, anchor: str, *, changed: bool = False) -> int:
    """The number of a section that the report of this run has; of one that stands before the mapping."""
    return next(s.number for s in numbered(results, changed=changed) if s.anchor == anchor)


def two_methods(results: Results) -> bool:
    """Whether the report has a section on two methods."""
    return results.methods is not None or any(n.code == NOT_COMPARED for n in results.notices)
