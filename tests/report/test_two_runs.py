"""The page on two runs: whole, escaped, archivable, the same each time."""

from pathlib import Path

from change_cases import PLANTED, STEADY, run
from limekiln import comparison, store
from limekiln.report import two_runs
from limekiln.report.two_runs import Page
from report.archive_cases import assert_archivable

OLD, NEW = run(STEADY, "20261101T000000Z-1"), run(PLANTED, "20261201T000000Z-<b>")
CHANGE = comparison.between(OLD, NEW)


def page() -> Page:
    return two_runs.build(CHANGE, OLD, NEW)


def test_both_runs_and_what_moved_between_them_are_told() -> None:
    text = two_runs.render(page())
    assert "What changed in" in text
    assert "20261101T000000Z-" in text
    assert "up, moved" in text
    assert "<b>" not in text[text.index("<h1>") : text.index("From the old run")]


def test_the_pdf_keeps_to_both_standards_and_is_the_same_again(tmp_path: Path) -> None:
    attached = {"change.json": store.to_json(CHANGE)}
    first = two_runs.to_pdf(page(), NEW.manifest.created, attached)
    assert_archivable(first, tmp_path)
    assert two_runs.to_pdf(page(), NEW.manifest.created, attached) == first
