"""The requests of a buyer, relative to the sale's address. `caller` is who asks: empty where a token says it."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode


class Ask(NamedTuple):
    """One request; `endpoint` is its name in a report."""

    endpoint: str
    method: str
    path: str
    body: Mapping[str, object] | None = None


SALE = Ask("sale", "GET", "")


def enter(caller: Mapping[str, str]) -> Ask:
    """Join the line, or learn where I stand."""
    return Ask("enter", "POST", "/queue/enter", caller)


def status(caller: Mapping[str, str]) -> Ask:
    """Learn where I stand."""
    return Ask("status", "GET", "/queue/status" + (f"?{urlencode(caller)}" if caller else ""))


def seats(query: Mapping[str, str]) -> Ask:
    """Read a page of the seat map."""
    return Ask("seats", "GET", f"/seats?{urlencode(query)}")


def reserve(caller: Mapping[str, str], seat_id: str) -> Ask:
    """Reserve a seat, or any unit."""
    wanted: dict[str, object] = {"seatIds": [seat_id]} if seat_id else {"quantity": 1}
    return Ask("reserve", "POST", "/reservations/reserve", {**caller, **wanted})


def confirm(caller: Mapping[str, str], reservation_id: str, payment_id: str) -> Ask:
    """Say that a reservation is paid."""
    body = {**caller, "reservationId": reservation_id, "paymentId": payment_id}
    return Ask("confirm", "POST", "/reservations/confirm", body)


def cancel(caller: Mapping[str, str], reservation_id: str) -> Ask:
    """Give a reservation back."""
    return Ask("cancel", "POST", "/reservations/cancel", {**caller, "reservationId": reservation_id})
