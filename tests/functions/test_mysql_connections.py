"""Connections to MySQL are bounded, have time-outs, and are made again: whatever the server or the network does."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from functions import mysql
from functions.mysql import Database, connect
from functions.mysql_errors import DatabaseAway
from tests.conftest import LATE_S, Eventually
from tests.functions.batches import Tables

MINE = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"


def _ask(database: Database, query: str = "SELECT CONNECTION_ID()") -> int:
    with database.transaction() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _silent_server() -> Iterator[str]:
    """A server that takes connections and never says a word, as a stopped process does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"mysql://u:p@127.0.0.1:{listener.getsockname()[1]}/onsale"


def test_a_server_that_says_nothing_is_given_up() -> None:
    with _silent_server() as url:
        started_s = time.monotonic()
        with pytest.raises(DatabaseAway):
            connect(url, read_timeout_s=1)
        assert time.monotonic() - started_s < 1 + LATE_S


def test_a_process_has_one_connection_however_often_it_asks(database: Database, tables: Tables) -> None:
    before = tables.rows(MINE)[0][0]
    assert len({_ask(database) for _ in range(20)}) == 1
    assert tables.rows(MINE)[0][0] == before + 1


def test_a_connection_that_was_closed_while_it_lay_idle_is_made_again_before_anybody_notices(
    database: Database, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _ask(database)
    tables.rows(f"KILL {first}")
    monkeypatch.setattr(mysql, "_TRUSTED_IDLE_S", -1)
    assert _ask(database) != first


def test_an_idle_connection_that_lives_is_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _ask(database)
    monkeypatch.setattr(mysql, "_TRUSTED_IDLE_S", -1)
    assert _ask(database) == first


def test_a_locked_table_leaves_no_waiting_session_behind(
    database: Database, tables: Tables, own_database: str, eventually: Eventually
) -> None:
    before = tables.rows(MINE)[0][0]
    locker = connect(own_database)
    with locker.cursor() as cursor:
        cursor.execute("LOCK TABLES refunds WRITE")
    for _ in range(2):
        with pytest.raises(DatabaseAway, match="1205"):
            _ask(database, "SELECT COUNT(*) FROM refunds")
    eventually(lambda: tables.rows(MINE)[0][0] == before + 1)  # the locker
    locker.close()
    assert _ask(database, "SELECT COUNT(*) FROM refunds") == 0
    assert tables.rows(MINE)[0][0] <= before + 2


def test_the_server_ends_a_statement_before_nobody_waits_for_it(own_database: str, tables: Tables) -> None:
    patience_s = 2
    connection = connect(own_database, read_timeout_s=patience_s)
    (limit,) = tables.rows("SELECT VERSION() LIKE '%MariaDB%'")[0]
    with connection.cursor() as cursor:
        if limit:
            cursor.execute("SELECT @@max_statement_time")
            assert cursor.fetchone() == (patience_s - 1,)
        cursor.execute("SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout")
        assert cursor.fetchone() == (1, 1)
    connection.close()
