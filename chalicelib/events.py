"""The events of a sale: how the outbox's lines become JSON for Kafka, and how consumers read them back, strictly.

The scripts write an event as one line of words (see prelude.lua), because building JSON in Redis would cost every buyer
time on the one core that all share.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chalicelib.sale.settings_codec import from_map

SCHEMA = 1
RESERVATION_TYPES = frozenset({"RESERVED", "CONFIRMED", "CANCELLED", "EXPIRED"})
SALE_TYPES = frozenset({"SALE_CREATED", "SALE_CHANGED"})
REFUND_DUE = "REFUND_DUE"
TYPES = RESERVATION_TYPES | SALE_TYPES | {REFUND_DUE}


class Poison(ValueError):
    """An event that can never be applied; `reason` is stable and kebab-case, `detail` is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Times are ms since the epoch. What its type does not carry is "", 0 or empty."""

    sale_id: str
    epoch: int
    version: int
    type: str
    at_ms: int
    user_id: str = ""
    reservation_id: str = ""
    quantity: int = 0
    seat_ids: tuple[str, ...] = ()
    payment_id: str = ""
    deadline_ms: int = 0
    reason: str = ""
    capacity: int = 0
    seated: bool = False
    rows: int = 0
    seats_per_row: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


def encode(sale_id: str, epoch: int, version: int, line: str) -> tuple[str, bytes]:
    """Turn a line of the outbox into (user id, or "" for the sale's own, and the JSON of the event)."""
    kind, at, rest = line.split(" ", 2)
    event: dict[str, Any] = {
        "schema": SCHEMA,
        "saleId": sale_id,
        "epoch": epoch,
        "version": version,
        "type": kind,
    }
    event["at"] = int(at)
    user_id = ""
    if kind in SALE_TYPES:
        event |= _sale_fields(json.loads(rest))
    else:
        user_id, reservation_id, quantity, deadline, payment_id, reason, seats = rest.split(" ")
        event |= {"userId": user_id, "reservationId": reservation_id}
        if quantity:
            event["quantity"] = int(quantity)
        if seats:
            event["seatIds"] = seats.split(",")
        if payment_id:
            event["paymentId"] = payment_id
        if deadline:
            event["deadline"] = int(deadline)
        if reason:
            event["reason"] = reason
    return user_id, json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _sale_fields(texts: dict[str, str]) -> dict[str, Any]:
    return {
        "capacity": int(texts["capacity"]),
        "seated": texts["seated"] == "1",
        "rows": int(texts["rows"]),
        "seatsPerRow": int(texts["seats_per_row"]),
        "settings": {_camel(name): value for name, value in asdict(from_map(texts)).items()},
    }


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


_MAX_WHOLE = 2**53


def decode(value: bytes | None) -> Event:
    """Read an event. Unknown fields are ignored. Raises Poison, naming the field, for whatever breaks the contract."""
    body = _object(value)
    if body.get("schema") != SCHEMA:
        raise Poison("unknown-schema", f"schema {body.get('schema')!r}")
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise Poison("unknown-type", f"type {kind!r}")
    sale_id = _text(body, "saleId", 64)
    epoch, version, at_ms = _whole(body, "epoch", 1), _whole(body, "version", 1), _whole(body, "at", 1)
    if kind in SALE_TYPES:
        return _sale_event(body, sale_id, epoch, version, kind, at_ms)
    is_refund = kind == REFUND_DUE
    return Event(
        sale_id,
        epoch,
        version,
        kind,
        at_ms,
        _text(body, "userId", 255),
        _text(body, "reservationId", 40),
        0 if is_refund else _whole(body, "quantity", 1, 20),
        _seat_ids(body),
        _text(body, "paymentId", 255, required=is_refund),
        _whole(body, "deadline", 1, required=kind == "RESERVED"),
        _text(body, "reason", 64, required=is_refund),
    )


def _sale_event(body: dict[str, Any], sale_id: str, epoch: int, version: int, kind: str, at_ms: int) -> Event:
    settings = body.get("settings")
    if not isinstance(settings, dict):
        raise Poison("invalid-field", "settings must be an object")
    if not isinstance(body.get("seated"), bool):
        raise Poison("invalid-field", "seated must be true or false")
    return Event(
        sale_id,
        epoch,
        version,
        kind,
        at_ms,
        capacity=_whole(body, "capacity", 0),
        seated=body["seated"],
        rows=_whole(body, "rows", 0, required=False),
        seats_per_row=_whole(body, "seatsPerRow", 0, required=False),
        settings=settings,
    )


def _object(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise Poison("null-value", "the record has no value")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Poison("not-utf8", str(error)) from error
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Poison("not-json", str(error)) from error
    if not isinstance(body, dict):
        raise Poison("not-json", "the value is not an object")
    return body


def _text(body: dict[str, Any], name: str, longest: int, *, required: bool = True) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value or len(value) > longest or not value.isascii():
        raise Poison("invalid-field", f"{name} must be 1 to {longest} ASCII characters, not {_short(value)}")
    return value


def _whole(body: dict[str, Any], name: str, least: int, most: int = _MAX_WHOLE, *, required: bool = True) -> int:
    value = body.get(name)
    if value is None and not required:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Poison("invalid-field", f"{name} must be a whole number from {least} to {most}, not {_short(value)}")
    return value


def _seat_ids(body: dict[str, Any]) -> tuple[str, ...]:
    value = body.get("seatIds")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) and _is_seat_id(each) for each in value):
        raise Poison("invalid-field", f"seatIds must be a list of seat ids, not {_short(value)}")
    return tuple(value)


def _is_seat_id(text: str) -> bool:
    return 0 < len(text) <= 32 and "," not in text  # a comma separates them in their column


def _short(value: object) -> str:
    return repr(value)[:80]
