"""Agreement of two methods' weights, by cases small enough to be worked out by hand."""

import numpy as np
import pytest

from limekiln import agreement
from limekiln.agreement import Agreement
from limekiln.values import Array


def compare(first: Array, second: Array, signed: str = "11", top: int = 2, min_support: int = 1) -> Agreement:
    mask = np.array([c == "1" for c in signed])
    return agreement.compare(first, second, signed=mask, score="share", top=top, min_support=min_support)


def weights(*rows: tuple[float, ...]) -> Array:
    return np.array(rows, dtype=np.float64)


def test_scores_are_normlimes_over_their_sum() -> None:
    found = agreement.rank(weights((3, -1, 0), (1, 0, 0)), "share", 1)  # shares ¾ and 1, ¼, none
    np.testing.assert_allclose(found.scores, np.array([7 / 8, 1 / 4, 0]) / (9 / 8))
    np.testing.assert_array_equal(found.ranks, [1, 2, 3])
    weighted = agreement.rank(weights((3, -1, 0), (1, 0, 0)), "weighted", 1)  # (9/4 + 1)/2 and 1/4
    np.testing.assert_allclose(weighted.scores, np.array([13 / 8, 1 / 4, 0]) / (15 / 8))


def test_features_that_few_rows_use_rank_last_and_equals_share_their_place() -> None:
    rare = weights((1, 1, 5, 0, 0), (1, 1, 0, 0, 0))
    found = agreement.rank(rare, "share", 2)
    np.testing.assert_array_equal(found.ranks, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(found.places, [1.5, 1.5, 3, 4.5, 4.5])
    np.testing.assert_array_equal(agreement.rank(rare, "share", 1).ranks, [2, 3, 1, 4, 5])


def test_the_same_weights_agree_at_any_scale() -> None:
    own = weights((4, -2, 1, 0), (-3, 2, 1, 0))
    found = compare(own, 100 * own, "1111", top=3)
    assert found.correlation == pytest.approx(1)
    assert (found.overlap, found.moved) == (1, None)
    assert found.row_correlation == pytest.approx(1)
    assert found.same_sign == 1


def test_the_opposite_order_is_minus_one_and_the_feature_that_moves_most_is_named() -> None:
    found = compare(weights((4, 3, 2, 1)), weights((1, 2, 3, 4)), "1111")
    assert [found.correlation, found.row_correlation] == pytest.approx([-1, -1])
    assert found.overlap == 0
    assert found.moved == 0, "3 places; the last feature moves as far, and the first stands before it"


def test_what_moves_far_behind_the_first_is_not_named() -> None:
    found = compare(weights((9, 8, 3, 2, 1)), weights((8, 9, 1, 2, 3)), "11111")
    assert (found.top, found.overlap, found.moved) == (2, 1, 0)


def test_features_that_neither_uses_do_not_count_as_agreement() -> None:
    """Of three features that are used, ranks 1 2 3 and 2 1 3: 1 − 6·2/(3·8) = ½, with any number of idle ones."""
    one, two = weights((3, 2, 1)), weights((2, 3, 1))
    idle = np.zeros((1, 9))
    for first, second in ((one, two), (np.hstack([one, idle]), np.hstack([two, idle]))):
        found = compare(first, second, "1" * first.shape[1], top=10)
        assert found.top == 3
        assert [found.correlation, found.row_correlation] == pytest.approx([0.5, 0.5])


def test_a_feature_that_one_method_leaves_out_is_not_among_its_first() -> None:
    found = compare(weights((3, 1, 0, 0)), weights((1, 2, 3, 4)), "1111", top=3)
    assert (found.top, found.overlap, found.moved) == (2, 0, 0)


def test_signs_are_weighed_by_both_methods_shares() -> None:
    """Shares ¾ ¼ and ½ ½: sizes 5/4 and 3/4 of 2; the first agrees. In the second row both agree."""
    first, second = weights((3, 1), (1, 1)), weights((10, -10), (-2, -2))
    assert compare(first[:1], second[:1]).same_sign == pytest.approx(5 / 8)
    assert compare(first, np.abs(second)).same_sign == pytest.approx(1)
    assert compare(first, second).same_sign == pytest.approx((5 / 8 + 0) / 2)


def test_signs_of_slopes_and_of_weights_that_one_method_lacks_are_left_out() -> None:
    assert compare(weights((1, 1)), weights((-1, 1)), "01").same_sign == 1
    assert compare(weights((1, 1)), weights((0, 1)), "11").same_sign == 1
    assert np.isnan(compare(weights((1, 1)), weights((1, 1)), "00").same_sign)


def test_what_is_not_defined_is_nan_and_does_not_spoil_other_rows() -> None:
    flat = compare(weights((1, 1)), weights((1, 1)))
    assert np.isnan(flat.correlation)
    assert np.isnan(flat.row_correlation)
    one = compare(weights((1, 1), (2, 1)), weights((1, 2), (2, 1)))
    assert one.row_correlation == pytest.approx(1), "the first row's weights by the first method are all alike"
    nothing = compare(np.zeros((2, 2)), np.zeros((2, 2)))
    assert (nothing.top, nothing.overlap, nothing.moved) == (0, 0, None)
    assert np.isnan([nothing.correlation, nothing.row_correlation, nothing.same_sign]).all()
