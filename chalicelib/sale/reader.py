"""What can be seen of a sale without acting on it: its progress, its seat map, and all of it at once for the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chalicelib.sale.keys import SALES, sale_keys
from chalicelib.sale.model import (
    ARCHIVED,
    CLOSED,
    DRAFT,
    OPEN,
    PAUSED,
    SCHEDULED,
    Buyer,
    Sale,
    SaleSettings,
    SeatPage,
)
from chalicelib.sale.redis_link import RedisLink
from chalicelib.sale.replies import buyer_of_record, refusal
from chalicelib.sale.seat_map import read_page
from chalicelib.sale.settings_codec import from_map

# What the scripts count, besides `refused_…` for each code of a refusal.
COUNTERS = frozenset(
    {
        "sequence",  # queue numbers given out
        "admitted",
        "claimed",
        "left",
        "lapsed_claim_missed",
        "lapsed_time_up",
        "expired",  # units
        "cancelled",  # units
        "granted_again",
        "refunds_due",
        "payments_already_paid",  # payments that are due back, by their fate; the others have bought
        "payments_hold_expired",
        "payments_reservation_ended",
    }
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a ledger compares, read at one moment."""

    sale: Sale
    buyers: dict[str, Buyer]  # who has a record: user id to state and latest reservation
    holds: dict[str, int]  # user id to deadline, ms
    payments: dict[str, tuple[str, str, str]]  # payment id to fate, user id, reservation id
    free_seats: int
    taken_seats: dict[str, tuple[str, str]]  # seat id to state, user id


class SaleReader:
    """Reads sales. Raises Refused (`no-such-sale`) and StoreUnavailable."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    def sale_ids(self) -> list[str]:
        """Return the ids of all sales that are not archived; one of them may not be complete yet."""
        return sorted(each.decode() for each in self._link.command("SMEMBERS", SALES))

    def sale(self, sale_id: str) -> Sale:
        """Return a sale's progress, read at one moment."""
        return _sale(sale_id, self._link.transaction(*_sale_commands(sale_id)))

    def sale_and_payments(self, sale_id: str) -> tuple[Sale, int]:
        """Return a sale's progress and how many payments it has, read at one moment."""
        *replies, payments = self._link.transaction(*_sale_commands(sale_id), ("HLEN", sale_keys(sale_id).payments))
        return _sale(sale_id, replies), payments

    def snapshot(self, sale_id: str) -> Snapshot:
        """Return everything at one moment. Costs time and memory in proportion to the buyers who have a record."""
        keys = sale_keys(sale_id)
        commands = _sale_commands(sale_id)
        replies = self._link.transaction(
            *commands,
            ("HGETALL", keys.orders),
            ("ZRANGE", keys.holds, 0, -1, "WITHSCORES"),
            ("HGETALL", keys.payments),
            ("ZCARD", keys.free),
            ("HGETALL", keys.seats),
        )
        sale = _sale(sale_id, replies)
        orders, holds, payments, free_seats, seats = replies[len(commands) :]
        taken = {seat: text.split(" ") for seat, text in _pairs(seats)}
        return Snapshot(
            sale=sale,
            buyers={user: buyer_of_record(sale_id, user, sale.now_ms, record) for user, record in _pairs(orders)},
            holds={user: int(deadline) for user, deadline in _pairs(holds)},
            payments={payment: _three(text) for payment, text in _pairs(payments)},
            free_seats=free_seats,
            taken_seats={seat: (state, user) for seat, (state, _place, user) in taken.items()},
        )

    def seats(self, sale_id: str, since: str | None, after: str | None, limit: int) -> SeatPage:
        """Return a page of the seat map; see `seat_map.read_page`."""
        return read_page(self._link, sale_id, since, after, limit)

    def name(self, sale_id: str) -> str:
        """Return what a sale is called, "" where it has no name or is forgotten."""
        name: bytes | None = self._link.command("HGET", sale_keys(sale_id).sale, "name")
        return (name or b"").decode()

    def contact(self, sale_id: str, user_id: str) -> str | None:
        """Return where to write to a buyer, as it was given to `put_contact`; None where nothing is kept."""
        kept: bytes | None = self._link.command("HGET", sale_keys(sale_id).contacts, user_id)
        return None if kept is None else kept.decode()

    def erase_contact(self, sale_id: str, user_id: str) -> bool:
        """Forget where to write to a buyer; False when nothing was kept."""
        return bool(self._link.command("HDEL", sale_keys(sale_id).contacts, user_id))


def _sale_commands(sale_id: str) -> list[tuple[str, ...]]:
    keys = sale_keys(sale_id)
    return [
        ("TIME",),
        ("HGETALL", keys.sale),
        ("ZCARD", keys.waiting),
        ("ZCARD", keys.active),
        ("XLEN", keys.outbox),
    ]


def _sale(sale_id: str, replies: list[Any]) -> Sale:
    (seconds, micros), flat, waiting, active, outbox = replies[:5]
    sale = dict(_pairs(flat))
    if "epoch" not in sale:
        raise refusal(b"NO_SUCH_SALE", sale_id, "", 0)
    now_ms = int(seconds) * 1000 + int(micros) // 1000
    settings = from_map(sale)
    return Sale(
        sale_id=sale_id,
        state=_state(sale, settings, now_ms),
        now_ms=now_ms,
        epoch=int(sale["epoch"]),
        version=int(sale.get("version", 0)),
        seated=sale["seated"] == "1",
        capacity=int(sale.get("capacity", 0)),
        held=int(sale.get("held", 0)),
        confirmed=int(sale.get("confirmed", 0)),
        waiting=waiting,
        active=active,
        outbox=outbox,
        admitted_through=int(sale.get("admitted_through", 0)),
        settings=settings,
        counters=_counters(sale),
    )


def _state(sale: dict[str, str], settings: SaleSettings, now_ms: int) -> str:
    """Derive the state; `state_of` in prelude.lua is the same for the scripts, and a test holds them together."""
    if sale.get("archived") == "1":
        return ARCHIVED
    if sale.get("loading") == "1":
        return DRAFT
    if settings.closed or (settings.closes_at_ms and now_ms >= settings.closes_at_ms):
        return CLOSED
    if now_ms < settings.opens_at_ms:
        return SCHEDULED
    return PAUSED if settings.paused else OPEN


def _counters(sale: dict[str, str]) -> dict[str, int]:
    return {name: int(text) for name, text in sale.items() if name in COUNTERS or name.startswith("refused_")}


def _pairs(flat: Iterable[bytes]) -> list[tuple[str, str]]:
    texts = [each.decode() for each in flat]
    return list(zip(texts[::2], texts[1::2], strict=True))


def _three(text: str) -> tuple[str, str, str]:
    fate, user_id, reservation_id = text.split(" ")
    return fate, user_id, reservation_id
