"""Intervals against the discretizers of lime 0.2.0.1, and their bin bug, which is absent here."""

from typing import Final, Literal

import numpy as np
import pandas as pd
import pytest
from lime.discretize import BaseDiscretizer, DecileDiscretizer, EntropyDiscretizer, QuartileDiscretizer
from lime.lime_tabular import LimeTabularExplainer

from limekiln.domains.tabular import columns as col
from limekiln.domains.tabular.columns import Column
from limekiln.values import Array, Index

Cut = Literal["quartile", "decile", "entropy"]
CUTS: Final[dict[Cut, type[BaseDiscretizer]]] = {
    "quartile": QuartileDiscretizer,
    "decile": DecileDiscretizer,
    "entropy": EntropyDiscretizer,
}
LAWS: Final = ["normal", "lognormal", "whole", "zeros"]


def values_of(law: str) -> Array:
    rng = np.random.default_rng(11)
    if law == "whole":
        return rng.integers(18, 75, 500).astype(np.float64)
    if law == "zeros":
        return np.where(rng.random(500) < 0.6, 0.0, rng.gamma(2.0, 50.0, 500))
    return rng.normal(3, 2, 500) if law == "normal" else rng.lognormal(2, 1, 500)


def classes_of(values: Array) -> Index:
    noisy = values + np.random.default_rng(12).normal(0, values.std() / 3, len(values))
    return np.searchsorted(np.quantile(noisy, [0.4, 0.8]), noisy).astype(np.int64)


def both(law: str, cut: Cut) -> tuple[Array, Column, BaseDiscretizer]:
    values = values_of(law)
    classes = classes_of(values)
    lime = CUTS[cut](values[:, None], [], ["x"], labels=classes, random_state=0)
    return values, col.fit_continuous(pd.Series(values, name="x"), cut, classes, 0), lime


def lime_codes(lime: BaseDiscretizer, values: Array) -> Index:
    codes: Index = lime.discretize(values[:, None])[:, 0].astype(np.int64)
    return codes


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("law", LAWS)
def test_codes_and_frequencies_are_limes(law: str, cut: Cut) -> None:
    values, column, lime = both(law, cut)
    codes = col.encode(column, pd.Series(values, name="x"))
    np.testing.assert_array_equal(codes, lime_codes(lime, values))
    np.testing.assert_allclose(column.frequency[:-2], np.bincount(codes) / len(values))
    assert column.frequency[-2:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("law", LAWS)
def test_borders_are_limes(law: str, cut: Cut) -> None:
    values, column, lime = both(law, cut)
    np.testing.assert_array_equal(column.borders, np.array(lime.mins[0][1:]))
    outside = pd.Series(
        [values.min() - 1e6, *column.borders, *np.nextafter(column.borders, np.inf), values.max() + 1e6]
    )
    np.testing.assert_array_equal(col.encode(column, outside), lime_codes(lime, outside.to_numpy()))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("law", LAWS)
def test_means_and_spreads_are_limes(law: str, cut: Cut) -> None:
    _, column, lime = both(law, cut)
    np.testing.assert_allclose(column.mean, lime.means[0], rtol=1e-12)
    np.testing.assert_allclose(column.std, lime.stds[0], atol=2e-11)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("law", LAWS)
def test_limits_lie_within_limes_and_meet_them_at_the_ends(law: str, cut: Cut) -> None:
    """lime reaches down to the border itself, which belongs to the interval below; here no draw leaves the data."""
    values, column, lime = both(law, cut)
    assert (column.low >= lime.mins[0]).all()
    assert (column.high <= lime.maxs[0]).all()
    assert column.low[0] == lime.mins[0][0] == values.min()
    assert column.high[-1] == lime.maxs[0][-1] == values.max()
    for code, (low, high) in enumerate(zip(column.low, column.high, strict=True)):
        inside = values[lime_codes(lime, values) == code]
        assert (low, high) == (inside.min(), inside.max())


def test_an_interval_of_one_value_keeps_it_where_lime_does_not() -> None:
    ages = np.concatenate([np.full(400, 18.0), np.random.default_rng(5).uniform(19, 80, 600)])
    explainer = LimeTabularExplainer(ages[:, None], random_state=0)
    rows: list[Array] = []

    def predict(inputs: Array) -> Array:
        rows.append(inputs)
        return np.column_stack([inputs[:, 0] * 0, inputs[:, 0] * 0 + 1])

    explainer.explain_instance(ages[:1], predict, num_samples=500)
    drawn_by_lime = rows[0][1:, 0]
    assert (drawn_by_lime == 0.0).mean() > 0.3, "lime turned every 18 into (18 − mean)/std = 0"
    assert not (drawn_by_lime == 18.0).any()

    column = col.fit_continuous(pd.Series(ages, name="age"), "quartile", None, 0)
    codes = col.draw_codes(column, 500, np.random.default_rng(0))
    drawn = col.draw_within(column, codes, np.random.default_rng(1)).to_numpy()
    assert drawn.min() == 18.0
    assert (drawn == 18.0).mean() == pytest.approx(0.4, abs=0.08)
