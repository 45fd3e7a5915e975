"""Probes against regressions that hold them as columns, against moves made one by one, and as a test of nothing."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from limekiln import surrogate
from limekiln.domains.tabular import pool as pools
from limekiln.domains.tabular import probes
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import Discretizer
from limekiln.domains.tabular.pool import Pool
from limekiln.domains.tabular.probes import PROBES, Probed, Seen
from limekiln.domains.tabular.space import Space
from limekiln.kernels import exponential
from limekiln.surrogate import Surrogate
from limekiln.values import Array

WIDTH = 1.5


@dataclass(frozen=True)
class Case:
    """A pool, one row, and its neighbourhood in full: z (M + 1, d), outputs, kernel; the row itself last."""

    space: Space
    pool: Pool
    seen: Seen
    z: Array
    y: Array
    w: Array


def table(n: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "kind": rng.choice(list("aabc"), n),
            "idle": rng.normal(size=n),
            "rare": np.where(rng.random(n) < 0.03, "yes", "no"),
            "same": np.full(n, 2.0),
        }
    )


def model(frame: pd.DataFrame) -> Array:
    made: Array = (np.tanh(frame["x"].to_numpy()) + (frame["kind"] == "a").to_numpy())[:, None]
    return made


def case(cut: Discretizer = "quartile", M: int = 2000, seed: int = 0, row: int = 3) -> Case:
    space = spaces.fit(table(), discretizer=cut)
    drawn = spaces.perturb(space, M, np.random.default_rng(seed))
    pool = pools.make(space, drawn.codes, drawn.standardised, model(drawn.frame))
    frame = table().iloc[[row]]
    codes, numbers = spaces.encode(space, frame)[0], spaces.standardise(space, frame)[0]
    own = pools.own_values(space, codes[None], numbers[None])[0]
    output = float(model(frame)[0, 0] - pool.offset[0])
    Z, distance = pools.neighbourhood(pool, space, codes, numbers)
    z = np.vstack([Z.T.astype(np.float64), own])
    y, w = np.append(pool.outputs[0], output), np.append(exponential(distance.astype(np.float64), WIDTH), 1.0)
    fitted = regression(z, y, w)
    seen = Seen(codes, numbers, own, 0, output, fitted.coef[0, 0], float(fitted.intercept[0, 0]))
    return Case(space, pool, seen, z, y, w)


def regression(z: Array, y: Array, w: Array) -> Surrogate:
    return surrogate.fit(surrogate.moments(z[None], y[None, :, None], w[None]))


def probed(c: Case) -> Probed:
    return probes.probe(c.pool, c.space, c.seen, WIDTH)


@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_a_probe_weighs_what_a_regression_gives_that_has_it_for_its_column(cut: Discretizer) -> None:
    c = case(cut)
    found = probed(c).weights
    M, fold = len(c.y) - 1, (len(c.y) - 1) // (PROBES + 1)
    for j in (2, 3):  # whose own weight is noise, so that its absence leaves the residuals as they are
        fitted = np.empty(PROBES)
        for r in range(1, PROBES + 1):
            z = c.z.copy()
            z[:M, j] = np.roll(z[:M, j], r * fold)
            fitted[r - 1] = regression(z, c.y, c.w).coef[0, 0, j]
        # a probe is independent of the columns but for chance, which the product leaves out
        assert np.linalg.norm(found[:, j] - fitted) < 0.2 * np.linalg.norm(fitted)


@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_the_product_over_folds_is_the_sum_over_moved_columns(cut: Discretizer) -> None:
    c = case(cut, M=1000)
    M, fold, W = 1000, 1000 // (PROBES + 1), c.w.sum()
    residual = np.repeat((c.w * (c.y - c.seen.intercept - c.z @ c.seen.coef))[:, None], 5, axis=1)
    residual[M] += c.seen.coef * (c.z[M] - c.w @ c.z / W)  # the row's own, without the column
    taken = np.count_nonzero(c.seen.coef) * (c.w[:M] ** 2).sum() / c.w[:M].sum() ** 2
    expected = np.zeros((PROBES, 5))
    for r in range(1, PROBES + 1):
        z = np.vstack([np.roll(c.z[:M], r * fold, axis=0), c.z[M]])
        mean = c.w @ z / W
        expected[r - 1] = (residual * (z - mean)).sum(axis=0) / (c.w @ (z - mean) ** 2 + surrogate.RIDGE)
    expected[:, 4] = 0.0
    expected /= 1 - taken
    np.testing.assert_allclose(probed(c).weights, expected, rtol=1e-9, atol=1e-12)


def test_a_constant_column_and_a_value_that_no_perturbed_row_has_get_no_probe() -> None:
    c = case()
    assert (probed(c).weights[:, 4] == 0).all()
    codes = c.seen.codes.copy()
    codes[1] = len(c.space.columns[1].labels) - 1  # the code of values never seen
    unseen = replace(c.seen, codes=codes, own=np.where(np.arange(5) == 1, 0.0, c.seen.own))
    assert (probes.probe(c.pool, c.space, unseen, WIDTH).weights[:, 1] == 0).all()


def test_rows_beyond_the_last_whole_fold_are_left_out() -> None:
    whole, longer = case(M=1000), case(M=1019)
    assert probed(longer).weights.shape == probed(whole).weights.shape == (PROBES, 5)
    assert np.isfinite(probed(longer).weights).all()


def test_a_pool_needs_two_rows_a_fold() -> None:
    assert probes.measurable(case(M=40).pool)
    assert not probes.measurable(case(M=39).pool)


def test_an_idle_column_is_no_heavier_than_its_probes_and_a_used_one_is() -> None:
    """The place of a feature that does nothing among its probes is uniform: a permutation test, over 120 pools."""
    places: dict[int, list[float]] = {0: [], 2: [], 3: []}
    for seed in range(120):
        c = case(M=400, seed=seed)
        heavier = np.abs(probed(c).weights) >= np.abs(c.seen.coef)
        for j, found in places.items():
            found.append(float(heavier[:, j].mean()))
    assert np.mean(places[0]) < 0.01  # used
    for idle in (2, 3):
        assert 0.42 < np.mean(places[idle]) < 0.58  # 0.5 ± 3 standard errors of 120 uniform places
        assert np.mean(np.array(places[idle]) == 0) < 0.13  # 1 in 20 is the promise
