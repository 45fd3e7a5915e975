import numpy as np
import pytest

from limekiln.kernels import default_width, exponential


def test_default_width_is_three_quarters_of_the_root_of_the_columns() -> None:
    assert default_width(1) == 0.75
    assert default_width(16) == 3.0


def test_the_row_itself_weighs_one_and_others_less_and_less() -> None:
    weights = exponential(np.array([0.0, 1.0, 4.0, 9.0]), 1.5)
    assert weights[0] == 1.0
    assert (np.diff(weights) < 0).all()


def test_it_is_the_root_of_the_papers_kernel() -> None:
    distance = np.linspace(0, 5, 11)
    np.testing.assert_allclose(exponential(distance**2, 2.0) ** 2, np.exp(-((distance / 2.0) ** 2)), rtol=1e-14)


@pytest.mark.parametrize("d", [1, 12, 100])
def test_by_default_a_row_that_shares_no_value_still_weighs_0_41(d: int) -> None:
    assert exponential(np.array([float(d)]), default_width(d))[0] == pytest.approx(np.exp(-1 / 1.125))


def test_a_width_that_no_row_is_near_enough_for_gives_zeros_and_no_warning() -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert exponential(np.array([0.0, 1.0]), 1e-6).tolist() == [1.0, 0.0]
