"""Files of every kind → a table: what is read, and what is refused with which sentence."""

import gzip
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limekiln import data
from limekiln.data.files import without_credentials
from limekiln.errors import InputError
from limekiln.settings import CsvSource, DataSource, JsonlSource, ParquetSource


def csv(path: str = "d.csv", **options: Any) -> CsvSource:
    return CsvSource(kind="csv", path=path, **options)


def jsonl(path: str = "d.jsonl") -> JsonlSource:
    return JsonlSource(kind="jsonl", path=path)


def parquet(path: str = "d.parquet") -> ParquetSource:
    return ParquetSource(kind="parquet", path=path)


def write(folder: Path, content: str | bytes, name: str = "d.csv") -> bytes:
    content = content if isinstance(content, bytes) else content.encode()
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return content


def refused(source: DataSource, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        data.read(source, folder)
    return str(caught.value)


def test_csv_gives_what_pandas_gives(tmp_path: Path) -> None:
    written = write(tmp_path, "i,f,t,b,m\n1,0.5,x,True,\n2,NA,é,False,3\n")
    raw = data.read(csv(), tmp_path)
    pd.testing.assert_frame_equal(raw.table, pd.read_csv(tmp_path / "d.csv"))
    assert raw.sha256 == hashlib.sha256(written).hexdigest()
    assert raw.source == "d.csv"


def test_csv_options(tmp_path: Path) -> None:
    write(tmp_path, "1; ?; caf\xe9\n2; y; z\n".encode("latin-1"))
    source = csv(names=("a", "b", "c"), na_values=("?",), sep=";", encoding="latin-1", skipinitialspace=True)
    table = data.read(source, tmp_path).table
    assert table.to_dict("list") == {"a": [1, 2], "b": [pytest.approx(np.nan, nan_ok=True), "y"], "c": ["café", "z"]}


def test_csv_keeps_the_text_of_ids(tmp_path: Path) -> None:
    write(tmp_path, "id,a\n007,1\nNA,2\n")
    assert list(data.read(csv(), tmp_path, as_text=("id", "none")).table["id"]) == ["007", "NA"]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_with_a_byte_order_mark_quotes_and_newlines_in_cells(tmp_path: Path, bom: bytes, end: str) -> None:
    write(tmp_path, bom + f'"a, b","c"{end}"x{end}y","say ""hi"""{end}'.encode())
    table = data.read(csv(), tmp_path).table
    assert list(table.columns) == ["a, b", "c"]
    assert list(table["c"]) == ['say "hi"']
    assert len(table) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "d.csv: empty"),
        (b"\n\n", "d.csv: empty"),
        (b"a,b\n", "d.csv: no rows"),
        (
            b"a;b\n1;2\n",
            """d.csv: only one column with the separator ','; its first line has ";": set data.source.sep: ";\"""",
        ),
        (
            b"a\tb\n1\t2\n",
            """d.csv: only one column with the separator ','; its first line has "\\t": set data.source.sep: "\\t\"""",
        ),
        (b"a,b\n1,2\n3,4,5\n", "d.csv: line 3: 3 fields, expected 2"),
        (b"a,b\n1,2,3\n4,5,6\n", "d.csv: line 2: 3 fields, expected 2"),
        (b"a,b,c\n1,2,3\n4,5\n", "d.csv: line 3: 2 fields, expected 3"),
        (b"a,b,a\n1,2,3\n", 'd.csv: the column "a" stands twice; give every column its own name'),
        (
            "é,e\u0301\n1,2\n".encode(),
            (
                'd.csv: the column "e\u0301" stands twice, once in other characters that look the same; '
                "give every column its own name"
            ),
        ),
        (b'a,b\n1,"2\n', None),
        (
            "a,b\n1,caf\xe9\n".encode("latin-1"),
            "d.csv: line 2: byte 0xe9 at offset 9 is not utf-8; set data.source.encoding, for example to latin-1",
        ),
        ("a,b\n1,2\n".encode("utf-16"), "d.csv: not UTF-8 but UTF-16; set data.source.encoding: utf-16"),
        (b"a,b\n1,\x002\n", "d.csv: line 2: a NUL character at offset 6; this is not a text file"),
        (gzip.compress(b"a,b\n1,2\n"), "d.csv: compressed (gzip); unpack it first"),
    ],
)
def test_csv_that_is_no_table(tmp_path: Path, content: bytes, message: str | None) -> None:
    write(tmp_path, content)
    said = refused(csv(), tmp_path)
    assert said == message if message else said.startswith("d.csv: ")


