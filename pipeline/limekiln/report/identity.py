"""Which model, for what, on which data and why now: what the run knows, what the config states, and what nobody did."""

from dataclasses import dataclass
from typing import Final

from limekiln.governance import ReportFacts
from limekiln.record import ALL_CLASSES, RunRecord
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import voice
from limekiln.report.words import calendar_day, count, listing

TRIGGERS: Final = {
    "scheduled": "scheduled",
    "data_change": "a change of the data",
    "model_change": "a change of the model",
    "incident": "an incident",
    "validation": "a validation",
    "ad_hoc": "on request",
}
_EXPECTED: Final = {
    "model_id": "the model's inventory number",
    "owner": "its owner",
    "contact": "whom to ask",
    "materiality_tier": "its materiality tier",
    "intended_use": "its intended use",
    "users": "its users",
    "out_of_scope": "uses that are out of scope",
    "assumptions": "its assumptions",
    "known_limitations": "its known limitations",
    "training_data": "its training data",
    "personal_data": "how personal data are treated",
    "trigger": "why this report was made",
    "next_review": "the next review",
}
_CLASSES: Final = 12
_ITEMS: Final = 20


@dataclass(frozen=True)
class Group:
    """Facts, texts and lists under one heading."""

    head: str
    facts: tuple[tuple[str, Name], ...]
    texts: tuple[tuple[str, Name], ...]
    lists: tuple[tuple[str, tuple[Name, ...]], ...]


@dataclass(frozen=True)
class Identity:
    """The section on identity and scope; `not_stated` names what a reader would expect and nobody gave."""

    groups: tuple[Group, ...]
    not_stated: Sentence | None


def build(record: RunRecord) -> Identity:
    """What is known of model, purpose, data and occasion."""
    facts = record.manifest.report
    groups = (_model(record), _purpose(facts), _data(record), _occasion(record))
    return Identity(tuple(g for g in groups if g.facts or g.texts or g.lists), _not_stated(facts))


def _model(record: RunRecord) -> Group:
    model, facts, says = record.results.model, record.manifest.report, voice(record.results)
    named = [c.name for c in record.results.classes if c.name != ALL_CLASSES]
    what = "Classes" if model.task == "classification" else "Values" if says.several else ""
    shown = "; ".join(named[:_CLASSES]) + (f" and {len(named) - _CLASSES:,} more" if len(named) > _CLASSES else "")
    rows = (
        ("Model", model.name),
        ("Version", model.version),
        ("Inventory number", facts.model_id),
        ("Registry", facts.registry),
        ("Owner", facts.owner),
        ("Contact", facts.contact),
        ("Materiality tier", facts.materiality_tier),
        ("Task", model.task),
        ("Output", f"{model.output} ({model.unit})" if model.unit else model.output),
        (what, shown if what else None),
        ("Loaded as", model.kind),
    )
    given = tuple((label, name(text, 120)) for label, text in rows if text)
    texts = (("Kind", model.description), ("SHA-256 of the file", model.sha256))
    return Group("Model", given, _texts(texts), ())


def _purpose(facts: ReportFacts) -> Group:
    texts = (("Intended use", facts.intended_use), ("Users", facts.users))
    lists = (("Out of scope", facts.out_of_scope), ("Assumptions", facts.assumptions))
    return Group("Purpose", (), _texts(texts), tuple((label, items_of(items)) for label, items in lists if items))


def _data(record: RunRecord) -> Group:
    data, facts, says = record.results.data, record.manifest.report, voice(record.results)
    rows = (
        ("Source", data.source),
        (says.row.many.capitalize(), f"{data.rows:,}"),
        ("Period", period(facts)),
        ("Version", facts.data_version),
        ("True label", data.target),
    )
    given = tuple((label, name(text, 120)) for label, text in rows if text)
    texts = (("Training data", facts.training_data), ("Personal data", facts.personal_data))
    return Group("Data", given, _texts(texts), ())


def _occasion(record: RunRecord) -> Group:
    manifest, facts = record.manifest, record.manifest.report
    rows = (
        ("Reason", TRIGGERS.get(facts.trigger, facts.trigger) if facts.trigger else None),
        ("Requested by", facts.requested_by),
        ("Previous report", manifest.previous_run),
        ("Next review", calendar_day(facts.next_review) if facts.next_review else None),
        ("Classification", facts.classification),
    )
    return Group("This report", tuple((label, name(text, 120)) for label, text in rows if text), (), ())


def period(facts: ReportFacts) -> str:
    """The days that the data cover; empty where nobody said."""
    first = calendar_day(facts.data_from) if facts.data_from else ""
    last = calendar_day(facts.data_to) if facts.data_to else ""
    if first and last:
        return f"{first} to {last}"
    return f"from {first}" if first else f"up to {last}" if last else ""


def _not_stated(facts: ReportFacts) -> Sentence | None:
    missing = [words for field, words in _EXPECTED.items() if not getattr(facts, field)]
    if not period(facts):
        missing.append("the period of the data")
    steps = {s.step for s in facts.sign_off}
    people = (("prepared", facts.prepared_by), ("validated", facts.validated_by), ("approved", facts.approvers))
    unnamed = [step for step, who in people if not who and step not in steps]
    if unnamed:
        missing.append(f"who {listing(unnamed)} this report")
    return say(f"Not stated in the config: {'; '.join(missing)}.") if missing else None


def _texts(given: tuple[tuple[str, str | None], ...]) -> tuple[tuple[str, Name], ...]:
    return tuple((label, name(text, 1_000)) for label, text in given if text)


def items_of(items: tuple[str, ...]) -> tuple[Name, ...]:
    """A list as it is printed, the first few of many."""
    left = len(items) - _ITEMS
    more = (Name(f"and {count(left, 'more', 'more')} in manifest.json"),) if left > 0 else ()
    return (*(name(item, 400) for item in items[:_ITEMS]), *more)
