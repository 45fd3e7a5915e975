"""Exact intervals of a finite population: they hold what they promise, and are exact for all of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from limekiln import survey
from limekiln.survey import Estimate


def test_the_whole_population_has_no_interval() -> None:
    assert survey.share(3, 10, 10, 0.95) == Estimate(0.3, 0.3, 0.3)
    assert survey.median(np.array([3.0, 1.0, 2.0, 9.0]), 4, 0.95, drawn=4) == Estimate(2.5, 2.5, 2.5)


def test_of_nothing_nothing_is_known() -> None:
    assert survey.share(0, 0, 10, 0.95) is None
    assert survey.median(np.array([]), 10, 0.95, drawn=0) is None


def test_a_large_population_gives_clopper_and_pearson() -> None:
    found = survey.share(7, 50, 10_000_000, 0.95)
    assert found is not None
    expected = stats.binomtest(7, 50).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-4)


@pytest.mark.parametrize(("population", "sampled", "having"), [(60, 20, 6), (200, 150, 3), (500, 30, 250)])
def test_a_share_is_held_as_often_as_promised(population: int, sampled: int, having: int) -> None:
    law = stats.hypergeom(population, having, sampled)
    held = 0.0
    for k in range(sampled + 1):
        found = survey.share(k, sampled, population, 0.9) if law.pmf(k) else None
        if found is not None and found.low <= having / population <= found.high:
            held += law.pmf(k)
    assert held >= 0.9


@pytest.mark.parametrize(("population", "sampled"), [(101, 60), (100, 60), (1000, 30)])
def test_a_median_is_held_as_often_as_promised(population: int, sampled: int) -> None:
    rng = np.random.default_rng(8)
    values = rng.lognormal(size=population)
    middle, held = float(np.median(values)), 0
    for _ in range(600):
        found = survey.median(rng.choice(values, sampled, replace=False), population, 0.9, drawn=sampled)
        held += found is not None and found.low <= middle <= found.high
    assert held >= 0.87 * 600


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 200))
def test_a_share_lies_in_its_interval_and_what_was_seen_is_possible(sampled: int, found: int, unseen: int) -> None:
    found = min(found, sampled)
    made = survey.share(found, sampled, sampled + unseen, 0.95)
    assert made is not None
    assert made.low <= made.value <= made.high
    assert made.low * (sampled + unseen) >= found - 1e-6
    assert made.high * (sampled + unseen) <= found + unseen + 1e-6


def test_strata_that_are_off_widen_the_median() -> None:
    values = np.linspace(0, 1, 101)
    plain, off = (survey.median(values, 10_000, 0.95, drawn=101, tilt=t) for t in (0.0, 0.1))
    assert plain is not None
    assert off is not None
    assert off.low < plain.low < plain.high < off.high
    assert survey.tilt([50, 50], [10, 10]) == 0
    assert survey.tilt([90, 10], [50, 50]) == pytest.approx(0.4)
