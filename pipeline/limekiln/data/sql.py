"""A query of a database → a table, by SQLAlchemy. What a message or a report shows never holds a credential."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pandas as pd

from limekiln.data import sql_query
from limekiln.data.files import nearest_file
from limekiln.data.join import join
from limekiln.data.names import check_names
from limekiln.data.raw import RawTable, fingerprint
from limekiln.errors import InputError
from limekiln.record import Notice
from limekiln.settings import SqlSource

if TYPE_CHECKING:
    import sqlalchemy as sa

_CHUNK: Final = 10_000
_SHOWN: Final = 60
_REASON: Final = 300
_SECRET: Final = re.compile(r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|token|uid|user)\s*=\s*[^\s;&,'\"]+")
_UNORDERED: Final = Notice(
    code="sql_without_order",
    text="The query has no ORDER BY: the database may give its rows in another order at another time, and another run "
    "of the same config then explains other rows.",
)


def read(source: SqlSource, folder: Path) -> RawTable:
    """Run the query and fetch its rows, in chunks; nothing is written, and whatever the query did is rolled back.

    Args:
        source: the database and the query.
        folder: the config's folder, which a relative SQLite file starts from.

    Returns:
        The rows, with the SHA-256 of the table that was fetched.

    Raises:
        InputError: SQLAlchemy or the driver is missing, the database cannot be reached, it refuses the query, or the
            query does more than read, or gives no rows.
    """
    query = sql_query.checked(source.query)
    url = _url(source)
    shown = _shown(url, source)
    url = _beside(url, folder) if _is_file(url) else url
    chunks = list(_chunks(url, query, shown))
    if not chunks:
        raise InputError(f"{shown}: no rows")
    table = join(chunks)
    notices = () if sql_query.is_ordered(query) else (_UNORDERED,)
    return RawTable(table, fingerprint(table), shown, notices=notices)


def _url(source: SqlSource) -> "sa.URL":
    try:
        import sqlalchemy as sa  # noqa: PLC0415 - an extra, limekiln[sql]
    except ImportError as error:
        text = 'data.source.kind: sql needs sqlalchemy; install it with: pip install "limekiln[sql]"'
        raise InputError(text) from error
    key, text = "data.source.url", source.url or ""
    if source.url_env is not None:
        key, text = "data.source.url_env", os.environ.get(source.url_env, "")
        if not text:
            raise InputError(f"{key}: the environment variable {source.url_env} is not set")
    try:
        return sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # the text itself may hold a password, and so may the error
        raise InputError(f"{key}: no SQLAlchemy URL; expected one such as sqlite:///data.db") from None


def _is_file(url: "sa.URL") -> bool:
    name = url.database
    return url.get_backend_name() == "sqlite" and name is not None and not name.startswith((":memory:", "file:"))


def _beside(url: "sa.URL", folder: Path) -> "sa.URL":
    """A SQLite URL with the file's whole path. SQLite would make a file that is not there."""
    file = folder / (url.database or "")
    if not file.is_file():
        raise InputError(f"sqlite {url.database}: no such file{nearest_file(file)}")
    return url.set(database=str(file))


def _shown(url: "sa.URL", source: SqlSource) -> str:
    query = " ".join(source.query.split())
    query = query if len(query) <= _SHOWN else f"{query[: _SHOWN - 1]}…"
    return f"{_place(url, source)}: {query}"


def _place(url: "sa.URL", source: SqlSource) -> str:
    database = (url.database or "").partition("?")[0]
    if _is_file(url) and source.url is None:  # a file that the config does not name is no more than its name
        database = Path(database).name
    return f"{url.get_backend_name()} {database}".strip()


def _chunks(url: "sa.URL", query: str, shown: str) -> Iterator[tuple[str, pd.DataFrame]]:
    place = shown.partition(": ")[0]
    with _connected(url, place) as connection, _told(url, f"{shown}: the database says", "see data.source.query"):
        result = connection.exec_driver_sql(query)
        names = list(result.keys())
        check_names(names, shown)
        start = 0
        while rows := result.fetchmany(_CHUNK):
            yield f"{place}, rows {start} to {start + len(rows) - 1}", _table(rows, names)
            start += len(rows)


def _table(rows: Any, names: list[str]) -> pd.DataFrame:
    columns = zip(*rows, strict=True)
    return pd.DataFrame(
        {name: pd.Series([_plain(value) for value in column]) for name, column in zip(names, columns, strict=True)}
    )


def _plain(value: Any) -> Any:
    """A value of a driver; some give bytes as a view, whose `repr` is a place in memory and no content."""
    return value.tobytes() if isinstance(value, memoryview) else value


@contextmanager
def _connected(url: "sa.URL", place: str) -> "Iterator[sa.Connection]":
    import sqlalchemy as sa  # noqa: PLC0415 - an extra, limekiln[sql]

    with _told(url, f"{place}: cannot be reached", "see that the database is up and the URL right"):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        options: dict[str, Any] = {"stream_results": True, "no_parameters": True}
        if engine.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        connection = engine.connect().execution_options(**options)
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
    try:
        yield connection
    finally:
        connection.close()  # rolls back
        engine.dispose()


@contextmanager
def _told(url: "sa.URL", what: str, way_out: str) -> Iterator[None]:
    """Say any error in one line without a credential: drivers put whole connection strings into theirs."""
    import sqlalchemy as sa  # noqa: PLC0415 - an extra, limekiln[sql]

    try:
        yield
    except (InputError, MemoryError):
        raise
    except sa.exc.NoSuchModuleError:
        raise InputError(f"data.source.url: SQLAlchemy knows no database {url.drivername!r}") from None
    except ModuleNotFoundError as error:
        text = f"data.source.url: {url.drivername} needs the driver {error.name}, which is not installed"
        raise InputError(text) from None
    except Exception as error:  # noqa: BLE001 - every driver has its own
        # `from None`: a traceback would show what is taken out here
        raise InputError(f"{what}: {_reason(error, url)}; {way_out}") from None


def _reason(error: BaseException, url: "sa.URL") -> str:
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split()) or type(cause).__name__
    for secret in _secrets(url):
        text = text.replace(secret, "***")
    return _SECRET.sub(r"\1=***", text)[:_REASON].rstrip(" ;.")


def _secrets(url: "sa.URL") -> list[str]:
    """What must not be told, longest first: the whole URL, its password and user, and its query's values."""
    values = [v for value in url.query.values() for v in ((value,) if isinstance(value, str) else value)]
    inner = re.findall(r"=([^;]+)", ";".join(values))
    long = [v for v in (url.username or "", *values, *inner) if len(v) > 2]  # noqa: PLR2004 - "a" would hide every a
    names = [url.password or "", *long]
    spelt = [quote(name, safe=safe) for name in names for safe in ("", " +", "/")]
    whole = url.render_as_string(hide_password=False)
    return sorted({text for text in (whole, *names, *spelt) if text}, key=len, reverse=True)
