"""The sections for those who answer for a model: identity and scope, the mapping to clauses, the sign-off."""

from dataclasses import replace

import pytest

from limekiln.governance import Clause, GovernanceMapping, MappingSource, Regime, ReportFacts, Signed
from limekiln.record import RunRecord
from limekiln.report import html, identity, sections, sign_off, view
from report import sample_record as sample

BARE = ReportFacts(title="T", owner=None, intended_use=None, materiality_tier=None, approvers=())
FULL = BARE.model_copy(
    update={
        "owner": "Retail", "intended_use": "ranks", "materiality_tier": "1", "approvers": ("A. Prover",),
        "classification": "internal", "model_id": "M-17", "registry": "https://models/17",
        "contact": "risk@example.com",
        "users": "officers", "out_of_scope": ("hiring",), "assumptions": ("a stable market",),
        "known_limitations": ("old data",), "trigger": "data_change", "requested_by": "the committee",
        "data_from": "2026-01-01", "data_to": "2026-06-30", "data_version": "7", "training_data": "2025",
        "personal_data": "masked", "next_review": "2027-06-30", "prepared_by": "P. Pare", "validated_by": "V. Date",
    }
)  # fmt: skip


def stating(facts: ReportFacts, record: RunRecord | None = None) -> RunRecord:
    record = record or sample.credit()
    return replace(record, manifest=record.manifest.model_copy(update={"report": facts}))


def mapped(*clauses: Clause) -> RunRecord:
    record = sample.credit()
    mapping = GovernanceMapping(name="ours", regimes=(Regime(name="Law", clauses=clauses),))
    manifest = record.manifest.model_copy(update={"mapping": MappingSource(file="own.yaml", sha256="9" * 64)})
    return replace(record, mapping=mapping, manifest=manifest)


def test_everything_that_the_config_states_is_printed_once_in_its_section_and_nothing_is_missed() -> None:
    made = view.build(stating(FULL))
    assert made.identity.not_stated is None
    section = html.render(made).split('id="identity"')[1].split('id="importances"')[0]
    for text in ("M-17", "https://models/17", "Retail", "risk@example.com", "officers", "hiring", "a stable market",
                 "a change of the data", "the committee", "1 January 2026 to 30 June 2026", "2025", "masked",
                 "30 June 2027", "internal"):  # fmt: skip
        assert section.replace("<wbr>", "").count(text) == 1, text
    assert "old data" in html.render(made).split('id="limitations"')[1].split('id="sign-off"')[0]


def test_what_is_not_stated_is_named_once_and_printed_nowhere_else() -> None:
    made = view.build(stating(BARE)).identity
    assert made.not_stated is not None
    assert made.not_stated.text == (
        "Not stated in the config: the model's inventory number; its owner; whom to ask; its materiality tier; its "
        "intended use; its users; uses that are out of scope; its assumptions; its known limitations; its training "
        "data; how personal data are treated; why this report was made; the next review; the period of the data; who "
        "prepared, validated and approved this report."
    )
    assert [g.head for g in made.groups] == ["Model", "Data"]


@pytest.mark.parametrize("field", [f for f in FULL.model_fields_set if f not in {"title", "classification", "registry",
                                   "requested_by", "data_version", "sign_off", "data_from", "data_to"}])  # fmt: skip
def test_each_expected_field_alone_is_missed(field: str) -> None:
    without = FULL.model_copy(update={field: getattr(BARE, field)})
    missed = view.build(stating(without)).identity.not_stated
    assert missed is not None
    assert ";" not in missed.text


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2026-01-01", None, "from 1 January 2026"),
        (None, "2026-06-30", "up to 30 June 2026"),
        (None, None, ""),
    ],
)
def test_a_period_may_have_one_end(first: str | None, last: str | None, told: str) -> None:
    assert identity.period(BARE.model_copy(update={"data_from": first, "data_to": last})) == told


def test_a_step_that_was_signed_counts_as_stated() -> None:
    signed = Signed(step="validated", name="V")
    facts = FULL.model_copy(update={"validated_by": None, "sign_off": (signed,)})
    assert view.build(stating(facts)).identity.not_stated is None


def test_the_sign_off_has_a_line_for_each_step_in_order_whatever_is_given() -> None:
    block = sign_off.build(BARE)
    assert [(line.step, line.who.short) for line in block.lines] == [
        ("Prepared", ""), ("Validated", ""), ("Approved", "")
    ]  # fmt: skip
    assert block.caption == "To be filled in by hand"
    assert block.note == ""


def test_a_step_that_was_taken_is_printed_and_those_who_wait_keep_their_line() -> None:
    done = Signed(step="approved", name="A", role="chair", decision="with conditions", comment="x", date="2026-11-30")
    block = sign_off.build(BARE.model_copy(update={"approvers": ("A", "B"), "sign_off": (done,)}))
    told = [(s.step, s.who.short, s.role.short, s.decision.short, s.comment.short, s.day) for s in block.lines]
    assert told == [
        ("Prepared", "", "", "", "", ""),
        ("Validated", "", "", "", "", ""),
        ("Approved", "A", "chair", "with conditions", "x", "30 November 2026"),
        ("Approved", "B", "", "", "", ""),
    ]
    assert "does not know who made them" in block.note


def test_a_run_without_a_mapping_has_no_such_section() -> None:
    made = view.build(sample.credit())
    assert made.clauses is None
    assert "mapping" not in {s.anchor for s in made.sections}
    assert 'id="mapping"' not in html.render(made)


def test_a_clause_links_to_the_sections_and_files_that_this_run_has_and_to_no_others() -> None:
    record = mapped(
        Clause(clause="1", asks="a", sections=("two-methods", "method", "identity"), files=("x.json", "results.json")),
        Clause(clause="2", asks="b", sections=("two-methods",), files=("gates.json",), beyond="a person"),
        Clause(clause="3", asks="c", sections=("a section of a later version",)),
    )  # fmt: skip
    made = view.build(record)
    assert made.clauses is not None
    first, second, third = made.clauses.regimes[0].clauses
    numbers = {s.anchor: s.number for s in made.sections}
    assert [(s.anchor, s.number) for s in first.sections] == [
        ("identity", numbers["identity"]), ("method", numbers["method"])
    ]  # fmt: skip
    assert [f.short for f in first.files] == ["results.json"]
    assert not second.sections
    assert not second.files
    assert not third.sections
    page = html.render(made)
    assert page.split('id="mapping"')[1].count("nothing in this run") == 2
    assert "Beyond this report: a person" in page
    for section in made.sections:
        assert f'id="{section.anchor}"' in page
    assert "9" * 64 in page


def test_the_numbers_in_sentences_are_those_of_the_sections() -> None:
    record = sample.credit()
    numbers = {s.anchor: s.number for s in sections.numbered(record.results)}
    assert list(numbers.values()) == list(range(1, len(numbers) + 1))
    assert {a: sections.number(record.results, a) for a in numbers} == numbers
    page = html.render(view.build(record))
    assert f'<span class="number">{numbers["reliability"]}</span> Reliability' in page
    assert f"the fidelity in section {numbers['reliability']} says" in page


def test_no_section_says_that_anything_complies() -> None:
    page = html.render(view.build(stating(FULL, mapped(Clause(clause="1", asks="a", sections=("method",)))))).lower()
    assert "complies" not in page
    assert "complian" not in page
    assert "to support a clause is not to meet it" in page
