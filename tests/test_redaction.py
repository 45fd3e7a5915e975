"""What is told of a value, a row's name, a column's name and a message."""

import base64
import hashlib
import hmac

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limekiln.redaction import Redaction, discretion, without_values

KEY = b"a secret of the test's own"


def test_a_hash_is_the_documented_one_and_differs_by_column_and_key() -> None:
    redaction = Redaction(rules={"job": "hash"}, key=KEY)
    digest = hmac.new(KEY, b"job\0b\xc3\xa4cker", hashlib.sha256).digest()
    assert redaction.hashed("job", "bäcker") == base64.b32encode(digest).decode()[:12].lower()
    assert redaction.hashed("town", "bäcker") != redaction.hashed("job", "bäcker")
    assert Redaction(key=b"another secret").hashed("job", "bäcker") != redaction.hashed("job", "bäcker")
    assert "secret" not in repr(redaction)


def test_rows_are_told_by_id_position_or_hash() -> None:
    keys = [f"p{i}" for i in range(11)]
    assert Redaction().row_names(keys) == tuple(keys)
    assert Redaction(id="id").row_names(keys) == tuple(keys)
    assert Redaction(rules={"id": "mask"}, id="id").row_names(keys)[:2] == ("row-00", "row-01")
    hashed = Redaction(rules={"id": "hash"}, id="id", key=KEY).row_names(keys)
    assert len(set(hashed)) == 11
    assert not set(hashed) & set(keys)


def test_a_dropped_name_goes_and_names_that_hold_it_stay() -> None:
    redaction = Redaction(rules={"age": "drop"}, aliases={"age": "withheld feature 1"})
    assert redaction.unnamed("redact: {age: drop, age_group: show}  # Age, no wage") == (
        "redact: {withheld feature 1: drop, age_group: show}  # Age, no wage"
    )
    assert redaction.column(redaction.name("age")) == "age"
    assert redaction.unnamed_option("data.redact={age: drop}") == "***"
    assert redaction.unnamed_option("sample.rows=20") == "sample.rows=20"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("could not convert string to float: 'Acme Ltd'", "could not convert string to float: …"),
        ("no employer acme ltd here", "no employer … here"),
        ("no employer Acme of Ltd here", "no employer … of … here"),
        ("no employer Acm here", "no employer Acm here"),  # three letters may be any word
        ("cut off at Steelwor", "cut off at …"),
        ("income 31,415.9 is more than 3e4", "income … is more than …"),
        ("rows [1 2 'x'] and {'a': 'b", "rows … and …"),
        ("the model is not fitted", "the model is not fitted"),
    ],
)
def test_a_message_loses_values_and_what_may_be_one(message: str, told: str) -> None:
    assert without_values(message, ["Acme Ltd", "Steelworks", "77"]) == told


@given(st.text(st.characters(categories=["L"]), min_size=4), st.text(), st.text())
def test_no_message_holds_a_value(value: str, before: str, after: str) -> None:
    assert value not in without_values(f"{before} {value} {after}", [value])


def test_only_a_model_that_gets_a_redacted_column_is_discreet() -> None:
    redaction = Redaction(rules={"id": "mask", "town": "mask"}, id="id")
    assert discretion(redaction, ["age"]) is None
    found = discretion(redaction, ["age", "town"])
    assert found is not None
    rows = pd.DataFrame({"age": [30], "town": ["Oberammergau"], "other": ["Ulm"]})
    assert found("Ulm is not Oberammergau", rows) == "Ulm is not …"
    texts = discretion(Redaction(rules={"say": "mask"}, content="say"), ["say"])
    assert texts is not None
    assert texts("bad word", ["bad word"]) == "its message may quote the data and is withheld"
