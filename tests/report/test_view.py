from dataclasses import replace

import numpy as np
import pandas as pd

from limekiln.record import Fidelity, RunRecord, Score
from limekiln.report import provenance, view
from limekiln.report.names import Name
from limekiln.report.picks import Picks
from report import sample_record as sample


def _with(record: RunRecord, **changes: object) -> RunRecord:
    return replace(record, results=record.results.model_copy(update=changes))


def test_page_one_says_what_was_found_in_plain_sentences() -> None:
    cover = view.build(sample.credit()).cover
    assert cover.verdict.text == (
        "Over the 1,000 rows explained, status_of_existing_checking_account, duration_in_month and credit_history "
        "weigh most in explaining the class that the model predicts."
    )
    assert [p.name.short for p in cover.picture.panels] == ["bad", "good"]
    assert cover.found == ()  # the picture says it
    birds = view.build(sample.animals()).cover.found[0]
    assert f"{birds.name.short} ({birds.rows}): {birds.text.text}" == (
        "bird (20 rows): feathers (20%), hair (20%) and eggs (15%)."
    )


def test_page_one_says_how_sure() -> None:
    cover = view.build(sample.credit()).cover
    assert [s.text for s in cover.sure] == [
        "The local explanations follow the model well (median R² 0.81; 6% of rows below 0.5).",
    ]
    assert [(f.value, f.label, f.note) for f in cover.figures] == [
        ("0.81", "median fidelity, R²", "6% of rows below 0.5"),
        ("1,000", "rows explained", "of 1,000 requested, 0 failed"),
        ("71%", "of the importance in 8 picked rows", "no 8 rows can cover more than 77%"),
        ("96%", "the model's accuracy", "its likeliest class is the true one"),
    ]
    assert cover.caution == ""


def test_a_poor_fit_is_said_beside_the_finding() -> None:
    poor = Fidelity(median=0.34, p05=0.12, p95=0.44, below_half=1.0)
    cover = view.build(_with(sample.credit(), fidelity=poor)).cover
    assert cover.caution.startswith("Read this with caution")
    assert cover.figures[0].low
    assert cover.sure == ()  # the caution says it


def test_one_row_is_spoken_of_as_one() -> None:
    made = view.build(sample.almost_empty())
    assert made.cover.verdict.text.startswith("In the one row explained, x, y and z weigh most")
    assert made.reliability.failures_intro == "49 rows could not be explained."
    assert made.cover.figures[1].label == "row explained"
    assert made.reliability.failures_more == "and 29 more rows in failures.parquet"


def test_a_class_without_rows_says_so_and_draws_nothing() -> None:
    made = view.build(sample.almost_empty())
    empty = made.importances.classes[-1]
    assert empty.title.short == "no"
    assert empty.intro.text.startswith("No explained row is predicted so.")
    assert empty.features == ()
    assert empty.values == ()
    assert [p.name.short for p in made.cover.picture.panels] == ["yes"]


def test_a_run_without_explanations_says_only_that() -> None:
    made = view.build(sample.empty())
    assert made.cover.verdict.text == "No row could be explained, so this run says nothing about the model."
    assert made.cover.picture.panels == ()
    assert made.picks.instead == "No row could be picked, because none was explained."
    assert made.reliability.chart is None


def test_an_optimal_pick_is_called_so() -> None:
    record = sample.houses()
    pick = record.results.picks[0]
    best = pick.model_copy(update={"optimal": True, "upper_bound": pick.covered})
    made = view.build(_with(record, picks=(best,)))
    assert made.picks.sections[0].certificate.text.endswith("of the importance; no other pick of 5 rows covers more.")


def test_regression_speaks_of_values_and_never_of_classes() -> None:
    made = view.build(sample.houses())
    assert [c.title.short for c in made.importances.classes] == ["price"]
    assert {r.direction.removeprefix("mostly ") for c in made.importances.classes for r in c.features} <= {
        "raises", "lowers", "mixed"
    }  # fmt: skip
    assert made.importances.heat.instead == "The model gives one value, so there is nothing to compare."
    assert made.cover.found == ()
    assert ("predicted", "87,100") in [(k, v.short) for k, v in _card_facts(made.picks)]


def test_features_with_little_support_are_marked() -> None:
    classes = {c.title.short: c for c in view.build(sample.animals()).importances.classes}
    assert all(not r.supported for r in classes["amphibian"].features)
    assert classes["amphibian"].weak == "† Used by fewer than 20 explanations; ranked after all others."
    assert classes["bird"].weak == ""


def test_what_is_left_out_is_counted() -> None:
    made = view.build(sample.many())
    assert made.importances.classes[0].features_more == "and 490 more features in importances.parquet"
    assert made.importances.heat.turned
    assert made.cover.found_more == "17 more classes in section 3."
    assert len(made.importances.heat.rows) <= 20


