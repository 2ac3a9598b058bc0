"""MySQL fails in every way while a sale runs: buyers do not notice, and no event is skipped, lost or quarantined."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from functions.mysql import connect
from functions.mysql_errors import DatabaseAway
from ops.local.stack import Stack
from tests.faults.conftest import Recovered
from tests.faults.servers import Deliveries, Server, mysql_root, one
from tests.faults.trade import WAIT_S, Trade, wait_for

MANY = 5_000  # rows changed make a transaction heavy: of two in a deadlock the lighter one is ended


@pytest.fixture(autouse=True)
def _nothing_is_quarantined(deliveries: Deliveries) -> Iterator[None]:
    """Whatever happens to MySQL, no record is at fault."""
    yield
    assert deliveries.letters == 0


def test_mysql_is_stopped_for_longer_than_ten_deliveries(
    trade: Trade, deliveries: Deliveries, server: Callable[[str], Server], recovered: Recovered
) -> None:
    server("mysql").stop()
    trade.sell(50)
    wait_for(lambda: deliveries.repeated > 10, "a batch was delivered more than ten times")
    recovered(trade.recovered_s(server("mysql").start()))


def test_mysql_is_killed(trade: Trade, server: Callable[[str], Server], recovered: Recovered) -> None:
    server("mysql").stop(kill=True)
    trade.sell(10)
    recovered(trade.recovered_s(server("mysql").start()))


def test_mysql_stalls(
    trade: Trade, deliveries: Deliveries, server: Callable[[str], Server], recovered: Recovered
) -> None:
    with server("mysql").frozen():
        deliveries.fail(1)
        trade.sell(50)
    recovered(trade.recovered_s(time.monotonic()))


def test_mysql_is_read_only(trade: Trade, deliveries: Deliveries, faulty: Stack, recovered: Recovered) -> None:
    with mysql_root(faulty) as root:
        root.execute("SET GLOBAL read_only = 1")
        deliveries.fail(3)
        trade.sell(10)
        root.execute("SET GLOBAL read_only = 0")
    recovered(trade.recovered_s(time.monotonic()))


def test_mysql_has_no_connection_left(
    trade: Trade, deliveries: Deliveries, faulty: Stack, recovered: Recovered
) -> None:
    with mysql_root(faulty) as root:
        usual = one(root, "SELECT @@GLOBAL.max_connections")
        root.execute("SET GLOBAL max_connections = 10")
        try:
            with _all_taken(root, faulty):
                deliveries.fail(3)
                trade.sell(10)
        finally:
            root.execute("SET GLOBAL max_connections = %s", (usual,))
    recovered(trade.recovered_s(time.monotonic()))


@contextmanager
def _all_taken(root: Any, stack: Stack) -> Iterator[None]:
    """Take every connection that there is, also those that others have."""
    with ExitStack() as hogs:
        own: set[int] = set()
        while True:
            try:
                hog = hogs.enter_context(closing(connect(stack.env["MYSQL_URL"])))
            except DatabaseAway:
                root.execute("SELECT id FROM information_schema.processlist WHERE user = 'onsale'")
                others = {row[0] for row in root.fetchall()} - own
                if not others:
                    break
                for other in others:
                    root.execute(f"KILL {other}")
            else:
                own.add(int(one(hog.cursor(), "SELECT CONNECTION_ID()")))
        yield


def test_rows_are_locked_for_longer_than_anybody_waits(
    trade: Trade, deliveries: Deliveries, faulty: Stack, recovered: Recovered
) -> None:
    with mysql_root(faulty) as locker:
        locker.execute("START TRANSACTION")
        locker.execute("SELECT COUNT(*) FROM purchases WHERE sale_id = %s FOR UPDATE", (trade.sale_id,))
        deliveries.fail(1)
        locker.execute("ROLLBACK")
    recovered(trade.recovered_s(time.monotonic()))


def test_transactions_deadlock(trade: Trade, faulty: Stack, recovered: Recovered) -> None:
    with mysql_root(faulty) as watcher, mysql_root(faulty) as rival:
        watcher.execute("CREATE TABLE IF NOT EXISTS onsale_ballast (n INT PRIMARY KEY)")
        wanted = _deadlocks(watcher) + 3
        give_up_s = time.monotonic() + WAIT_S
        while _deadlocks(watcher) < wanted:  # a round may miss: whoever waits may give up before the lock is asked for
            assert time.monotonic() < give_up_s
            rival.execute("START TRANSACTION")
            rival.executemany("INSERT INTO onsale_ballast VALUES (%s)", [(n,) for n in range(MANY)])
            rival.execute("SELECT COUNT(*) FROM purchases WHERE sale_id = %s FOR UPDATE", (trade.sale_id,))
            wait_for(lambda: _waiting(watcher), "persist waits for the rival")
            rival.execute("SELECT COUNT(*) FROM sale_events WHERE sale_id = %s FOR UPDATE", (trade.sale_id,))
            rival.execute("ROLLBACK")
    recovered(trade.recovered_s(time.monotonic()))


def _deadlocks(cursor: Any) -> int:
    return int(one(cursor, "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'"))


def _waiting(cursor: Any) -> bool:
    return int(one(cursor, "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")) > 0
