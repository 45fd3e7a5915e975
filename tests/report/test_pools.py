"""What the report says of perturbed and real rows, from a finding made by hand."""

from dataclasses import replace
from typing import Any, Literal

import pytest

from limekiln.evidence import PoolComparison, PoolFinding, PoolShare
from limekiln.notices import of_pools
from limekiln.record import Notice, RunRecord
from limekiln.report import html, view
from limekiln.report.pools import Pools
from report import sample_record as sample

Verdict = Literal["agree", "suspicious", "disagree"]

SHARES = (
    PoolShare(feature="sex", perturbed=0.1, real=0.8, expected=0.3),
    PoolShare(feature="age", perturbed=0.2, real=0.1, expected=0.2),
    PoolShare(feature="telephone", perturbed=0.7, real=0.1, expected=0.5),
)


def finding(name: str, verdict: Verdict, excess: float, rows: int = 300) -> PoolFinding:
    return PoolFinding(class_name=name, rows=rows, verdict=verdict, excess=excess, feature="sex", features=SHARES)


def pools(verdict: Verdict, *findings: PoolFinding) -> PoolComparison:
    return PoolComparison(
        verdict=verdict, suspicious_from=0.08, disagree_from=0.12, rows=300, perturbed_rows=5000, real_rows=1000,
        told_apart=0.93, learnt=None, carried=0.36, findings=findings,
    )  # fmt: skip


def record(found: PoolComparison | None, **method: Any) -> RunRecord:
    base = sample.credit()
    changed = base.results.method.model_copy(update=method)
    return replace(base, results=base.results.model_copy(update={"pools": found, "method": changed}))


def part(made: RunRecord) -> Pools:
    found = view.build(made).reliability.pools
    assert found is not None
    return found


DISAGREE = pools("disagree", finding("*", "disagree", 0.3), finding("bad", "agree", 0.02, 80))


def test_a_disagreement_names_the_feature_and_shows_the_ranks_side_by_side() -> None:
    told = part(record(DISAGREE))
    assert told.alarm
    assert told.verdict.text == (
        "They disagree: over the 300 rows compared, sex takes 80% of the weight when real rows are asked. The model's "
        "answers to perturbed rows let 30% be expected. The ranking by perturbed rows does not describe how the model "
        "treats real ones."
    )
    (side,) = told.sides  # the class that agrees is not shown
    assert side.title.short == "all rows compared"
    assert [
        (r.rank, r.perturbed.short, r.perturbed_share, r.real.short, r.real_share, r.expected) for r in side.rows
    ] == [
        ("1", "telephone", "70%", "sex", "80%", "30%"),
        ("2", "age", "20%", "age", "10%", "20%"),
        ("3", "sex", "10%", "telephone", "10%", "50%"),
    ]
    assert {k: v.short for k, v in told.facts}["most beyond what was expected"] == "0.30 (sex)"
    assert "\N{EN DASH}" in [v.short for _, v in told.facts]


def test_a_class_is_named_where_its_excess_is_the_largest() -> None:
    told = part(record(pools("disagree", finding("*", "suspicious", 0.1), finding("bad", "disagree", 0.5, 80))))
    assert told.verdict.text.startswith("They disagree: over 80 rows predicted bad, sex takes 80%")
    assert [s.title.short for s in told.sides] == ["all rows compared", "bad"]


def test_at_most_three_classes_are_shown_the_worst() -> None:
    found = [
        finding(name, "disagree", excess) for name, excess in zip("*abcd", (0.2, 0.3, 0.13, 0.4, 0.5), strict=True)
    ]
    assert [s.title.short for s in part(record(pools("disagree", *found))).sides] == ["a", "c", "d"]


def test_what_may_be_chance_is_no_alarm() -> None:
    made = record(pools("suspicious", finding("*", "suspicious", 0.09)))
    told = part(made)
    assert told.verdict.text.startswith("They differ, which asks for a look")
    assert (told.alarm, len(told.sides), view.build(made).cover.caution) == (False, 1, "")


def test_agreement_claims_no_more_than_it_can() -> None:
    told = part(record(pools("agree", finding("*", "agree", 0.02))))
    assert told.verdict.text.endswith("This rules out strong fooling, not a weak one.")
    assert (told.alarm, told.sides, told.sides_note) == (False, (), "")


@pytest.mark.parametrize(
    ("method", "how", "caution"),
    [
        ({}, "5,000 rows of this run's pool", "Do not rely on this ranking"),
        ({"pool": "none"}, "5,000 perturbed rows of the kind that every row had", "Do not rely on this ranking"),
        ({"pool": "none", "method": "kernelshap", "background": 50}, "are not judged", "Do not rely on this ranking"),
        ({"pool": "data"}, "explained from 5,000 perturbed rows were", "This report rests on real rows"),
    ],
)
def test_it_says_what_was_compared_and_page_one_what_follows(method: dict[str, Any], how: str, caution: str) -> None:
    made = record(DISAGREE, **method)
    assert how in part(made).how
    assert caution in view.build(made).cover.caution


def test_a_run_without_the_comparison_says_so_and_why() -> None:
    told = part(record(None))
    assert told.verdict.text.endswith("was not checked in this run.")
    assert (told.how, told.facts) == ("", ())
    made = record(None)
    notice = Notice(code="pools_not_compared", text="Whether it does was not checked: too few rows.")
    made = replace(made, results=made.results.model_copy(update={"notices": (notice,)}))
    assert part(made).verdict.text == notice.text


def test_texts_have_no_rows_to_compare() -> None:
    base = sample.credit()
    data = base.results.data.model_copy(update={"domain": "text"})
    made = replace(base, results=base.results.model_copy(update={"data": data}))
    assert view.build(made).reliability.pools is None


def test_the_page_prints_names_as_text() -> None:
    hostile = PoolShare(feature="<b>sex</b>", perturbed=0.1, real=0.8, expected=0.3)
    found = finding("<i>bad</i>", "disagree", 0.5).model_copy(update={"feature": "<b>sex</b>", "features": (hostile,)})
    page = html.render(view.build(record(pools("disagree", found))))
    assert "Perturbed rows against real ones" in page
    assert "&lt;b&gt;sex" in page
    assert "<b>sex" not in page
    assert "<i>bad" not in page


@pytest.mark.parametrize(("verdict", "codes"), [("agree", []), ("suspicious", ["pools_suspicious"])])
def test_only_what_differs_is_a_notice(verdict: Verdict, codes: list[str]) -> None:
    assert [n.code for n in of_pools(pools(verdict, finding("*", verdict, 0.1)), regression=False)] == codes


def test_the_notice_names_class_feature_and_shares() -> None:
    found = pools("disagree", finding("*", "agree", 0.01), finding("bad", "disagree", 0.5))
    (notice,) = of_pools(found, regression=False)
    assert notice.text == (
        "Perturbed and real rows disagree: for real rows predicted 'bad' sex takes 80% of the weight, where the "
        "model's answers to perturbed rows let expect 30%."
    )
    (notice,) = of_pools(found, regression=True)
    assert "for real rows explained for 'bad' sex takes" in notice.text
    (notice,) = of_pools(DISAGREE, regression=False)
    assert "for real rows sex takes" in notice.text
