import pytest
from hypothesis import given
from hypothesis import strategies as st

from limekiln.report import figures

UNIT = st.floats(0, 1, allow_nan=False)


def test_a_bar_is_split_as_its_signed_parts() -> None:
    bar = figures.stacked_bar("t", score=0.5, positive=0.3, negative=0.1, top=1.0, width=160)
    assert [(m.sign, m.x, m.width) for m in bar.marks] == [("for", 0, 60), ("against", 60, 20)]
    assert not bar.marks[0].hatch
    assert bar.marks[1].hatch


def test_an_interval_becomes_a_whisker_on_the_same_scale() -> None:
    bar = figures.stacked_bar(
        "t", score=0.5, positive=1, negative=0, top=1.0, width=160, interval=(0.25, 0.75)
    )  # fmt: skip
    assert bar.whisker == (40, 120)


@pytest.mark.parametrize(("weight", "sign", "x"), [(0.5, "for", 50), (-0.5, "against", 25)])
def test_a_local_bar_points_its_way(weight: float, sign: str, x: float) -> None:
    bar = figures.diverging_bar("t", weight, reach=1.0, width=100)
    assert [(m.sign, m.x, m.width) for m in bar.marks] == [(sign, x, 25)]


def test_nothing_is_drawn_of_nothing() -> None:
    assert figures.stacked_bar("t", score=0, positive=0, negative=0, top=0).marks == ()
    assert figures.diverging_bar("t", 0.0, reach=0.0).marks == ()


@given(UNIT, UNIT, UNIT)
def test_bars_and_their_hatching_stay_inside_the_drawing(score: float, positive: float, negative: float) -> None:
    bar = figures.stacked_bar("t", score=score, positive=positive, negative=negative, top=1.0, width=160)
    for mark in bar.marks:
        assert mark.x >= 0
        assert mark.x + mark.width <= 160.2
        for x1, y1, x2, y2 in mark.hatch:
            assert mark.x - 0.2 <= x1 <= x2 <= mark.x + mark.width + 0.2
            assert -0.1 <= y2 <= y1 <= bar.height + 0.1


def test_the_coverage_curve_stands_under_its_bound() -> None:
    steps = figures.coverage_steps("t", "a", [0.2, 0.5], [0.3, 0.997])
    assert [t.text for t in steps.x_ticks] == ["1", "2"]
    assert steps.covered_label[1] == "covered: 50%"
    assert steps.bound_label[1] == "at most: 99.7%"
    assert steps.bound_label[0] < steps.covered_label[0]


def test_the_curve_s_labels_never_overlap() -> None:
    steps = figures.coverage_steps("t", "a", [0.99], [1.0])
    assert steps.covered_label[0] - steps.bound_label[0] >= 14


def test_the_histogram_counts_every_value_once() -> None:
    values = [-3.0, 0.0, 0.04, 0.05, 0.499, 0.5, 0.999, 1.0]
    drawn = figures.histogram("t", "a", values, median=0.25, line=0.5)
    assert sum(int(b.text) for b in drawn.bins) == len(values)
    assert [(b.text, b.low) for b in drawn.bins] == [
        ("1", True), ("2", True), ("1", True), ("1", True), ("1", False), ("2", False)
    ]  # fmt: skip


@given(UNIT)
def test_text_on_a_shade_can_be_read(share: float) -> None:
    fill, ink = figures.shade(share, 1.0)
    assert _contrast(fill, ink) >= 4.5


def _contrast(a: str, b: str) -> float:
    lighter, darker = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
