"""Tables of codes: what is read, and what a message says of one that is wrong."""

from pathlib import Path

import pytest

from limekiln.errors import InputError
from limekiln.reasons import codes

VALUES = {"age": {"≤ 25", "> 25"}, "purpose": {"car (new)", "furniture"}}


def write(folder: Path, text: str, name: str = "codes.csv") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("codes.csv", "feature,value,code,text\nage,,A1,Age\npurpose,car (new),P2,New car\n"),
        (
            "codes.yaml",
            "- {feature: age, code: A1, text: Age}\n- {feature: purpose, value: car (new), code: P2, text: New car}\n",
        ),
        ("with a mark.csv", "\ufefffeature,code,value,text\nage,A1,,Age\npurpose,P2,car (new),New car\n"),
    ],
)
def test_the_entry_of_a_value_goes_before_that_of_its_feature(tmp_path: Path, name: str, text: str) -> None:
    table = codes.read(write(tmp_path, text, name))
    assert codes.check(table, tmp_path / name, VALUES) == []
    found = [table.of("age", "≤ 25"), table.of("purpose", "car (new)"), table.of("purpose", "furniture")]
    assert [None if e is None else (e.code, e.text) for e in found] == [("A1", "Age"), ("P2", "New car"), None]


def test_a_feature_that_the_run_lacks_is_an_error_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    path = write(tmp_path, "feature,code\npurpose,P\nagee,A\n")
    with pytest.raises(InputError, match=r'codes.csv:3: the run has no feature "agee"; did you mean "age"\?'):
        codes.check(codes.read(path), path, VALUES)


def test_a_value_that_no_row_has_is_a_note(tmp_path: Path) -> None:
    path = write(tmp_path, "feature,value,code\npurpose,car new,P\n")
    (note,) = codes.check(codes.read(path), path, VALUES)
    assert note.endswith('codes.csv:2: no explained row has purpose = car new; did you mean "car (new)"?')


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.csv", "feature,value,code\nage,,A\nage,,B\n", ":3: age has a code already, on line 2"),
        ("c.csv", "feature,code\nage,\n", ":2: code: missing"),
        ("c.csv", "feature,kode\nage,A\n", ":1: expected the columns"),
        ("c.csv", "feature,code\n", "holds no codes"),
        ("c.csv", 'feature,code\n"age,A\n', "not valid CSV"),
        ("c.yaml", "age: A\n", "expected a list"),
        ("c.yaml", "- {feature: age, kode: A}\n", ":1: expected feature, value, code and text"),
        ("c.yaml", "- {feature: age, code: [A]}\n", ":1: code: expected a text"),
        ("c.yaml", "- {feature: age\n", "c.yaml:"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        codes.read(write(tmp_path, text, name))
    assert said in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        codes.read(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("feature,code\ngröße,A".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        codes.read(tmp_path / "latin.csv")
