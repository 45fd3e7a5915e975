"""The gates on page one and in section 5, from outcomes made by hand."""

import re
from dataclasses import replace

import pypdfium2  # type: ignore[import-untyped]  # it ships no types

import gate_cases
from gate_cases import FAILED, PASSED, UNDECIDED
from limekiln.evidence import GateOutcome
from limekiln.record import Notice, RunRecord
from limekiln.report import html, pdf, view
from limekiln.report.gates import NO_GATES
from report import sample_record as sample


def record(*outcomes: GateOutcome, base: RunRecord | None = None) -> RunRecord:
    made = sample.credit() if base is None else base
    return replace(made, results=made.results.model_copy(update={"gates": outcomes}))


def page(*outcomes: GateOutcome) -> tuple[str, str]:
    """Page one, and all that follows section 5's heading."""
    first, rest = html.render(view.build(record(*outcomes))).split('<h2 id="reliability"')
    return first, rest


def test_page_one_shows_each_gate_by_word_and_shape() -> None:
    first, _ = page(PASSED, FAILED, UNDECIDED)
    assert "Gates: 1 failed, 1 undecided, 1 passed" in first
    found = re.findall(
        r'<li class="(\w+)"><svg.*?<title>(.*?)</title>.*?<b>(\w+)</b> <code>(\w+)</code>', first, re.DOTALL
    )
    assert found == [
        ("fail", "Cross in a square", "failed", "b_rule"),
        ("undecided", "Open diamond", "undecided", "c_rule"),
        ("pass", "Tick in a circle", "passed", "a_rule"),
    ]
    assert "0.25, asked for below 0.2" in first


def test_section_five_gives_every_gate_in_order_with_its_reason() -> None:
    _, rest = page(PASSED, FAILED, UNDECIDED)
    assert re.findall(r'<th scope="row"><code>(\w+)</code>', rest) == ["a_rule", "b_rule", "c_rule"]
    assert rest.count("Because of sex.") == 3
    assert "not measured" in rest
    assert rest.index("Gates: 1 failed") < rest.index("<h3>Fidelity</h3>")


def test_page_one_keeps_to_four_gates_and_the_worst_come_first() -> None:
    gates = view.build(record(*[PASSED] * 6, UNDECIDED, FAILED)).cover.gates
    assert gates is not None
    assert [r.verdict for r in gates.rows] == ["fail", "undecided", "pass", "pass"]
    assert gates.note == "and 4 more in section 5"


def test_without_gates_page_one_says_nothing_of_them_and_section_five_a_sentence() -> None:
    first, rest = page()
    assert "Gates" not in first
    assert NO_GATES in rest
    assert "<h3>Fidelity</h3>" not in rest


def test_a_name_is_printed_as_text() -> None:
    hostile = "<script>alert(1)</script>"
    first, rest = page(gate_cases.outcome("fail", about=hostile, feature=hostile))
    assert "<script>alert" not in first + rest
    assert rest.count("&lt;script&gt;") >= 3
    page(gate_cases.outcome("fail", about=gate_cases.HOSTILE, feature=gate_cases.HOSTILE))


def test_gates_leave_page_one_one_page_however_much_there_is_to_say() -> None:
    full = record(*[FAILED] * 6, base=sample.animals())
    notices = tuple(Notice(code=f"n{i}", text="Something that a reader should know. " * 7) for i in range(6))
    poor = full.results.fidelity.model_copy(update={"median": 0.3})
    full = replace(full, results=full.results.model_copy(update={"notices": notices, "fidelity": poor}))
    first, second, *_ = pages(pdf.render(view.build(full), full.manifest.created))
    assert "Gates: 6 failed" in first
    assert "and 4 more in section 7" in first
    assert second.startswith("Contents")


def pages(content: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content)]
