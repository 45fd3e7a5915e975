"""What the report says of itself: title, identity, purpose, scope, people, and how it looks."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from limekiln.settings.section import FilePath, Section, repeated

NO_MAPPING: Final = "none"


def _day(text: str) -> str:
    """A day that the calendar has."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise ValueError('expected a day such as "2026-11-30"')


Line = Annotated[str, Field(min_length=1, max_length=300)]
Prose = Annotated[str, Field(min_length=1, max_length=5_000)]
Items = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2_000)], ...], Field(max_length=100)]
People = Annotated[tuple[Line, ...], Field(max_length=50)]
Day = Annotated[str, AfterValidator(_day)]
Trigger = Literal["scheduled", "data_change", "model_change", "incident", "validation", "ad_hoc"]


class SignOff(Section):
    """One step of the sign-off that was taken already; it is printed as given, and nobody's identity is checked."""

    step: Literal["prepared", "validated", "approved"] = Field(description="Which step.")
    name: Line = Field(description="Who took it.")
    role: Line | None = Field(default=None, description="Their role.")
    decision: Line | None = Field(default=None, description="What they decided, such as approved with conditions.")
    comment: Prose | None = Field(default=None, description="Their comment, such as the conditions.")
    date: Day | None = Field(default=None, description="The day, such as 2026-11-30.")


class ReportSettings(Section):
    """What the report says of itself. All but the formats may be left out; the report names what is not stated."""

    formats: tuple[Literal["html", "pdf"], ...] = Field(
        default=("html", "pdf"), min_length=1, description="Which files are written."
    )
    title: str | None = Field(default=None, description="The report's title; null is made from the model's name.")
    classification: Line | None = Field(
        default=None, description="Who may read the report, such as internal; it stands on every page of the PDF."
    )
    model_id: Line | None = Field(default=None, description="The model's number in your inventory.")
    registry: Line | None = Field(default=None, description="Where the model is registered: an address or a name.")
    owner: str | None = Field(default=None, description="Who answers for the model.")
    contact: Line | None = Field(default=None, description="Whom to ask about the report.")
    materiality_tier: str | None = Field(default=None, description="The model's tier in your inventory.")
    intended_use: str | None = Field(default=None, description="What the model is for, in a sentence or two.")
    users: Prose | None = Field(default=None, description="Who uses what the model says, and for which decision.")
    out_of_scope: Items = Field(default=(), description="Uses that the model is not for.")
    assumptions: Items = Field(default=(), description="What must hold for the model to be used.")
    known_limitations: Items = Field(
        default=(), description="Limits of the model that you know of; they stand beside those that the run saw."
    )
    trigger: Trigger | None = Field(default=None, description="Why this report was made.")
    requested_by: Line | None = Field(default=None, description="Who asked for it.")
    data_from: Day | None = Field(default=None, description="The first day that the data cover, such as 2026-01-01.")
    data_to: Day | None = Field(default=None, description="The last day that they cover.")
    data_version: Line | None = Field(default=None, description="The data's version or snapshot.")
    training_data: Prose | None = Field(default=None, description="Which data the model was trained on.")
    personal_data: Prose | None = Field(default=None, description="How personal data are treated.")
    next_review: Day | None = Field(default=None, description="When the model is to be reviewed next.")
    prepared_by: Line | None = Field(default=None, description="Who prepared the report, for the sign-off block.")
    validated_by: Line | None = Field(default=None, description="Who validates it, for the sign-off block.")
    approvers: People = Field(default=(), description="Names or roles for the sign-off block.")
    sign_off: Annotated[tuple[SignOff, ...], Field(max_length=50)] = Field(
        default=(),
        description="Steps of the sign-off that were taken: entries with step (prepared, validated or approved), name, "
        "role, decision, comment and date. What is not given stays a line to fill in.",
    )
    mapping: FilePath | None = Field(
        default=None,
        description="Which sections support which clauses of laws and standards: a YAML file in the form of "
        "limekiln's own, \"none\" to leave the section out, or null for limekiln's own "
        "(SR 26-2, EU AI Act Annex IV, NIST AI RMF MEASURE 2.9, ISO/IEC 42001).",
    )
    cohorts: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=20)] = Field(
        default=(),
        description="Columns, of the model or beside it, each of whose values (of numbers, quarters) is a cohort: the "
        "report compares its importances with those of all other rows.",
    )
    cohort_rows: int = Field(
        default=200,
        ge=0,
        le=100_000,
        description="Rows of a cohort that are explained; where the sample has fewer, and all rows share a pool, "
        "rows are added for the cohort alone.",
    )
    max_pages: int = Field(
        default=60,
        ge=10,
        le=10_000,
        description="Pages that the PDF may have; beyond them it leaves out what is read least, and says so.",
    )
    templates: FilePath | None = Field(
        default=None,
        description="A folder whose report.html.j2 replaces blocks of limekiln's template; of this machine, never "
        "fetched. Templates are code: report.trust_templates must be true.",
    )
    trust_templates: bool = Field(
        default=False,
        description="Whether you trust the code in report.templates; it is drawn in a sandbox all the same.",
    )


def contradictions(report: ReportSettings) -> Iterator[tuple[str, str]]:
    """Keys of the section that are right one by one and wrong together."""
    for name in repeated(report.formats):
        yield "report.formats", f'"{name}" stands twice'
    for name in repeated(report.cohorts):
        yield "report.cohorts", f'"{name}" stands twice'
    if report.templates is not None and not report.trust_templates:
        yield (
            "report.templates",
            "templates are code; read them, and set report.trust_templates: true if you trust them",
        )
    if report.templates is None and report.trust_templates:
        yield "report.trust_templates", "report.templates names none; remove it"
    if report.data_from and report.data_to and report.data_from > report.data_to:
        yield "report.data_to", f"{report.data_to} is before report.data_from, {report.data_from}"
