"""Holds what buyers were told against what is on record: tickets sold twice, tickets lost, tickets nobody knows of."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.operation import pages
from ops.rehearse.record import Proof

MOST_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Ticket:
    """What one buyer has: so many units, and on which seats."""

    quantity: int = 1
    seat_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Durable:
    """What MySQL has of a sale at the end. Only the last event of each buyer is there to be measured."""

    tickets: Mapping[str, Ticket]  # CONFIRMED, by buyer
    written_after_ms: tuple[int, ...] = ()  # from an event to its row, of every buyer with a row
    last_written_at_ms: int | None = None  # of a ticket


def read_durable(sale_id: str) -> Durable:
    """Return what MySQL has. Raises OnsaleError where it does not answer."""
    tickets, after_ms, last_ms = {}, [], None
    for row in pages("purchases", "purchases", saleId=sale_id):
        written_ms = _ms(row["writtenAt"])
        after_ms.append(max(0, written_ms - _ms(row["at"])))
        if row["status"] == "CONFIRMED":
            tickets[row["userId"]] = Ticket(row["quantity"], tuple(sorted(row["seatIds"])))
            last_ms = max(last_ms or 0, written_ms)
    return Durable(tickets, tuple(after_ms), last_ms)


def proof(
    told: Mapping[str, Ticket],
    stock: int,
    durable: Durable | None,
    confirmed: int | None,
    *,
    unserved: int | None = None,
    out_of_order: int | None = None,
) -> Proof:
    """Compare. `confirmed` is Redis' own count of sold units; None, and a `durable` of None: could not be read.

    A seat that is told to two buyers, or on record twice, counts once as oversold; so does each unit beyond the stock.
    """
    record = durable.tickets if durable else None
    beyond = max(0, _units(told) - stock, (confirmed or 0) - stock, _units(record or {}) - stock)
    doubles = sorted(_doubled(told) | _doubled(record or {}))
    lost = untold = None
    examples = [f"seat {seat} has two buyers" for seat in doubles]
    if record is not None:
        missing = [user for user in sorted(told) if record.get(user) != told[user]]
        silent = sorted(record.keys() - told.keys())
        lost, untold = len(missing), len(silent)
        examples += [f"{user} was told {_words(told[user])}, MySQL has {_words(record.get(user))}" for user in missing]
        examples += [f"{user} has {_words(record[user])} in MySQL, and was never told" for user in silent]
    return Proof(
        tickets=_units(told),
        oversold=max(beyond, len(doubles)),
        lost=lost,
        untold=untold,
        unserved=unserved,
        out_of_order=out_of_order,
        examples=tuple(examples[:MOST_EXAMPLES]),
    )


def _units(tickets: Mapping[str, Ticket]) -> int:
    return sum(each.quantity for each in tickets.values())


def _doubled(tickets: Mapping[str, Ticket]) -> set[str]:
    return {seat for seat, count in Counter(_seats(tickets.values())).items() if count > 1}


def _seats(tickets: Iterable[Ticket]) -> Iterator[str]:
    return (seat for each in tickets for seat in each.seat_ids)


def _words(ticket: Ticket | None) -> str:
    if ticket is None:
        return "nothing"
    return ", ".join(ticket.seat_ids) or f"{ticket.quantity:,} units"


def _ms(moment: Any) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
