"""Which queries only read, and which order their rows."""

import pytest

from limekiln.data.sql_query import checked, is_ordered
from limekiln.errors import InputError


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t",
        "  -- the loans; all of them\n select a /* ; drop table t */ from t",
        "WITH x AS (SELECT 1 AS a) SELECT * FROM x",
        "(SELECT a FROM t) UNION (SELECT a FROM u)",
        "SELECT 'a; DELETE FROM t; it''s' AS a FROM t",
        'SELECT "insert into" FROM t',
        "SELECT `into;` FROM t",
        "SELECT $x$ ; into $x$ AS a FROM t",
        "SELECT update, delete FROM t WHERE (merge) > 0",
    ],
)
def test_a_query_that_reads_is_taken_as_it_is(query: str) -> None:
    assert checked(query) == query


def test_a_semicolon_at_the_end_is_dropped() -> None:
    assert checked("SELECT 'a;' FROM t ; \n") == "SELECT 'a;' FROM t "


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("DELETE FROM t", "expected one SELECT, also after a WITH, got DELETE"),
        ("-- SELECT a FROM t", "expected one SELECT, also after a WITH, got none"),
        ("PRAGMA writable_schema = 1", "expected one SELECT, also after a WITH, got PRAGMA"),
        ("SELECT 1; SELECT 2", "expected one SELECT, got several statements (a semicolon stands between them)"),
        (
            "SELECT '1'';'; DROP TABLE t",
            "expected one SELECT, got several statements (a semicolon stands between them)",
        ),
        ("WITH x AS (SELECT 1) DELETE FROM t", "expected a query that only reads, but it holds DELETE"),
        (
            "WITH x AS (\nINSERT INTO t VALUES (1) RETURNING a) SELECT * FROM x",
            "expected a query that only reads, but it holds INSERT",
        ),
        ("SELECT a INTO copy FROM t", "expected a query that only reads, but it holds INTO"),
        ("SELECT a FROM t INTO OUTFILE '/tmp/x'", "expected a query that only reads, but it holds INTO"),
    ],
)
def test_any_other_query_is_refused(query: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        checked(query)
    assert str(caught.value) == f"data.source.query: {message}"


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t order\n by a limit 5", True),
        ("SELECT a FROM t", False),
        ("SELECT a FROM (SELECT a FROM t ORDER BY (a + (1)))", False),
        ("SELECT a, row_number() OVER (ORDER BY a) FROM t", False),
        ("SELECT a FROM t -- ORDER BY a", False),
        ("SELECT 'ORDER BY' FROM t", False),
        ("SELECT border, by_all FROM t", False),
    ],
)
def test_only_an_order_of_the_outermost_query_counts(query: str, ordered: bool) -> None:  # noqa: FBT001 - a table of cases
    assert is_ordered(query) is ordered
