"""The gates on page one and in the section on reliability, from outcomes made by hand."""

import re
from dataclasses import replace

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest

import gate_cases
from gate_cases import FAILED, PASSED, UNDECIDED
from gates import made
from limekiln.evidence import GateOutcome
from limekiln.record import Notice, RunRecord
from limekiln.report import gates, html, pdf, view
from limekiln.report.gates import NO_GATES, NO_STATUS
from report import sample_record as sample


def record(*outcomes: GateOutcome, base: RunRecord | None = None) -> RunRecord:
    made = sample.credit() if base is None else base
    return replace(made, results=made.results.model_copy(update={"gates": outcomes}))


def page(*outcomes: GateOutcome) -> tuple[str, str]:
    """Page one, and all that follows the heading of the section on reliability."""
    first, rest = html.render(view.build(record(*outcomes))).split('<h2 id="reliability"')
    return first, rest


def test_page_one_shows_each_gate_by_word_and_shape() -> None:
    first, _ = page(PASSED, FAILED, UNDECIDED)
    assert re.search(
        r'class="status fail"><svg.*?Cross in a square.*?Of 3 gates, 1 failed, 1 undecided, 1 passed<', first
    )
    found = re.findall(
        r'<tr class="(\w+)"><td class="word"><svg.*?<title>(.*?)</title>.*?<b>(\w+)</b>', first, re.DOTALL
    )
    assert found == [
        ("fail", "Cross in a square", "failed"),
        ("undecided", "Open diamond", "undecided"),
        ("pass", "Tick in a circle", "passed"),
    ]
    assert re.search(r'<td class="n">0.25.*?</td><td class="n">below 0.2</td>', first)


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ((PASSED,), "The gate passed"),
        ((UNDECIDED,), "The gate is undecided"),
        ((FAILED,), "The gate failed"),
        ((PASSED, PASSED), "All 2 gates passed"),
        ((), NO_STATUS),
    ],
)
def test_page_one_opens_with_the_verdict_over_all(outcomes: tuple[GateOutcome, ...], said: str) -> None:
    assert gates.status(record(*outcomes).results).text == said


def test_section_five_gives_every_gate_in_order_with_its_reason() -> None:
    _, rest = page(PASSED, FAILED, UNDECIDED)
    assert re.findall(r'<th scope="row"><code>(\w+)</code>', rest) == ["a_rule", "b_rule", "c_rule"]
    assert rest.count("Because of sex.") == 3
    assert "not measured" in rest
    assert rest.index("Gates: 1 failed") < rest.index("<h3>Fidelity</h3>")


def test_page_one_keeps_to_four_gates_and_the_worst_come_first() -> None:
    shown = view.build(record(*[PASSED] * 3, *[UNDECIDED] * 2, *[FAILED] * 3)).cover.gates
    assert shown is not None
    assert [r.verdict for r in shown.rows] == ["fail", "fail", "fail", "undecided"]
    assert shown.note == "and 4 more in section 6"


def test_where_the_picture_needs_room_the_passed_gates_give_way_and_no_others() -> None:
    def listed(*outcomes: GateOutcome) -> list[str]:
        made = record(*outcomes)
        long = made.manifest.report.model_copy(
            update={"intended_use": "It supports a decision. " * 12, "title": "A title of many words " * 8}
        )
        notices = tuple(Notice(code=f"n{i}", text="Something that a reader should know. " * 5) for i in range(2))
        results = made.results.model_copy(update={"notices": notices})
        crowded = replace(made, results=results, manifest=made.manifest.model_copy(update={"report": long}))
        shown = view.build(crowded).cover.gates
        assert shown is not None
        return [r.verdict for r in shown.rows]

    assert listed(*[PASSED] * 6) == ["pass", "pass"]
    assert listed(*[PASSED] * 6, UNDECIDED, *[FAILED] * 2) == ["fail", "fail", "undecided"]


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
    first, second, *_ = pages(pdf.render(view.build(full), full.manifest.created, {}))
    assert "Of 6 gates, 6 failed" in first
    assert "and 4 more in section 8" in first
    assert second.startswith("Contents")


def test_eight_gates_of_long_names_leave_page_one_one_page() -> None:
    name = "installment_rate_in_percentage_of_disposable_income"
    about = f"rank of {name} and its proxies, class bad"
    long = [
        PASSED.model_copy(
            update={"rule": "must_not_be_decided_above", "about": about, "low": 0.1, "high": 0.9, "verdict": verdict}
        )
        for verdict in ("fail", "undecided", "pass", "fail") * 2
    ]
    eight = record(*long)
    first, second, *_ = pages(pdf.render(view.build(eight), eight.manifest.created, {}))
    assert "and 4 more in section 6" in first
    assert second.startswith("Contents")


def test_section_five_lists_the_proxies_that_a_gate_asks_for() -> None:
    base = sample.credit()
    found = [
        ("sex", (1.0, 1.0, 1.0), "the column"),
        ("job", (0.5, 0.41, 0.6), "proxy"),
        ("age", (0.3, 0.2, 0.4), "open"),
    ]
    many = [(f"f{i}", (0.1, 0.0, 0.2), "no proxy") for i in range(9)]
    asked = made.proxies_of("sex", *found, *many)  # type: ignore[arg-type]  # the literals above
    results = base.results.model_copy(update={"gates": (FAILED,), "proxies": (asked,)})
    _, rest = html.render(view.build(replace(base, results=results))).split('<h2 id="reliability"')
    table = rest.split("Features that go together with sex")[1].split("</table>")[0]
    assert re.findall(r'<th scope="row">(\w+)</th>', table) == ["sex", "job", "age"]
    assert "0.41 to 0.60" in table
    assert "The other 9 of 12 features" in rest
    none = results.model_copy(update={"proxies": (made.proxies_of("sex", *many),)})  # type: ignore[arg-type]  # as above
    _, rest = html.render(view.build(replace(base, results=none))).split('<h2 id="reliability"')
    assert rest.split("Features that go together with sex")[1].split("</table>")[0].count("<tr>") == 2


def pages(content: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content)]
