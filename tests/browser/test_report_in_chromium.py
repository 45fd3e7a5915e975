"""The report in a real Chromium: readable at every width and in both schemes, its controls, its print, its walls.

Chromium comes from the system (Debian's package `chromium`); `.ci/run` installs it.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from limekiln.record import RunRecord
from limekiln.report import html, view
from report import sample_parts, sample_record

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH; Debian's package is called chromium")

WIDTHS = {"phone": 390, "tablet": 820, "desk": 1400}
RECORDS: dict[str, Callable[[], RunRecord]] = {
    "two classes": sample_record.credit,
    "seven classes": sample_record.animals,
    "regression": sample_record.houses,
    "hostile names": sample_record.nasty,
    "twenty classes, 500 features": sample_record.many,
    "no row": sample_record.empty,
    "texts": sample_parts.texts,
    "images on a grid": sample_parts.digits,
    "images by concepts": sample_parts.photos,
    "series": sample_parts.series,
    "two values": sample_parts.two_values,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    drawn = {name: folder / f"{i}.html" for i, name in enumerate(RECORDS)}
    for name, path in drawn.items():
        path.write_text(html.render(view.build(RECORDS[name]())), "utf-8")
    return drawn


@pytest.fixture
def credit(chromium: Browser, places: dict[str, Path]) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.goto(places["two classes"].as_uri())
    yield page
    page.close()


def heard(page: Page) -> list[str]:
    """What the page says in the console or asks the network for, from now on."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else said.append(r.url))
    return said


@pytest.mark.parametrize("record", RECORDS)
def test_it_opens_in_silence_and_fits_every_width(chromium: Browser, places: dict[str, Path], record: str) -> None:
    page = chromium.new_page()
    said = heard(page)
    for name, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(places[record].as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.close()
    assert said == []


# axe takes seconds a page: each kind of report once, on the narrowest screen and in the scheme that is seen less
@pytest.mark.parametrize(
    ("record", "scheme", "width"),
    [
        *((record, "dark", "phone") for record in RECORDS),
        ("two classes", "light", "desk"),
        ("texts", "light", "tablet"),
    ],
)
def test_axe_finds_no_violation(
    chromium: Browser, places: dict[str, Path], record: str, scheme: Literal["dark", "light"], width: str
) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport={"width": WIDTHS[width], "height": 900})
    page = context.new_page()
    page.goto(places[record].as_uri())
    violations = Axe().run(page).response["violations"]
    context.close()
    assert {v["id"]: [node["html"][:200] for node in v["nodes"]] for v in violations} == {}


def test_a_click_on_a_head_sorts_by_it_and_another_turns_it_round(credit: Page) -> None:
    table = "#class-1 table.scores >> nth=0"
    head = credit.locator(f"{table} >> thead th").nth(4)
    rows = credit.locator(f"{table} >> tbody tr")
    assert head.inner_text().startswith("Share")
    printed = rows.all_inner_texts()

    def shares() -> list[float]:
        cells = credit.locator(f"{table} >> tbody tr > :nth-child(5)").all_inner_texts()
        return [float(cell.removesuffix("%")) for cell in cells]

    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert shares() == sorted(shares())
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert shares() == sorted(shares(), reverse=True)
    assert sorted(rows.all_inner_texts()) == sorted(printed)
    credit.locator(f"{table} >> thead th").nth(1).locator("button").click()
    names = [name.casefold() for name in credit.locator(f"{table} >> tbody th").all_inner_texts()]
    assert names == sorted(names)
    assert head.get_attribute("aria-sort") is None
    credit.locator(f"{table} >> thead th").nth(0).locator("button").click()
    assert rows.all_inner_texts() == printed