def test_jsonl_keeps_types(tmp_path: Path) -> None:
    rows = [{"a": 1, "date": "2024-01-01", "n": "1"}, {"a": 2, "date": "x", "n": "2", "late": True}]
    write(tmp_path, "\ufeff" + "\n\n".join(map(json.dumps, rows)) + "\n", "d.jsonl")
    table = data.read(jsonl(), tmp_path).table
    assert list(table.columns) == ["a", "date", "n", "late"]
    assert list(table["date"]) == ["2024-01-01", "x"]
    assert list(table["n"]) == ["1", "2"]
    assert table["a"].dtype == np.int64
    assert list(table["late"].isna()) == [True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "d.jsonl: no rows"),
        (b"{}\n", "d.jsonl: no rows"),
        (b'{"a": 1}\n[1]\n', "d.jsonl: line 2: expected a JSON object, one a line, got list"),
        (b'{"a": 1}\n{"a": 1', "d.jsonl: line 2: not JSON: Expecting ',' delimiter: line 1 column 8 (char 7)"),
        (b'{"a": 1, "a": 2}\n', 'd.jsonl: line 1: the key "a" stands twice'),
        (b'{"a": "\xe9"}\n', "d.jsonl: line 1: byte 0xe9 is not UTF-8"),
        (b"[" * 100_000, None),
        (b'{"a": ' + b"9" * 5000 + b"}", None),
    ],
)
def test_jsonl_that_is_no_table(tmp_path: Path, content: bytes, message: str | None) -> None:
    write(tmp_path, content, "d.jsonl")
    said = refused(jsonl(), tmp_path)
    assert said == message if message else said.startswith("d.jsonl: line 1: not JSON: ")


def test_parquet_keeps_types_and_named_indexes(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": pd.Categorical(["x", "y"]), "b": pd.array([1, None], dtype="Int64"), "c": ["é", None]})
    table.index = pd.Index(["r1", "r2"], name="row")
    table.to_parquet(tmp_path / "d.parquet")
    read = data.read(parquet(), tmp_path).table
    pd.testing.assert_frame_equal(read, table.reset_index())
    table.reset_index(drop=True).iloc[[1, 0]].to_parquet(tmp_path / "d.parquet")
    assert list(data.read(parquet(), tmp_path).table.columns) == ["a", "b", "c"]


def test_parquet_that_is_no_table(tmp_path: Path) -> None:
    write(tmp_path, b"PAR1 nonsense", "d.parquet")
    assert refused(parquet(), tmp_path).startswith("d.parquet: not a readable Parquet file: ")
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(twice, tmp_path / "d.parquet")
    assert refused(parquet(), tmp_path) == 'd.parquet: the column "a" stands twice; give every column its own name'


def test_a_broken_row_group_is_named(tmp_path: Path) -> None:
    file = tmp_path / "d.parquet"
    pq.write_table(pa.table({"a": np.arange(3000)}), file, row_group_size=1000, compression="zstd")
    start = pq.ParquetFile(file).metadata.row_group(1).column(0).dictionary_page_offset
    content = bytearray(file.read_bytes())
    content[start : start + 400] = b"\xff" * 400
    file.write_bytes(content)
    assert refused(parquet(), tmp_path).startswith("d.parquet: row group 1 of 3 cannot be read: ")


def test_a_glob_reads_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    late, early = write(tmp_path, "b,a\n4,3\n", "in/2.csv"), write(tmp_path, "a,b\n1,2\n", "in/1.csv")
    raw = data.read(csv("in/*.csv"), tmp_path)
    assert raw.table.to_dict("list") == {"a": [1, 3], "b": [2, 4]}
    assert raw.sha256 == hashlib.sha256(early + late).hexdigest()
    assert raw.source == "in/*.csv"


def test_a_file_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    write(tmp_path, "a\n1\n", "d[1].csv")
    assert len(data.read(csv("d[1].csv"), tmp_path).table) == 1


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("a,b\n1,2\n", "a\n1\n", '2.csv: lacks columns that 1.csv has: "b"; all files need the same columns'),
        ("a\n1\n", "a,b\n1,2\n", '1.csv: lacks columns that 2.csv has: "b"; all files need the same columns'),
        ("a,b\n1,2\n", "a,b\n1,x\n", '2.csv: the column "b" holds text, but numbers in 1.csv'),
        ("a,b\n1,\n", "a,b\n1,x\n", None),
    ],
)
def test_files_of_one_source_must_fit_together(tmp_path: Path, first: str, second: str, message: str | None) -> None:
    write(tmp_path, first, "1.csv")
    write(tmp_path, second, "2.csv")
    if message:
        assert refused(csv("?.csv"), tmp_path) == message
    else:
        values = data.read(csv("?.csv"), tmp_path).table["b"]
        assert values.dtype == pd.Series(["x", None]).dtype
        assert list(values.isna()) == [True, False]


