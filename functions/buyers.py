"""The operator's actions on one buyer: look without touching, cancel, erase the contact."""

from collections.abc import Mapping
from typing import Any

from chalicelib.errors import Refused
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.model import ACTIVE, CONFIRMED, HELD, WAITING, Buyer
from chalicelib.sale.replies import buyer_of_record
from chalicelib.wiring import link, reader, store
from functions import arguments, purchases
from functions.sale_settings import iso

_WHO: arguments.Schema = {"saleId": arguments.sale_id, "userId": arguments.user_id}
_DO: arguments.Schema = {**_WHO, "dryRun": arguments.flag}
_LATEST_EVENTS = 100


def show(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a buyer stands, what MySQL has and what was sent. Unlike a status request it claims no place."""
    values = arguments.read(given, _WHO, _WHO)
    sale_id, user_id = values["saleId"], values["userId"]
    reader().sale(sale_id)  # Refused no-such-sale
    buyer = _standing(sale_id, user_id)
    record, events = _record(sale_id, user_id)
    return {
        "saleId": sale_id,
        "userId": user_id,
        "redis": _document(buyer) if buyer else None,
        "mysql": record,
        "events": events,
        "messages": _messages(sale_id, user_id),
    }


def cancel(given: Mapping[str, Any]) -> dict[str, Any]:
    """End what a buyer holds or bought. Raises Refused `no-reservation` when there is nothing live."""
    values = arguments.read(given, _DO, _WHO)
    sale_id, user_id = values["saleId"], values["userId"]
    reader().sale(sale_id)
    buyer = _standing(sale_id, user_id)
    reservation = buyer.reservation if buyer else None
    if reservation is None or reservation.status not in (HELD, CONFIRMED):
        raise Refused("no-reservation", f"{user_id} holds nothing and bought nothing in {sale_id}")
    what = " ".join(reservation.seat_ids) or f"{reservation.quantity}"
    refund = f", refund of {reservation.payment_id} due" if reservation.payment_id else ""
    subject = f"{reservation.status} {what} of {user_id} ({reservation.reservation_id}){refund}"
    if values.get("dryRun"):
        return {**_base(values), "changed": False, "outcome": f"would cancel {subject}"}
    after = store().cancel(sale_id, user_id, reservation.reservation_id)
    return {**_base(values), "changed": not after.repeated, "outcome": f"cancelled {subject}"}


def erase(given: Mapping[str, Any]) -> dict[str, Any]:
    """Forget how to reach a buyer. Events and purchases carry the bare user id only, and stay."""
    values = arguments.read(given, _DO, _WHO)
    sale_id, user_id = values["saleId"], values["userId"]
    reader().sale(sale_id)
    if values.get("dryRun"):
        kept = link().command("HEXISTS", sale_keys(sale_id).contacts, user_id)
        outcome = f"would erase the contact of {user_id}" if kept else f"no contact of {user_id} is kept"
        return {**_base(values), "changed": False, "outcome": outcome}
    erased = reader().erase_contact(sale_id, user_id)
    outcome = f"erased the contact of {user_id}" if erased else f"no contact of {user_id} was kept"
    return {**_base(values), "changed": erased, "outcome": outcome}


def _base(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"saleId": values["saleId"], "userId": values["userId"]}


def _standing(sale_id: str, user_id: str) -> Buyer | None:
    """Return a buyer by the order of answers (record that is live, place, line, record that ended); None if unknown."""
    keys = sale_keys(sale_id)
    now, record, deadline, number, rank = link().transaction(
        ("TIME",),
        ("HGET", keys.orders, user_id),
        ("ZSCORE", keys.active, user_id),
        ("ZSCORE", keys.waiting, user_id),
        ("ZRANK", keys.waiting, user_id),
    )
    now_ms = int(now[0]) * 1000 + int(now[1]) // 1000
    recorded = buyer_of_record(sale_id, user_id, now_ms, record.decode()) if record else None
    if recorded and recorded.state in (HELD, CONFIRMED):
        return recorded
    if deadline is not None:
        return Buyer(sale_id, user_id, ACTIVE, now_ms, deadline_ms=int(float(deadline)))
    if number is not None:
        return Buyer(sale_id, user_id, WAITING, now_ms, int(number), rank + 1)
    return recorded


def _document(buyer: Buyer) -> dict[str, Any]:
    document: dict[str, Any] = {"state": buyer.state, "reason": buyer.reason or None}
    document |= {"queueNumber": buyer.queue_number or None, "rank": buyer.rank or None}
    document["deadline"] = iso(buyer.deadline_ms)
    if buyer.reservation:
        document |= {
            "reservationId": buyer.reservation.reservation_id,
            "status": buyer.reservation.status,
            "quantity": buyer.reservation.quantity,
            "seatIds": list(buyer.reservation.seat_ids),
            "paymentId": buyer.reservation.payment_id,
        }
    return document


def _messages(sale_id: str, user_id: str) -> list[dict[str, Any]]:
    """Return what was sent, what was parked while MySQL was away too."""
    from functions.mysql import database
    from functions.notify_record import SentRecord, messages_of

    SentRecord(database(), link()).settle()
    return messages_of(database(), sale_id, user_id, _LATEST_EVENTS)


def _record(sale_id: str, user_id: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    from functions.mysql import database

    who = (sale_id, user_id)
    with database().transaction() as cursor:
        cursor.execute(
            f"SELECT {purchases.COLUMNS} FROM purchases WHERE sale_id = %s AND user_id = %s",  # noqa: S608
            who,
        )
        row = cursor.fetchone()
        cursor.execute(
            "SELECT epoch, version, at_ms, type, COALESCE(JSON_VALUE(event, '$.reason'), '') FROM sale_events"
            " WHERE sale_id = %s AND user_id = %s ORDER BY epoch DESC, version DESC LIMIT %s",
            (*who, _LATEST_EVENTS),
        )
        events = [
            {"epoch": epoch, "version": version, "at": iso(at_ms), "type": kind, "reason": reason}
            for epoch, version, at_ms, kind, reason in reversed(cursor.fetchall())
        ]
    return (purchases.as_json(row) if row else None), events
