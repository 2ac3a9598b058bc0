"""While the database is away nothing is skipped and nothing is quarantined; when it is back, nothing was lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
import pytest
from pymysql.cursors import Cursor

from functions import isolation
from functions.kafka_batch import batch_item_failures
from functions.mysql import Database
from functions.mysql_errors import DatabaseAway
from functions.persist import Batch
from ops.local.ports import free_ports
from tests.functions.batches import Letters, Tables, a_batch, an_event

REFUND = "INSERT INTO refunds VALUES ('s','a','u','r','x',1,1,1,NOW(),NULL)"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "PAUSES_S", (0.001, 0.002))


def test_a_database_that_cannot_be_reached_fails_each_partition_from_its_first_record(letters: Letters) -> None:
    (nobody_listens,) = free_ports(1)
    database = Database(f"mysql://root:x@127.0.0.1:{nobody_listens}/onsale")
    batch = a_batch(an_event(1), an_event(2), partition=1, offset=40) + a_batch(an_event(3), offset=7)

    left = Batch(database, letters).write(batch)

    assert batch_item_failures(left)["batchItemFailures"] == [
        {"itemIdentifier": {"partition": "t-0", "offset": 7}},
        {"itemIdentifier": {"partition": "t-1", "offset": 40}},
    ]
    assert letters.kept == []


def test_what_is_unreadable_is_quarantined_even_in_an_outage(letters: Letters) -> None:
    (nobody_listens,) = free_ports(1)
    database = Database(f"mysql://root:x@127.0.0.1:{nobody_listens}/onsale")

    left = Batch(database, letters).write(a_batch(b"?", an_event(1)))

    assert [record.offset for record in left] == [1]
    assert letters.reasons == ["not-json"]


def test_a_connection_that_was_cut_is_made_again_within_the_delivery(
    database: Database, tables: Tables, letters: Letters
) -> None:
    Batch(database, letters).write(a_batch(an_event(1)))
    own = tables.rows("SELECT CONNECTION_ID()")[0][0]
    for (other,) in tables.rows(f"SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> {own}"):
        tables.rows(f"KILL {other}")

    assert Batch(database, letters).write(a_batch(an_event(2, "CONFIRMED"))) == []

    assert tables.rows("SELECT status FROM purchases") == [("CONFIRMED",)]


class FailingDatabase(Database):
    """Fails as told before each transaction, or after it: then its rows are there and nobody was told."""

    def __init__(self, url: str, before: list[Exception | None], after: list[Exception | None]) -> None:
        super().__init__(url)
        self._before = iter(before)
        self._after = iter(after)

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        if error := next(self._before, None):
            raise error
        with super().transaction() as cursor:
            yield cursor
        if error := next(self._after, None):
            raise error


def _away() -> DatabaseAway:
    return DatabaseAway("gone")


def test_three_quick_tries_outlast_a_short_outage(own_database: str, tables: Tables, letters: Letters) -> None:
    database = FailingDatabase(own_database, [_away(), _away(), None], [])

    assert Batch(database, letters).write(a_batch(an_event(1))) == []

    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(1,)]
    database.close()


def test_the_fourth_try_is_left_to_the_next_delivery(own_database: str, tables: Tables, letters: Letters) -> None:
    database = FailingDatabase(own_database, [_away(), _away(), _away()], [])
    batch = a_batch(an_event(1))

    assert Batch(database, letters).write(batch) == batch
    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(0,)]

    assert Batch(database, letters).write(batch) == []
    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(1,)]
    database.close()


def test_a_commit_whose_answer_was_lost_is_only_a_repeat(own_database: str, tables: Tables, letters: Letters) -> None:
    database = FailingDatabase(own_database, [], [_away()])

    assert Batch(database, letters).write(a_batch(an_event(1), an_event(2, user="eve"))) == []

    assert letters.kept == []
    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(2,)]
    database.close()


def test_an_outage_in_the_midst_of_bisecting_quarantines_nobody_who_is_well(
    own_database: str, tables: Tables, letters: Letters
) -> None:
    # Whole batch refused; its left half is written; then the database goes away.
    database = FailingDatabase(own_database, [None, None, _away(), _away(), _away()], [])
    events = [an_event(1, user="ann"), an_event(2, user="bob"), an_event(3, seatIds=["é"]), an_event(4, user="eve")]
    batch = a_batch(*events)

    left = Batch(database, letters).write(batch)

    assert [record.offset for record in left] == [2, 3]
    assert letters.kept == []
    assert Batch(database, letters).write(left) == []
    assert letters.reasons == ["constraint"]
    assert tables.rows("SELECT user_id FROM purchases ORDER BY user_id") == [("ann",), ("bob",), ("eve",)]
    database.close()


def _run(database: Database, *statements: str) -> None:
    with database.transaction() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_rows_that_somebody_has_locked_are_waited_for_and_never_quarantined(
    own_database: str, tables: Tables, letters: Letters
) -> None:
    database, locker = Database(own_database), Database(own_database)
    Batch(database, letters).write(a_batch(an_event(1)))
    _run(database, "SET innodb_lock_wait_timeout = 1")
    with locker.transaction() as cursor:
        cursor.execute("SELECT 1 FROM purchases FOR UPDATE")

        with pytest.raises(DatabaseAway, match="1205"):
            _run(database, "UPDATE purchases SET quantity = 2")

    assert Batch(database, letters).write(a_batch(an_event(2, "CONFIRMED"))) == []
    assert letters.kept == []
    assert tables.rows("SELECT status FROM purchases") == [("CONFIRMED",)]
    locker.close()
    database.close()


def test_whoever_loses_a_deadlock_tries_again(own_database: str, tables: Tables) -> None:
    tables.rows(f"{REFUND},('s','b','u','r','x',1,1,1,NOW(),NULL)")
    both_locked = threading.Barrier(2, timeout=60)
    lost: list[str] = []

    def lock_both(first: str, second: str) -> None:
        database = Database(own_database)
        try:
            with database.transaction() as cursor:
                cursor.execute("UPDATE refunds SET version = 2 WHERE payment_id = %s", (first,))
                both_locked.wait()
                cursor.execute("UPDATE refunds SET version = 2 WHERE payment_id = %s", (second,))
        except DatabaseAway as error:
            lost.append(error.detail)
        database.close()

    threads = [threading.Thread(target=lock_both, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(lost) == 1
    assert lost[0].startswith("1213")


def test_a_read_only_server_is_an_outage(own_database: str) -> None:
    database = Database(own_database)
    _run(database, "SET SESSION TRANSACTION READ ONLY")

    with pytest.raises(DatabaseAway, match="1792"):
        _run(database, REFUND)

    database.close()


def _fail_after(database: Database, statement: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(statement)
        raise ZeroDivisionError


def test_an_error_of_the_function_itself_does_not_leave_half_a_transaction(database: Database, tables: Tables) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_after(database, REFUND)

    assert tables.rows("SELECT COUNT(*) FROM refunds") == [(0,)]
    _run(database, "SELECT 1")


def test_error_classes_come_from_pymysql(own_database: str) -> None:
    with pytest.raises(DatabaseAway) as caught:
        _run(Database(own_database), "SELECT * FROM no_such_table")

    assert isinstance(caught.value.__cause__, pymysql.err.ProgrammingError)
