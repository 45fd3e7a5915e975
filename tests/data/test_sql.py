"""A query of a SQLite database → a table; what is told of a database holds no credential."""

import sqlite3
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from limekiln import data
from limekiln.data import sql
from limekiln.errors import InputError
from limekiln.settings import DataSettings, SqlSource
from limekiln.settings.data import contradictions

SECRET = "s3cr3t/p@ss"  # noqa: S105 - no password of anything
QUERY = "SELECT id, amount, job, note FROM loans ORDER BY id"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "bank.db") as connection:
        connection.execute("CREATE TABLE loans (id INTEGER, amount REAL, job TEXT, note BLOB)")
        rows = [(2, None, "smith", b"\x00"), (1, 10.5, "cook: 50%", None), (3, 7.0, None, b"x")]
        connection.executemany("INSERT INTO loans VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return tmp_path


def source(query: str = QUERY, url: str | None = "sqlite:///bank.db", **more: Any) -> SqlSource:
    return SqlSource(kind="sql", url=url, query=query, **more)


def refused(query: SqlSource, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        data.read(query, folder)
    said = "".join(traceback.format_exception(caught.value))
    assert SECRET not in said
    assert "s3cr3t" not in said
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_query_gives_a_table_its_hash_and_its_name(folder: Path) -> None:
    raw = data.read(source(), folder)
    expected = pd.DataFrame(
        {
            "id": [1, 2, 3],
            "amount": [10.5, None, 7.0],
            "job": ["cook: 50%", "smith", None],
            "note": [None, b"\x00", b"x"],
        }
    )
    pd.testing.assert_frame_equal(raw.table, expected)
    assert raw.sha256 == data.fingerprint(expected)
    assert raw.source == "sqlite bank.db: SELECT id, amount, job, note FROM loans ORDER BY id"
    assert raw.notices == ()


def test_the_chunks_make_no_difference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = data.read(source(), folder)
    monkeypatch.setattr(sql, "_CHUNK", 1)
    chunked = data.read(source(), folder)
    pd.testing.assert_frame_equal(chunked.table, whole.table)
    assert chunked.sha256 == whole.sha256


def test_percent_signs_and_colons_of_a_query_are_its_own(folder: Path) -> None:
    table = data.read(source("SELECT id FROM loans WHERE job LIKE '%: 5%' ORDER BY id"), folder).table
    assert list(table["id"]) == [1]


def test_rows_without_an_order_are_told(folder: Path) -> None:
    raw = data.read(source("SELECT id, amount FROM loans"), folder)
    assert [n.code for n in raw.notices] == ["sql_without_order"]
    settings = DataSettings(source=source(), target="amount")
    assert [n.code for n in data.frame_of(raw, settings, folder, None).notices] == ["sql_without_order"]


def test_a_long_query_is_shortened_and_stays_on_a_line(folder: Path) -> None:
    raw = data.read(
        source(f"SELECT id,\n  amount\nFROM loans WHERE id IN ({', '.join('123456789')}) ORDER BY id"), folder
    )
    assert raw.source == "sqlite bank.db: SELECT id, amount FROM loans WHERE id IN (1, 2, 3, 4, 5, 6,…"


def test_the_url_may_be_in_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = source(url=None, url_env="BANK_URL")
    monkeypatch.delenv("BANK_URL", raising=False)
    assert refused(named, folder) == "data.source.url_env: the environment variable BANK_URL is not set"
    monkeypatch.setenv("BANK_URL", f"sqlite:///{folder}/bank.db")
    assert data.read(named, folder).source.startswith("sqlite bank.db: SELECT")
    monkeypatch.setenv("BANK_URL", f"bank:{SECRET}")
    assert refused(named, folder) == "data.source.url_env: no SQLAlchemy URL; expected one such as sqlite:///data.db"


def test_a_file_is_shown_as_the_config_names_it(folder: Path) -> None:
    assert data.read(source(url=f"sqlite:///{folder}/bank.db"), folder).source.startswith(f"sqlite {folder}/bank.db: ")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"url": "sqlite:///bnak.db"}, "sqlite bnak.db: no such file; did you mean bank.db?"),
        ({"url": "nodb://x/y"}, "data.source.url: SQLAlchemy knows no database 'nodb'"),
        ({"query": "SELECT id, id FROM loans"}, None),
        ({"query": "SELECT id FROM loans WHERE id > 9"}, "sqlite bank.db: SELECT id FROM loans WHERE id > 9: no rows"),
        (
            {"query": "SELECT id FROM laons"},
            "sqlite bank.db: SELECT id FROM laons: the database says: no such table: laons; see data.source.query",
        ),
        (
            {"query": "DROP TABLE loans"},
            "data.source.query: expected one SELECT, also after a WITH, got DROP",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(folder: Path, changed: dict[str, Any], message: str | None) -> None:
    said = refused(source(**changed), folder)
    if message is None:
        assert said.endswith('the column "id" stands twice; give every column its own name')
    else:
        assert said == message


def test_a_missing_file_is_not_made(folder: Path) -> None:
    refused(source(url="sqlite:///new.db"), folder)
    assert not (folder / "new.db").exists()


def test_a_file_that_is_no_database(folder: Path) -> None:
    (folder / "text.db").write_text("id,amount\n" * 200, encoding="utf-8")
    assert "file is not a database" in refused(source(url="sqlite:///text.db"), folder)


def test_nothing_is_written_even_where_the_look_at_the_query_is_fooled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limekiln.data.sql_query.checked", lambda query: query)
    assert "readonly" in refused(source("DELETE FROM loans RETURNING id"), folder)
    assert len(data.read(source(), folder).table) == 3


def test_values_of_mixed_types_are_refused_where_chunks_differ(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "_CHUNK", 1)
    said = refused(source("SELECT 1 AS a UNION ALL SELECT 'x' ORDER BY 1"), folder)
    assert said == 'sqlite bank.db, rows 1 to 1: the column "a" holds text, but numbers in sqlite bank.db, rows 0 to 0'


@pytest.mark.parametrize(
    "url",
    [
        "mydb+driver://boss:s3cr3t%2Fp%40ss@db.example/bank",
        "mydb+driver://db.example/bank?user=boss&password=s3cr3t%2Fp%40ss",
        "mydb+driver:///?odbc_connect=DRIVER%3Dx%3BUID%3Dboss%3BPWD%3Ds3cr3t%2Fp%40ss",
    ],
)
def test_no_credential_is_told_whatever_the_driver_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def fails(given: sa.URL, **_: Any) -> None:
        whole = given.render_as_string(hide_password=False)
        reason = f"cannot log in as boss with {SECRET}\n({whole}; {given.password}; {dict(given.query)})"
        raise sa.exc.OperationalError("SELECT 1", {}, Exception(reason))

    monkeypatch.setattr(sa, "create_engine", fails)
    monkeypatch.setenv("BANK_URL", url)
    said = refused(source(url=None, url_env="BANK_URL"), folder)
    assert said.startswith("mydb")
    assert "cannot be reached: cannot log in as *** with ***" in said
    assert said.endswith("; see that the database is up and the URL right")
    assert "boss" not in said


def test_a_missing_driver_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_URL", f"mysql+mysqldb://boss:{sa.URL.create('x', password=SECRET).password}@h/bank")
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    said = refused(source(url=None, url_env="BANK_URL"), folder)
    assert said == "data.source.url: mysql+mysqldb needs the driver MySQLdb, which is not installed"


def test_the_missing_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    wanted = 'data.source.kind: sql needs sqlalchemy; install it with: pip install "limekiln[sql]"'
    assert refused(source(), folder) == wanted


def test_the_package_does_not_need_sqlalchemy() -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; import limekiln.data"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"url": None}, "expected one of url and url_env"),
        ({"url_env": "X"}, "expected one of url and url_env"),
        ({"url": "postgresql://me:s3cr3t@h/d"}, "holds a password; "),
        ({"url": "postgresql://:s3/cr3t@h/d"}, "holds a password; "),
        ({"url": "postgresql://h/d?password=s3cr3t"}, "holds a password; "),
        ({"url": "mssql+pyodbc:///?odbc_connect=Driver%3dx%3bPwd%3ds3cr3t"}, "holds a password; "),
        ({"url": None, "url_env": "postgresql://me:s3cr3t@h/d"}, "expected the name of an environment variable"),
        ({"url": "postgresql://me@h:5432/d?sslmode=require"}, None),
        ({"url": "sqlite:///a:b@c.db"}, None),
    ],
)
def test_a_config_holds_no_password(changed: dict[str, Any], message: str | None) -> None:
    said = list(contradictions(DataSettings(source=source(**changed))))
    assert len(said) == (message is not None)
    for _, text in said:
        assert message is not None
        assert text.startswith(message)
        assert "s3" not in text
