"""The report as a PDF for archives (PDF/A-3a, PDF/UA-1), drawn by WeasyPrint from the same templates.

The same run gives the same bytes. A report with more pages than it may have is laid out again with less in it.
"""

import gc
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any, cast

from limekiln.errors import PdfUnavailableError, RunError
from limekiln.report import archive
from limekiln.report import html as page_of
from limekiln.report.names import drawable
from limekiln.report.shorter import STEPS, Cut
from limekiln.report.view import ReportView
from limekiln.report.words import moment

PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def render(view: ReportView, created: str, attached: Mapping[str, str]) -> bytes:
    """The whole report as a PDF.

    Args:
        view: What `view.build` made of a run.
        created: The manifest's time in ISO 8601; the only time that the file holds.
        attached: Documents that travel inside the file, text by file name.

    Returns:
        The file's bytes.

    Raises:
        PdfUnavailableError: The libraries that draw a PDF are not installed; the message names the packages.
        RunError: The report asked for something outside itself, which is never fetched.
    """
    return draw(partial(page_of.render, view, "print"), created, attached, view.max_pages)


def draw(page: Callable[..., str], created: str, attached: Mapping[str, str], max_pages: int) -> bytes:
    """Any page as a PDF.

    Args:
        page: Gives the HTML, from `replaced` and `cut` as `html.render` takes them.
        created: As `render` takes it.
        attached: As `render` takes it.
        max_pages: Beyond so many the page is asked for with a larger cut.

    Returns:
        The file's bytes.

    Raises:
        PdfUnavailableError: As of `render`.
        RunError: As of `render`.
    """
    weasyprint = _weasyprint()
    from weasyprint.urls import FatalURLFetchingError, URLFetcher  # noqa: PLC0415  needs Pango, as above

    time = moment(created)
    fetcher = URLFetcher(allowed_protocols={"data"}, allow_redirects=False, fail_on_errors=True)

    def laid_out(characters: Mapping[int, str], cut: Cut) -> Any:
        replaced = tuple(characters.values())
        text = drawable(page(replaced=replaced, cut=cut)).translate(characters)
        return weasyprint.HTML(string=text, base_url=None, url_fetcher=fetcher).render(pdf_variant=archive.VARIANT)

    def drawn_with(characters: Mapping[int, str], padding: int) -> bytes:
        documents = [
            weasyprint.Attachment(string=text, name=name, relationship="Data", created=time, modified=time)
            for name, text in attached.items()
        ]
        for cut in STEPS:
            document = laid_out(characters, cut)
            if len(document.pages) <= max_pages:
                break
        document.metadata.generate_rdf_metadata = archive.marked(document.metadata.generate_rdf_metadata)
        finisher = partial(archive.finish, padding=padding)
        drawn: bytes = document.write_pdf(pdf_variant=archive.VARIANT, attachments=documents, finisher=finisher)
        return drawn

    with _source_date(created), _collector_off():
        try:
            with _glyphless(weasyprint.LOGGER) as lacking:
                drawn = archive.settled(partial(drawn_with, {}))
            if not lacking:
                return drawn
            return archive.settled(partial(drawn_with, {code: f"[U+{code:04X}]" for code in sorted(lacking)}))
        except FatalURLFetchingError as error:  # a BaseException: nothing else would stop it
            raise RunError(
                f"report.pdf: the report wanted something outside itself, which is not fetched: {error}"
            ) from error


def libraries() -> dict[str, str]:
    """Pango's version, and a hash of the names of all fonts here: those that the report lacks come from them.

    Raises:
        PdfUnavailableError: Pango is not installed.
    """
    _weasyprint()
    from weasyprint.text import ffi  # noqa: PLC0415  needs Pango, as above

    fontconfig, name = ffi.fontconfig, ffi.ffi.new("FcChar8 **")
    config = fontconfig.FcInitLoadConfigAndFonts()
    fonts = fontconfig.FcConfigGetFonts(config, fontconfig.FcSetSystem)
    names = [
        ffi.ffi.string(name[0])
        for i in range(fonts.nfont)
        if fontconfig.FcPatternGetString(fonts.fonts[i], b"fullname", 0, name) == fontconfig.FcResultMatch
    ]
    fontconfig.FcConfigDestroy(config)
    digest = hashlib.sha256(b"\n".join(sorted(names))).hexdigest()
    return {"pango": str(ffi.pango.pango_version()), "fonts": digest}


@contextmanager
def _glyphless(log: logging.Logger) -> Iterator[set[int]]:
    """The characters that no font here can draw, as WeasyPrint warns of them; PDF/A allows no empty box for one."""
    found: set[int] = set()

    def is_other(record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(".notdef"):
            return True
        _, code = cast("tuple[str, int]", record.args)
        found.add(code)
        return False

    log.addFilter(is_other)
    try:
        yield found
    finally:
        log.removeFilter(is_other)


def _weasyprint() -> ModuleType:
    try:
        import weasyprint  # noqa: PLC0415  loads Pango, which may be missing where only HTML is wanted
    except OSError as error:
        raise PdfUnavailableError(
            f"report.pdf: Pango could not be loaded, install {PACKAGES} (Debian names) and render again"
        ) from error
    module: ModuleType = weasyprint
    return module


@contextmanager
def _collector_off() -> Iterator[None]:
    """Without the cyclic collector: what is laid out lives to the end, and walking it again and again costs a tenth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _source_date(created: str) -> Iterator[None]:
    """`SOURCE_DATE_EPOCH` for the time of the drawing: fontTools writes a date into each font that it cuts."""
    key = "SOURCE_DATE_EPOCH"
    before = os.environ.get(key)
    os.environ[key] = str(int(moment(created).timestamp()))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = before
