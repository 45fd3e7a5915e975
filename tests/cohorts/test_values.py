"""A column's values as cohorts, and the rows that are added for them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kiln_cases import write
from limekiln import config, kiln
from limekiln.cohorts import values
from limekiln.cohorts.values import Cohorts
from limekiln.data import frame
from limekiln.data.frame import Frame
from limekiln.errors import ConfigError, InputError
from limekiln.redaction import Redaction
from limekiln.settings import Rule, Settings


def cohorts(held: list[Any], rule: Rule = "show") -> Cohorts:
    column = pd.Series(held, name="c")
    redaction = Redaction(rules={} if rule == "show" else {"c": rule}, key=b"k" * 16)
    made = frame.in_memory(pd.DataFrame({"x": range(len(column))}), None)
    whole = Frame(made.features, None, made.keys, column.to_frame(), "s", "", (), redaction)
    (found,) = values.of_frame(whole, settings())
    return found


def settings(column: str = "c") -> Settings:
    content = {
        "model": {"name": "m", "source": {"kind": "python", "path": "a:b", "classes": ["no", "yes"]}},
        "data": {"source": {"kind": "csv", "path": "x.csv"}},
        "report": {"cohorts": [column]},
    }
    return config.from_mapping(content, Path()).settings


def told(c: Cohorts) -> list[str]:
    return [c.names[code] for code in c.codes]


def test_categories_are_cohorts_the_most_frequent_first() -> None:
    found = cohorts(["b", "a", "a", None, "a", "b", "c"])
    assert (found.by, found.names, found.pooled) == ("value", ("a", "b", "c", "(missing)"), 0)
    assert told(found) == ["b", "a", "a", "(missing)", "a", "b", "c"]


def test_of_many_values_the_rarest_are_one_cohort() -> None:
    held = [f"v{i:02}" for i in range(14) for _ in range(20 - i)]
    found = cohorts([*held, None])
    assert len(found.names) == values.MOST
    assert found.names == (*(f"v{i:02}" for i in range(8)), "(other)", "(missing)")
    assert found.pooled == 6
    assert told(found) == [v if v < "v08" else "(other)" for v in held] + ["(missing)"]


def test_few_numbers_are_cohorts_by_size() -> None:
    found = cohorts([3.0, 1.0, 1.0, 10.0, 3.0, 3.0])
    assert (found.by, found.names) == ("value", ("1", "3", "10"))
    assert told(found) == ["3", "1", "1", "10", "3", "3"]


def test_truth_values_are_cohorts() -> None:
    assert told(cohorts([True, False, True])) == ["True", "False", "True"]


def test_many_numbers_are_cut_at_their_quartiles() -> None:
    found = cohorts([*range(1, 101), None])
    assert found.by == "quarter"
    assert found.names == ("≤ 25.75", "> 25.75 to 50.5", "> 50.5 to 75.25", "> 75.25", "(missing)")
    assert np.bincount(found.codes).tolist() == [25, 25, 25, 25, 1]


def test_values_that_are_not_shown_are_told_by_number_or_hash() -> None:
    held = ["secret"] * 3 + ["hidden"] * 5
    assert cohorts(held, "mask").names == ("cohort 1", "cohort 2")
    assert told(cohorts(held, "mask")) == ["cohort 2"] * 3 + ["cohort 1"] * 5
    assert [len(name) for name in cohorts(held, "hash").names] == [12, 12]
    assert cohorts(list(range(40)), "mask").names == tuple(f"quarter {i} of 4" for i in range(1, 5))


def test_binned_numbers_are_quarters_and_none_is_told_that_holds_one_value() -> None:
    found = cohorts([1] * 6 + [2, 3] * 3, "bin")
    assert found.by == "quarter", "values as they are would be shown"
    assert found.names[0] == f"quarter 1 of {len(found.names)}"


def test_numbers_of_masked_values_do_not_rise_with_them() -> None:
    assert told(cohorts([1, 1, 1, 5, 5, 9], "mask")) == ["cohort 1"] * 3 + ["cohort 2"] * 2 + ["cohort 3"]
    assert told(cohorts([9, 9, 9, 5, 5, 1], "mask")) == ["cohort 1"] * 3 + ["cohort 2"] * 2 + ["cohort 3"]


def test_rows_are_added_up_to_the_number_asked_for_or_all_there_are() -> None:
    column = Cohorts("c", "value", ("a", "b"), np.repeat([0, 1], [100, 12]))
    other = Cohorts("d", "value", ("all",), np.zeros(112, dtype=np.int64))
    sampled = np.array([*range(50), 100, 101])
    keys = [str(i) for i in range(112)]

    def beyond(each: int) -> np.ndarray:
        return values.beyond([column, other], keys, sampled, each, 0)

    found = beyond(30)
    assert found.shape == (112, 2)
    assert not (found[sampled] >= 0).any()
    assert not (found[:, 0] == 0).any(), "50 of a are there"
    assert np.flatnonzero(found[:, 0] == 1).tolist() == list(range(102, 112)), "all that b has"
    assert not (found[:, 1] >= 0).any()
    few = beyond(60)
    assert ((few[:, 0] == 0).sum(), (few[:, 1] == 2).sum()) == (10, 8)
    assert ((few >= 0) <= (beyond(70) >= 0)).all(), "a larger number takes the same rows first"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("incme", 'report.cohorts[0]: data.csv: no column "incme"; did you mean "income"?'),
        ("id", 'report.cohorts[0]: "id" is data.id, which names each row; a cohort is of rows that share a value'),
        ("city", 'report.cohorts[0]: data.redact drops "city", so no cohort of it can be told; mask or hash it, or'),
    ],
)
def test_a_column_that_makes_no_cohorts_is_refused_before_the_run(tmp_path: Path, name: str, says: str) -> None:
    path = write(tmp_path, report__cohorts=[name], data__redact={"id": "show", "city": "drop"})
    with pytest.raises(InputError) as raised:
        kiln.read_inputs(config.load(path))
    assert str(raised.value).startswith(says)


def test_a_column_that_is_named_twice_is_an_error_of_the_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'report.cohorts: "city" stands twice'):
        config.load(write(tmp_path, report__cohorts=["city", "city"]))


@pytest.mark.parametrize("name", ["city", "income", "label", "amount"])
def test_features_the_target_and_columns_beside_the_model_make_cohorts(tmp_path: Path, name: str) -> None:
    loaded = config.load(write(tmp_path, report__cohorts=[name]))
    inputs = kiln.read_inputs(loaded)
    (found,) = values.of_frame(inputs.frame, loaded.settings)
    assert len(found.codes) == len(inputs.frame.features)
    assert 3 <= len(found.names) <= 4


def test_the_texts_themselves_make_no_cohorts() -> None:
    texts = frame.in_memory(pd.DataFrame({"text": ["a", "b"]}), None)
    held = Frame(texts.features, None, texts.keys, texts.others, "s", "", (), Redaction(content="text"))
    with pytest.raises(InputError, match=r'"text" holds what is explained; name a column beside it'):
        values.check(held, settings("text"))
