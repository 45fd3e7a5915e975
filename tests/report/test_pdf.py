import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest
import weasyprint
from hypothesis import given, settings
from hypothesis import strategies as st

from limekiln.errors import PdfUnavailableError, RunError
from limekiln.record import Notice, RunRecord
from limekiln.report import html, pdf, shorter, view
from report import sample_record as sample

TESTS = Path(__file__).parent.parent


def drawn(record: RunRecord) -> bytes:
    return pdf.render(view.build(record), record.manifest.created, {})


def pages(content: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(content)
    return [page.get_textpage().get_text_range() for page in document]


def squeezed(text: str) -> str:
    """Text as a reader sees it: line breaks, blanks and invisible signs of a drawn page carry no meaning."""
    return "".join(c for c in text if not c.isspace() and c not in "\u200b\ufffe\u00ad")


@pytest.fixture(scope="module")
def houses() -> bytes:
    return drawn(sample.houses())


def test_page_one_is_one_page_with_the_verdict(houses: bytes) -> None:
    first, second, *_ = pages(houses)
    assert squeezed(view.build(sample.houses()).cover.verdict.text) in squeezed(first)
    assert second.startswith("Contents")


def test_a_run_without_explanations_is_drawn_too() -> None:
    first, second, *_ = pages(drawn(sample.empty()))
    assert "No row could be explained, so this run says nothing about the model." in " ".join(first.split())
    assert second.startswith("Contents")


def test_page_one_stays_one_page_however_much_there_is_to_say() -> None:
    record = sample.make(
        classes={f"a class with quite a long name, number {i}": 40 for i in range(3)},
        features=[f"a_feature_whose_name_is_as_long_as_names_in_real_data_become_{i:02}" for i in range(10)],
        title="A title that needs a second line because somebody thought that it should say everything at once",
        model="A model with a long name as well", budget=1, failed=3,
    )  # fmt: skip
    notices = tuple(
        Notice(code=f"n{i}", text="Something that a reader should know, in a sentence. " * 5) for i in range(6)
    )
    poor = record.results.fidelity.model_copy(update={"median": 0.3})
    results = record.results.model_copy(update={"notices": notices, "fidelity": poor})
    facts = record.manifest.report.model_copy(update={"intended_use": "It supports a decision. " * 14})
    manifest = record.manifest.model_copy(update={"report": facts})
    first, second, *_ = pages(drawn(RunRecord(results, manifest, record.tables)))
    assert "and 4 more in section 8" in first
    assert second.startswith("Contents")


def test_names_arrive_as_themselves() -> None:
    text = squeezed("".join(pages(drawn(sample.nasty()))))
    for name in ("<script>alert('x')</script>", "{{7*7}}", '"><img src=x onerror=alert(1)>', "&amp; already & not",
                 "=cmd|' /C calc'!A0", "<b>bold</b>", "line\nbreak\tand tab"):  # fmt: skip
        assert squeezed(name) in text, name
    assert "a" * 3000 in text  # the rest stands on the next page


@settings(max_examples=3, deadline=None)
@given(st.text("abcXYZ 019_-.,:;<>&\"'{}%$#@!?/\\()[]=+*äßéñøλяж", min_size=1, max_size=60))
def test_any_feature_name_survives(name: str) -> None:
    record = sample.make(classes={"yes": 30}, features=(name, "b"), title="t", model="m", budget=1)
    if name.strip():
        assert squeezed(name) in squeezed("".join(pages(drawn(record))))


def test_the_same_run_gives_the_same_bytes_anywhere(houses: bytes) -> None:
    program = (
        "import hashlib\nfrom limekiln.report import pdf, view\nfrom report import sample_record as s\n"
        "r = s.houses()\nprint(hashlib.sha256(pdf.render(view.build(r), r.manifest.created, {})).hexdigest())"
    )
    places = {"PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland", "LC_ALL": "C", "SOURCE_DATE_EPOCH": "12"}
    env = os.environ | places | {"PYTHONPATH": str(TESTS)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(houses).hexdigest()


def test_the_date_of_the_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "render", lambda *_, **_more: "<p>x")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "12")
    drawn(sample.empty())
    assert os.environ["SOURCE_DATE_EPOCH"] == "12"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    drawn(sample.empty())
    assert "SOURCE_DATE_EPOCH" not in os.environ


def test_a_missing_pango_is_named_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)  # `import` fails as ImportError

    class Finder:
        """Fails as WeasyPrint does where Pango is missing."""

        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.delitem(sys.modules, "weasyprint")
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(PdfUnavailableError, match=re.escape(pdf.PACKAGES)):
        drawn(sample.empty())


@pytest.mark.parametrize("address", ["https://example.com/x.png", "file:///etc/hostname"])
def test_nothing_outside_the_report_is_fetched(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(html, "render", lambda *_, **_more: f'<img src="{address}">')
    with pytest.raises(RunError, match="outside itself"):
        drawn(sample.empty())


def test_the_report_is_tagged_titled_and_dated_by_the_run(houses: bytes) -> None:
    document = pypdfium2.PdfDocument(houses)
    meta = document.get_metadata_dict()
    assert meta["Title"] == "House prices"
    assert meta["CreationDate"].startswith("D:20261122140509")
    assert document.is_tagged()


def test_weasyprint_is_recent_enough_for_untrusted_text() -> None:
    assert int(weasyprint.__version__.split(".")[0]) >= 70


def test_a_report_over_its_budget_of_pages_leaves_out_what_is_read_least_and_says_so() -> None:
    record = sample.animals()
    whole = pages(drawn(record))
    assert "leaves out" not in whole[1]
    assert any("Values of features" in page for page in whole)
    few = record.manifest.report.model_copy(update={"max_pages": 10})
    short = pages(drawn(replace(record, manifest=record.manifest.model_copy(update={"report": few}))))
    assert len(short) < 0.75 * len(whole)
    said = " ".join(short[1].split())
    assert "Towards the 10 pages asked for, this PDF leaves out the values of features, the picked rows" in said
    assert not any("Values of features" in page for page in short)


def test_each_step_leaves_out_more_and_names_it() -> None:
    words = [cut.words for cut in shorter.STEPS]
    assert words[:2] == ["", "the values of features"]
    assert words[2].endswith(", the picked rows of single classes and the lists of columns and files and the config")
    assert words[3].endswith(" and the sections of classes after the first 6")
