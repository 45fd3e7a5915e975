"""Do the reports show what is stored? Drawn again, they are the same bytes; the PDF holds the run's documents."""

import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from limekiln import drawing, seal, store
from limekiln.errors import PdfUnavailableError, TemplateFaultError
from limekiln.record import RunRecord
from limekiln.verification.document import Check, Verdict

_EMBEDDED: Final = re.compile(rb"/Type\s*/EmbeddedFile\b")
_STREAM: Final = re.compile(rb"stream\r?\n")


def check(folder: Path, record: RunRecord, *, trust_templates: bool) -> list[Check]:
    """One check for each report, and one for what travels in the PDF.

    Args:
        folder: the run folder.
        record: what it holds.
        trust_templates: draw with the templates that it brings along, which are code.
    """
    found = []
    for name in (name for name in seal.REPORTS if name in record.manifest.files):
        content = (folder / name).read_bytes()
        if record.templates and not trust_templates:
            kept = ", ".join(store.template_file(template) for template, _ in record.templates)
            words = f"{name} is drawn with templates of its own, which are code: read {kept}, and say --trust-templates"
            found.append(_say("not checked", name, words))
        else:
            found.append(_drawn(name, content, record))
        if name.endswith(".pdf"):
            found.append(_inside(folder, name, content))
    return found


def _drawn(name: str, content: bytes, record: RunRecord) -> Check:
    try:
        again = drawing.again(record, name)
    except (PdfUnavailableError, TemplateFaultError) as error:
        return _say("not checked", name, f"{name} is not drawn again: {error}")
    if again == content:
        return _say("confirmed", name, f"{name} shows the stored results: drawn again, it is the same to the byte")
    by = (record.manifest.drawn_by or {}).get(name)
    if by is None:
        return _say(
            "not checked", name, f"{name} is drawn otherwise here, and the run does not say what it was drawn by"
        )
    here = drawing.drawn_by(name)
    if other := [
        f"{key} {_short(by.get(key))}, here {_short(here.get(key))}"
        for key in by | here
        if by.get(key) != here.get(key)
    ]:
        return _say(
            "not checked", name, f"{name} cannot be compared: it was drawn by other software ({'; '.join(other)})"
        )
    expected, found = (hashlib.sha256(drawn).hexdigest() for drawn in (again, content))
    return _say("refuted", name, f"{name} does not show the stored results", expected, found)


def _short(version: str | None) -> str:
    return "none" if version is None else version[:12]


def _inside(folder: Path, name: str, content: bytes) -> Check:
    manifest = seal.read((folder / seal.MANIFEST).read_bytes())
    expected = {seal.as_json(seal.undrawn(manifest)), (folder / store.RESULTS).read_bytes()}
    if set(_embedded(content)) == expected:
        return _say("confirmed", name, f"{name} holds manifest.json and results.json, as they are")
    if manifest.get("seal") is None:
        return _say("not checked", name, f"{name} holds no documents that can be compared: an earlier version drew it")
    return _say("refuted", name, f"{name} does not hold the run's own manifest.json and results.json")


def _embedded(pdf: bytes) -> Iterator[bytes]:
    """The files inside a PDF as limekiln writes it: each a stream of its own, deflated or plain."""
    for match in _EMBEDDED.finditer(pdf):
        stream = _STREAM.search(pdf, match.end())
        if stream is None:
            return
        try:
            yield zlib.decompressobj().decompress(pdf[stream.end() :])
        except zlib.error:
            yield pdf[stream.end() : pdf.find(b"\nendstream", stream.end())]


def _say(verdict: Verdict, about: str, words: str, expected: str | None = None, found: str | None = None) -> Check:
    return Check(part="reports", verdict=verdict, about=about, words=words, expected=expected, found=found)
