"""Turns events into the rows of the durable record and writes them within a transaction that somebody else ends."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from pymysql.cursors import Cursor

from chalicelib.events import Event
from chalicelib.sale.model import CANCELLED, CONFIRMED, EXPIRED, FREE, HELD
from functions.consumer import Fact, Name
from functions.record_tables import PURCHASES, REFUNDS, SALE_EVENTS, SALES, SEATS, Row, Table, upsert

_STATUS = {"RESERVED": HELD, "CONFIRMED": CONFIRMED, "CANCELLED": CANCELLED, "EXPIRED": EXPIRED}
_TAKEN = (HELD, CONFIRMED)
_LOOKED_UP_AT_ONCE = 1_000


class Counts(NamedTuple):
    """What one transaction did: rows written, rows older than what was there, events that were there already."""

    applied: int
    stale: int
    duplicate: int


def write(cursor: Cursor, facts: Sequence[Fact]) -> tuple[Counts, list[Fact], Sequence[Fact]]:
    """Write the rows of all facts. Returns the counts, the facts whose version names another event already, and those
    that were on no record before.

    The first of these are not written, the others are; call it in a transaction.
    """
    first = {fact.name: fact for fact in reversed(facts)}
    new = upsert(cursor, SALE_EVENTS, (audit_row(fact) for fact in first.values())).applied
    # Fewer new rows than facts: some are repeats, or other events under a name that is taken. Seldom, so ask then.
    conflicts, fresh = ([], facts) if new == len(facts) else _looked_up(cursor, facts, first, new)
    unwanted = {id(fact) for fact in conflicts}
    good = [fact for fact in facts if id(fact) not in unwanted] if unwanted else facts
    written = [upsert(cursor, table, rows) for table, rows in latest_rows(good) if rows]
    return (
        Counts(
            applied=sum(each.applied for each in written),
            stale=sum(each.stale for each in written),
            duplicate=len(good) - new,
        ),
        conflicts,
        fresh,
    )


def audit_row(fact: Fact) -> Row:
    """Return the row of sale_events."""
    event = fact.event
    return (event.sale_id, event.epoch, event.version, event.type, event.user_id, event.at_ms, fact.text)


def _looked_up(
    cursor: Cursor, facts: Sequence[Fact], first: Mapping[Name, Fact], new: int
) -> tuple[list[Fact], list[Fact]]:
    """Return the facts whose name sale_events holds with another text, and those that were not there before.

    Every name is there by now, the new ones since a moment ago: theirs are the latest times.
    """
    texts: dict[Name, str] = {}
    written: dict[Name, datetime] = {}
    for sale_id, epoch, versions in by_epoch(fact.name for fact in facts):
        cursor.execute(
            "SELECT version, event, written_at FROM sale_events WHERE sale_id = %s AND epoch = %s AND version IN %s",
            (sale_id, epoch, versions),
        )
        for version, text, written_at in cursor.fetchall():
            texts[sale_id, epoch, version], written[sale_id, epoch, version] = text, written_at
    latest = sorted(first, key=lambda name: written[name], reverse=True)[:new]
    return [fact for fact in facts if texts[fact.name] != fact.text], [first[name] for name in latest]


def by_epoch(names: Iterable[Name]) -> Iterator[tuple[str, int, list[int]]]:
    """Yield (sale, epoch, some of its versions) until all names are in, as a query can ask for them."""
    for (sale_id, epoch), same in groupby(sorted(set(names)), key=lambda name: name[:2]):
        versions = [version for _, _, version in same]
        for start in range(0, len(versions), _LOOKED_UP_AT_ONCE):
            yield sale_id, epoch, versions[start : start + _LOOKED_UP_AT_ONCE]


def latest_rows(facts: Iterable[Fact]) -> list[tuple[Table, list[Row]]]:
    """Return the rows of each table, of the newest event per key only: the others would be overwritten at once."""
    purchases: dict[tuple[str, str], Event] = {}
    seats: dict[tuple[str, str], Event] = {}
    refunds: dict[tuple[str, str], Event] = {}
    sales: dict[tuple[str, str], Event] = {}
    for fact in facts:
        event = fact.event
        if event.type in _STATUS:
            _keep_newer(purchases, event.user_id, event)
            for seat_id in event.seat_ids:
                _keep_newer(seats, seat_id, event)
        elif event.type == "REFUND_DUE":
            _keep_newer(refunds, event.payment_id, event)
        else:
            _keep_newer(sales, "", event)
    return [
        (SALES, [_sale_row(event) for event in sales.values()]),
        (PURCHASES, [_purchase_row(event) for event in purchases.values()]),
        (SEATS, [_seat_row(seat_id, event) for (_, seat_id), event in seats.items()]),
        (REFUNDS, [_refund_row(event) for event in refunds.values()]),
    ]


def _keep_newer(latest: dict[tuple[str, str], Event], part: str, event: Event) -> None:
    key = (event.sale_id, part)
    there = latest.get(key)
    if there is None or (there.epoch, there.version) < (event.epoch, event.version):
        latest[key] = event


def _purchase_row(event: Event) -> Row:
    return (
        event.sale_id,
        event.user_id,
        event.reservation_id,
        _STATUS[event.type],
        event.quantity,
        ",".join(event.seat_ids),
        event.payment_id,
        event.deadline_ms,
        event.reason,
        event.at_ms,
        event.epoch,
        event.version,
    )


def _seat_row(seat_id: str, event: Event) -> Row:
    status = _STATUS[event.type]
    holder = (status, event.user_id, event.reservation_id) if status in _TAKEN else (FREE, "", "")
    return (event.sale_id, seat_id, *holder, event.epoch, event.version)


def _refund_row(event: Event) -> Row:
    why = (event.user_id, event.reservation_id, event.reason, event.at_ms)
    return (event.sale_id, event.payment_id, *why, event.epoch, event.version)


def _sale_row(event: Event) -> Row:
    plan = (event.capacity, int(event.seated), event.rows, event.seats_per_row)
    settings = json.dumps(event.settings, separators=(",", ":"), sort_keys=True)
    return (event.sale_id, *plan, settings, event.at_ms, event.epoch, event.version)
