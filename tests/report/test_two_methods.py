"""What the report says of two methods, from findings made by hand."""

from dataclasses import replace
from typing import Any, Literal

import pytest

from limekiln.evidence import MethodComparison, MethodFinding, MethodScore
from limekiln.record import Notice, RunRecord
from limekiln.report import html, view
from limekiln.report.two_methods import TwoMethods
from report import sample_record as sample

SCORES = (
    MethodScore(feature="sex", lime=0.6, kernelshap=0.25, lime_rank=1, kernelshap_rank=2),
    MethodScore(feature="age", lime=0.3, kernelshap=0.75, lime_rank=2, kernelshap_rank=1),
    MethodScore(feature="telephone", lime=0.1, kernelshap=0.0, lime_rank=3, kernelshap_rank=3),
)


def finding(name: str, **changes: Any) -> MethodFinding:
    found: dict[str, Any] = {
        "class_name": name, "rows": 80, "rank_correlation": 0.5, "top": 2, "overlap": 1.0, "moved": "sex",
        "row_correlation": 0.25, "same_sign": 0.9, "features": SCORES,
    }  # fmt: skip
    return MethodFinding(**(found | changes))


def record(*findings: MethodFinding, base: RunRecord | None = None, **changes: Any) -> RunRecord:
    facts: dict[str, Any] = {
        "second": "kernelshap", "perturbations": 500, "background": 50, "model_rows": 2_000_050, "rows": 160,
        "failed": 0, "slopes": 0, "findings": findings,
    }  # fmt: skip
    base = base or sample.credit()
    method = "lime" if (facts | changes)["second"] == "kernelshap" else "kernelshap"
    update = {
        "methods": MethodComparison(**(facts | changes)),
        "method": base.results.method.model_copy(update={"method": method, "background": 50}),
    }
    return replace(base, results=base.results.model_copy(update=update))


def part(made: RunRecord) -> TwoMethods:
    found = view.build(made).two_methods
    assert found is not None
    return found


def test_each_class_has_both_rankings_side_by_side() -> None:
    told = part(record(finding("bad"), finding("good")))
    assert (told.own, told.other) == ("LIME", "KernelSHAP")
    assert [c.title.short for c in told.classes] == ["bad", "good"]
    rows = told.classes[0].rows
    assert [(r.feature.short, r.own_rank, r.own_share, r.other_rank, r.other_share, r.apart) for r in rows] == [
        ("sex", "1", "60%", "2", "25%", "↓ 1"),
        ("age", "2", "30%", "1", "75%", "↑ 1"),
        ("telephone", "3", "10%", "3", "0%", "="),
    ]
    assert rows[0].bars.title == "sex: 60% by LIME, 25% by KernelSHAP"
    assert (rows[1].bars.first, rows[1].bars.second) == (59.6, 149), "one scale for both, as long as the longest bar"
    assert rows[2].bars.second == 0


def test_the_sentences_say_what_agrees_and_what_moves() -> None:
    assert part(record(finding("bad"))).classes[0].intro.text == (
        "Over 80 rows predicted bad, the rank correlation is 0.50, and 2 of the first 2 features are the same. sex "
        "moves most: rank 1 by LIME, 2 by KernelSHAP. Row by row, the sizes of the weights have a rank correlation of "
        "0.25 in the median, and 90% of the weight that both methods give has the same sign."
    )
    few = finding("bad", rank_correlation=None, overlap=0.5, moved=None, row_correlation=None, same_sign=None)
    assert part(record(few)).classes[0].intro.text == (
        "Over 80 rows predicted bad, 1 of the first 2 features is the same. No rank differs among them."
    )


@pytest.mark.parametrize(
    ("second", "own", "work"), [("kernelshap", "LIME", "500 coalitions"), ("lime", "KernelSHAP", "one pool of 500")]
)
def test_the_runs_own_method_stands_first(second: Literal["lime", "kernelshap"], own: str, work: str) -> None:
    told = part(record(finding("bad"), second=second, failed=3))
    assert told.own == own
    assert told.classes[0].rows[0].own_share == {"LIME": "60%", "KernelSHAP": "25%"}[own]
    facts = {label: value.short for label, value in told.facts}
    assert work in facts[f"{told.other}'s perturbations"]
    assert facts[f"rows that {told.other} could not explain"] == "3"


def test_it_says_what_the_methods_measure_and_blames_neither() -> None:
    told = part(record(finding("bad")))
    assert "neither is wrong" in told.meaning[2]
    assert "50 rows of the background" in told.meaning[1]
    assert "slope" not in told.meaning[0]
    assert "Of 2 features not cut into intervals it is a slope" in part(record(finding("bad"), slopes=2)).meaning[0]


def test_many_classes_are_counted() -> None:
    told = part(record(*[finding(f"class {i}") for i in range(15)]))
    assert (len(told.classes), told.classes_more) == (12, "and 3 more classes in results.json")


def test_the_section_stands_before_the_method_and_only_where_it_was_asked_for() -> None:
    page = html.render(view.build(record(finding("bad"))))
    assert '<span class="number">7</span> Two methods' in page
    assert '<span class="number">9</span> Limitations' in page
    assert "<title>sex: 60% by LIME, 25% by KernelSHAP</title>" in page
    made = view.build(sample.credit())
    assert made.two_methods is None
    assert [s.number for s in made.sections] == list(range(2, 12))
    assert "Two methods" not in html.render(made)


def test_why_there_is_no_comparison_stands_in_its_place() -> None:
    base = sample.credit()
    notice = Notice(code="methods_not_compared", text="The rows were not explained by kernelshap: too many failed.")
    made = replace(base, results=base.results.model_copy(update={"notices": (notice,) * 9}))
    page = html.render(view.build(made))
    assert notice.text in page.split('id="two-methods"')[1]
    assert view.build(made).cover.notices_more.endswith("more in section 9")


def test_names_from_outside_stay_text_and_values_are_no_classes() -> None:
    bold = (MethodScore(feature="<b>x</b>", lime=1, kernelshap=1, lime_rank=1, kernelshap_rank=1),)
    page = html.render(view.build(record(finding("<i>y</i>", features=bold, moved="<b>x</b>"))))
    assert "<b>x" not in page
    assert "<i>y" not in page
    told = part(record(finding("price"), base=sample.houses()))
    assert told.classes[0].intro.text.startswith("Over 80 rows, the rank")
    assert "at most 100, were" in told.lead
