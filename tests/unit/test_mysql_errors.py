"""Who is at fault: the rows or the moment."""

import pymysql
import pytest

from functions.mysql import Address
from functions.mysql_errors import DatabaseAway, RowsRefused, translated

REFUSED = (1048, 1264, 1292, 1366, 1406, 1452, 3819, 4025, 1153)
AWAY = (1040, 1045, 1049, 1053, 1114, 1146, 1205, 1213, 1290, 1317, 1792, 1836, 1927, 2002, 2003, 2006, 2013, 9999)


@pytest.mark.parametrize("code", REFUSED)
def test_values_that_no_server_will_ever_take_are_the_rows_fault(code: int) -> None:
    assert isinstance(translated(pymysql.err.OperationalError(code, "no")), RowsRefused)


@pytest.mark.parametrize("code", AWAY)
def test_everything_else_also_what_is_unknown_is_an_outage(code: int) -> None:
    assert isinstance(translated(pymysql.err.DataError(code, "no")), DatabaseAway)


@pytest.mark.parametrize(
    "error",
    [pymysql.err.InterfaceError(0, ""), pymysql.err.InternalError("Packet sequence number wrong"), OSError(32, "pipe")],
)
def test_an_error_without_a_code_is_an_outage(error: pymysql.err.Error | OSError) -> None:
    assert isinstance(translated(error), DatabaseAway)


def test_text_that_no_encoding_has_is_the_rows_fault() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        "\ud800".encode()

    assert isinstance(translated(caught.value), RowsRefused)


def test_a_url_says_where_the_database_is() -> None:
    address = Address.parse("mysql://on%40sale:p%2Fw@db.example:3307/onsale?unix_socket=/tmp/a%20b.sock")

    assert address == Address("db.example", 3307, "on@sale", "p/w", "onsale", "/tmp/a b.sock")  # noqa: S108
    assert Address.parse("mysql:///onsale") == Address("127.0.0.1", 3306, "root", "", "onsale", None)


@pytest.mark.parametrize("url", ["", "mysql://host", "postgres://host/db"])
def test_a_url_without_a_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="mysql://"):
        Address.parse(url)
