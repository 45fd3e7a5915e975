from typing import Final

import numpy as np
import pandas as pd
import pytest

from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Column, Discretizer


def background() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 500
    return pd.DataFrame(
        {
            "age": rng.integers(18, 75, n),
            "amount": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(7, 1, n)),
            "housing": pd.Series(rng.choice(["own", "rent", "free"], n)).astype("category"),
            "member": rng.random(n) < 0.3,
        }
    )


CUTS: Final[list[Discretizer]] = ["quartile", "decile", "none"]


@pytest.mark.parametrize("cut", CUTS)
def test_perturbed_frames_look_like_the_background(cut: Discretizer) -> None:
    frame = background()
    made = spaces.perturb(spaces.fit(frame, discretizer=cut), 300, np.random.default_rng(1)).frame
    assert made.shape == (300, 4)
    assert made.columns.tolist() == frame.columns.tolist()
    assert made.dtypes.tolist() == frame.dtypes.tolist()
    assert made.index.tolist() == list(range(300))


@pytest.mark.parametrize("cut", CUTS)
def test_codes_and_numbers_are_those_of_the_frame(cut: Discretizer) -> None:
    space = spaces.fit(background(), discretizer=cut)
    made = spaces.perturb(space, 300, np.random.default_rng(1))
    np.testing.assert_array_equal(made.codes, spaces.encode(space, made.frame))
    np.testing.assert_array_equal(made.standardised, spaces.standardise(space, made.frame))


@pytest.mark.parametrize("cut", CUTS)
def test_a_draw_is_a_function_of_its_generator(cut: Discretizer) -> None:
    space = spaces.fit(background(), discretizer=cut)
    one, two, other = (spaces.perturb(space, 50, np.random.default_rng(s)).frame for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)


def test_columns_are_drawn_independently_of_each_other() -> None:
    frame = pd.DataFrame({"a": np.arange(400.0), "b": np.arange(400.0)})
    made = spaces.perturb(spaces.fit(frame, discretizer="quartile"), 5000, np.random.default_rng(3)).frame
    assert abs(np.corrcoef(made["a"], made["b"])[0, 1]) < 0.06


def test_the_rows_own_columns_may_come_in_another_order() -> None:
    frame = background()
    space = spaces.fit(frame, discretizer="quartile")
    turned = frame[frame.columns[::-1]]
    np.testing.assert_array_equal(spaces.encode(space, turned), spaces.encode(space, frame))


def test_only_numbers_kept_as_numbers_are_not_matched() -> None:
    assert spaces.fit(background(), discretizer="quartile").matched.all()
    assert spaces.fit(background(), discretizer="none").matched.tolist() == [False, False, True, True]
    named = spaces.fit(background(), discretizer="none", categorical=("age",))
    assert named.matched.tolist() == [True, False, True, True]


def test_entropy_cuts_where_the_classes_change() -> None:
    frame = pd.DataFrame({"x": np.arange(100.0), "y": np.tile([0.0, 1.0], 50)})
    space = spaces.fit(frame, discretizer="entropy", classes=(np.arange(100) >= 37).astype(np.int64))
    x = space.columns[0]
    assert isinstance(x, Column)
    assert x.borders.tolist() == [36.5]


def test_standardised_numbers_have_mean_zero_and_spread_one() -> None:
    numbers = spaces.standardise(spaces.fit(background(), discretizer="none"), background())
    np.testing.assert_allclose(numbers[:, 0].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(numbers[:, 0].std(), 1)
    missing = background()["amount"].isna().to_numpy()
    assert (numbers[missing, 1] == 0).all()
    np.testing.assert_allclose(numbers[~missing, 1].std(), 1)
    assert (numbers[:, 2:] == 0).all()
