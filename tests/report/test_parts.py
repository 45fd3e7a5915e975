"""Reports of texts, images, series, logits and several values: what a reader must find in them, in both media."""

import base64
import ctypes
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]  # as above
import pytest

from limekiln.record import Layout, Mark, RunRecord
from limekiln.report import html, pdf, planes, templating, texts, view
from limekiln.report.figures import signed_points
from limekiln.report.voice import speak
from report import sample_parts as sample
from report import sample_record
from report.archive_cases import assert_archivable

RECORDS: dict[str, Callable[[], RunRecord]] = {
    "texts": sample.texts,
    "images on a grid": sample.digits,
    "images by concepts": sample.photos,
    "series": sample.series,
    "logits": sample.logits,
    "two values": sample.two_values,
}
_TEXT = speak("classification", "probability", None, domain="text", outputs=2)


class Texts(HTMLParser):
    """The text inside each element of a class, as a browser would show it."""

    def __init__(self, source: str, wanted: str) -> None:
        super().__init__()
        self.wanted, self.depth, self.tag = wanted, 0, ""
        self.found: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if self.depth and tag == self.tag:
            self.depth += 1
        elif not self.depth and self.wanted in (attributes.get("class") or "").split():
            self.depth, self.tag = 1, tag
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        if self.depth and tag == self.tag:
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.found[-1] += data


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {kind: html.render(view.build(make())) for kind, make in RECORDS.items()}


