"""Reads MySQL's side of a ledger in one consistent snapshot, streaming: a sale may have 100,000 buyers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pymysql.cursors import Cursor, SSCursor

from functions.ledger_letters import LetterSide, read_letters
from functions.ledger_sides import Holding, MysqlSide, Row, Whereabouts

if TYPE_CHECKING:  # generic in its stubs only
    from pymysql.connections import Connection

_MOST_AHEAD = 10_000


def read_record(
    connection: "Connection[Cursor]", sale_id: str, epoch: int, version: int
) -> tuple[MysqlSide, LetterSide]:
    """Return what MySQL has of a sale and of its dead letters; `version` is the last one that Redis gave."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # READ COMMITTED keeps no snapshot
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    try:
        return _read(connection, sale_id, epoch, version), read_letters(connection, sale_id, epoch)
    finally:
        connection.rollback()


def _read(connection: "Connection[Cursor]", sale_id: str, epoch: int, version: int) -> MysqlSide:
    capacity = next(_rows(connection, "SELECT capacity FROM sales WHERE sale_id = %s", sale_id), None)
    newest = next(_rows(connection, "SELECT MAX(epoch) FROM sale_events WHERE sale_id = %s", sale_id))[0]
    count, last = next(
        _rows(
            connection,
            "SELECT COUNT(*), MAX(version) FROM sale_events WHERE sale_id = %s AND epoch = %s",
            sale_id,
            epoch,
        )
    )
    return MysqlSide(
        capacity=capacity[0] if capacity else None,
        newest_epoch=newest or 0,
        events=count,
        last_version=last or 0,
        missing=_missing(connection, sale_id, epoch, version),
        rows=dict(_purchases(connection, sale_id)),
        seats={
            seat: (state, user)
            for seat, state, user in _rows(
                connection,
                "SELECT seat_id, state, user_id FROM seats WHERE sale_id = %s AND state <> 'FREE'",
                sale_id,
            )
        },
        refunds=dict(_rows(connection, "SELECT payment_id, user_id FROM refunds WHERE sale_id = %s", sale_id)),
        ahead=tuple(_ahead(connection, sale_id, epoch, version)),
    )


def _ahead(connection: "Connection[Cursor]", sale_id: str, epoch: int, version: int) -> Iterator[Whereabouts]:
    query = (
        "SELECT version, user_id FROM sale_events WHERE sale_id = %s AND epoch = %s AND version > %s"
        " ORDER BY version LIMIT %s"
    )
    for later, user in _rows(connection, query, sale_id, epoch, version, _MOST_AHEAD):
        yield Whereabouts(later, user, "MySQL is ahead of this reading")


def _missing(connection: "Connection[Cursor]", sale_id: str, epoch: int, version: int) -> tuple[int, ...]:
    """Return the gaps in 1..version. Nothing is listed in MySQL's answer when a count shows that there is none."""
    where = "FROM sale_events WHERE sale_id = %s AND epoch = %s AND version BETWEEN 1 AND %s"
    (count,) = next(_rows(connection, f"SELECT COUNT(*) {where}", sale_id, epoch, version))
    if count == version:
        return ()
    found = {row[0] for row in _rows(connection, f"SELECT version {where}", sale_id, epoch, version)}
    return tuple(each for each in range(1, version + 1) if each not in found)


def _purchases(connection: "Connection[Cursor]", sale_id: str) -> Iterator[tuple[str, Row]]:
    query = (
        "SELECT user_id, status, quantity, seat_ids, payment_id, epoch, version FROM purchases"
        " WHERE sale_id = %s AND status IN ('HELD', 'CONFIRMED')"
    )
    for user, status, quantity, seats, payment, epoch, version in _rows(connection, query, sale_id):
        seat_ids = tuple(seats.split(",")) if seats else ()
        yield user, Row(Holding(status, quantity, seat_ids, payment), epoch, version)


def _rows(connection: "Connection[Cursor]", query: str, *values: object) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(query, values)
        yield from cursor