def test_a_row_picked_twice_is_shown_once() -> None:
    record = sample.credit()
    first, second = record.results.picks[:2]
    again = second.model_copy(update={"rows": (first.rows[0], *second.rows[1:])})
    section = view.build(_with(record, picks=(first, again))).picks.sections[1]
    assert section.same is not None
    assert section.same.text == f"Row {first.rows[0].row} is shown above."
    assert len(section.cards) == len(second.rows) - 1


def test_every_picked_row_says_why() -> None:
    card = view.build(sample.credit()).picks.sections[0].cards[0]
    assert card.why.text == (
        "Picked because it adds 9 keys: status_of_existing_checking_account: > 24 · duration_in_month: > 24 · "
        "credit_history: > 24 and 6 more."
    )


def test_intervals_are_drawn_where_they_were_computed() -> None:
    record = sample.houses()
    assert not any(r.interval for r in view.build(record).importances.classes[0].features)
    table = record.tables["importances"].copy()
    table["ci_low"] = (table["weighted"] * 0.9).astype("Float64")
    table["ci_high"] = (table["weighted"] * 1.1).astype("Float64")
    made = view.build(replace(record, tables={**record.tables, "importances": table})).importances
    assert all(r.interval and r.bar.whisker for r in made.classes[0].features)


def test_the_prose_neither_claims_causes_nor_compliance() -> None:
    made = view.build(sample.credit())
    prose = " ".join(
        [*(s.text for _, s in made.method.steps), *(s.text for s in made.method.limitations), made.cover.verdict.text]
    ).lower()
    assert "complies" not in prose
    assert "because of" not in prose
    assert "do not say that a feature causes" in prose
    assert "adverse-action" in prose


def _card_facts(picks: Picks) -> tuple[tuple[str, Name], ...]:
    return picks.sections[0].cards[0].facts


def test_the_rerun_command_carries_the_overrides_and_a_run_from_python_has_none() -> None:
    record = sample.credit()
    manifest = record.manifest.model_copy(update={"config_overrides": ("model.version=a b",)})
    commands = dict(provenance.build(replace(record, manifest=manifest)).commands)
    assert commands["the whole run again"] == "limekiln run config.yaml --set 'model.version=a b'"
    from_python = record.manifest.model_copy(update={"config_file": ""})
    assert provenance.build(replace(record, manifest=from_python)).commands == ()


def with_floors(record: RunRecord, noise: set[str]) -> RunRecord:
    """Every feature with a floor: three times the scores of noise, a tenth of the others'."""
    results, table = record.results, record.tables["importances"].copy()
    weighted = table["weighted"].to_numpy()
    below = table["feature"].isin(noise).to_numpy()
    level = (table["level"] == "feature").to_numpy()
    table["floor"] = pd.array(np.where(level, weighted * np.where(below, 3.0, 0.1), np.nan), dtype="Float64")
    table["above_floor"] = pd.array((~below).tolist(), dtype="boolean")
    table.loc[~level, "above_floor"] = pd.NA

    def marked(s: Score) -> Score:
        low = s.feature in noise
        return s.model_copy(update={"floor": s.weighted * (3.0 if low else 0.1), "above_floor": not low})

    classes = tuple(c.model_copy(update={"features": tuple(map(marked, c.features))}) for c in results.classes)
    changed = results.model_copy(update={"classes": classes})
    return replace(record, results=changed, tables={**record.tables, "importances": table})


def test_features_that_are_noise_are_marked_and_named_but_lead_no_sentence() -> None:
    record = sample.credit()
    first = record.results.classes[0].features[0].feature
    made = view.build(with_floors(record, {first, "telephone"}))
    section = made.importances.classes[0]
    marked = [r.feature.short for r in section.features if r.noise]
    assert marked == [first]
    assert section.noise.startswith("\N{DOUBLE DAGGER} No higher than columns drawn like it")
    told = section.sure[-1].text
    which = "2 of 20 features cannot be told from columns that do nothing (\N{DOUBLE DAGGER})"
    assert told == f"{which}: {first} and telephone."
    assert first not in made.cover.verdict.text
    assert first not in section.intro.text
    assert "\N{DOUBLE DAGGER} no higher than noise" in made.cover.picture.note
    assert any(label == "Noise." for label, _ in made.method.steps)
    assert all(r.noise for s in made.importances.classes for r in s.values if r.feature.short == first)


def test_where_all_of_the_first_are_noise_the_verdict_says_so() -> None:
    record = sample.credit()
    everything = {s.feature for c in record.results.classes for s in c.features}
    made = view.build(with_floors(record, everything))
    assert made.cover.verdict.text.endswith("no feature that ranks first can be told from columns that do nothing.")


def test_a_run_without_floors_says_nothing_of_noise() -> None:
    made = view.build(sample.credit())
    assert not any(s.noise for s in made.importances.classes)
    assert not any(label == "Noise." for label, _ in made.method.steps)
