"""Which column is told how, where the config says so and where it does not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from limekiln.data.private import settle
from limekiln.errors import InputError
from limekiln.redaction import Redaction
from limekiln.settings import CsvSource, DataSettings

N = 100
TABLE = pd.DataFrame(
    {
        "id": [f"p{i}" for i in range(N)],
        "age": np.arange(N) % 60,
        "town": ["Ulm", "Bonn"] * (N // 2),
        "remark": [f"remark {i}" for i in range(N)],
        "declared": pd.Categorical([f"kind {i}" for i in range(N)]),
        "label": [f"label {i}" for i in range(N)],
    }
)


def settled(table: pd.DataFrame = TABLE, **changed: Any) -> Redaction:
    settings = DataSettings(source=CsvSource(kind="csv", path="d.csv"), **{"id": "id", "target": "label"} | changed)
    return settle(table, settings, "d.csv", features=["age", "town", "remark"], id_=settings.id)


def test_ids_and_free_text_are_masked_where_the_config_is_silent() -> None:
    found = settled()
    assert found.rules == {"id": "mask", "remark": "mask"}
    assert found.by_default == {"id", "remark"}


def test_what_the_config_says_holds() -> None:
    found = settled(redact={"id": "show", "remark": "drop", "age": "bin", "declared": "drop", "town": "mask"})
    assert found.rules == {"remark": "drop", "age": "bin", "declared": "drop", "town": "mask"}
    assert found.by_default == frozenset()
    assert found.aliases == {"remark": "withheld feature 1", "declared": "withheld column 1"}


@pytest.mark.parametrize(("different", "free"), [(20, False), (21, True), (N, True)])
def test_free_text_has_many_values_in_few_rows_each(different: int, free: bool) -> None:  # noqa: FBT001 - a case
    table = TABLE.assign(remark=[f"remark {i % different}" for i in range(N)])
    assert settled(table).shows("remark") is not free


def test_a_name_in_a_thousand_rows_is_no_free_text() -> None:
    table = pd.DataFrame(
        {"id": range(3000), "label": 1, "age": 1, "town": 1, "remark": [f"k{i % 30}" for i in range(3000)]}
    )
    assert settled(table).shows("remark")


@pytest.mark.parametrize(
    ("redact", "message"),
    [
        ({"aeg": "mask"}, 'data.redact: d.csv: no column "aeg"; did you mean "age"?'),
        ({"town": "bin"}, "cannot be told by intervals: bin is for numbers that the model gets; expected mask or hash"),
    ],
)
def test_what_cannot_be_is_refused(redact: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        settled(redact=redact)
    assert message in str(caught.value)
