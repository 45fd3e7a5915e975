"""What the report says of the change since the last run, from changes made by hand."""

import re
from dataclasses import replace

import pytest

from change_cases import PLANTED, STEADY, run
from limekiln import comparison
from limekiln.change import RunName
from limekiln.record import RunRecord
from limekiln.report import html, view
from limekiln.report.change import ChangeView
from report import sample_record as sample

NAME = "<b>sex</b> & more"


def changed(old: RunRecord, new: RunRecord) -> RunRecord:
    return replace(new, change=comparison.between(old, new))


def planted() -> RunRecord:
    return changed(run(STEADY, "then", config_text="a: 1"), run(PLANTED, "now", config_text="a: 2"))


def part(record: RunRecord) -> ChangeView:
    found = view.build(record).change
    assert found is not None
    return found


def test_the_first_run_has_no_section_and_page_one_no_line() -> None:
    made = view.build(sample.credit())
    assert made.change is None
    assert "change" not in {s.anchor for s in made.sections}
    assert 'id="change"' not in html.render(made)
    assert not any("last run" in s.text for s in made.cover.sure)


def test_a_planted_feature_stands_first_with_its_move() -> None:
    told = part(planted())
    assert [c.title.short for c in told.shown] == ["all classes together", "bad"]
    first = told.shown[1].rows[0]
    assert (first.feature.short, first.old_rank, first.new_rank) == ("sex", "3", "1")
    assert (first.old, first.new, first.difference, first.finding) == ("0.20", "9.00", "+8.80", "up, moved")
    assert first.chart.moved
    assert first.chart.old < first.chart.new
    assert first.chart.old_range is not None
    assert first.chart.old_range[0] < first.chart.old < first.chart.old_range[1]
    assert [r.finding for r in told.shown[1].rows[1:]] == ["within noise"] * 2
    assert [(c.ndcg, c.moved, c.tested) for c in told.classes][2] == ("1.000", "0", "4")
    assert [(a.part, a.what.short, a.old.short, a.new.short) for a in told.altered] == [("config", "a", "1", "2")]
    assert told.same == "The same in both runs: model, data and software."


def test_page_one_says_what_moved_most_and_where_to_read_of_it() -> None:
    made = view.build(planted())
    number = next(s.number for s in made.sections if s.anchor == "change")
    (line,) = (s.text for s in made.cover.sure if "last run" in s.text)
    assert line == (
        "Since the last run of 1 November 2026, 1 feature moved; the most: sex, rank 3 then and 1 now "
        f"(section {number})."
    )
    anchors = [s.anchor for s in made.sections]
    assert anchors[anchors.index("change") + 1] == "method"
    assert made.cover.notices_more in ("", f"and {len(planted().results.notices) - 2} more in section {number + 2}")


def test_where_nothing_moved_page_one_is_silent_and_the_section_says_so() -> None:
    record = changed(run(STEADY, "then"), run(STEADY, "now"))
    told = part(record)
    assert [c.intro.text for c in told.shown] == ["Of 4 features tested, none moved for sure."]
    assert not told.altered
    assert told.same == "The same in both runs: model, data, config and software."
    assert not any("last run" in s.text for s in view.build(record).cover.sure)


def test_a_model_without_a_hash_is_not_called_the_same() -> None:
    record = changed(run(STEADY, "then", model_sha256=None), run(STEADY, "now", model_sha256=None))
    assert part(record).same.startswith("The same in both runs: data, config and software. The model of at least")


@pytest.mark.parametrize("readable", [True, False])
def test_runs_that_cannot_be_compared_say_why(readable: bool) -> None:  # noqa: FBT001 - a case of the test
    new = run(STEADY, "now", score="share")
    why = comparison.unreadable(RunName(run_id="then"), new, "its files cannot be read (<i>gone</i>)")
    record = changed(run(STEADY, "then"), new) if readable else replace(new, change=why)
    told = part(record)
    assert not told.classes
    assert [r.short for r in told.reasons] == [
        "aggregate.score was weighted and is share" if readable else "its files cannot be read (<i>gone</i>)"
    ]
    text = html.render(view.build(record))
    assert "<i>gone" not in text
    assert any("is not known" in s.text for s in view.build(record).cover.sure)


@pytest.mark.parametrize("medium", ["screen", "print"])
def test_the_section_is_escaped_and_each_of_its_drawings_has_a_title(medium: html.Medium) -> None:
    hostile = {c: [(NAME if f == "sex" else f, s, off) for f, s, off in fs] for c, fs in PLANTED.items()}
    then = {c: [(NAME if f == "sex" else f, s, off) for f, s, off in fs] for c, fs in STEADY.items()}
    text = html.render(view.build(changed(run(then, "then"), run(hostile, "now"))), medium)
    section = text[text.index('id="change"') : text.index('id="method"')]
    assert "<b>sex" not in section
    assert "&lt;b&gt;sex" in section
    drawings = re.findall(r"<svg.*?</svg>", section, re.DOTALL)
    assert len(drawings) > 6
    assert all("<title>" in d for d in drawings)
