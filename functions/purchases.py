"""The durable record of who bought what, page by page, so that an answer stays small however large the sale."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions import arguments
from functions.mysql import database
from functions.pages import page as page_of
from functions.sale_settings import iso

PAGE = 5_000
_SCHEMA: arguments.Schema = {
    "saleId": arguments.sale_id,
    "after": arguments.user_id,
    "limit": arguments.whole(1, 10_000),
    "status": arguments.one_of("HELD", "CONFIRMED", "CANCELLED", "EXPIRED"),
}
COLUMNS = "user_id, status, quantity, seat_ids, reservation_id, payment_id, reason, epoch, version, at_ms, written_at"


def page(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return purchases by user id, and in `next` the `after` of the following page, null at the end."""
    values = arguments.read(given, _SCHEMA, ["saleId"])
    limit = values.get("limit", PAGE)
    query = f"SELECT {COLUMNS} FROM purchases WHERE sale_id = %s AND user_id > %s"  # noqa: S608 - our own names
    parameters = [values["saleId"], values.get("after", "")]
    if "status" in values:
        query += " AND status = %s"
        parameters.append(values["status"])
    with database().transaction() as cursor:
        cursor.execute(query + " ORDER BY user_id LIMIT %s", (*parameters, limit))
        rows = cursor.fetchall()
    return page_of("purchases", ((as_json(row), row[0]) for row in rows), more=len(rows) == limit)


def as_json(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row of COLUMNS as a document."""
    user, status, quantity, seats, reservation, payment, reason, epoch, version, at_ms, written_at = row
    return {
        "userId": user,
        "status": status,
        "quantity": quantity,
        "seatIds": seats.split(",") if seats else [],
        "reservationId": reservation,
        "paymentId": payment,
        "reason": reason,
        "epoch": epoch,
        "version": version,
        "at": iso(at_ms),
        "writtenAt": _utc(written_at),
    }


def _utc(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds") + "Z"
