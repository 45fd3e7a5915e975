"""The report as a PDF, drawn by WeasyPrint from the same templates; the same bytes for the same run."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from limekiln.errors import PdfUnavailableError, RunError
from limekiln.report import html as page_of
from limekiln.report.names import drawable
from limekiln.report.view import ReportView
from limekiln.report.words import moment

PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def render(view: ReportView, created: str) -> bytes:
    """The whole report as a PDF.

    Args:
        view: What `view.build` made of a run.
        created: The manifest's time in ISO 8601; the only time that the file holds.

    Returns:
        The file's bytes.

    Raises:
        PdfUnavailableError: The libraries that draw a PDF are not installed; the message names the packages.
        RunError: The report asked for something outside itself, which is never fetched.
    """
    weasyprint = _weasyprint()
    from weasyprint.urls import FatalURLFetchingError, URLFetcher  # noqa: PLC0415  needs Pango, as above

    page = drawable(page_of.render(view, "print"))
    fetcher = URLFetcher(allowed_protocols={"data"}, allow_redirects=False, fail_on_errors=True)
    with _source_date(created), _collector_off():
        try:
            document = weasyprint.HTML(string=page, base_url=None, url_fetcher=fetcher)
            pdf: bytes = document.write_pdf(pdf_tags=True)
        except FatalURLFetchingError as error:  # a BaseException: nothing else would stop it
            raise RunError(
                f"report.pdf: the report wanted something outside itself, which is not fetched: {error}"
            ) from error
    return pdf


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
