"""What can be seen of a sale without acting on it: its progress, its seat map, and all of it at once for the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import FieldError, InvalidRequest
from chalicelib.sale.keys import SALES, sale_keys
from chalicelib.sale.model import (
    ARCHIVED,
    CLOSED,
    DRAFT,
    FREE,
    MAX_LIMIT_PER_BUYER,
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
        """Return a page of the seat map.

        Without `since` all seats in plan order, `after` being the `next` of the page before. With it the seats changed
        since that version, oldest change first; `reset` when the plan or the epoch is another one since, and the
        client has to read it all. The version is read before the states, so that whatever changes in between is
        reported again by the next call with `since`.
        """
        keys = sale_keys(sale_id)
        epoch, *versions = self._link.command("HMGET", keys.sale, "epoch", "version", "plan_version")
        if epoch is None:
            raise refusal(b"NO_SUCH_SALE", sale_id, "", 0)
        version, plan_version = (int(each or 0) for each in versions)
        current = f"{epoch.decode()}-{version}"
        if since is None:
            return self._plan_page(sale_id, current, _cursor("after", after), limit)
        since_epoch, since_version = _version(since)
        if since_epoch != int(epoch) or not plan_version <= since_version <= version:
            return SeatPage(current, (), None, reset=True)
        return self._changes_page(sale_id, current, max(since_version, _cursor("after", after)), limit)

    def put_contact(self, sale_id: str, user_id: str, contact_json: str) -> None:
        """Keep where to write to a buyer, apart from everything that becomes an event."""
        keys = sale_keys(sale_id)
        if not self._link.command("HEXISTS", keys.sale, "epoch"):
            raise refusal(b"NO_SUCH_SALE", sale_id, "", 0)
        self._link.command("HSET", keys.contacts, user_id, contact_json)

    def erase_contact(self, sale_id: str, user_id: str) -> bool:
        """Forget where to write to a buyer; False when nothing was kept."""
        return bool(self._link.command("HDEL", sale_keys(sale_id).contacts, user_id))

    def _plan_page(self, sale_id: str, version: str, start: int, limit: int) -> SeatPage:
        seat_ids = self._link.command("LRANGE", sale_keys(sale_id).plan, start, start + limit)
        more = len(seat_ids) > limit
        page = self._with_states(sale_id, seat_ids[:limit])
        return SeatPage(version, page, str(start + limit) if more else None, reset=False)

    def _changes_page(self, sale_id: str, version: str, since: int, limit: int) -> SeatPage:
        # One version changes as many seats as a buyer may have; a page never ends in the middle of one.
        count = limit + MAX_LIMIT_PER_BUYER
        changes = self._link.command(
            "ZRANGEBYSCORE",
            sale_keys(sale_id).seat_changes,
            f"({since}",
            "+inf",
            "WITHSCORES",
            "LIMIT",
            0,
            count + 1,
        )
        rows = list(zip(changes[::2], map(int, changes[1::2]), strict=True))
        if len(rows) <= limit:
            return SeatPage(version, self._with_states(sale_id, [seat for seat, _ in rows]), None, reset=False)
        last = rows[limit - 1][1]
        whole = [seat for seat, at in rows if at <= last]
        more = len(whole) < len(rows)
        return SeatPage(version, self._with_states(sale_id, whole), str(last) if more else None, reset=False)

    def _with_states(self, sale_id: str, seat_ids: list[bytes]) -> tuple[tuple[str, str], ...]:
        if not seat_ids:
            return ()
        taken = self._link.command("HMGET", sale_keys(sale_id).seats, *seat_ids)
        states = (FREE if text is None else text.split(b" ", 1)[0].decode() for text in taken)
        return tuple((seat.decode(), state) for seat, state in zip(seat_ids, states, strict=True))


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


def _cursor(field: str, text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise InvalidRequest([FieldError(field, "must be the `next` of the page before")])
    return int(text)


def _version(text: str) -> tuple[int, int]:
    epoch, _, version = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 12 for part in (epoch, version)):
        raise InvalidRequest([FieldError("since", "must be a `version` that this sale gave")])
    return int(epoch), int(version)