@pytest.mark.parametrize("kind", list(RECORDS))
def test_nothing_comes_from_outside_and_every_drawing_is_told(pages: dict[str, str], kind: str) -> None:
    page = pages[kind]
    for tag, attributes in Texts(page, "").elements:
        assert tag not in {"link", "iframe", "object", "embed", "form", "base"}
        for key in ("src", "href", "srcset", "xlink:href", "data"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:image/png;base64,")), (tag, key, value)
        if tag == "img":
            assert attributes["alt"]
    style = page[page.index("<style>") : page.index("</style>")]
    assert set(re.findall(r"url\(\"?(\w+):", style)) == {"data"}
    assert page.count("<svg") == len(re.findall(r"<svg[^>]*><title>[^<]+</title>", page))
    assert "img-src data:" in page


def test_every_piece_of_a_text_stands_in_order_and_as_itself(pages: dict[str, str]) -> None:
    shown = Texts(pages["texts"], "document").found
    hostile = sample.HOSTILE.replace("\x00", "\ufffd")
    assert hostile in shown
    assert sample.CARDS[0] in shown
    assert pages["texts"].count("<script") == 1  # the page's own
    assert any(text == (sample.LETTER * 8)[:1200] for text in shown)  # the rest is counted
    assert f"and {len(sample.LETTER * 8) - 1200:,} more characters" in pages["texts"]


def test_for_and_against_differ_by_more_than_hue() -> None:
    made = texts.document((Mark(text="good", weight=0.4), Mark(text=" ", weight=None), Mark(text="bad", weight=-0.1),
                           Mark(text="ly", weight=0.0)), _TEXT)  # fmt: skip
    assert made is not None
    assert [(p.text, p.sign, p.step, p.hint) for p in made.excerpt] == [
        ("good", "for", 4, "+0.400, for"),
        (" ", "for", 0, ""),
        ("bad", "against", 2, "−0.100, against"),
        ("ly", "for", 0, ""),
    ]
    assert made.whole == ()
    style = templating.environment().get_template("css/base.css").render()
    assert re.search(r"mark\.for \{ border-bottom: 2px solid", style)
    assert re.search(r"mark\.against \{ border-bottom: 2px dashed", style)


def test_a_long_text_is_shown_around_its_heavy_words() -> None:
    filler = [Mark(text=c, weight=None) for c in ("lorem ipsum " * 60, "dolor sit " * 60)]
    marks = (filler[0], Mark(text="HEAVY", weight=0.9), filler[1], Mark(text="LIGHT", weight=-0.2), filler[0])
    made = texts.document(marks, _TEXT)
    assert made is not None
    excerpt = "".join(p.text for p in made.excerpt)
    assert excerpt.index("HEAVY") < excerpt.index("LIGHT")
    assert excerpt.startswith("… ")
    assert " … " in excerpt
    assert len(excerpt) <= texts.EXCERPT + 20
    assert "ipsum HEAVY" in " ".join(excerpt.split())


def test_one_endless_word_does_not_flood_a_card() -> None:
    made = texts.document((Mark(text="x" * 50_000, weight=1.0),), _TEXT)
    assert made is not None
    assert sum(len(p.text) for p in made.excerpt) <= texts.EXCERPT
    assert sum(len(p.text) for p in made.whole) == texts.WHOLE
    assert made.more == "and 48,800 more characters"


def test_words_stand_on_the_side_of_their_net_share_with_the_texts_that_carry_them() -> None:
    record = sample.texts()
    table = _scores(record)
    made = {c.title.short: c.words for c in view.build(record).importances.classes}["spam"]
    assert made is not None
    for side, sign in ((made.toward, 1), (made.against, -1)):
        assert side
        shares = [table["spam", w.word.short]["share"] for w in side]
        assert shares == sorted(shares, reverse=True)
        for w in side:
            row = table["spam", w.word.short]
            assert (row["positive"] - row["negative"]) * sign > 0
            assert w.support == f"{row['support']:,.0f}"
    free = next(w for w in made.toward if w.word.short == "free")
    carriers = {r.row for p in record.results.picks for r in p.rows if any(m.text.lower() == "free" for m in r.marks)}
    assert {n.short for n in free.seen_in} <= carriers
    assert free.seen_more == f" and {len(carriers) - 3} more"


@pytest.mark.parametrize("make", [sample.digits, sample.series])
def test_the_cells_of_a_heat_map_are_the_table_s_numbers(make: Callable[[], RunRecord]) -> None:
    record = make()
    layout = record.results.data.layout
    assert layout is not None
    table = _scores(record)
    for c in view.build(record).importances.classes:
        key = "*" if c.title.short == "all classes together" else c.title.short
        assert c.map is not None
        nets = [table[key, f]["positive"] - table[key, f]["negative"] for f in layout.features]
        assert [cell.text for cell in c.map.cells] == [signed_points(net) for net in nets]
        n = len(layout.columns)
        assert [cell.x for cell in c.map.cells[:n]] == sorted({cell.x for cell in c.map.cells})
        assert len({cell.y for cell in c.map.cells[:n]}) == 1


def test_maps_share_one_scale_and_hatch_what_is_against_where_there_are_no_numbers() -> None:
    layout = Layout(rows=("a",), columns=("x", "y", "z"), features=("ax", "ay", "az"))
    net = {("c", "ax"): 0.2, ("c", "ay"): -0.2, ("d", "ax"): 0.1}
    end = planes.reach(layout, net, ["c", "d"])
    small = planes.draw(layout, net, "c", end, _TEXT, small=True)
    assert [(bool(cell.hatch), cell.text) for cell in small.cells] == [(False, ""), (True, ""), (False, "")]
    large = planes.draw(layout, net, "d", end, _TEXT)
    assert [cell.text for cell in large.cells] == ["+10", "–", "–"]
    assert large.cells[0].fill != small.cells[0].fill
    assert "ax (+10%)" in large.alt


def test_axes_say_once_what_all_labels_say() -> None:
    record = sample.series()
    layout = record.results.data.layout
    assert layout is not None
    made = planes.draw(layout, {}, "*", 1.0, _TEXT)
    assert made.axis == "steps"
    assert made.columns[0].text == "1–10"


def test_each_picture_is_embedded_once(pages: dict[str, str]) -> None:
    for kind in ("images on a grid", "images by concepts"):
        record = RECORDS[kind]()
        found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", pages[kind])
        assert len(found) == len(set(found)) > 0
        stored = {bytes(png) for png in record.tables["pictures"]["png"]}
        assert {base64.b64decode(text) for text in found} <= stored


def test_a_picture_s_alternative_text_says_what_it_shows(pages: dict[str, str]) -> None:
    alts = [a["alt"] or "" for tag, a in Texts(pages["images on a grid"], "").elements if tag == "img"]
    assert all(
        re.fullmatch(r"Image \d+, predicted \d, probability 0.87; the 3 heaviest parts: .+\.", alt) for alt in alts
    )


def test_pictures_that_are_none_are_left_out() -> None:
    record = sample.digits()
    broken = record.tables["pictures"].assign(png=b"<svg onload=alert(1)>")
    assert "<img" not in html.render(view.build(replace(record, tables={**record.tables, "pictures": broken})))


def test_concepts_are_shown_by_their_patches_in_every_class(pages: dict[str, str]) -> None:
    made = view.build(sample.photos()).importances
    assert all(len(row.patches) == 6 for c in made.classes for row in c.features)
    keys = {row.patches[0].key for c in made.classes for row in c.features}
    assert all(f".{key} {{ background-image" in pages["images by concepts"] for key in keys)


def test_of_a_thousand_classes_only_those_with_rows_have_sections(pages: dict[str, str]) -> None:
    made = view.build(sample.photos())
    assert len(made.importances.classes) == 4
    assert made.importances.classes_more == "997 classes have no section: no explained row is predicted so."
    assert "and 997 classes without any" in pages["images by concepts"]
    assert "class 500" not in pages["images by concepts"]


def test_a_series_shows_its_heaviest_channels_and_shades_their_spans() -> None:
    row = sample.series().results.picks[0].rows[0]
    chart = view.build(sample.series()).picks.sections[0].cards[0].chart
    assert row.series is not None
    assert chart is not None
    worth = {n: sum(map(abs, w)) for n, w in zip(row.series.channels, row.series.weights, strict=True)}
    assert {c.name for c in chart.channels} == set(sorted(worth, key=lambda n: -worth[n])[:4])
    assert all(len(c.spans) == 8 for c in chart.channels)
    assert chart.more == "2 more channels weigh less."


def test_a_table_s_words_do_not_stand_in_other_reports(pages: dict[str, str]) -> None:
    for kind, word in (("texts", "text"), ("images on a grid", "image"), ("series", "series")):
        body = pages[kind][pages[kind].index("<main>") :]
        for never in ("Every column", "discretizer", "column at a time", "Values that weigh most", "row's own value"):
            assert never not in body, (kind, never)
        assert f"contain the {word} itself" in body
        assert "cosine distance" in body


@pytest.mark.parametrize(
    ("kind", "axis"),
    [("logits", "logit (log-odds)"), ("texts", "probability"), ("two values", "reconstruction error, mm &lt;sup&gt;")],
)
def test_every_axis_names_the_output(pages: dict[str, str], kind: str, axis: str) -> None:
    page = pages[kind]
    assert f"Score, {axis}" in page
    assert f"Weight, {axis}" in page
    assert '<th scope="col" class="bars">Score</th>' not in page


def test_several_values_are_told_apart_and_never_called_classes(pages: dict[str, str]) -> None:
    made = view.build(sample.two_values())
    assert [c.title.short for c in made.importances.classes] == ["reconstruction error", "depth"]
    assert [s.title for s in made.sections][1:3] == ["What each value rests on", "Features × outputs"]
    assert [s.title.short for s in made.picks.sections] == ["For reconstruction error", "For depth"]
    assert all(s.cards for s in made.picks.sections)  # a row picked for both is shown for both
    assert made.cover.verdict.text == (
        "Over the 400 rows explained, gas weighs most in explaining reconstruction error and gas in explaining depth."
    )
    text = re.sub(r"<[^>]+>", " ", pages["two values"][pages["two values"].index("<main>") :])
    assert "predicted class" not in text.lower()
    assert "34.8 mm &lt;sup&gt;" in text


@pytest.mark.parametrize("make", [sample.texts, sample.photos, sample.series, sample.two_values])
def test_a_pdf_of_each_kind_is_whole_archivable_and_the_same_twice(
    make: Callable[[], RunRecord], tmp_path: Path
) -> None:
    record = make()
    drawn = pdf.render(view.build(record), record.manifest.created, {})
    assert pdf.render(view.build(record), record.manifest.created, {}) == drawn
    assert_archivable(drawn, tmp_path)
    document = pypdfium2.PdfDocument(drawn)
    first, second = (document[i].get_textpage().get_text_range() for i in (0, 1))
    assert record.manifest.report.title in first
    assert second.startswith("Contents")
    assert document.is_tagged()
    alts = [alt for page in document for alt in _figures(page)]
    assert alts
    assert all(alts)


def _scores(record: RunRecord) -> dict[tuple[str, str], dict[str, float]]:
    """The importances of features by class and feature."""
    table = record.tables["importances"]
    rows = table[table["level"] == "feature"].to_dict("records")
    numbers = ("share", "positive", "negative", "support")
    return {(str(row["class"]), str(row["feature"])): {n: float(row[n]) for n in numbers} for row in rows}


def _figures(page: pypdfium2.PdfPage) -> list[str]:
    """The alternative texts of a page's figures."""
    tree = pdfium.FPDF_StructTree_GetForPage(page)
    try:
        count = pdfium.FPDF_StructTree_CountChildren(tree)
        return [alt for i in range(count) for alt in _alts(pdfium.FPDF_StructTree_GetChildAtIndex(tree, i))]
    finally:
        pdfium.FPDF_StructTree_Close(tree)


def _alts(element: object) -> list[str]:
    if not element:
        return []
    own = [_text(pdfium.FPDF_StructElement_GetAltText, element)]
    count = pdfium.FPDF_StructElement_CountChildren(element)
    below = [a for i in range(count) for a in _alts(pdfium.FPDF_StructElement_GetChildAtIndex(element, i))]
    return below + (own if _text(pdfium.FPDF_StructElement_GetType, element) == "Figure" else [])


def _text(getter: Callable[[object, object, int], int], element: object) -> str:
    size = getter(element, None, 0)
    buffer = ctypes.create_string_buffer(size)
    getter(element, buffer, size)
    return buffer.raw.decode("utf-16-le").rstrip("\0")


def test_the_old_kinds_draw_no_picture() -> None:
    assert "<img" not in html.render(view.build(sample_record.credit()))
