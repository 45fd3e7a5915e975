"""Who answers for a model, for what it may be used, and which clauses a report supports: values as they are stored.

`facts_of` takes them from the config; `mapping` reads the clauses.
"""

import re
from typing import Final, Literal

from pydantic import Field

from limekiln.evidence import Stored
from limekiln.settings import Settings

_CREDENTIALS: Final = re.compile(r"(\w+://)[^/\s@]+@")


class Signed(Stored):
    """One step of the sign-off as the config gives it; `date` is a day in ISO 8601."""

    step: Literal["prepared", "validated", "approved"]
    name: str
    role: str | None = None
    decision: str | None = None
    comment: str | None = None
    date: str | None = None


class ReportFacts(Stored):
    """What the config's `report` section gave the report to print; None or nothing where it is not stated.

    `data_from`, `data_to` and `next_review` are days in ISO 8601.
    """

    title: str
    owner: str | None
    intended_use: str | None
    materiality_tier: str | None
    approvers: tuple[str, ...]
    classification: str | None = None
    model_id: str | None = None
    registry: str | None = None
    contact: str | None = None
    users: str | None = None
    out_of_scope: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    known_limitations: tuple[str, ...] = ()
    trigger: str | None = None
    requested_by: str | None = None
    data_from: str | None = None
    data_to: str | None = None
    data_version: str | None = None
    training_data: str | None = None
    personal_data: str | None = None
    next_review: str | None = None
    prepared_by: str | None = None
    validated_by: str | None = None
    sign_off: tuple[Signed, ...] = ()
    max_pages: int = 60


def facts_of(settings: Settings) -> ReportFacts:
    """What a config's `report` section says, without the credentials in its addresses."""
    elsewhere = {"formats", "mapping", "templates", "trust_templates", "cohorts", "cohort_rows"}
    given = settings.report.model_dump(exclude=elsewhere)
    given["title"] = given["title"] or f"What drives {settings.model.name}"
    if given["registry"]:
        given["registry"] = _CREDENTIALS.sub(r"\1***@", given["registry"])
    return ReportFacts.model_validate(given)


class Clause(Stored):
    """One clause, and the parts of a report that support it."""

    clause: str = Field(min_length=1, max_length=200, description="Its number or name.")
    asks: str = Field(min_length=1, max_length=1_000, description="What it asks, in own words.")
    sections: tuple[str, ...] = Field(default=(), description="The report's sections that support it, by anchor.")
    files: tuple[str, ...] = Field(default=(), description="The files of the run folder that support it.")
    beyond: str | None = Field(default=None, max_length=1_000, description="What it asks that no such report gives.")


class Regime(Stored):
    """A law, a standard or a guidance."""

    name: str = Field(min_length=1, max_length=200, description="Its name.")
    about: str | None = Field(default=None, max_length=1_000, description="What it is, in a sentence or two.")
    clauses: tuple[Clause, ...] = Field(max_length=200, description="Its clauses.")


class GovernanceMapping(Stored):
    """`mapping.json`: which sections and files of a run support which clauses."""

    name: str = Field(min_length=1, max_length=200, description="What the mapping is called.")
    regimes: tuple[Regime, ...] = Field(max_length=50, description="The regimes, in order.")


class MappingSource(Stored):
    """Which mapping a run had: its file, or `limekiln` for limekiln's own, and the SHA-256 of the bytes read."""

    file: str
    sha256: str


class TemplateFacts(Stored):
    """A template of the user's: the blocks of the report that it replaces, none where others only include it."""

    name: str
    sha256: str
    blocks: tuple[str, ...]
