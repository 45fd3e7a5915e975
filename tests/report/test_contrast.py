"""Picked rows beside the nearest of another class: which is nearest, what differs, what is close to the border."""

from typing import Literal

import pytest

from limekiln.record import LocalFeature, Pick, PickedRow, Results
from limekiln.report import contrast, html, view
from limekiln.report.voice import voice
from report import sample_record


def row(key: str, class_name: str, values: dict[str, tuple[str, float]], margin: float | None = 0.5) -> PickedRow:
    features = tuple(LocalFeature(feature=f, raw=v, value=v, weight=w) for f, (v, w) in values.items())
    return PickedRow(
        order=1, row=key, class_name=class_name, predicted=0.75, surrogate=0.7, target=None, r2=0.9, gain=1.0,
        coverage=1.0, upper_bound=1.0, newly_covered=(), n_newly_covered=0, features=features, margin=margin,
    )  # fmt: skip


def results(*rows: PickedRow, domain: Literal["tabular", "text", "images"] = "tabular") -> Results:
    known = sample_record.credit().results
    pick = Pick(
        scope="*",
        budget=8,
        rule="",
        keys=1,
        total=1.0,
        covered=1.0,
        upper_bound=1.0,
        ratio=1.0,
        optimal=True,
        rows=rows,
    )
    data = known.data.model_copy(update={"domain": domain})
    return known.model_copy(update={"picks": (pick,), "data": data})


def pairs(found: Results) -> dict[tuple[str, str], contrast.Contrast]:
    return contrast.pairs(found, voice(found))


HERE = {"age": ("old", 0.1), "job": ("none", -0.4), "home": ("own", 0.2)}


def test_the_nearest_has_the_fewest_different_values_and_only_these_are_told() -> None:
    far = row("far", "good", {"age": ("young", 0.1), "job": ("some", 0.1), "home": ("own", 0.1)})
    near = row("near", "good", {"age": ("old", -0.3), "job": ("some", 0.25), "home": ("own", -0.3)})
    same = row("same", "bad", HERE)
    found = pairs(results(row("mine", "bad", HERE), far, near, same))["mine", "bad"]
    assert (found.other.short, found.other_class.short) == ("near", "good")
    (difference,) = found.differences
    assert (difference.feature.short, difference.here.short, difference.there.short) == ("job", "none", "some")
    assert (difference.weight, difference.other_weight) == ("−0.400", "+0.250")
    assert found.left_out == "2 features are the same."


def test_of_equally_near_rows_the_one_whose_difference_weighs_less() -> None:
    heavy = row("heavy", "good", {**HERE, "job": ("some", 0.1)})
    light = row("light", "good", {**HERE, "age": ("young", 0.1)})
    assert pairs(results(row("mine", "bad", HERE), heavy, light))["mine", "bad"].other.short == "light"


def test_what_differs_beyond_the_heaviest_is_counted() -> None:
    many = {f"f{i}": ("a", i / 10) for i in range(7)}
    found = pairs(results(row("x", "bad", many), row("y", "good", dict.fromkeys(many, ("b", 0.0)))))["x", "bad"]
    assert [d.feature.short for d in found.differences] == ["f6", "f5", "f4", "f3"]
    assert found.left_out == "3 more differ; 0 features are the same."


def test_texts_differ_by_words_and_images_are_left_out() -> None:
    a, b = (
        row("a", "spam", {"win": ("", 0.3), "now": ("", 0.1)}),
        row("b", "ham", {"now": ("", 0.2), "hello": ("", 0.4)}),
    )
    found = pairs(results(a, b, domain="text"))["a", "spam"]
    told = {d.feature.short: (d.here.short, d.weight, d.there.short, d.other_weight) for d in found.differences}
    assert told == {"hello": ("not in it", "–", "in it", "+0.400"), "win": ("in it", "+0.300", "not in it", "–")}
    assert pairs(results(a, b, domain="images")) == {}
    long = row("c", "ham", {f"w{i}": ("", 0.1) for i in range(30)})  # there may be words beyond those stored
    assert ("c", "ham") not in pairs(results(a, b, long, domain="text"))


def test_one_class_alone_has_no_pair() -> None:
    assert pairs(results(row("a", "bad", HERE), row("b", "bad", HERE))) == {}
    regression = sample_record.houses().results
    assert contrast.pairs(regression, voice(regression)) == {}
    assert {contrast.border(r, regression) for p in regression.picks for r in p.rows} == {""}


@pytest.mark.parametrize(
    ("margin", "predicted", "marked"),
    [(0.09, 0.9, True), (0.1, 0.5, False), (None, 0.54, True), (None, 0.56, False), (None, 0.44, False)],
)
def test_a_row_close_to_the_border_is_marked(margin: float | None, predicted: float, *, marked: bool) -> None:
    """Of a run that stored no margin two classes tell it."""
    found = row("a", "bad", HERE, margin).model_copy(update={"predicted": predicted})
    assert bool(contrast.border(found, results(found))) == marked
    page = html.render(view.build(sample_record.credit()))
    assert "nearest picked one of another class" in page


def test_a_margin_of_many_classes_is_not_guessed() -> None:
    animals = sample_record.animals().results
    found = row("a", "bird", HERE, None).model_copy(update={"predicted": 0.5})
    assert contrast.border(found, animals) == ""
    assert contrast.border(found.model_copy(update={"margin": 0.01}), animals) == "close to the border, 0.01 ahead"
