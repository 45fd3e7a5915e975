"""Two runs against each other: whether they can be compared, what moved, which features came and went."""

from dataclasses import replace
from typing import Any

import pytest

from change_cases import PLANTED, STEADY, run
from limekiln import comparison
from limekiln.change import Change, ClassChange
from limekiln.record import RedactedColumn, RunRecord

NOW = "20261201T000000Z-1"


def of(change: Change, class_name: str) -> ClassChange:
    return next(c for c in change.classes if c.class_name == class_name)


def test_a_run_against_itself_is_the_same_in_every_class() -> None:
    change = comparison.between(run(STEADY), run(STEADY, NOW))
    assert (change.verdict, change.reasons, change.altered) == ("comparable", (), ())
    assert [c.class_name for c in change.classes] == ["*", "bad", "good"]
    for c in change.classes:
        assert (c.ndcg, c.ndcg_low, c.ndcg_high, c.moved, c.overlap) == (1, 1, 1, 0, 1)
        assert c.rank_correlation == pytest.approx(1)
        assert (c.appeared, c.vanished) == ((), ())


def test_a_planted_feature_is_first_of_those_that_moved_and_lowers_ndcg_where_it_was_planted() -> None:
    change = comparison.between(run(STEADY), run(PLANTED, NOW))
    bad, good = of(change, "bad"), of(change, "good")
    assert [f.feature for f in bad.features if f.moved] == ["sex"]
    first = bad.features[0]
    assert (first.feature, first.old_rank, first.new_rank, first.intervals) == ("sex", 3, 1, "separate")
    assert first.difference == pytest.approx(8.8)
    assert first.low is not None
    assert first.low > 8
    assert bad.ndcg is not None
    assert bad.ndcg_high is not None
    assert bad.ndcg_high < 0.9
    assert bad.overlap == pytest.approx(1 / 3), "income and sex against income and age"
    assert (good.moved, good.ndcg) == (0, 1)
    assert change.moved == 2, "in the class and in all together"


def test_a_noisy_change_is_no_finding_and_its_ndcg_is_open() -> None:
    noisy = {c: [(f, s, 12.0) for f, s, _ in features] for c, features in PLANTED.items()}
    wide = {c: [(f, s, 12.0) for f, s, _ in features] for c, features in STEADY.items()}
    bad = of(comparison.between(run(wide), run(noisy, NOW)), "bad")
    assert bad.moved == 0
    assert bad.ndcg_low is not None
    assert bad.ndcg_high is not None
    assert bad.ndcg_low < 0.9 <= bad.ndcg_high
    assert {f.intervals for f in bad.features} == {"overlapping"}


def test_features_that_one_run_alone_has_are_named_and_not_tested() -> None:
    now = {c: [*features[:-1], ("debt", 5.0, 0.2)] for c, features in STEADY.items()}
    bad = of(comparison.between(run(STEADY), run(now, NOW)), "bad")
    assert (bad.appeared, bad.vanished, bad.tested) == (("debt",), ("job",), 3)
    debt = next(f for f in bad.features if f.feature == "debt")
    assert (debt.old, debt.old_rank, debt.p, debt.moved, debt.intervals) == (0, None, None, False, None)


@pytest.mark.parametrize(
    ("facts", "verdict", "reason"),
    [
        ({"method": "kernelshap"}, "incomparable", "explain.method was lime and is kernelshap"),
        ({"score": "share"}, "incomparable", "aggregate.score was weighted and is share"),
        ({"kernel_width": 9.5}, "incomparable", "explain.kernel_width was 3.35 and is 9.5"),
        ({"pool": "data"}, "incomparable", "explain.pool was marginal and is data"),
        ({"perturbations": 77}, "with reservations", "explain.perturbations was 20,000 and is 77"),
        ({"confidence": 0.9}, "comparable", ""),
    ],
)
def test_scores_that_mean_something_else_are_not_compared(facts: dict[str, Any], verdict: str, reason: str) -> None:
    old = run(STEADY)
    change = comparison.between(old, run(STEADY, NOW, **facts))
    assert change.verdict == verdict
    assert [r.replace("3.354", "3.35") for r in change.reasons] == ([reason] if reason else [])
    assert bool(change.classes) == (verdict != "incomparable")


def of_task(record: RunRecord, **facts: Any) -> RunRecord:
    model = record.results.model.model_copy(update=facts)
    return replace(record, results=record.results.model_copy(update={"model": model}))


def test_another_output_or_other_classes_cannot_be_compared() -> None:
    old, new = run(STEADY), run(STEADY, NOW)
    assert comparison.between(old, of_task(new, output="logit")).reasons == ("the output was probability and is logit",)
    other = tuple(c.model_copy(update={"name": f"{c.name}2" if c.name != "*" else "*"}) for c in new.results.classes)
    renamed = replace(new, results=new.results.model_copy(update={"classes": other}))
    change = comparison.between(old, renamed)
    assert change.reasons == ("they have no class in common",)
    assert (change.appeared, change.vanished) == (("bad2", "good2"), ("bad", "good"))


def redacted(record: RunRecord, *rules: tuple[str, str], **facts: Any) -> RunRecord:
    hidden = tuple(RedactedColumn.model_validate({"column": c, "how": how, "by_default": False}) for c, how in rules)
    data = record.results.data.model_copy(update={"redacted": hidden} | facts)
    return replace(record, results=record.results.model_copy(update={"data": data}))


def test_what_is_hidden_now_does_not_come_back_from_an_older_run() -> None:
    old = run(STEADY, config_text="data: {exclude: [canary]}")
    new = redacted(run(STEADY, NOW, config_text="data: {}", limekiln="9"), ("withheld feature 1", "drop"))
    change = comparison.between(old, new)
    assert change.verdict == "incomparable"
    assert change.reasons[0].startswith("data.redact shows other columns than then")
    assert "canary" not in change.model_dump_json()
    assert [a.what for a in change.altered] == ["limekiln"]
    assert comparison.between(redacted(old, ("job", "mask")), redacted(new, ("job", "mask"))).classes


def test_masked_words_of_other_texts_are_not_matched_by_their_numbers() -> None:
    old, new = (redacted(r, ("text", "mask"), domain="text") for r in (run(STEADY), run(STEADY, NOW)))
    assert comparison.between(old, new).classes
    assert comparison.between(old, redacted(new, ("text", "mask"), domain="text", sha256="other")).classes == ()


def test_a_class_without_rows_has_no_ndcg_and_says_why() -> None:
    new = run(STEADY, NOW)
    classes = tuple(c.model_copy(update={"rows": 0}) if c.name == "bad" else c for c in new.results.classes)
    change = comparison.between(run(STEADY), replace(new, results=new.results.model_copy(update={"classes": classes})))
    assert (of(change, "bad").ndcg, of(change, "bad").reason) == (None, "no row was explained for it in the new run")


def test_tables_of_an_older_version_lack_columns_and_are_still_compared() -> None:
    old = run(STEADY)
    table = old.tables["importances"].drop(columns=["ci_low", "ci_high", "se_rows", "se_pool", "floor"])
    change = comparison.between(replace(old, tables={**old.tables, "importances": table}), run(STEADY, NOW))
    bad = of(change, "bad")
    assert (bad.tested, bad.moved, bad.ndcg) == (0, 0, 1)
    assert bad.ndcg_low is not None
    assert bad.ndcg_low < 1, "without errors nothing is sure"
