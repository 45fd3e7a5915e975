"""A table and the roles of its columns → the frame that the model is asked with."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from limekiln import data
from limekiln.data import RawTable
from limekiln.data import frame as frames
from limekiln.data.columns import prepared
from limekiln.data.frame import Frame
from limekiln.errors import InputError
from limekiln.settings import CsvSource, DataSettings

PEOPLE = pd.DataFrame(
    {
        "id": ["p1", "p2", "p3"],
        "age": [30, 40, 50],
        "job": ["cook", "smith", None],
        "town": ["Ulm", "Bonn", "Ulm"],
        "risk": ["good", "bad", "good"],
    }
)


def raw(table: pd.DataFrame) -> RawTable:
    return RawTable(table, "00", "people.csv")


def roles(**changed: Any) -> DataSettings:
    return DataSettings(source=CsvSource(kind="csv", path="people.csv"), **changed)


def make(table: pd.DataFrame = PEOPLE, features: tuple[str, ...] | None = None, **changed: Any) -> Frame:
    return frames.make(raw(table), roles(**changed), model_features=features)


def refused(table: pd.DataFrame = PEOPLE, features: tuple[str, ...] | None = None, **changed: Any) -> str:
    with pytest.raises(InputError) as caught:
        make(table, features, **changed)
    return str(caught.value)


def test_the_model_gets_its_columns_in_its_order() -> None:
    shuffled = PEOPLE.set_index(pd.Index([7, 7, 9]))
    frame = make(shuffled, ("job", "age"), target="risk", id="id")
    pd.testing.assert_frame_equal(frame.features, PEOPLE[["job", "age"]])
    assert frame.target is not None
    assert list(frame.target) == ["good", "bad", "good"]
    assert frame.keys == ("p1", "p2", "p3")
    assert list(frame.others.columns) == ["id", "town", "risk"]
    assert (frame.source, frame.sha256) == ("people.csv", "00")
    assert [n.text for n in frame.notices] == ['1 column of the data was not given to the model: "town".']


def test_a_model_that_names_no_columns_gets_all_without_a_role() -> None:
    frame = make(target="risk", id="id", exclude=("town",))
    assert list(frame.features.columns) == ["age", "job"]
    assert frame.notices == ()


def test_rows_without_an_id_are_named_by_position() -> None:
    assert make().keys == ("0", "1", "2")
    assert make().target is None


def test_groups_of_features_are_taken() -> None:
    assert list(make(groups={"place": ("town", "job")}).features.columns) == list(PEOPLE.columns)


def test_a_column_that_differs_in_case_alone_is_meant_before_any_other() -> None:
    table = pd.DataFrame({"aGE": [1], "AGES": [2]})
    assert refused(table, target="AGE") == 'data.target: people.csv: no column "AGE"; did you mean "aGE"?'


def test_any_column_can_be_asked_for() -> None:
    frame = make(features=("age",))
    assert list(frame.column("town")) == ["Ulm", "Bonn", "Ulm"]
    assert list(frame.column("age")) == [30, 40, 50]
    with pytest.raises(InputError, match=r'^people.csv: no column "twon"; did you mean "town"\?$'):
        frame.column("twon")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": "rsk"}, 'data.target: people.csv: no column "rsk"; did you mean "risk"?'),
        (
            {"id": "?"},
            'data.id: people.csv: no column "?"; it has "id", "age", "job", "town", "risk"',
        ),
        ({"exclude": ("jobs",)}, 'data.exclude: people.csv: no column "jobs"; did you mean "job"?'),
        ({"target": "RISK"}, 'data.target: people.csv: no column "RISK"; did you mean "risk"?'),
        ({"groups": {"who": ("age", "jbo")}}, 'data.groups.who: people.csv: no column "jbo"; did you mean "job"?'),
        ({"groups": {"who": ("age", "Job")}}, 'data.groups.who: people.csv: no column "Job"; did you mean "job"?'),
        (
            {"groups": {"who": ("age", "risk")}, "target": "risk"},
            'data.groups.who: data.target keeps "risk" from the model',
        ),
        (
            {"groups": {"who": ("age", "town")}, "features": ("age", "job")},
            'data.groups.who: people.csv: no column "town"; it has "age", "job"',
        ),
        (
            {"groups": {"job": ("age", "town")}},
            "data.groups.job: a column has this name too; give the group a name of its own",
        ),
        ({"categorical": ("agee",)}, 'data.categorical: people.csv: no column "agee"; did you mean "age"?'),
        ({"exclude": ("age", "job", "id", "town", "risk")}, "people.csv: no column is left for the model"),
        (
            {"features": ("aeg", "shoe")},
            (
                "the model needs a column that is not there (and 1 more of the model's columns): "
                'people.csv: no column "aeg"; did you mean "age"?'
            ),
        ),
        (
            {"features": ("age", "risk"), "target": "risk"},
            'data.target: the model was fitted on "risk" and needs it as a feature',
        ),
        (
            {"features": ("age",), "exclude": ("age",)},
            'data.exclude: the model was fitted on "age" and needs it as a feature',
        ),
        ({"features": ("age",), "id": "age", "categorical": ()}, None),
    ],
)
def test_columns_that_do_not_fit_their_roles(changed: dict[str, Any], message: str | None) -> None:
    said = refused(**changed)
    assert said == message if message else said.startswith("data.id: ")


@pytest.mark.parametrize(
    ("ids", "keys"),
    [
        ([3, 1, 2], ("3", "1", "2")),
        ([1.0, 2.0, 2.5], ("1", "2", "2.5")),
        (["007", "7", " "], ("007", "7", " ")),
        (pd.array([1, 2, 3], dtype="Int64"), ("1", "2", "3")),
    ],
)
def test_ids_become_text(ids: Any, keys: tuple[str, ...]) -> None:
    assert make(PEOPLE.assign(id=ids), id="id").keys == keys


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            ["a", "b", "a"],
            "gives one name to two rows, 0 and 2 (from 0); name a column whose values are unique, or drop data.id",
        ),
        (["a", None, ""], "has no value in 2 rows, first in row 1 (from 0); fill it or drop data.id"),
    ],
)
def test_ids_must_name_rows(ids: list[str | None], message: str) -> None:
    assert refused(PEOPLE.assign(id=pd.Series(ids)), id="id") == f'data.id: people.csv: the column "id" {message}'


def test_column_names_must_be_texts_and_differ() -> None:
    numbered = PEOPLE.set_axis([0, 1, 2, 3, 4], axis=1)
    hint = "try table.columns = table.columns.map(str)"
    assert refused(numbered) == f"people.csv: the column name 0 is no text; {hint}"
    twice = PEOPLE.set_axis(["a", "b", "a", "c", "d"], axis=1)
    assert refused(twice) == 'people.csv: the column "a" stands twice; give every column its own name'


def test_names_are_taken_literally() -> None:
    names = ["<script>", "{{7*7}}", "=cmd|' /C calc'!A0", "../x", "مرحبا", "x" * 5000]
    table = pd.DataFrame({name: [1, 2] for name in names})
    assert list(make(table).features.columns) == names


TYPES: list[tuple[str, Any, Any]] = [
    ("bool", pd.Series([True, False]), "bool"),
    ("small int", pd.Series([1, 2], dtype="int8"), "int8"),
    ("float32", pd.Series([1, np.nan], dtype="float32"), "float32"),
    ("category", pd.Series(["a", "b"], dtype="category"), pd.CategoricalDtype(["a", "b"])),
    ("objects of text", pd.Series(["a", None], dtype=object), "object"),
    ("objects of truth", pd.Series([True, None], dtype=object), "object"),
    ("objects of ints", pd.Series([1, 2], dtype=object), "int64"),
    ("objects of numbers", pd.Series([1, 2.5, None], dtype=object), "float64"),
    ("huge ints", pd.Series([2**70, 1], dtype=object), "float64"),
    ("decimals", pd.Series([Decimal("1.5"), None]), "float64"),
    ("nothing", pd.Series([None, None], dtype=object), "float64"),
    ("Int64", pd.Series([1, 2], dtype="Int64"), "int64"),
    ("Int64 with NA", pd.Series([1, None], dtype="Int64"), "float64"),
    ("UInt8", pd.Series([1, 2], dtype="UInt8"), "uint8"),
    ("Float32", pd.Series([1.5, 2], dtype="Float32"), "float32"),
    ("boolean", pd.Series([True, False], dtype="boolean"), "bool"),
    ("boolean with NA", pd.Series([True, None], dtype="boolean"), "object"),
    ("string with NA", pd.Series(["a", None], dtype="string"), pd.Series(["a", np.nan]).dtype),
    ("arrow int", pd.Series([1, 2], dtype="int32[pyarrow]"), "int32"),
    ("arrow double with NA", pd.Series([1.5, None], dtype="double[pyarrow]"), "float64"),
    ("arrow bool", pd.Series([True, False], dtype="bool[pyarrow]"), "bool"),
    ("arrow text", pd.Series(["a", None], dtype="string[pyarrow]"), pd.Series(["a", np.nan]).dtype),
]


@pytest.mark.parametrize(("values", "dtype"), [t[1:] for t in TYPES], ids=[t[0] for t in TYPES])
def test_the_table_of_types(values: pd.Series, dtype: Any) -> None:
    given = prepared(values, "x")
    assert given.dtype == dtype
    assert list(given.isna()) == list(values.isna())
    known = values.notna().to_numpy()
    assert [v == w for v, w in zip(given[known], values[known], strict=True)] == [True] * int(known.sum())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            pd.to_datetime(pd.Series(["2024-01-01"])),
            "dates or times; turn them into numbers, such as days since a date, or name it in data.exclude",
        ),
        (pd.Series([date(2024, 1, 1)]), "dates or times; "),
        (pd.Series(pd.to_datetime(["2024-01-01"]).tz_localize("UTC")), "dates or times; "),
        (pd.Series(pd.period_range("2024", periods=1, freq="M")), "dates or times; "),
        (pd.Series(pd.to_timedelta([1], unit="D")), "durations; turn them into numbers, such as days"),
        (pd.Series([1 + 2j]), "complex numbers; "),
        (pd.Series([[1], [2]]), "values of type list; name it in data.exclude"),
        (pd.Series([b"x"]), "values of type bytes; name it in data.exclude"),
    ],
)
def test_types_that_no_model_of_tables_takes(values: pd.Series, message: str) -> None:
    table = pd.DataFrame({"when": values.head(1)})
    assert refused(table).startswith(f'people.csv: the column "when" holds {message}')


def test_a_mix_of_types_is_refused_with_a_row_of_each() -> None:
    table = pd.DataFrame({"a": pd.Series([None, 1, "x"], dtype=object)})
    assert refused(table) == (
        'people.csv: the column "a" mixes types: a number in row 1, text in row 2; make it one type (rows count from 0)'
    )
    assert "mixes types" in refused(PEOPLE.assign(risk=[1, "1", True]), target="risk")


def test_columns_of_no_role_may_hold_anything() -> None:
    table = PEOPLE.assign(when=pd.to_datetime("2024-01-01"))
    assert make(table, ("age",)).features.shape == (3, 1)
    assert make(table, exclude=("when",)).features.shape == (3, 5)


def test_what_a_reader_should_know_becomes_a_notice() -> None:
    numbers: list[object] = [str(i) for i in range(30)]
    table = pd.DataFrame({"empty": [None] * 32, "far": [np.inf, *range(31)], "num": [*numbers, "n/k", "?"]})
    assert [(n.code, n.text) for n in make(table, redact={"num": "show"}).notices] == [
        ("column_without_values", 'The column "empty" holds no value in any row.'),
        ("column_with_infinity", 'The column "far" holds 1 infinite value.'),
        (
            "numbers_as_text",
            (
                'The column "num" of people.csv is text, though almost all of its values are numbers; not "n/k", "?". '
                "If these mean missing, add them to na_values."
            ),
        ),
    ]


def test_a_background_needs_features_alone() -> None:
    settings = roles(target="risk", id="id", exclude=("town",))
    frame = frames.make(raw(PEOPLE), settings, model_features=None)
    background = frames.make_background(raw(PEOPLE[["job", "age"]]), settings, like=frame)
    assert list(background.features.columns) == ["age", "job"]
    assert background.target is None
    full = frames.make_background(raw(PEOPLE), settings, like=frame)
    assert list(full.features.columns) == ["age", "job"]
    assert full.target is not None
    assert full.notices == ()


def test_a_background_of_other_columns_or_values_is_refused() -> None:
    frame = make(features=("age", "job"))
    with pytest.raises(InputError, match=r'people.csv: no column "job"; it has "age"$'):
        frames.make_background(raw(PEOPLE[["age"]]), roles(), like=frame)
    other = raw(PEOPLE.assign(age=["young", "old", "old"]))
    said = r'^data.background: people.csv: the column "age" holds text, but numbers in people.csv$'
    with pytest.raises(InputError, match=said):
        frames.make_background(other, roles(), like=frame)


def test_a_dataframe_in_memory() -> None:
    table = PEOPLE[["age", "job"]].set_index(pd.Index(["x", "y", "z"]))
    frame = frames.in_memory(table, PEOPLE["risk"].set_axis([5, 6, 7]))
    pd.testing.assert_frame_equal(frame.features, PEOPLE[["age", "job"]])
    assert frame.target is not None
    assert list(frame.target) == ["good", "bad", "good"]
    assert frame.keys == ("0", "1", "2")
    assert frame.sha256 == data.fingerprint(table)
    assert frames.in_memory(table, None).target is None


@pytest.mark.parametrize(
    ("table", "target", "message"),
    [
        (PEOPLE, ["good"], "target: 1 values for 3 rows"),
        (PEOPLE.head(0), None, "a DataFrame in memory: no rows"),
        (pd.DataFrame(index=[1, 2]), None, "a DataFrame in memory: no columns"),
        (np.zeros((2, 2)), None, "expected a pandas DataFrame, got ndarray"),
    ],
)
def test_what_in_memory_is_no_table(table: Any, target: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        frames.in_memory(table, target)
    assert str(caught.value) == message


def test_the_table_that_was_given_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b\n1,x\n", encoding="utf-8")
    read = data.read(CsvSource(kind="csv", path="d.csv"), tmp_path)
    before = read.table.copy()
    made = frames.make(read, roles(), model_features=None)
    made.features.loc[0, "a"] = 99
    pd.testing.assert_frame_equal(read.table, before)
