"""The tables sale_minutes and seen: what happened in each minute of a sale, each event counted once.

An event counts in the transaction that inserts it into `seen`, and in no other. That insert locks its row, so of two
transactions with the same event the second waits for the first and finds the row there. Both tables are written in the
order of their keys, `seen` first: writers lock in one order.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pymysql.cursors import Cursor

from functions.consumer import Fact, Name
from functions.record import by_epoch
from functions.record_tables import Row, Table, statements, upsert

COUNTED = {"RESERVED": "reserved", "CONFIRMED": "confirmed", "CANCELLED": "cancelled", "EXPIRED": "expired"}
COLUMNS = (*COUNTED.values(), *(f"{each}_units" for each in COUNTED.values()))
MINUTE_MS = 60_000
_SEEN = Table("seen", ("sale_id", "epoch", "version"), ("batch",))
_HEAD = f"INSERT INTO sale_minutes (sale_id, minute, {', '.join(COLUMNS)}, written_at) VALUES "  # noqa: S608
_ADDED = (*(f"{each} = {each} + VALUES({each})" for each in COLUMNS), "written_at = VALUES(written_at)")
_TAIL = f" ON DUPLICATE KEY UPDATE {', '.join(_ADDED)}"
_DELETED_AT_ONCE = 10_000  # a transaction that large holds nobody up for long


class Counts(NamedTuple):
    """What one transaction did: events that count now, that did already, that are of a sale that was put away."""

    counted: int
    duplicate: int
    late: int


def count(cursor: Cursor, facts: Sequence[Fact]) -> Counts:
    """Count the facts that are new; call it in a transaction."""
    by_name = {fact.name: fact for fact in reversed(facts)}  # of two under one name, the first counts
    batch = secrets.randbits(63)
    applied = upsert(cursor, _SEEN, ((*name, batch) for name in by_name)).applied
    new = set(by_name) if applied == len(by_name) else _inserted_by(cursor, by_name, batch)
    # Asked after the insert: a row that was deleted by putting away can only be inserted again after that.
    final = put_away(cursor, {sale_id for sale_id, _, _ in new})
    late = {name for name in new if name[0] in final}
    for sale_id, epoch, versions in by_epoch(late):
        cursor.execute(
            "DELETE FROM seen WHERE sale_id = %s AND epoch = %s AND version IN %s", (sale_id, epoch, versions)
        )
    _add(cursor, (by_name[name] for name in new - late))
    return Counts(counted=len(new - late), duplicate=len(facts) - len(new), late=len(late))


def put_away(cursor: Cursor, sale_ids: Iterable[str]) -> set[str]:
    """Return those sales whose minutes are final."""
    asked = sorted(sale_ids)
    if not asked:
        return set()
    cursor.execute("SELECT sale_id FROM seen WHERE sale_id IN %s AND epoch = 0 AND version = 0", (asked,))
    return {str(row[0]) for row in cursor.fetchall()}


def close(cursor: Cursor, sale_id: str) -> None:
    """Make the minutes of a sale final, so that nothing has to be remembered of its events."""
    upsert(cursor, _SEEN, [(sale_id, 0, 0, 0)])


def forget_some(cursor: Cursor, sale_id: str) -> bool:
    """Delete events of a closed sale from `seen`; True while there may be more."""
    where = "sale_id = %s AND epoch > 0"
    return cursor.execute(f"DELETE FROM seen WHERE {where} LIMIT {_DELETED_AT_ONCE}", (sale_id,)) > 0  # noqa: S608


def _inserted_by(cursor: Cursor, names: Iterable[Name], batch: int) -> set[Name]:
    """Return the events whose row in `seen` is this transaction's own."""
    found: set[Name] = set()
    for sale_id, epoch, versions in by_epoch(names):
        cursor.execute(
            "SELECT version FROM seen WHERE sale_id = %s AND epoch = %s AND version IN %s AND batch = %s",
            (sale_id, epoch, versions, batch),
        )
        found |= {(sale_id, epoch, row[0]) for row in cursor.fetchall()}
    return found


def _add(cursor: Cursor, facts: Iterable[Fact]) -> None:
    minutes: dict[tuple[str, int], dict[str, int]] = {}
    for fact in facts:
        column = COUNTED.get(fact.event.type)
        if column:
            sums = minutes.setdefault((fact.event.sale_id, fact.event.at_ms // MINUTE_MS), dict.fromkeys(COLUMNS, 0))
            sums[column] += 1
            sums[f"{column}_units"] += fact.event.quantity
    rows: list[Row] = [(*minute, *sums.values()) for minute, sums in sorted(minutes.items())]
    for statement, _ in statements(_HEAD, rows, _TAIL):
        cursor.execute(statement)
