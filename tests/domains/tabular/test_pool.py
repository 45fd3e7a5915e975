"""What one row sees of the shared pool."""

import numpy as np
import pandas as pd
import pytest

from limekiln import surrogate
from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Column, Discretizer
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.space import Space
from limekiln.kernels import exponential


def background() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 300
    amount = np.where(rng.random(n) < 0.3, np.nan, rng.lognormal(7, 1, n))
    return pd.DataFrame({"age": rng.normal(40, 9, n), "amount": amount, "housing": rng.choice(list("abc"), n)})


def made(cut: Discretizer, M: int = 400) -> tuple[Space, Pool, pd.DataFrame]:
    space = spaces.fit(background(), discretizer=cut)
    drawn = spaces.perturb(space, M, np.random.default_rng(1))
    outputs = np.column_stack([np.arange(M) * 1.0, -np.arange(M) * 1.0]) + 1e6
    return space, pools.make(space, drawn.codes, drawn.standardised, outputs), drawn.frame


def seen(space: Space, pool: Pool, row: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    codes, numbers = spaces.encode(space, row), spaces.standardise(space, row)
    Z, squared = pools.neighbourhood(pool, space, codes[0], numbers[0])
    return np.asarray(Z, dtype=np.float64), squared, pools.own_values(space, codes, numbers)[0]


def test_matches_are_the_rows_own_interval_category_or_gap() -> None:
    space, pool, frame = made("quartile")
    row = pd.DataFrame({"age": [40.0], "amount": [np.nan], "housing": ["b"]})
    Z, squared, own = seen(space, pool, row)
    column = space.columns[0]
    assert isinstance(column, Column)
    borders = column.borders
    age = np.searchsorted(borders, frame["age"]) == np.searchsorted(borders, [40.0])
    np.testing.assert_array_equal(Z[0], age)
    np.testing.assert_array_equal(Z[1], frame["amount"].isna())
    np.testing.assert_array_equal(Z[2], frame["housing"] == "b")
    np.testing.assert_array_equal(squared, 3 - Z.sum(axis=0))
    assert own.tolist() == [1.0, 1.0, 1.0]


def test_numbers_are_measured_but_a_rows_missing_number_is_matched() -> None:
    space, pool, frame = made("none")
    there = pd.DataFrame({"age": [40.0], "amount": [1000.0], "housing": ["b"]})
    Z, squared, own = seen(space, pool, there)
    amount = space.columns[1]
    assert isinstance(amount, Column)
    standard = ((frame["amount"] - amount.centre) / amount.scale).fillna(0.0)
    np.testing.assert_allclose(Z[1], standard, atol=1e-12)
    assert own[1] == pytest.approx((1000.0 - amount.centre) / amount.scale)
    np.testing.assert_allclose(squared, ((Z - own[:, None]) ** 2).sum(axis=0))
    gone = there.assign(amount=np.nan)
    Z, squared, own = seen(space, pool, gone)
    np.testing.assert_array_equal(Z[1], frame["amount"].isna())
    assert own[1] == 1.0
    np.testing.assert_allclose(squared, ((Z - own[:, None]) ** 2).sum(axis=0))


@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_an_unseen_category_never_matches(cut: Discretizer) -> None:
    space, pool, _ = made(cut)
    Z, _, own = seen(space, pool, pd.DataFrame({"age": [40.0], "amount": [1.0], "housing": ["tent"]}))
    assert not Z[2].any()
    assert own[2] == 1.0


@pytest.mark.parametrize("n_columns", [254, 255, 256, 300])
def test_distances_count_beyond_what_a_byte_holds(n_columns: int) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).choice(list("ab"), (40, n_columns)), columns=None)
    frame.columns = [f"x{j}" for j in range(n_columns)]
    space = spaces.fit(frame, discretizer="quartile")
    codes, numbers = spaces.encode(space, frame), spaces.standardise(space, frame)
    pool = pools.make(space, codes, numbers, np.arange(40.0)[:, None])
    _, squared = pools.neighbourhood(pool, space, codes[0], numbers[0])
    np.testing.assert_array_equal(squared, (codes != codes[0]).sum(axis=1))
    assert squared[0] == 0


@pytest.mark.parametrize("n_values", [253, 254, 255, 256, 400, 70_000])
def test_categories_are_told_apart_beyond_what_a_byte_holds(n_values: int) -> None:
    frame = pd.DataFrame({"x": [f"v{i:05}" for i in range(n_values)]})
    space = spaces.fit(frame, discretizer="quartile")
    codes = spaces.encode(space, frame)
    pool = pools.make(space, codes, np.zeros((n_values, 1)), np.arange(float(n_values))[:, None])
    for i in (0, n_values - 1, n_values // 2):
        Z, _ = pools.neighbourhood(pool, space, codes[i], np.zeros(1))
        assert np.flatnonzero(Z[0]).tolist() == [i]
    unseen = spaces.encode(space, pd.DataFrame({"x": ["new"]}))[0]
    assert not pools.neighbourhood(pool, space, unseen, np.zeros(1))[0].any()


@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_raw_moments_are_the_definitions_and_labels_pick_outputs(cut: Discretizer) -> None:
    space, pool, _ = made(cut)
    row = background().iloc[[5]]
    codes, numbers = spaces.encode(space, row)[0], spaces.standardise(space, row)[0]
    Z, squared, _ = seen(space, pool, row)
    w = exponential(squared, 1.3)
    for labels in (slice(None), 0, 1):
        outputs = np.atleast_2d(pool.outputs[labels])
        rows = np.vstack([np.ones_like(w), Z, outputs])
        raw = pools.raw_moments(pool, space, codes, numbers, labels=labels, width=1.3, folds=7)
        np.testing.assert_allclose(raw.sum(axis=0), (rows * w) @ rows.T, rtol=1e-10, atol=1e-6)


def test_moments_of_parts_of_the_pool_add_up_to_those_of_the_pool() -> None:
    space, _, _ = made("quartile")
    drawn = spaces.perturb(space, 300, np.random.default_rng(4))
    outputs = np.random.default_rng(5).random((300, 2))
    outputs -= outputs.mean(axis=0)
    row = background().iloc[[7]]
    codes, numbers = spaces.encode(space, row)[0], spaces.standardise(space, row)[0]

    def raw(which: slice) -> np.ndarray:
        part = pools.make(space, drawn.codes[which], drawn.standardised[which], outputs[which])
        part = Pool(part.codes, part.numbers, part.matched, outputs[which].T, np.zeros(2))
        return np.asarray(pools.raw_moments(part, space, codes, numbers, labels=slice(None), width=1.0, folds=1)[0])

    parts = raw(slice(0, 90)) + raw(slice(90, 91)) + raw(slice(91, 300))
    whole = raw(slice(None))
    np.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-10)
    fits = [surrogate.fit(surrogate.centre(m[None], 3)) for m in (parts, whole)]
    np.testing.assert_allclose(fits[0].coef, fits[1].coef, rtol=1e-9)
