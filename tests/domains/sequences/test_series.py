import pickle
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limekiln.domains import sequences
from limekiln.domains.sequences.series import resample
from limekiln.errors import InputError, InstanceError
from limekiln.settings.data import SequenceSettings
from limekiln.values import Array


class Unreadable:
    reason = "row 3 of series.npz: no such array"


def series(steps: int = 12, channels: int = 2, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal([1.0, -50.0, 7.0][:channels], [1, 10, 0.5][:channels], (steps, channels))


def background(n: int = 5, steps: int = 12) -> list[Array]:
    return [series(steps, seed=seed) for seed in range(n)]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 15), st.integers(1, 3), st.integers(1, 20), st.integers(0, 99))
def test_a_composed_series_is_its_own_where_kept_and_another_where_hidden(
    steps: int, channels: int, spans: int, seed: int
) -> None:
    values = series(steps, channels, seed)
    domain = sequences.fit(SequenceSettings(segments=spans), [series(30, channels, seed + 1)])
    parts = domain.decompose(values, 0)
    kept = np.random.default_rng(seed).random((4, parts.size)) < 0.5
    expected = np.tile(domain.mean, (4, steps, 1))
    cut = np.array_split(np.arange(steps), min(spans, steps))
    for i in range(4):
        for channel in range(channels):
            for span, at in enumerate(cut):
                if kept[i, channel * len(cut) + span]:
                    expected[i, at, channel] = values[at, channel]
    found = parts.compose(kept)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
    assert parts.starts.tolist() == [at[0] for at in cut]


@pytest.mark.parametrize("hide", ["mean", "noise", "background"])
def test_what_hides_a_series_is_a_function_of_the_seed(hide: Literal["mean", "noise", "background"]) -> None:
    domain = sequences.fit(SequenceSettings(hide=hide), background(20))
    there = pickle.loads(pickle.dumps(domain))  # noqa: S301 - made the line before
    one, two = domain.decompose(series(seed=77), 5).hidden, there.decompose(series(seed=77), 5).hidden
    assert one.tobytes() == two.tobytes()
    other = domain.decompose(series(seed=77), 6).hidden
    assert np.array_equal(one, other) == (hide == "mean")


def test_noise_is_like_the_channels() -> None:
    domain = sequences.fit(SequenceSettings(hide="noise"), background(50, 40))
    hidden = domain.decompose(series(5000), 0).hidden
    np.testing.assert_allclose(hidden.mean(axis=0), domain.mean, atol=0.5)
    np.testing.assert_allclose(hidden.std(axis=0), domain.deviation, rtol=0.1)
    np.testing.assert_allclose(domain.mean, [1, -50], atol=1)


def test_a_background_series_is_another_than_the_row_and_as_long() -> None:
    known = background(2)
    domain = sequences.fit(SequenceSettings(hide="background"), known)
    for seed in range(8):
        np.testing.assert_array_equal(domain.decompose(known[0], seed).hidden, known[1])
    assert domain.decompose(series(31), 0).hidden.shape == (31, 2)


def test_a_row_that_is_the_only_series_of_the_background_cannot_be_hidden() -> None:
    domain = sequences.fit(SequenceSettings(hide="background"), background(1))
    with pytest.raises(InstanceError, match="no series of the background differs"):
        domain.decompose(series(), 0)


def test_resampling_is_linear_and_keeps_the_ends() -> None:
    line = np.array([[0.0, 10.0], [2.0, 20.0]])
    assert resample(line, 3).tolist() == [[0, 10], [1, 15], [2, 20]]
    assert resample(line, 1).tolist() == [[0, 10]]
    assert resample(line[:1], 2).tolist() == [[0, 10], [0, 10]]


