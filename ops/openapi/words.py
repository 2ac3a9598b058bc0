"""What people are told of parameters, and the buyers of the examples."""

from collections.abc import Mapping
from typing import Any, NamedTuple

SALE = "spring"
NOW, LATER = "2026-12-01T11:00:00.000Z", "2026-12-01T11:05:00.000Z"
RESERVATION, VERSION_NOW = "1796122800-42", "1796122800-57"


class Meaning(NamedTuple):
    """What a parameter is for, with an example of a value."""

    text: str
    example: Any


PARAMETERS: Mapping[str, Meaning] = {
    "saleId": Meaning("The sale.", SALE),
    "userId": Meaning(
        "The buyer. Required unless a bearer token says who that is; if both do, they must say the same.", "ann"
    ),
    "seatId": Meaning("One seat; absent, together with `seatIds`: any.", "A-1"),
    "seatIds": Meaning("Several seats, all or none. In a query: one text, separated by commas.", ["A-1", "A-2"]),
    "quantity": Meaning("How many units or seats; absent: as many as seats are named, or 1.", 2),
    "reservationId": Meaning("The reservation, as an earlier answer named it.", RESERVATION),
    "paymentId": Meaning("The payment provider's id of the payment; it buys once.", "pay_7Q2"),
    "status": Meaning("What became of the payment.", "succeeded"),
    "since": Meaning("The `version` of the copy you have: only what changed since is told.", VERSION_NOW),
    "after": Meaning("The `next` of the page before.", "2000"),
    "limit": Meaning("The most seats of a page.", 100),
    "email": Meaning("Where to write to.", "ann@example.org"),
    "phone": Meaning("Where to text to, in E.164.", "+821012345678"),
    "language": Meaning("The language of what is written.", "ko"),
}


def _buyer(state: str, **members: Any) -> dict[str, Any]:
    return {"saleId": SALE, "userId": "ann", "state": state, "now": NOW, **members}


def _holder(state: str, **members: Any) -> dict[str, Any]:
    reservation = {"reservationId": RESERVATION, "quantity": 2, "seatIds": ["A-1", "A-2"], "status": state, **members}
    return _buyer(state, **members, reservation=reservation)


BUYERS: Mapping[str, dict[str, Any]] = {
    "waiting": _buyer("WAITING", queueNumber=1234, rank=230, etaSeconds=23, pollAfterSeconds=11.5),
    "active": _buyer("ACTIVE", deadline=LATER),
    "held": _holder("HELD", deadline=LATER),
    "confirmed": _holder("CONFIRMED"),
    "cancelled": _holder("CANCELLED"),
}
ANSWERS: Mapping[tuple[str, int], tuple[str, ...]] = {
    ("enter_queue", 202): ("waiting",),
    ("enter_queue", 200): ("active",),
    ("queue_status", 200): ("active", "waiting"),
    ("reserve", 201): ("held",),
    ("reserve", 200): ("held",),
    ("confirm", 200): ("confirmed",),
    ("cancel", 200): ("cancelled",),
}
