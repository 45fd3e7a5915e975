import zlib
from io import BytesIO
from pathlib import Path

import page
import pikepdf
import pydyf
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pytest

from limekiln import store
from limekiln.record import RunRecord
from limekiln.report import archive, pdf, view
from report import sample_record as sample
from report.archive_cases import assert_archivable

KINDS = {
    "governed": sample.governed,
    "three classes": sample.animals,
    "names from outside": sample.nasty,
    "no explanation": sample.empty,
}
"""Texts, images, series and regression: `test_parts`."""


def small() -> RunRecord:
    return sample.make(classes={"a": 30, "b": 30}, features=["income", "age"], title="T", model="M", budget=2)


def drawn(record: RunRecord) -> bytes:
    return pdf.render(view.build(record), record.manifest.created, store.documents(record))


@pytest.fixture(scope="module", params=KINDS)
def archived(request: pytest.FixtureRequest) -> tuple[RunRecord, bytes]:
    record = KINDS[request.param]()
    return record, drawn(record)


def test_a_pdf_of_each_kind_keeps_to_both_standards_and_holds_its_documents(
    archived: tuple[RunRecord, bytes], tmp_path: Path
) -> None:
    record, content = archived
    assert_archivable(content, tmp_path)
    with pikepdf.open(BytesIO(content)) as document:
        inside = {name: spec.get_file().read_bytes().decode() for name, spec in document.attachments.items()}
        assert inside == store.documents(record)
        assert document.open_metadata().pdfa_status == "3A"


def test_the_checker_finds_a_pdf_without_the_mending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "finish", lambda *_args, **_more: None)
    content = drawn(small())
    assert not page.validate_pdf_bytes(content, profile="ua1").is_compliant


def test_a_definition_list_becomes_items_of_a_label_and_a_body() -> None:
    with pikepdf.open(BytesIO(drawn(small()))) as document:
        lists = [e for e in _elements(document) if e.S == "/L"]
        items = [kid for e in lists for kid in e.K if kid.S == "/LI"]
        with_labels = [item for item in items if item.K[0].S == "/Lbl"]
        assert all(kid.S in {"/LI", "/Caption"} for e in lists for kid in e.K)
        assert len(with_labels) > 20
        assert {str(part.S) for item in with_labels for part in list(item.K)[1:]} == {"/LBody"}


def test_every_header_cell_says_what_it_heads() -> None:
    with pikepdf.open(BytesIO(drawn(sample.animals()))) as document:
        heads = [e for e in _elements(document) if e.S == "/TH"]
        scopes = {(str(e.A.Scope), str(e.P.P.S)) for e in heads}
    assert scopes == {("/Column", "/THead"), ("/Row", "/TBody")}


def test_no_stream_ends_where_a_line_could() -> None:
    content = next(text for i in range(10_000, 100_000) if zlib.compress(text := b"%d" % i, 9).endswith(b"\r"))
    plain, mended = pydyf.PDF(), pydyf.PDF()
    for file in (plain, mended):
        file.add_object(pydyf.Stream([content], compress=True))
    archive.finish(None, mended)
    assert b"\r\nendstream" in _written(plain)
    assert b"\r\nendstream" not in _written(mended)
    packed = _written(mended).split(b"stream\n")[1].removesuffix(b"\nend")
    assert zlib.decompressobj().decompress(packed) == content


def test_a_pdf_that_packs_badly_is_packed_again() -> None:
    asked: list[int] = []

    def draw(padding: int) -> bytes:
        asked.append(padding)
        return b"stream\n\r\nendstream" if padding < 2 else b"stream\nendstream"

    assert archive.settled(draw) == b"stream\nendstream"
    assert asked == [0, 1, 2]


def test_a_pdf_that_cannot_be_packed_well_is_given_as_it_is() -> None:
    assert archive.settled(lambda _: b"\r\nendstream") == b"\r\nendstream"


def test_a_character_that_no_font_has_stands_by_its_number() -> None:
    record = sample.make(
        classes={"a": 30, "b": 30}, features=["income \U0001f3c5", "age", "\ue123"], title="T", model="M",
        budget=2,
    )  # fmt: skip
    content = drawn(record)
    assert page.validate_pdf_bytes(content, profile="3a").is_compliant
    text = "".join(p.get_textpage().get_text_range() for p in pypdfium2.PdfDocument(content))
    assert "[U+E123]" in text
    assert "by their" in text
    plain = "".join(p.get_textpage().get_text_range() for p in pypdfium2.PdfDocument(drawn(small())))
    assert "[U+" not in plain
    assert "by their" not in plain


def _written(file: pydyf.PDF) -> bytes:
    output = BytesIO()
    file.write(output, compress=False)
    return output.getvalue()


def _elements(document: pikepdf.Pdf) -> list[pikepdf.Object]:
    return [
        thing
        for thing in document.objects
        if isinstance(thing, pikepdf.Dictionary) and thing.get("/Type") == "/StructElem"
    ]
