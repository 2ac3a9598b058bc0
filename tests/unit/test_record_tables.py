"""Statements hold all rows, are of bounded length, and a value cannot leave its quotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.converters import escape_string

from functions.record_tables import PURCHASES, SALE_EVENTS, Row, statements


def test_rows_become_one_statement_with_the_servers_time() -> None:
    ((text, count),) = statements("INSERT … ", [("s", 1), ("t", 2)], " ON …")

    assert text == "INSERT … ('s',1,UTC_TIMESTAMP(3)),('t',2,UTC_TIMESTAMP(3)) ON …"
    assert count == 2


@given(st.text())
def test_a_value_is_quoted_as_the_driver_would(value: str) -> None:
    ((text, _),) = statements("", [(value,)], "")

    if not set(value) & set('\0\n\r\x1a"'):  # which the driver escapes needlessly
        assert text == f"('{escape_string(value)}',UTC_TIMESTAMP(3))"
    inside = text.removeprefix("('").removesuffix("',UTC_TIMESTAMP(3))").replace("\\\\", "").replace("\\'", "")
    assert "'" not in inside


def test_many_rows_become_several_statements_and_none_is_lost() -> None:
    rows: list[Row] = [(f"{n:06}", "x" * 10_000) for n in range(350)]

    made = list(statements("", rows, ""))

    assert len(made) == 4
    assert sum(count for _, count in made) == 350
    assert all(len(text) < 1_100_000 for text, _ in made)
    assert [text.count("UTC_TIMESTAMP") for text, _ in made] == [count for _, count in made]


def test_a_row_longer_than_a_statement_goes_alone() -> None:
    long = "x" * 3_000_000

    assert [count for _, count in statements("", [("a",), (long,), ("b",)], "")] == [1, 1, 1]


def test_the_version_columns_are_assigned_last() -> None:
    assignments = PURCHASES.tail.removeprefix(" ON DUPLICATE KEY UPDATE ")

    last = assignments.rindex("version = IF("), assignments.rindex("epoch = GREATEST(")
    assert assignments.rindex("written_at = IF(") < min(last)
    assert all(assignments.index(f"{column} = ") < min(last) for column in PURCHASES.columns)


@pytest.mark.parametrize("word", ["IGNORE", " AS ", "REPLACE"])
def test_no_statement_needs_what_one_of_the_servers_lacks_or_what_hides_errors(word: str) -> None:
    assert word not in SALE_EVENTS.head + SALE_EVENTS.tail + PURCHASES.head + PURCHASES.tail
