import numpy as np
import pandas as pd
import pytest

from limekiln import matrix
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import MISSING_LABEL, UNSEEN_LABEL, Discretizer
from limekiln.domains.tabular.space import Space


def frame() -> pd.DataFrame:
    return pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, np.nan], "kind": ["a", "b", "a", None, "b"]})


def space(cut: Discretizer) -> Space:
    return spaces.fit(frame(), discretizer=cut)


@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_every_key_has_one_name_and_every_value_its_key(cut: Discretizer) -> None:
    s = space(cut)
    names = matrix.names(s)
    assert len(names) == len(set(names)) == matrix.n_keys(s)
    keys = matrix.value_keys(s, spaces.encode(s, frame()))
    assert [names[k] for k in keys[:, 1]] == [("kind", v) for v in ("a", "b", "a", MISSING_LABEL, "b")]
    assert names[keys[4, 0]] == ("x", MISSING_LABEL)
    assert len(set(keys[:, 0].tolist())) == 5
    assert ("kind", UNSEEN_LABEL) in names


def test_picks_cover_values_where_numbers_are_cut() -> None:
    s = space("quartile")
    codes = spaces.encode(s, frame())
    np.testing.assert_array_equal(matrix.pick_keys(s, codes), matrix.value_keys(s, codes))
    assert matrix.pick_names(s) == matrix.names(s)


def test_picks_cover_whole_columns_where_numbers_are_kept() -> None:
    s = space("none")
    names = matrix.pick_names(s)
    keys = matrix.pick_keys(s, spaces.encode(s, frame()))
    assert [names[k] for k in keys[:, 0]] == [("x", matrix.WHOLE_FEATURE)] * 4 + [("x", MISSING_LABEL)]
    assert [names[k] for k in keys[:, 1]] == [("kind", v) for v in ("a", "b", "a", MISSING_LABEL, "b")]


def test_a_row_covers_what_weighs_anything() -> None:
    weights = np.array([[0.5, 0.0], [-1e-300, 2.0], [0.0, 0.0]])
    keys = np.array([[3, 1], [3, 0], [2, 1]])
    covers = matrix.covers(weights, keys, 5, above_average=False)
    assert covers.shape == (3, 5)
    np.testing.assert_array_equal(covers.toarray(), [[0, 0, 0, 1, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]])
    assert covers.has_sorted_indices


def test_above_average_is_of_the_weights_that_a_row_has() -> None:
    weights = np.array([[3.0, -1.0, 0.0, 2.0], [0.1, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, -1e-9], [0.0, 0, 0, 0]])
    keys = np.broadcast_to(np.arange(4), (4, 4))
    covers = matrix.covers(weights, keys, 4, above_average=True)
    np.testing.assert_array_equal(covers.toarray(), [[1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
