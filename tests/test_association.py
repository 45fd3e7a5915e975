"""Association: no proxy by chance, known strengths found, any shape of relation, and what cannot be known."""

import numpy as np
import pandas as pd
import pytest

from limekiln import association
from limekiln.association import Association


def between(of: pd.Series, by: pd.Series, confidence: float = 0.95) -> Association:
    groups = association.groups(by, categorical=association.is_category(by))
    if association.is_category(of):
        return association.of_category(association.groups(of, categorical=True), groups, confidence)
    return association.of_number(np.asarray(of.rank(), dtype=np.float64), groups, confidence)


@pytest.mark.parametrize(("rows", "categories"), [(60, 2), (60, 12), (300, 25), (2000, 60)])
def test_chance_is_no_proxy(rows: int, categories: int) -> None:
    rng = np.random.default_rng(3)
    above_zero = reached = 0
    for _ in range(100):
        other = pd.Series(rng.integers(0, categories, rows).astype(str))
        for of in (pd.Series(rng.integers(0, 3, rows).astype(str)), pd.Series(rng.normal(size=rows))):
            found = between(of, other)
            assert found.low <= found.value <= found.high
            above_zero += found.low > 0
            reached += found.low >= 0.3
    assert reached == 0
    assert above_zero <= 14, "2.5 % of 200 are 5"


def test_the_bias_of_many_categories_is_taken_out() -> None:
    rng = np.random.default_rng(5)

    def column() -> pd.Series:
        return pd.Series(rng.integers(0, 12, 400).astype(str))

    values = [between(column(), column()).value for _ in range(40)]
    plain = np.sqrt(11 * 11 / 400 / 11)
    assert np.mean(values) < plain / 2


def test_two_by_two_is_the_correlation() -> None:
    rng = np.random.default_rng(0)
    sex = rng.integers(0, 2, 5000)
    job = np.where(rng.random(5000) < 0.7, sex, 1 - sex)
    found = between(pd.Series(sex), pd.Series(job))
    assert found.value == pytest.approx(abs(np.corrcoef(sex, job)[0, 1]), abs=0.001)
    assert found.low < 0.4 < found.high


@pytest.mark.parametrize("shape", ["straight", "bent", "categories of a number", "number of categories"])
def test_a_column_that_fixes_the_other_is_found_whatever_the_shape(shape: str) -> None:
    rng = np.random.default_rng(1)
    x = pd.Series(rng.normal(size=1000))
    columns: dict[str, tuple[pd.Series, pd.Series]] = {
        "straight": (pd.Series(np.exp(x)), x),
        "bent": (x**2, x),
        "categories of a number": (pd.Series(np.where(x > 1, "high", "low")), x),
        "number of categories": (x, pd.Series(np.digitize(x, [-1, 0, 1]).astype(str))),
    }
    of, by = columns[shape]
    found = between(of, by)
    assert found.low > 0.75
    assert found.high <= 1


def test_the_interval_holds_what_a_large_sample_says() -> None:
    rng = np.random.default_rng(2)
    n = 100_000
    sex = rng.integers(0, 2, n)
    height = pd.Series(rng.normal(size=n) + 0.8 * sex)
    whole = between(pd.Series(sex), height).value
    held = 0
    for _ in range(60):
        rows = rng.choice(n, 400)
        found = between(pd.Series(sex[rows]), height.iloc[rows].reset_index(drop=True))
        held += found.low <= whole <= found.high
    assert held >= 54


def test_few_rows_rare_values_and_one_value_leave_it_open() -> None:
    unique = pd.Series([f"v{i}" for i in range(50)])
    two = pd.Series(["a", "b"] * 25)
    for of, by in ((two, unique), (unique, two), (two[:10], two[:10]), (pd.Series(["a"] * 50), two)):
        assert between(of, by) == association.NOTHING_KNOWN
    assert between(two, two).low > 0.5
    assert between(pd.Series(np.full(50, 1.5)), two) == association.NOTHING_KNOWN


def test_missing_values_are_a_group_of_the_one_that_explains() -> None:
    rng = np.random.default_rng(4)
    sex = pd.Series(rng.integers(0, 2, 400).astype(str))
    told = pd.Series(rng.normal(size=400)).mask(sex == "1")
    assert between(sex, told).low > 0.8