def test_numbers_sort_as_numbers_and_dashes_last(chromium: Browser, tmp_path: Path) -> None:
    cells = ["1,000", "−0.5", "–", "12%", "7 (5 to 9)", "2"]
    body = "".join(f'<tr><th scope="row">x</th><td class="n">{cell}</td></tr>' for cell in cells)
    table = (
        '<table class="data sortable"><caption>t</caption><thead><tr><th scope="col">x</th>'
        f'<th scope="col" class="n">y</th></tr></thead><tbody>{body}</tbody></table></main>'
    )
    path = tmp_path / "page.html"
    path.write_text(html.render(view.build(sample_record.empty())).replace("</main>", table), "utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    head = page.locator("table.sortable >> nth=-1 >> thead th").nth(1).locator("button")
    head.click()
    up = page.locator("table.sortable >> nth=-1 >> tbody td").all_inner_texts()
    head.click()
    down = page.locator("table.sortable >> nth=-1 >> tbody td").all_inner_texts()
    page.close()
    assert up == ["−0.5", "2", "7 (5 to 9)", "12%", "1,000", "–"]
    assert down == ["1,000", "12%", "7 (5 to 9)", "2", "−0.5", "–"]


def test_the_filter_leaves_the_rows_that_hold_the_text_and_tells_how_many(credit: Page) -> None:
    rows = credit.locator("[data-feature]")
    every = rows.count()
    wanted = (rows.first.get_attribute("data-feature") or "").upper()
    credit.get_by_role("searchbox").fill(f" {wanted} ")
    left = [row for row in rows.all() if row.is_visible()]
    assert 0 < len(left) < every
    assert all(wanted.lower() in (row.get_attribute("data-feature") or "").lower() for row in left)
    assert credit.locator("#told").inner_text().startswith(f"{len(left)} of {every} ")
    credit.get_by_role("searchbox").fill("no feature is called so")
    assert credit.locator("#told").inner_text().startswith("0 of ")
    credit.get_by_role("button", name="Show all").click()
    assert credit.locator(".off").count() == 0
    assert credit.locator("#told").inner_text() == ""


def test_the_class_switch_leaves_one_class(credit: Page) -> None:
    switch = credit.get_by_label("Class", exact=True)
    names = switch.locator("option").all_inner_texts()
    assert names == ["all sections", "all classes together", "bad", "good"]
    switch.select_option("bad")
    shown = [h.inner_text() for h in credit.locator("[data-class] h3").all() if h.is_visible()]
    assert shown
    assert all("bad" in text for text in shown)
    switch.select_option("all sections")
    assert len([h for h in credit.locator("[data-class] h3").all() if h.is_visible()]) > len(shown)


def test_without_script_everything_is_there_but_the_controls(chromium: Browser, places: dict[str, Path]) -> None:
    for name in ("two classes", "texts"):
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(places[name].as_uri())
        assert not page.locator("#controls").is_visible()
        assert page.locator("table thead button").count() == 0
        assert all(section.is_visible() for section in page.locator("section[data-class]").all())
        context.close()


def test_no_script_but_its_own_runs(chromium: Browser, tmp_path: Path) -> None:
    source = html.render(view.build(sample_record.credit()))
    planted = '<script>document.title = "stolen"</script><img src="x" onerror="document.title=\'stolen\'">'
    path = tmp_path / "planted.html"
    path.write_text(source.replace("<main>", f"<main>{planted}"), "utf-8")
    page = chromium.new_page()
    said = heard(page)
    page.goto(path.as_uri())
    title = page.title()
    page.close()
    assert title == sample_record.credit().manifest.report.title
    assert [line for line in said if "Content Security Policy" in line]


def test_paper_gets_all_of_it_in_dark_ink(chromium: Browser, places: dict[str, Path], tmp_path: Path) -> None:
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(places["two classes"].as_uri())
    page.get_by_label("Class", exact=True).select_option("bad")
    page.get_by_role("searchbox").fill("no feature is called so")
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("#controls").is_visible()
    assert not page.locator("nav.contents").is_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    printed = tmp_path / "printed.pdf"
    page.pdf(path=printed, format="A4")
    context.close()
    document = pypdfium2.PdfDocument(printed)
    text = "\n".join(sheet.get_textpage().get_text_range() for sheet in document)
    plain = re.sub(r"\s+", " ", text)
    record = sample_record.credit()
    for facts in record.results.classes:
        for score in facts.features:
            assert score.feature in plain
    assert record.manifest.config_sha256 in plain.replace(" ", "")  # inside a fold
    assert "good" in plain
    assert 3 <= len(document) <= 30


def test_a_long_title_and_a_long_class_stay_inside_a_phone(chromium: Browser, tmp_path: Path) -> None:
    record = sample_record.credit()
    report = record.manifest.report.model_copy(update={"title": "W" * 300})
    record = replace(record, manifest=record.manifest.model_copy(update={"report": report}))
    path = tmp_path / "long.html"
    path.write_text(html.render(view.build(record)), "utf-8")
    page = chromium.new_page(viewport={"width": 360, "height": 800})
    page.goto(path.as_uri())
    width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert width <= 360
