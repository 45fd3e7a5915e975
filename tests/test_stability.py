"""Agreement of repeats, against counts by hand."""

import numpy as np
import pytest

from limekiln import stability


def test_vsi_counts_what_the_heaviest_features_have_in_common() -> None:
    coef = np.array([[9.0, 8, 0.1, 0.2], [-9, 0.1, 8, 0.2], [9, 8, 0.3, 0.2]])
    # of two each: {0, 1}, {0, 2}, {0, 1}
    assert stability.variables(coef) == pytest.approx((0.5 + 1 + 0.5) / 3)


def test_vsi_sees_which_features_a_repeat_selected() -> None:
    """The authors' package compares the first K names, whatever was selected, and would say 1 here."""
    coef = np.zeros((2, 10))
    coef[0, :5], coef[1, 5:] = 1.0, 1.0
    assert stability.variables(coef) == 0.0


@pytest.mark.parametrize("d", [1, 2, 3])
def test_few_features_do_not_agree_by_default(d: int) -> None:
    coef = np.zeros((2, d))
    coef[0, 0], coef[1, -1] = 1.0, 1.0
    assert stability.variables(coef) == (1.0 if d == 1 else 0.0)


def test_repeats_without_any_weight_agree() -> None:
    assert stability.variables(np.zeros((4, 6))) == 1.0
    assert stability.coefficients(np.zeros((4, 6)), np.zeros((4, 6))) == 1.0


def test_csi_counts_overlapping_intervals() -> None:
    coef = np.array([[1.0, 5.0, 0.0], [1.5, 1.0, 0.0], [9.0, 1.1, 2.0]])
    error = np.full((3, 3), 0.2)
    # feature 0: 1 and 1.5 overlap (0.5 <= 1.96·0.4), 9 does not; feature 1: 1 and 1.1 do; feature 2 is used once
    assert stability.coefficients(coef, error) == pytest.approx(1 / 3)


def test_csi_of_exact_repeats_is_one() -> None:
    coef = np.tile(np.arange(1.0, 5), (3, 1))
    assert stability.coefficients(coef, np.zeros((3, 4))) == 1.0