def test_categories_of_several_files_stay_categories(tmp_path: Path) -> None:
    for name, value in (("1", "x"), ("2", "y")):
        pd.DataFrame({"a": pd.Categorical([value])}).to_parquet(tmp_path / f"{name}.parquet")
    values = data.read(parquet("*.parquet"), tmp_path).table["a"]
    assert list(values.cat.categories) == ["x", "y"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path, "a\n1\n", "german.csv")
    assert refused(csv("germn.csv"), tmp_path) == "germn.csv: no such file; did you mean german.csv?"
    assert refused(csv("no/x.csv"), tmp_path) == f"no/x.csv: no such file (there is no folder {tmp_path / 'no'})"
    assert refused(csv("*.tsv"), tmp_path) == f"*.tsv: no file matches in {tmp_path}"
    (tmp_path / "in").mkdir()
    assert refused(csv("in"), tmp_path) == 'in: is a folder; name its files, for example "in/*"'


def test_urls_are_read_through_fsspec(tmp_path: Path) -> None:
    write(tmp_path, "a,b\n1,2\n", "1.csv")
    assert len(data.read(csv(f"file://{tmp_path}/1.csv"), Path("/")).table) == 1
    memory = fsspec.filesystem("memory")
    memory.pipe("/kiln/1.csv", b"a,b\n1,2\n")
    memory.pipe("/kiln/2.csv", b"a,b\n3,4\n")
    raw = data.read(csv("memory://kiln/*.csv"), tmp_path)
    assert list(raw.table["a"]) == [1, 3]
    assert refused(csv("memory://kiln/none.csv"), tmp_path) == "memory://kiln/none.csv: no such file"
    assert refused(csv("memory://kiln/*.tsv"), tmp_path) == "memory://kiln/*.tsv: no file matches"
    assert refused(csv("nosuch://u:secret@x/y.csv"), tmp_path).startswith("nosuch://x/y.csv: cannot be read: ")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://key:secret@bucket/a/*.csv", "s3://bucket/a/*.csv"),
        ("https://host/a.csv?token=secret#x", "https://host/a.csv"),
        ("simplecache::https://u:secret@host/a.csv", "simplecache::https://host/a.csv"),
        ("zip://a.csv::https://host/z.zip?sig=secret", "zip://a.csv::https://host/z.zip"),
        ("in/what?.csv", "in/what?.csv"),
    ],
)
def test_no_credential_is_shown(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_a_fingerprint_depends_on_names_types_and_values_alone() -> None:
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [Decimal(1), Decimal(2)]})
    same = table.copy()
    same.index = pd.Index(["p", "q"])
    assert data.fingerprint(table) == data.fingerprint(same)
    others = [
        table.rename(columns={"a": "A"}),
        table.astype({"a": "float64"}),
        table.iloc[::-1],
        table[["b", "a", "c"]],
        table.assign(b=["x", "y"]),
        table.head(1),
    ]
    assert len({data.fingerprint(t) for t in [table, *others]}) == 7


def test_a_fingerprint_is_the_same_on_every_machine() -> None:
    table = pd.DataFrame({"a": np.array([1, 2], dtype="int64"), "b": np.array(["x", None], dtype=object)})
    assert data.fingerprint(table) == "021ac5645a5bee0cd7b7f653b69aa1e4675034f1f417f99b5de935d476d00147"
