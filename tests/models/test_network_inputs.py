"""Rows meet a network's inputs: by name, as one matrix, or with a message that says what to do."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from limekiln.errors import InputError, PredictionError
from limekiln.models.network_inputs import Slot, check_free_rows, columns_of, feeds, plain

TABLE = pd.DataFrame(
    {"age": [20, 30, 40], "job": ["a", "b", "a"], "rate": [0.5, np.nan, 1.5], "own": [True, False, True]}
)
NUMBERS = TABLE[["age", "rate", "own"]]


def slot(name: str, dtype: str, *shape: int | None) -> Slot:
    return Slot(name, np.dtype(dtype), shape)


def test_columns_go_to_the_inputs_of_their_names() -> None:
    slots = [
        slot("job", "object", None, 1),
        slot("age", "int64", None, 1),
        slot("own", "bool", None),
        slot("rate", "float32", None, 1),
    ]
    assert columns_of(slots) == ("job", "age", "own", "rate")
    found = feeds(TABLE, slots)
    assert [(name, array.dtype.str, array.shape) for name, array in found.items()] == [
        ("job", "|O", (3, 1)),
        ("age", "<i8", (3, 1)),
        ("own", "|b1", (3,)),
        ("rate", "<f4", (3, 1)),
    ]
    assert found["job"].ravel().tolist() == ["a", "b", "a"]
    assert found["own"].tolist() == [True, False, True]
    np.testing.assert_array_equal(found["rate"].ravel(), [0.5, np.nan, 1.5])


def test_one_input_takes_all_columns_in_their_order() -> None:
    expected = [[20, 0.5, 1], [30, np.nan, 0], [40, 1.5, 1]]
    (matrix,) = feeds(NUMBERS, [slot("x", "float32", None, 3)]).values()
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, expected)
    np.testing.assert_array_equal(plain(NUMBERS, np.dtype("float64")), expected)
    (texts,) = feeds(TABLE[["job", "age"]], [slot("x", "object", None, 2)]).values()
    assert texts.tolist() == [["a", "20"], ["b", "30"], ["a", "40"]]
    assert columns_of([slot("x", "float32", None, 3)]) is None


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, 2, None], dtype="Int64"),
        pd.Series([1.0, 2.0, None], dtype="float64[pyarrow]"),
        pd.Categorical([1, 2, None]),
        pd.Series([1, 2, None], dtype=object),
    ],
)
def test_numbers_of_every_type_are_numbers(values: Any) -> None:
    np.testing.assert_array_equal(plain(pd.DataFrame({"v": values}), np.dtype("float32")), [[1], [2], [np.nan]])


@pytest.mark.parametrize(
    "values",
    [
        TABLE["job"],
        TABLE["job"].astype("category"),
        pd.Series(["1", "2", "3"], dtype=object),
        pd.Series(["1", "2", "3"]),
        pd.to_datetime(pd.Series(["2026-01-01"] * 3)),
    ],
)
def test_a_column_that_is_no_number_is_named_with_the_ways_out(values: Any) -> None:
    with pytest.raises(InputError) as caught:
        plain(pd.DataFrame({"age": [1, 2, 3], "job": values}), np.dtype("float32"))
    message = str(caught.value)
    assert message.startswith('model.source: the network takes numbers and column "job" holds ')
    assert "data.exclude" in message
    assert "model.source.prepare" in message


def test_a_missing_text_is_that_rows_failure() -> None:
    frame = pd.DataFrame({"job": ["a", None], "age": [1, 2]})
    with pytest.raises(PredictionError, match=r'^column "job" has no value here, and the network takes a text there'):
        feeds(frame, [slot("job", "object", None, 1), slot("age", "float32", None, 1)])


def test_whole_numbers_are_not_rounded() -> None:
    slots = [slot("age", "int64", None, 1), slot("rate", "int32", None, 1)]
    whole = feeds(TABLE.assign(rate=[1.0, 2.0, 3.0]), slots)["rate"]
    assert (whole.dtype, whole.ravel().tolist()) == (np.dtype("int32"), [1, 2, 3])
    with pytest.raises(PredictionError, match=r'input "rate" takes whole numbers \(int32\) and gets 0.5'):
        feeds(TABLE, slots)
    with pytest.raises(PredictionError, match=r"gets nan"):
        feeds(TABLE.assign(rate=np.nan), slots)


def test_tables_that_do_not_fit() -> None:
    with pytest.raises(InputError) as caught:
        feeds(NUMBERS, [slot("x", "float32", None, 2)])
    expected = 'the network takes 2 columns and gets 3 ("age", "rate", "own"); leave columns out with data.exclude'
    assert str(caught.value).startswith(f"model.source: {expected}")
    with pytest.raises(InputError, match=r'has 2 inputs, and no column is "zip"; name a "module:callable" in model'):
        feeds(TABLE, [slot("age", "float32", None, 1), slot("zip", "float32", None, 1)])
    with pytest.raises(InputError, match=r'has 2 inputs, of which "num" take more than one value a row'):
        feeds(TABLE, [slot("num", "float32", None, 2), slot("age", "float32", None, 1)])


def test_arrays_of_a_preparation() -> None:
    ids, mask = np.array([[1, 2], [3, 4]]), np.ones((2, 2))
    slots = [slot("ids", "int64", None, None), slot("mask", "int64", None, None)]
    for given in ({"mask": mask, "ids": ids}, [ids, mask], (ids, mask)):
        found = feeds(given, slots)
        np.testing.assert_array_equal(found["ids"], ids)
        assert found["mask"].dtype == np.int64
    (one,) = feeds(sparse.csr_array(mask), [slot("x", "float32", None, 2)]).values()
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, mask)
    (rows,) = feeds([np.zeros(2), np.ones(2)], [slot("x", "float32", None, 2)]).values()
    assert rows.tolist() == [[0, 0], [1, 1]]
    assert columns_of(slots) is None


def test_preparations_that_do_not_fit() -> None:
    slots = [slot("ids", "int64", None, None), slot("mask", "int64", None, None)]
    one = np.ones((2, 2))
    with pytest.raises(
        InputError, match=r'^model.source.prepare: gives "ids"; the network\'s inputs are "ids", "mask"$'
    ):
        feeds({"ids": one}, slots)
    with pytest.raises(InputError, match=r"^model.source.prepare: gives 3 arrays; the network has 2 inputs$"):
        feeds([one, one, one], slots)
    with pytest.raises(
        InputError, match=r'^model.source: the network has 2 inputs \("ids", "mask"\) and gets one array'
    ):
        feeds(one, slots)
    with pytest.raises(PredictionError, match=r'input "x" takes an array of shape \(n, 3, any\) and gets \(2, 2\)'):
        feeds(one, [slot("x", "float32", None, 3, None)])
    with pytest.raises(PredictionError, match=r'input "x" takes an array of shape \(n, 3\) and gets \(2, 2\)'):
        feeds(one, [slot("x", "float32", None, 3)])


def test_texts() -> None:
    texts = ["one", "two"]
    for shape in ((None,), (None, 1)):
        (found,) = feeds(texts, [slot("x", "object", *shape)]).values()
        assert (found.shape, found.ravel().tolist()) == ((2,) if len(shape) == 1 else (2, 1), texts)
    with pytest.raises(InputError, match=r"^model.source: the network takes numbers and the data are texts; name a"):
        feeds(texts, [slot("x", "float32", None, 3)])
    with pytest.raises(InputError, match=r'input "x" takes texts, and gets numbers'):
        feeds(np.ones((2, 1)), [slot("x", "object", None, 1)])


def test_small_integers_stay_what_they_are_where_nothing_is_declared() -> None:
    assert plain(np.ones((2, 3), "int32"), np.dtype("float32")).dtype == np.int32
    assert plain(np.ones((2, 3)), np.dtype("float32")).dtype == np.float32
    with pytest.raises(InputError, match=r"takes numbers and got an array of object"):
        plain(np.array([None, "a"], dtype=object), np.dtype("float32"))


def test_a_fixed_number_of_rows_is_refused() -> None:
    check_free_rows([slot("x", "float32", None, 3), slot("scale", "float32", 1)], "export it again")
    with pytest.raises(
        InputError, match=r"^model.source: the network takes batches of exactly 1 row; export it again$"
    ):
        check_free_rows([slot("x", "float32", 1, 3)], "export it again")
