"""A page of its own on two runs: what changed from one to the other, for a browser and for the archive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from limekiln.change import Change
from limekiln.record import RunRecord
from limekiln.report import change, pdf
from limekiln.report.change import ChangeView
from limekiln.report.html import Medium
from limekiln.report.names import Name, long_names, name
from limekiln.report.shorter import NOTHING, Cut
from limekiln.report.templating import environment
from limekiln.report.voice import voice
from limekiln.report.words import day, day_and_time, moment

_MAX_PAGES: Final = 60


@dataclass(frozen=True)
class Page:
    """Everything that the page prints; its time is the new run's, so that it comes out the same again."""

    title: Name
    running: Name
    created: str
    created_words: str
    generator: str
    author: str
    classification: Name | None
    facts: tuple[tuple[tuple[str, Name], ...], ...]
    change: ChangeView
    parts: tuple[tuple[str, str, ChangeView], ...]
    long_names: tuple[str, ...]


MODELS_PART: Final = (
    "The old run against the new model on the same rows of the old data, explained as the old run explained them: data "
    "and rows are the same, so what moves here is the model's doing."
)
DATAS_PART: Final = (
    "The new model on the old rows against the new run: the model is the same, so what moves here is the doing of "
    "other rows, or of what else is not the same in the two configs. The two parts of a score's difference add up to "
    "the whole; nDCGs do not."
)


def build(found: Change, old: RunRecord, new: RunRecord, parts: tuple[Change, Change] | None = None) -> Page:
    """The page on what changed from `old` to `new`; `parts` are the model's and the data's where it was split."""
    model, manifest = new.results.model, new.manifest
    label = manifest.report.classification or old.manifest.report.classification
    page = Page(
        title=name(f"What changed in {model.name}", 100),
        running=name(f"{model.name}: {old.manifest.run_id} and {manifest.run_id}", 90),
        created=f"{moment(manifest.created):%Y-%m-%dT%H:%M:%SZ}",
        created_words=day(manifest.created),
        generator=f"limekiln {manifest.limekiln}",
        author=manifest.report.owner or "",
        classification=name(label, 60) if label else None,
        facts=(_facts("Old", old), _facts("New", new)),
        change=change.view(found, voice(new.results), manifest.model_sha256),
        parts=() if parts is None else _parts(parts, new),
        long_names=(),
    )
    return replace(page, long_names=long_names(page))


def _parts(parts: tuple[Change, Change], new: RunRecord) -> tuple[tuple[str, str, ChangeView], ...]:
    heads = (("The model's part", MODELS_PART), ("The data's part", DATAS_PART))
    says, digest = voice(new.results), new.manifest.model_sha256
    return tuple((*head, change.view(part, says, digest)) for head, part in zip(heads, parts, strict=True))


def _facts(which: str, record: RunRecord) -> tuple[tuple[str, Name], ...]:
    model, manifest = record.results.model, record.manifest
    version = f"{model.name}, version {model.version}" if model.version else model.name
    return (
        (f"{which} run", name(manifest.run_id, 60)),
        ("of", Name(day_and_time(manifest.created))),
        ("Model", name(version, 90)),
        ("Rows explained", Name(f"{record.results.counts.explained:,}")),
    )


def render(page: Page, medium: Medium = "screen", *, replaced: Sequence[str] = (), cut: Cut = NOTHING) -> str:
    """The page as one HTML file; arguments as `html.render` takes them, and nothing is ever cut."""
    template = environment().get_template("two_runs.html.j2")
    return template.render(view=page, medium=medium, replaced=replaced, cut=cut)


def to_pdf(page: Page, created: str, attached: Mapping[str, str]) -> bytes:
    """The page as a PDF of the same grade as a report.

    Raises:
        PdfUnavailableError: the libraries that draw a PDF are not installed.
    """
    return pdf.draw(partial(render, page, "print"), created, attached, _MAX_PAGES)
