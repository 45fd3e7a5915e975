"""What the report says of cohorts, from findings made by hand."""

from dataclasses import replace
from typing import Any

import pytest

from limekiln.evidence import CohortColumn, CohortComparison, CohortDifference, CohortFacts
from limekiln.record import RunRecord
from limekiln.report import html, view
from limekiln.report.cohorts import CohortsView
from report import sample_record as sample


def difference(feature: str, by: float, class_name: str = "bad") -> CohortDifference:
    return CohortDifference(
        class_name=class_name, feature=feature, score=0.5 + by, low=0.4 + by, high=0.6 + by, other=0.5,
        difference=by, difference_low=by - 0.05, difference_high=by + 0.05, p=0.001,
    )  # fmt: skip


def cohort(name: str, *differences: CohortDifference, **changes: Any) -> CohortFacts:
    facts: dict[str, Any] = {
        "name": name, "of": 500, "rows": 200, "added": 0, "failed": 0, "classes": (("bad", 80), ("good", 120)),
        "median_r2": 0.61, "accuracy": 0.75, "first": ("age", "sex"), "tested": 40, "found": len(differences),
        "differences": differences,
    }  # fmt: skip
    return CohortFacts(**(facts | changes))


def record(*columns: CohortColumn, each: int | None = 200) -> RunRecord:
    base = sample.credit()
    every = [c for column in columns for c in column.cohorts]
    found = CohortComparison(
        confidence=0.95, coverage=0.999, least=20, each=each, tested=sum(c.tested for c in every),
        found=sum(c.found for c in every), columns=columns,
    )  # fmt: skip
    return replace(base, results=base.results.model_copy(update={"cohorts": found}))


def column(name: str, *cohorts: CohortFacts, pooled: int = 0) -> CohortColumn:
    return CohortColumn(column=name, by="value", pooled=pooled, cohorts=cohorts)


def part(made: RunRecord) -> CohortsView:
    found = view.build(made).cohorts
    assert found is not None
    return found


def test_a_run_without_cohorts_has_no_section() -> None:
    made = view.build(sample.credit())
    assert made.cohorts is None
    assert "cohorts" not in [s.anchor for s in made.sections]


def test_the_section_stands_after_reliability() -> None:
    made = view.build(record(column("sex", cohort("f"), cohort("m"))))
    anchors = [s.anchor for s in made.sections]
    assert anchors.index("cohorts") == anchors.index("reliability") + 1
    assert 'id="cohorts"' in html.render(made)


def test_each_cohort_is_told_with_its_counts() -> None:
    m = cohort("m", rows=12, tested=0, accuracy=None)
    first, second = part(record(column("sex", cohort("f", difference("age", 0.2)), m))).columns[0].cohorts
    told = (first.cohort.short, first.of, first.rows, first.accuracy, first.fidelity, first.differ)
    assert told == ("f", "500", "200", "75%", "0.61", "1 of 40")
    assert first.first.text == "age and sex"
    assert (second.rows, second.accuracy, second.differ) == ("12", "–", "too few")


def test_differences_come_largest_first_each_feature_once_and_the_column_itself_last() -> None:
    f = cohort("f", difference("sex", 0.4), difference("age", 0.1), difference("age", 0.15, "*"))
    m = cohort("m", difference("job", -0.3, "good"))
    rows = part(record(column("sex", f, m))).columns[0].rows
    assert [(r.feature.short, r.cohort.short, r.whose.short, r.whose_more) for r in rows] == [
        ("job", "m", "good", ""),
        ("age", "f", "all together", "and 1 more"),
        ("sex (the column itself)", "f", "bad", ""),
    ]
    assert (rows[0].score, rows[0].other, rows[0].difference) == ("0.200", "0.500", "−0.300")
    assert rows[0].interval == "−0.350 to −0.250"
    assert rows[0].chart.title == "job: score 0.200 in the cohort, 0.500 elsewhere"


def test_of_many_differences_ten_are_shown_and_the_others_counted() -> None:
    many = [cohort(f"c{i}", *(difference(f"f{j}", 0.01 * (i + j)) for j in range(20)), found=60) for i in range(10)]
    told = part(record(column("region", *many, pooled=7))).columns[0]
    assert len(told.rows) == 10
    assert told.more == "and 590 more differences in cohorts.parquet"
    assert "7 rarer values are one cohort, (other)" in told.intro.text


@pytest.mark.parametrize(
    ("cohorts", "says"),
    [
        ((cohort("f"), cohort("m")), "No difference can be told from noise, of 80 tested."),
        ((cohort("f", tested=0), cohort("m", tested=0)), "The cohorts have too few rows to tell any difference."),
        ((cohort("f"),), "All rows are in one cohort, so there is nothing to compare it with."),
    ],
)
def test_where_nothing_is_found_it_is_said(cohorts: tuple[CohortFacts, ...], says: str) -> None:
    told = part(record(column("sex", *cohorts))).columns[0]
    assert (told.finding, told.rows) == (says, ())


def test_it_says_whose_rows_they_are() -> None:
    more = part(record(column("sex", cohort("f", added=40, failed=2), cohort("m", added=1))))
    assert more.meaning[0].startswith(
        "At least 200 rows of a cohort are explained, or all that it has: those of the sample, and"
    )
    assert more.columns[0].intro.text == (
        "2 cohorts: its values. For them 41 rows beyond the sample were explained. 2 rows could not be explained."
    )
    none = part(record(column("sex", cohort("f"), cohort("m")), each=None))
    assert none.meaning[0].startswith("The rows are those of the sample that are in the cohort, few where it is small")


def test_names_from_outside_are_escaped() -> None:
    wicked = record(column("<b>", cohort("<script>", difference("<i>", 0.2)), cohort("m")))
    section = html.render(view.build(wicked)).split('id="cohorts"')[1].split("</section>")[0]
    assert not [tag for tag in ("<b>", "<script>", "<i>") if tag in section]
