"""What is in the answers, as JSON Schema 2020-12. Tests hold every answer against them, both ways: nothing is missing,
nothing is there that they do not name.

Within v1 fields are only added, so a client must not mind one it does not know: the schemas are open.
"""

from typing import Any

from chalicelib.api.shapes import CURSOR, PAYMENT_ID, RESERVATION_ID, SALE_ID, SEAT_ID, USER_ID, VERSION, Shape
from chalicelib.sale import model
from ops.openapi.words import BUYERS, NOW, RESERVATION, SALE, VERSION_NOW

Schema = dict[str, Any]
BUYER_STATES = [model.WAITING, model.ACTIVE, model.LAPSED, model.HELD, model.CONFIRMED, model.EXPIRED, model.CANCELLED]
SALE_STATES = [model.DRAFT, model.SCHEDULED, model.OPEN, model.PAUSED, model.CLOSED, model.ARCHIVED]


def shaped(shape: Shape, text: str = "", **more: Any) -> Schema:
    """Return the schema of a text of a shape."""
    return {"type": "string", "pattern": f"^(?:{shape.pattern})$", **({"description": text} if text else {}), **more}


def reference(name: str) -> Schema:
    """Return a reference to one of the document's schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def moment(text: str, kind: str | list[str] = "string") -> Schema:
    """Return the schema of a time."""
    return {"type": kind, "format": "date-time", "description": f"{text} ISO 8601, UTC, with milliseconds."}


def _count(text: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": text}


def record(required: str, properties: Schema, **more: Any) -> Schema:
    """Return the schema of an object; `required` names members, separated by spaces."""
    return {"type": "object", "required": required.split(), "properties": properties, **more}


def _in_state(states: list[str], required: str) -> Schema:
    """Say which members a buyer in some states has for certain."""
    condition = {"properties": {"state": {"enum": states}}, "required": ["state"]}
    return {"if": condition, "then": {"required": required.split()}}


_RESERVATION = record(
    "reservationId quantity status",
    {
        "reservationId": shaped(RESERVATION_ID, "Names it in confirm and cancel."),
        "quantity": {"type": "integer", "minimum": 1, "maximum": model.MAX_LIMIT_PER_BUYER},
        "seatIds": {
            "type": "array",
            "items": shaped(SEAT_ID),
            "minItems": 1,
            "description": "The seats, in a seated sale.",
        },
        "status": {"enum": [model.HELD, model.CONFIRMED, model.EXPIRED, model.CANCELLED]},
        "deadline": moment("HELD: when the hold ends unless it is confirmed."),
    },
)
_BUYER = record(
    "saleId userId state now",
    {
        "saleId": shaped(SALE_ID, "The sale."),
        "userId": shaped(USER_ID, "The buyer."),
        "state": {"enum": BUYER_STATES},
        "now": moment("The moment of the answer by the sale's clock."),
        "queueNumber": _count("WAITING: the number drawn; asking again keeps it."),
        "rank": _count("WAITING: the place in the line, 1 is next."),
        "etaSeconds": {
            "type": ["number", "null"],
            "minimum": 0,
            "description": "WAITING: the wait that is left, guessed; null where nobody can say.",
        },
        "pollAfterSeconds": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 30,
            "description": "WAITING: when to ask again, plus jitter. Who asks then always gets the turn.",
        },
        "deadline": moment("ACTIVE: until when to reserve. HELD: when the hold ends."),
        "reason": {"type": "string", "description": "LAPSED: `claim-missed` or `time-up`."},
        "reservation": reference("Reservation"),
    },
    description="Where a buyer stands in a sale. Only what applies to the state is there.",
    allOf=[
        _in_state([model.WAITING], "queueNumber rank etaSeconds pollAfterSeconds"),
        _in_state([model.ACTIVE], "deadline"),
        _in_state([model.HELD], "deadline reservation"),
        _in_state([model.CONFIRMED, model.EXPIRED, model.CANCELLED], "reservation"),
    ],
    examples=list(BUYERS.values()),
)
_PAYMENT = record(
    "saleId userId reservationId paymentId outcome",
    {
        "saleId": shaped(SALE_ID, "The sale."),
        "userId": shaped(USER_ID, "The buyer."),
        "reservationId": shaped(RESERVATION_ID, "The reservation."),
        "paymentId": shaped(PAYMENT_ID, "The payment."),
        "outcome": {
            "enum": ["CONFIRMED", "REFUND_DUE", "RELEASED", "UNCHANGED"],
            "description": "CONFIRMED: bought. REFUND_DUE: came too late or twice. RELEASED: the hold is given back. "
            "UNCHANGED: a failure of what is not held.",
        },
    },
    description="What became of a payment.",
    examples=[
        {
            "saleId": SALE,
            "userId": "ann",
            "reservationId": RESERVATION,
            "paymentId": "pay_7Q2",
            "outcome": "CONFIRMED",
        }
    ],
)
_SALE = record(
    "saleId name state message now capacity remaining held confirmed waiting active admittedThrough admitPerSecond "
    "opensAt queueOpensAt closesAt limitPerBuyer version",
    {
        "saleId": shaped(SALE_ID, "The sale."),
        "name": {"type": "string"},
        "state": {"enum": SALE_STATES},
        "message": {"type": "string", "description": "What the owner of the sale has to say."},
        "now": moment("When this was read, cut to the second."),
        "capacity": _count("Units in all."),
        "remaining": _count("Units neither held nor sold."),
        "held": _count("Units held."),
        "confirmed": _count("Units sold."),
        "waiting": _count("Buyers in line."),
        "active": _count("Buyers whose turn it is."),
        "admittedThrough": _count("The highest queue number admitted: a page waits for its own and polls only this."),
        "admitPerSecond": {"type": "number", "minimum": 0, "description": "Admissions a second; 0: unlimited."},
        "opensAt": moment("When the sale opens, if that is set.", ["string", "null"]),
        "queueOpensAt": moment("When the line opens, if that is set.", ["string", "null"]),
        "closesAt": moment("When the sale closes, if that is set.", ["string", "null"]),
        "limitPerBuyer": {"type": "integer", "minimum": 1, "maximum": model.MAX_LIMIT_PER_BUYER},
        "version": shaped(VERSION, "Grows with every event of the sale. Opaque."),
    },
    description="A sale's public progress.",
    examples=[
        {
            "saleId": SALE,
            "name": "Spring concert",
            "state": model.OPEN,
            "message": "",
            "now": NOW,
            "capacity": 1000,
            "remaining": 940,
            "held": 20,
            "confirmed": 40,
            "waiting": 12345,
            "active": 100,
            "admittedThrough": 160,
            "admitPerSecond": 100,
            "opensAt": NOW,
            "queueOpensAt": None,
            "closesAt": None,
            "limitPerBuyer": 4,
            "version": VERSION_NOW,
        }
    ],
)
_SEAT_PAGE = record(
    "saleId version next reset seats",
    {
        "saleId": shaped(SALE_ID, "The sale."),
        "version": shaped(VERSION, "Keep that of the first page; give it as `since` later."),
        "next": {
            "type": ["string", "null"],
            "pattern": f"^(?:{CURSOR.pattern})$",
            "description": "Give it as `after` for the next page; null at the end.",
        },
        "reset": {"type": "boolean", "description": "true: discard your copy and read all of it again."},
        "seats": {
            "type": "array",
            "description": "In plan order; with `since`, oldest change first. Who holds a seat is never told.",
            "items": record(
                "seatId state",
                {"seatId": shaped(SEAT_ID), "state": {"enum": [model.FREE, model.HELD, model.CONFIRMED]}},
            ),
        },
    },
    description="A page of the seat map.",
    examples=[
        {
            "saleId": SALE,
            "version": VERSION_NOW,
            "next": None,
            "reset": False,
            "seats": [{"seatId": "A-1", "state": model.HELD}, {"seatId": "A-2", "state": model.FREE}],
        }
    ],
)


def schemas() -> Schema:
    """Return the schemas of all answers that are no errors, by name."""
    return {
        "Buyer": _BUYER,
        "Payment": _PAYMENT,
        "Reservation": _RESERVATION,
        "Sale": _SALE,
        "SeatPage": _SEAT_PAGE,
        "Health": record("status", {"status": {"const": "ok"}}, examples=[{"status": "ok"}]),
        "OpenApi": record("openapi info paths", {"openapi": {"type": "string"}}, examples=[{"openapi": "3.1.0"}]),
        "Page": {"type": "string"},
    }
