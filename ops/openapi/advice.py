"""What people are told of errors: an example of each, and what to do about it. Knows no route."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ops.openapi.words import LATER


class Advice(NamedTuple):
    """An example of an error's `detail`, what whoever gets it should do, and the members it has besides."""

    detail: str
    do: str
    members: Mapping[str, Any] = {}


_ASK_STATUS = "Ask `GET /queue/status`: it says where the buyer stands."
_REFUND = (
    "The payment bought nothing. With `refundDue` true its refund is under way; tell the buyer, and do not repeat."
)

ERRORS: Mapping[str, Advice] = {
    "invalid-json": Advice(
        "The body cannot be read as JSON: Expecting value: line 1 column 11 (char 10).",
        "Correct the body: UTF-8, one JSON object, nested less than a few hundred levels.",
    ),
    "invalid-request": Advice(
        "quantity: must be a whole number from 1 to 20",
        "Correct every field that `errors` names, then send again.",
        {"errors": [{"field": "quantity", "detail": "must be a whole number from 1 to 20"}]},
    ),
    "over-limit": Advice("one buyer may have 4 at most", "Ask for `limit` or fewer.", {"limit": 4}),
    "unauthenticated": Advice("The token has expired.", "Get a new bearer token, then send again."),
    "invalid-signature": Advice(
        "The signature does not fit the body.", "Sign the timestamp and the raw body with the current secret."
    ),
    "not-yours": Advice("userId: is not the subject of the token", "Leave `userId` out, or send the token's subject."),
    "not-active": Advice(
        "it is not your turn: enter the queue and wait for it",
        "Enter the queue, and reserve when the state is ACTIVE.",
    ),
    "confirm-by-payment-provider": Advice(
        "The payment provider confirms this sale's reservations.",
        "Pay at the provider, then ask for the status until it is CONFIRMED.",
    ),
    "no-such-route": Advice("There is no GET /api/v1/tickets.", "Compare path and spelling with this document."),
    "no-such-sale": Advice("there is no sale spring", "Check the sale's id: it may be archived."),
    "no-such-seat": Advice("no such seat: Z-9", "Read the seat map again.", {"seatIds": ["Z-9"]}),
    "not-in-sale": Advice("you are not in this sale: enter the queue first", "Enter the queue."),
    "no-reservation": Advice("you have no such reservation", _ASK_STATUS),
    "method-not-allowed": Advice("Unsupported method: PUT", "Use a method that the header `Allow` names."),
    "sale-not-open": Advice(
        "the sale is not open yet",
        "Come back at `opensAt`; where it is absent the time is not known yet.",
        {"opensAt": LATER},
    ),
    "sale-closed": Advice("the sale is closed", "Stop asking. Who holds a reservation may still confirm it."),
    "seat-taken": Advice(
        "already taken: A-1", "Read what changed in the seat map, then choose others.", {"seatIds": ["A-1"]}
    ),
    "not-enough-left": Advice("only 1 left", "Ask for `remaining` or fewer.", {"remaining": 1}),
    "already-reserved": Advice(
        "you have a reservation already: cancel it before you make another one",
        "Show the buyer the reservation there is; cancel it before another is made.",
    ),
    "hold-expired": Advice(
        "the hold ran out before the payment came, and what it held is gone; a refund is due",
        _REFUND,
        {"refundDue": True},
    ),
    "reservation-ended": Advice(
        "the reservation had ended before the payment came; a refund is due", _REFUND, {"refundDue": True}
    ),
    "already-paid": Advice(
        "the reservation was paid by another payment; a refund is due", _REFUND, {"refundDue": True}
    ),
    "payment-used": Advice("this payment was used for something else", _REFUND, {"refundDue": False}),
    "sold-out": Advice("everything is sold", "Stop asking; entering later works if something comes back."),
    "body-too-large": Advice("A body may have 16384 bytes.", "Send `limit` bytes or fewer.", {"limit": 16384}),
    "unsupported-media-type": Advice(
        "Unsupported media type: text/html", "Send `Content-Type: application/json`, or no body at all."
    ),
    "too-many-requests": Advice(
        "Too many requests.", "Send the same request again after `Retry-After` seconds, with jitter."
    ),
    "headers-too-large": Advice(
        "Headers may have 16384 bytes in all.", "Send `limit` bytes of headers or fewer.", {"limit": 16384}
    ),
    "internal-error": Advice(
        "The log has more under this request's id.",
        "Send the same request again after a pause that grows; it is safe. Report `requestId` if it stays.",
    ),
    "store-unavailable": Advice(
        "Whether it was done is not known: send the same request again.",
        "Send the same request again after `Retry-After` seconds, with jitter; it is safe.",
    ),
    "payment-not-configured": Advice("The payment webhook has no secret.", "Only the sale's owner can mend it."),
}
