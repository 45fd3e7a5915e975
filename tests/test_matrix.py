import numpy as np
import pandas as pd
import pytest

from limekiln import matrix
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.columns import MISSING_LABEL, UNSEEN_LABEL, Discretizer
from limekiln.domains.tabular.space import Space
from limekiln.values import Array, LocalExplanations, PartExplanations, plain_vocabulary
from weight_cases import by_column, by_key


def frame() -> pd.DataFrame:
    return pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, np.nan], "kind": ["a", "b", "a", None, "b"]})


def space(cut: Discretizer) -> Space:
    return spaces.fit(frame(), discretizer=cut)


@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_every_key_has_one_name_and_every_value_its_key(cut: Discretizer) -> None:
    s = space(cut)
    names = matrix.names(matrix.of_space(s))
    assert len(names) == len(set(names)) == s.sizes.sum()
    keys = matrix.table_keys(s, spaces.encode(s, frame()))
    assert [names[k] for k in keys[:, 1]] == [("kind", v) for v in ("a", "b", "a", MISSING_LABEL, "b")]
    assert names[keys[4, 0]] == ("x", MISSING_LABEL)
    assert len(set(keys[:, 0].tolist())) == 5
    assert ("kind", UNSEEN_LABEL) in names


def test_picks_cover_values_where_numbers_are_cut() -> None:
    s = space("quartile")
    codes = spaces.encode(s, frame())
    vocabulary = matrix.of_space(s)
    keys = matrix.table_keys(s, codes)
    np.testing.assert_array_equal(vocabulary.pick[keys], keys)
    assert matrix.pick_names(vocabulary) == matrix.names(vocabulary)


def test_picks_cover_whole_columns_where_numbers_are_kept() -> None:
    s = space("none")
    vocabulary = matrix.of_space(s)
    names = matrix.pick_names(vocabulary)
    keys = vocabulary.pick[matrix.table_keys(s, spaces.encode(s, frame()))]
    assert [names[k] for k in keys[:, 0]] == [("x", matrix.WHOLE_FEATURE)] * 4 + [("x", MISSING_LABEL)]
    assert [names[k] for k in keys[:, 1]] == [("kind", v) for v in ("a", "b", "a", MISSING_LABEL, "b")]


def test_a_row_covers_what_weighs_anything() -> None:
    weights = np.array([[0.5, 0.0], [-1e-300, 2.0], [0.0, 0.0]])
    keys = np.array([[3, 1], [3, 0], [2, 1]])
    covers = matrix.covers(by_key(weights, keys, 5), above_average=False)
    assert covers.shape == (3, 5)
    np.testing.assert_array_equal(covers.toarray(), [[0, 0, 0, 1, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]])
    assert covers.has_sorted_indices


def test_above_average_is_of_the_weights_that_a_row_has() -> None:
    weights = np.array([[3.0, -1.0, 0.0, 2.0], [0.1, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, -1e-9], [0.0, 0, 0, 0]])
    covers = matrix.covers(by_column(weights), above_average=True)
    np.testing.assert_array_equal(covers.toarray(), [[1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]])


def told(s: Space, weights: Array) -> LocalExplanations:
    n = len(weights)
    nothing = np.zeros(n)
    codes = spaces.encode(s, frame().iloc[:n])
    return LocalExplanations(np.arange(n), np.zeros(n, dtype=np.int64), codes, weights, *[nothing] * 6)


def test_a_tables_weights_stand_at_their_values_and_add_up_to_their_columns() -> None:
    s = space("quartile")
    vocabulary = matrix.of_space(s)
    weights = np.arange(10.0).reshape(5, 2) - 3.0
    explained = matrix.of_table(s, told(s, weights))
    assert explained.weights.shape == (5, s.sizes.sum())
    assert explained.weights.has_canonical_format
    names = matrix.names(vocabulary)
    for i in range(5):
        keys, own = explained.entries(i)
        assert own.tolist() == weights[i].tolist(), "a zero is stored, too"
        assert [names[k][0] for k in keys] == ["x", "kind"]
    np.testing.assert_array_equal(matrix.by_feature(vocabulary, explained.weights).toarray(), weights)


@pytest.mark.parametrize("cut", ["quartile", "none"])
def test_weights_move_to_the_keys_that_they_cover(cut: Discretizer) -> None:
    s = space(cut)
    vocabulary = matrix.of_space(s)
    weights = np.array([[1.0, 2.0], [3.0, 4.0], [-5.0, 6.0], [7.0, -8.0], [9.0, 1.0]])
    moved = matrix.by_pick(vocabulary, matrix.of_table(s, told(s, weights)).weights)
    assert moved.has_sorted_indices
    names = matrix.pick_names(vocabulary)
    found = [{names[k]: moved[i, k] for k in moved[[i]].indices} for i in range(5)]
    numbers = [name for (name,) in ([k for k in row if k[0] == "x"] for row in found)]
    if cut == "none":
        assert numbers == [("x", matrix.WHOLE_FEATURE)] * 4 + [("x", MISSING_LABEL)]
    else:
        assert len(set(numbers)) == 5
    for row, own in zip(found, weights, strict=True):
        assert sorted(row.values()) == sorted(own.tolist())


def parts(sizes: list[int], weights: list[float]) -> PartExplanations:
    n = len(sizes)
    nothing = np.zeros(n)
    labels = np.zeros(n, dtype=np.int64)
    return PartExplanations(np.arange(n), labels, np.array(sizes), np.array(weights), *[nothing] * 6)


def test_parts_of_one_feature_add_up() -> None:
    """`Good` and `good` are two parts of a text and one word of the data set."""
    vocabulary = plain_vocabulary(["bad", "good", "very"])
    local = parts([3, 0, 2], [1.0, -3.0, 0.25, 0.5, -0.5])
    explained = matrix.of_parts(vocabulary, local, np.array([1, 0, 1, 2, 2]))
    np.testing.assert_array_equal(explained.weights.toarray(), [[-3.0, 1.25, 0], [0, 0, 0], [0, 0, 0]])
    assert explained.weights.has_canonical_format
    assert [k.tolist() for k, _ in map(explained.entries, range(3))] == [[0, 1], [], [2]]
    assert local.weights.tolist() == [1.0, -3.0, 0.25, 0.5, -0.5]


def test_features_without_values_are_their_own_keys() -> None:
    vocabulary = plain_vocabulary(["bad", "good"])
    assert not vocabulary.has_values
    assert matrix.names(vocabulary) == matrix.pick_names(vocabulary) == [("bad", ""), ("good", "")]
    weights = by_column(np.array([[1.0, -2.0]]))
    np.testing.assert_array_equal(matrix.by_pick(vocabulary, weights).toarray(), weights.toarray())
    np.testing.assert_array_equal(matrix.by_feature(vocabulary, weights).toarray(), weights.toarray())