def test_features_are_named_by_channel_and_steps() -> None:
    domain = sequences.fit(SequenceSettings(segments=5, channels=("speed", "heat")), background())
    parts = domain.decompose(series(), 0)
    names, features = sequences.globalise(domain, parts.traits())
    assert names[:5] == [
        "speed, steps 1–3",
        "speed, steps 4–6",
        "speed, steps 7–8",
        "speed, steps 9–10",
        "speed, steps 11–12",
    ]
    assert names[5] == "heat, steps 1–3"
    assert features.tolist() == list(range(10))
    assert sequences.axes(domain)[0] == ("speed", "heat")


def test_a_span_of_one_step_says_so() -> None:
    domain = sequences.fit(SequenceSettings(segments=12), background())
    assert sequences.globalise(domain, domain.decompose(series(), 0).traits())[0][1] == "channel 1, step 2"


def test_features_of_series_of_different_lengths_are_spans() -> None:
    domain = sequences.fit(SequenceSettings(segments=4), [series(12), series(3)])
    traits = [domain.decompose(series(steps), 0).traits()["cell"] for steps in (12, 3)]
    names, features = sequences.globalise(domain, {"cell": np.concatenate(traits)})
    assert names[5] == "channel 2, span 2 of 4"
    assert len(names) == 8
    assert features.tolist() == [*range(8), 0, 1, 2, 4, 5, 6]


def test_cells_may_be_lists_or_arrays_of_arrays_or_one_channel() -> None:
    nested = np.empty(3, dtype=object)
    nested[:] = [np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])]
    domain = sequences.fit(SequenceSettings(), [nested])
    assert (
        domain.decode([[1, 2], [3, 4], [5, 6]]).tolist() == domain.decode(nested).tolist() == [[1, 2], [3, 4], [5, 6]]
    )
    single = sequences.fit(SequenceSettings(), [[1, 2, 3]])
    assert single.decode(np.array([4, 5], dtype=np.int8)).tolist() == [[4], [5]]


BAD: list[tuple[Any, str]] = [
    (None, "missing"),
    (Unreadable(), "row 3 of series.npz"),
    ([[1, 2], [3]], "each step as long as the others"),
    ("abc", "expected a series of numbers"),
    (b"\x00", "expected a series of numbers"),
    ([["a", "b"]], "expected a series of numbers"),
    (np.zeros((0, 2)), "no values"),
    (np.zeros((3, 0)), "no values"),
    (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
    (np.float64(3), r"shape \(\)"),
    (np.array([[1, np.nan]]), "missing or infinite"),
    ([[1, None]], "missing or infinite|numbers"),
    (np.array([[1, -np.inf]]), "missing or infinite"),
    (np.zeros((4, 3)), "3 channels, expected 2"),
]


@pytest.mark.parametrize(("cell", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_what_is_no_series_says_why(cell: Any, reason: str) -> None:
    domain = sequences.fit(SequenceSettings(), background())
    with pytest.raises(InstanceError, match=reason):
        domain.decompose(cell, 0)


def test_cells_of_the_background_that_hold_no_series_are_passed_over() -> None:
    assert sequences.fit(SequenceSettings(), [None, *background(), Unreadable()]).length == 12


@pytest.mark.parametrize(
    ("cells", "names", "reason"),
    [
        ([], (), "there is none"),
        ([Unreadable()], (), "no such array"),
        ([series(4, 1), series(4, 3)], (), "equally many channels, got 1 and 3"),
        ([series()], ("a",), "1 names, and the series have 2 channels"),
        ([np.full((9, 1), 1e308)], (), "too large"),
    ],
)
def test_a_background_that_is_none_is_an_error_of_the_config(
    cells: list[Any], names: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        sequences.fit(SequenceSettings(channels=names), cells)


def test_composed_series_are_new_ones() -> None:
    domain = sequences.fit(SequenceSettings(), background())
    values = series()
    parts = domain.decompose(values, 0)
    parts.compose(np.ones((1, parts.size), bool))[:] = 0
    np.testing.assert_array_equal(parts.compose(np.ones((1, parts.size), bool))[0], values)
    assert domain.decompose(values, 0).values is not values
