"""Which sections and files of this run support which clauses of laws and standards."""

from collections.abc import Mapping
from dataclasses import dataclass

from limekiln import governance
from limekiln.record import RunRecord
from limekiln.report import sections
from limekiln.report.names import Name, name
from limekiln.report.sections import Section


@dataclass(frozen=True)
class Clause:
    """A clause: what it asks, the sections and files that support it in this run, and what it asks beyond them."""

    clause: Name
    asks: Name
    sections: tuple[Section, ...]
    files: tuple[Name, ...]
    beyond: Name | None


@dataclass(frozen=True)
class Regime:
    """A law, a standard or a guidance, with its clauses."""

    title: Name
    about: Name | None
    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Clauses:
    """The section on governance; `source` says whose mapping it is."""

    source: Name
    regimes: tuple[Regime, ...]


def build(record: RunRecord) -> Clauses | None:
    """The mapping, less what this run has not; None where the run has none."""
    if record.mapping is None:
        return None
    there = {s.anchor: s for s in sections.numbered(record.results, mapped=True, changed=record.change is not None)}
    files = {*record.manifest.files, "manifest.json"}
    return Clauses(
        source=name(record.mapping.name, 120),
        regimes=tuple(
            Regime(
                title=name(regime.name, 120),
                about=name(regime.about, 500) if regime.about else None,
                clauses=tuple(_clause(clause, there, files) for clause in regime.clauses),
            )
            for regime in record.mapping.regimes
        ),
    )


def _clause(clause: governance.Clause, there: Mapping[str, Section], files: set[str]) -> Clause:
    supporting = [there[anchor] for anchor in dict.fromkeys(clause.sections) if anchor in there]
    return Clause(
        clause=name(clause.clause, 80),
        asks=name(clause.asks, 300),
        sections=tuple(sorted(supporting, key=lambda s: s.number)),
        files=tuple(name(f, 60) for f in dict.fromkeys(clause.files) if f in files),
        beyond=name(clause.beyond, 300) if clause.beyond else None,
    )
