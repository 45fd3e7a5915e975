"""Templates of the user's: what they may replace, what they may not do, and where an error in one is."""

from dataclasses import replace

import pytest

from limekiln.errors import TemplateFaultError
from limekiln.report import html, own, pdf, view
from report import sample_record as sample

EXTENDS = '{% extends "limekiln/report.html.j2" %}\n'


def drawn(text: str, **others: str) -> str:
    sources = ((own.ENTRY, text), *((f"{name}.j2", other) for name, other in others.items()))
    return html.render(view.build(replace(sample.credit(), templates=sources)))


def told(text: str, **others: str) -> str:
    with pytest.raises(TemplateFaultError) as caught:
        drawn(text, **others)
    return str(caught.value)


def test_a_template_that_replaces_nothing_draws_the_same_report() -> None:
    plain = html.render(view.build(sample.credit()))
    assert drawn(EXTENDS) == plain


@pytest.mark.parametrize("block", own.shipped_blocks())
def test_each_block_can_be_replaced_alone(block: str) -> None:
    page = drawn(f"{EXTENDS}{{% block {block} %}}MINE{{% endblock %}}")
    plain = html.render(view.build(sample.credit()))
    if block in {"cohorts", "two_methods", "change", "mapping"}:  # this run has none of them
        assert page == plain
        return
    before, after = page.split("MINE")
    assert plain.startswith(before)
    assert plain.endswith(after)


def test_a_block_can_add_to_the_reports_own_and_use_what_the_report_uses() -> None:
    page = drawn(
        EXTENDS + '{% from "limekiln/macros.html.j2" import name %}{% block cover %}{{ super() }}'
        '<p class="ours">{% include "ours.j2" %}</p>{% endblock %}',
        ours="{{ view.title.short }} & {{ '<b>' }}",
    )
    assert '<p class="ours">What drives the German credit risk model & &lt;b&gt;</p>' in page
    assert 'id="summary"' in page


def test_names_from_outside_stay_escaped_in_a_users_block() -> None:
    sources = ((own.ENTRY, EXTENDS + "{% block end %}{% for f in view.importances.classes[0].features %}"
                "{{ f.name.short if f.name is defined else '' }}{% endfor %}{% endblock %}"),)  # fmt: skip
    assert "<script>alert" not in html.render(view.build(replace(sample.nasty(), templates=sources)))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<p>mine</p>", f"report.html.j2:1: the first line of report.html.j2 is {EXTENDS.strip()}"),
        ('\n{% extends "report.html.j2" %}', "report.html.j2:2: the first line"),
        (EXTENDS + "\n<p>lost</p>", "report.html.j2:3: text outside of a block is never printed"),
        (EXTENDS + "{% block covr %}{% endblock %}", "report.html.j2:2: the report has no block covr; did you mean"),
        (EXTENDS + "\n{% block cover %}{{ 1 + }}{% endblock %}", "report.html.j2:3: "),
        (EXTENDS + "{% block cover %}", "report.html.j2:2: "),
    ],
)  # fmt: skip
def test_what_would_not_be_printed_is_refused_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(TemplateFaultError) as caught:
        own.blocks(own.ENTRY, text)
    assert str(caught.value).startswith(fault)


def test_the_blocks_that_are_replaced_are_named() -> None:
    text = EXTENDS + "{% block cover %}{% block inner %}{% endblock %}{% endblock %}{% block end %}{% endblock %}"
    assert own.blocks(own.ENTRY, text) == ("cover", "end")
    assert own.blocks("part.j2", "{{ 1 }}") == ()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("\n{{ view.nothing }}", "report.html.j2:3: 'limekiln.report.view.ReportView object' has no att"),
        ("{{ view.__class__.__mro__ }}", "report.html.j2:2: access to attribute '__class__'"),
        ("{{ 1 / 0 }}", "report.html.j2:2: division by zero"),
        ("{% include 'gone.j2' %}", "report.html.j2:2: gone.j2"),
        ("{{ range(10 ** 9) | list }}", "report.html.j2:2: Range too big"),
        ("{% include 'part.j2' %}", "part.j2:2: 'undefined_thing' is undefined"),
    ],
)  # fmt: skip
def test_an_error_while_drawing_names_the_users_file_and_line(body: str, fault: str) -> None:
    found = told(f"{EXTENDS}{{% block end %}}{body}{{% endblock %}}", part="\n{{ undefined_thing }}")
    assert found.startswith(fault)


def test_a_template_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    monkeypatch.setattr(own, "_SECONDS", 0.2)
    assert "took longer" in told(f"{EXTENDS}{{% block end %}}{loop}{{% endblock %}}")
    monkeypatch.setattr(own, "_SECONDS", 60.0)
    monkeypatch.setattr(own, "_CHARACTERS", 1_000)
    assert "more than 1,000 characters" in told(EXTENDS)


def test_a_template_cannot_change_what_it_is_given() -> None:
    body = "{% block end %}{% set _ = view.templates.append(1) %}{% endblock %}"
    assert "report.html.j2:2" in told(EXTENDS + body)


def test_the_pages_security_policy_cannot_be_replaced() -> None:
    assert not {"head", "policy", "html", "body"} & set(own.shipped_blocks())
    assert drawn(EXTENDS + "{% block style %}p { color: red }{% endblock %}").count("default-src 'none'") == 1


def test_the_pdf_of_a_users_templates_is_the_same_each_time() -> None:
    record = sample.make(classes={"a": 30}, features=("x", "y"), title="t", model="m", budget=1)
    text = EXTENDS + "{% block style %}h1 { color: #333 }{% endblock %}{% block after_cover %}<p>Ours</p>{% endblock %}"
    made = view.build(replace(record, templates=((own.ENTRY, text),)))
    assert pdf.render(made, record.manifest.created, {}) == pdf.render(made, record.manifest.created, {})
