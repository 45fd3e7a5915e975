"""A run's reports on disk: drawn from its record, and then the manifest, sealed, with every file's hash."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from limekiln import seal, software, store
from limekiln.bench import Stopwatch
from limekiln.errors import LimekilnError, PdfUnavailableError, TemplateFaultError
from limekiln.record import RunRecord
from limekiln.report import html as html_report
from limekiln.report import pdf as pdf_report
from limekiln.report import view as report_view
from limekiln.report.templating import folder as templates
from limekiln.report.view import ReportView

_OF_PAGES: Final = ("numpy", "pandas", "jinja2", "markupsafe")
_OF_PDFS: Final = ("weasyprint", "pydyf", "fonttools", "pillow", "tinycss2")


@dataclass(frozen=True)
class Drawn:
    """A run with its reports, and why one was not drawn, if one was not."""

    record: RunRecord
    missing: LimekilnError | None


def draw(folder: Path, record: RunRecord, clock: Stopwatch) -> Drawn:
    """Writes the reports that the config asks for, and then the manifest, into `folder`.

    The other files keep the hashes that `record` has of them: what was changed since does not become right by drawing.
    """
    view, by = report_view.build(store.undrawn(record)), dict(record.manifest.drawn_by or {})
    missing: LimekilnError | None = None
    for form in (form for form in _PRINTERS if form in record.manifest.formats):
        name = f"report.{form}"
        try:
            with clock.stage(form):
                store.write_bytes(folder / name, _PRINTERS[form](view, store.undrawn(record)))
                by[name] = drawn_by(name)
        except (PdfUnavailableError, TemplateFaultError) as error:
            missing = error
    reports = {name: seal.sha256(folder / name) for name in seal.REPORTS if (folder / name).exists()}
    files = dict(sorted({**store.undrawn(record).manifest.files, **reports}.items()))
    drawn = {name: by[name] for name in reports if name in by}
    manifest = store.sealed(record.manifest.model_copy(update={"files": files, "drawn_by": drawn}))
    store.write_text(folder / store.MANIFEST, store.to_json(manifest))
    return Drawn(replace(record, manifest=manifest), missing)


def again(record: RunRecord, name: str) -> bytes:
    """A report of a stored run, by its file's name, as this software draws it.

    Raises:
        PdfUnavailableError: Pango is missing.
        TemplateFaultError: a template of the user's cannot be drawn.
    """
    record = store.undrawn(record)
    return _PRINTERS[name.removeprefix("report.")](report_view.build(record), record)


def drawn_by(name: str) -> dict[str, str]:
    """All that a report's bytes depend on beside the run: hashes of code, templates and fonts, versions of packages."""
    found = {
        "code": software.code_sha256(),
        "templates": software.folder_sha256(templates()),
        **software.environment(_OF_PAGES),
    }
    if name.endswith(".pdf"):
        found |= {package: version(package) for package in _OF_PDFS} | pdf_report.libraries()
    return found


def _html(view: ReportView, _: RunRecord) -> bytes:
    return store.encode(html_report.render(view))


def _pdf(view: ReportView, record: RunRecord) -> bytes:
    return pdf_report.render(view, record.manifest.created, store.documents(record))


_PRINTERS: Final[Mapping[str, Callable[[ReportView, RunRecord], bytes]]] = {"html": _html, "pdf": _pdf}
