import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limekiln.record import RunRecord
from limekiln.report import html, view
from report import sample_record as sample

RECORDS = {
    "two classes": sample.credit,
    "seven classes": sample.animals,
    "regression": sample.houses,
    "hostile names": sample.nasty,
    "twenty classes, 500 features": sample.many,
    "one row": sample.almost_empty,
    "no row": sample.empty,
}


class Page(HTMLParser):
    """What a browser would make of a page: text, elements with their attributes, and the titles of drawings."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.cells: list[str] = []
        self.untitled = 0
        self.feed(source)
        self.text = "".join(self.cells)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.stack and self.stack[-1] == "svg" and tag != "title":
            self.untitled += 1
        if tag == "svg" or (self.stack and tag == "title"):
            self.stack.append(tag)
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self.stack and self.stack[-1] == "title":
            self.stack[-2:] = ["titled"]
        if tag == "svg" and self.stack:
            self.stack.pop()

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def rendered(record: RunRecord) -> str:
    return html.render(view.build(record))


@pytest.fixture(scope="module", params=list(RECORDS.values()), ids=list(RECORDS))
def page(request: pytest.FixtureRequest) -> str:
    return rendered(request.param())


def test_the_report_fetches_nothing(page: str) -> None:
    for tag, attributes in Page(page).elements:
        assert tag not in {"link", "iframe", "img", "object", "embed", "form", "base"}
        assert tag != "script" or attributes == {}
        for key in ("src", "href", "action", "srcset", "xlink:href", "data", "background"):
            value = attributes.get(key)
            assert value is None or value.startswith("#"), (tag, key, value)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in style
    assert set(re.findall(r"url\(\"?(\w+):", style)) == {"data"}
    assert "default-src 'none'" in page


def test_the_policy_lets_the_pages_own_script_run_and_no_other(page: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == page.count("<script") == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page
    assert len(scripts[0].splitlines()) < 100
    assert "innerHTML" not in scripts[0]


def test_the_report_is_small(page: str) -> None:
    assert len(page.encode()) < 2_000_000


def test_every_drawing_has_a_title(page: str) -> None:
    parsed = Page(page)
    assert parsed.untitled == 0
    assert page.count("<svg") == len(re.findall(r"<svg[^>]*><title>[^<]+</title>", page))


def test_every_table_has_a_caption_or_a_label_and_headed_columns(page: str) -> None:
    for table in re.findall(r"<table.*?</table>", page, flags=re.DOTALL):
        assert 'scope="col"' in table
        assert "<caption>" in table or 'class="heat' in table


def test_anchors_lead_somewhere_and_are_unique(page: str) -> None:
    elements = Page(page).elements
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in elements:
        if tag == "a":
            assert (attributes["href"] or "")[1:] in ids


def test_names_from_outside_stay_text() -> None:
    page = rendered(sample.nasty())
    parsed = Page(page)
    assert page.count("<script") == 1
    assert "<img" not in page
    assert not any(a.get("onerror") for _, a in parsed.elements)
    for name in sample.NASTY:
        if name.strip():
            assert name.replace("\x00", "\ufffd") in parsed.text, name[:40]
    assert "{{7*7}}" in parsed.text
    assert "(empty)" in parsed.text


def test_a_long_name_stands_whole_at_the_end_and_short_elsewhere() -> None:
    page = rendered(sample.nasty())
    assert page.count("a" * 5000) == 2  # the feature, and the key of it that a picked row covers
    assert "a" * 63 + "…" + "a" * 8 in Page(page).text


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_any_feature_name_survives(name: str) -> None:
    record = sample.make(classes={"yes": 40}, features=(name, "b"), title="t", model="m", budget=1)
    parsed = Page(rendered(record))
    expected = name.replace("\x00", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
    if name.strip():
        assert expected in parsed.text.replace("\r\n", "\n").replace("\r", "\n")


def test_a_single_class_is_not_compared_with_itself() -> None:
    record = sample.make(classes={"only": 30}, features=("a", "b"), title="t", model="m", budget=2)
    text = Page(rendered(record)).text
    assert "The model has one class, so there is nothing to compare." in text
    assert "all classes together" not in text.split("Reliability")[0].split("Summary")[1]


def test_templates_do_not_ship_a_word_about_compliance(page: str) -> None:
    assert "complies" not in page
    assert "compliant" not in page


def test_the_same_run_gives_the_same_page() -> None:
    assert rendered(sample.credit()) == rendered(sample.credit())


def test_results_survive_json() -> None:
    record = sample.credit()
    again = type(record.results).model_validate(json.loads(record.results.model_dump_json()))
    assert rendered(RunRecord(again, record.manifest, record.tables)) == rendered(record)
