"""A finished run as the report prints it: every sentence, table cell and coordinate, made once for both media."""

from dataclasses import dataclass, replace

from limekiln.record import RunRecord
from limekiln.report import (
    change,
    clauses,
    cohorts,
    cover,
    gates,
    identity,
    importances,
    method,
    picks,
    provenance,
    reliability,
    sign_off,
    two_methods,
)
from limekiln.report import sections as every_section
from limekiln.report.change import ChangeView
from limekiln.report.clauses import Clauses
from limekiln.report.cohorts import CohortsView
from limekiln.report.cover import Cover
from limekiln.report.gates import GateList
from limekiln.report.identity import Identity
from limekiln.report.importances import Importances
from limekiln.report.method import Method
from limekiln.report.names import Name, long_names, name
from limekiln.report.picks import Picks
from limekiln.report.provenance import Provenance
from limekiln.report.reliability import Reliability
from limekiln.report.sections import Section
from limekiln.report.sign_off import SignOff
from limekiln.report.two_methods import TwoMethods
from limekiln.report.voice import voice
from limekiln.report.words import day, moment


@dataclass(frozen=True)
class ReportView:
    """Everything the templates print. `created` is the manifest's time in UTC; `templates` are the user's, if any."""

    title: Name
    running: Name
    created: str
    created_words: str
    generator: str
    author: str
    sections: tuple[Section, ...]
    max_pages: int
    row: str
    rows: str
    whose: str
    classification: Name | None
    cover: Cover
    identity: Identity
    importances: Importances
    picks: Picks
    gates: GateList
    reliability: Reliability
    cohorts: CohortsView | None
    two_methods: TwoMethods | None
    change: ChangeView | None
    method: Method
    clauses: Clauses | None
    sign_off: SignOff
    provenance: Provenance
    templates: tuple[tuple[str, str], ...]
    long_names: tuple[str, ...]


def build(record: RunRecord) -> ReportView:
    """The view of a finished run; a pure function of the record.

    Args:
        record: The run's two documents and its tables, whole.

    Returns:
        The values that `html.render` and `pdf.render` print.
    """
    model, manifest = record.results.model, record.manifest
    says = voice(record.results)
    view = ReportView(
        title=name(manifest.report.title, 120),
        running=name(f"{model.name} {model.version}".strip(), 60),
        created=f"{moment(manifest.created):%Y-%m-%dT%H:%M:%SZ}",
        created_words=day(manifest.created),
        generator=f"limekiln {manifest.limekiln}",
        author=manifest.report.owner or "",
        sections=every_section.numbered(
            record.results, mapped=record.mapping is not None, changed=record.change is not None
        )[1:],
        max_pages=manifest.report.max_pages,
        row=says.row.one,
        rows=says.row.many,
        whose=says.row.whose,
        classification=name(label, 60) if (label := manifest.report.classification) else None,
        cover=cover.build(record),
        identity=identity.build(record),
        importances=importances.build(record),
        picks=picks.build(record),
        gates=gates.in_full(record.results),
        reliability=reliability.build(record),
        cohorts=cohorts.build(record.results, says),
        two_methods=two_methods.build(record.results, says),
        change=change.build(record, says),
        method=method.build(record),
        clauses=clauses.build(record),
        sign_off=sign_off.build(manifest.report),
        provenance=provenance.build(record),
        templates=record.templates,
        long_names=(),
    )
    return replace(view, long_names=long_names(view))
