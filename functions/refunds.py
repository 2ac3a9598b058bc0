"""The operator's actions on money that has to go back: list what is due, and note what somebody has paid back.

Nothing here pays: the payment provider does. An event makes a refund due; only an operator settles it, and no event,
late or repeated, opens it again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.errors import Refused
from functions import arguments
from functions.mysql import database
from functions.pages import page
from functions.sale_settings import iso

PAGE = 5_000
MOST_AT_ONCE = 1_000
DUE, SETTLED = "DUE", "SETTLED"
_payment_id = arguments.spelled(r"[!-~]{1,255}", "1 to 255 printable ASCII characters without a space")
_LIST: arguments.Schema = {
    "saleId": arguments.sale_id,
    "state": arguments.one_of(DUE, SETTLED),
    "after": _payment_id,
    "limit": arguments.whole(1, 10_000),
}
_SETTLE: arguments.Schema = {
    "saleId": arguments.sale_id,
    "paymentIds": arguments.list_of(_payment_id, MOST_AT_ONCE),
    "dryRun": arguments.flag,
}
_COLUMNS = "payment_id, user_id, reservation_id, reason, due_at_ms, settled_at"
_IS = {DUE: " AND settled_at IS NULL", SETTLED: " AND settled_at IS NOT NULL"}


def list_all(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return refunds by payment id, all or those of a `state`; `next` is the `after` of the following page or null."""
    values = arguments.read(given, _LIST, ["saleId"])
    limit = values.get("limit", PAGE)
    query = f"SELECT {_COLUMNS} FROM refunds WHERE sale_id = %s AND payment_id > %s"  # noqa: S608 - our own names
    with database().transaction() as cursor:
        cursor.execute(
            f"{query}{_IS.get(values.get('state', ''), '')} ORDER BY payment_id LIMIT %s",
            (values["saleId"], values.get("after", ""), limit),
        )
        rows = cursor.fetchall()
    return page("refunds", ((_as_json(row), row[0]) for row in rows), more=len(rows) == limit)


def settle(given: Mapping[str, Any]) -> dict[str, Any]:
    """Note that payments were given back, all of them or none; `settled` has those that were not noted before.

    Again it changes nothing: the first time stands. Raises Refused `no-such-refund` naming what is not due.
    """
    values = arguments.read(given, _SETTLE, ["saleId", "paymentIds"])
    sale_id, wanted, dry_run = values["saleId"], values["paymentIds"], values.get("dryRun", False)
    with database().transaction() as cursor:
        cursor.execute(
            "SELECT payment_id, settled_at IS NULL FROM refunds WHERE sale_id = %s AND payment_id IN %s FOR UPDATE",
            (sale_id, wanted),
        )
        is_due = dict(cursor.fetchall())
        if unknown := [each for each in wanted if each not in is_due]:
            raise Refused("no-such-refund", f"no refund is due in {sale_id} for: {', '.join(unknown)}")
        settled = [each for each in wanted if is_due[each]]
        if settled and not dry_run:
            cursor.execute(
                "UPDATE refunds SET settled_at = UTC_TIMESTAMP(3) WHERE sale_id = %s AND payment_id IN %s",
                (sale_id, settled),
            )
    return {
        "saleId": sale_id,
        "settled": settled,
        "changed": bool(settled) and not dry_run,
        "outcome": _outcome(settled, wanted, dry_run=dry_run),
    }


def _outcome(settled: Sequence[str], wanted: Sequence[str], *, dry_run: bool) -> str:
    done = "would settle" if dry_run else "settled"
    before = len(wanted) - len(settled)
    earlier = f"; {before} settled before" if before else ""
    return f"{done} {', '.join(settled) or 'nothing'}{earlier}"


def _as_json(row: tuple[Any, ...]) -> dict[str, Any]:
    payment_id, user_id, reservation_id, reason, due_at_ms, settled_at = row
    return {
        "paymentId": payment_id,
        "userId": user_id,
        "reservationId": reservation_id,
        "reason": reason,
        "dueAt": iso(due_at_ms),
        "settledAt": settled_at.isoformat(timespec="milliseconds") + "Z" if settled_at else None,
    }
