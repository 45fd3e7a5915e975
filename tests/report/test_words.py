import pytest

from limekiln.report import words


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.614, "61%"),
        (0.004, "0.4%"),
        (0.0004, "<0.1%"),
        (0.997, "99.7%"),
        (0.99996, ">99.9%"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_a_percentage_never_rounds_to_none_or_all(share: float | None, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(1234.5, 0, "1,234"), (0.01234, None, "0.0123"), (-0.5, 2, "−0.50"), (-0.001, 2, "0.00"), (None, 2, "–")],
)
def test_numbers_have_thousands_and_a_true_minus(value: float | None, places: int | None, text: str) -> None:
    assert words.number(value, places) == text


def test_a_column_shares_its_decimals() -> None:
    places = words.decimals([0.0834, 0.00012, float("nan"), None])
    assert [words.number(v, places) for v in (0.0834, 0.00012)] == ["0.0834", "0.0001"]


@pytest.mark.parametrize(("value", "text"), [(0.25, "+0.25"), (-0.25, "−0.25"), (0.0, "0.00"), (0.001, "0.00")])
def test_a_weight_carries_its_sign(value: float, text: str) -> None:
    assert words.signed(value, 2) == text


@pytest.mark.parametrize(("n", "text"), [(0, "0 rows"), (1, "1 row"), (32_561, "32,561 rows")])
def test_counts_agree_with_their_word(n: int, text: str) -> None:
    assert words.count(n, "row") == text


@pytest.mark.parametrize(("seconds", "text"), [(0.42, "0.420 s"), (75, "1 min 15 s"), (7380, "2 h 3 min")])
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_times_are_utc_whatever_zone_they_come_in() -> None:
    assert words.day_and_time("2026-11-22T23:30:00-05:00") == "23 November 2026, 04:30 UTC"
    assert words.day("2026-11-22T14:05:09") == "22 November 2026"
