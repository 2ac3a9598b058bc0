"""Puts a finished sale away: only when it is closed, nothing is held and its ledger balances."""

from collections.abc import Mapping
from typing import Any

from chalicelib.errors import Refused
from chalicelib.wiring import store
from functions import arguments, sale_minutes
from functions.ledger import ledger
from functions.mysql import database


def archive(given: Mapping[str, Any]) -> dict[str, Any]:
    """Take a sale out of service; its keys are forgotten later. Raises Refused `not-finished` saying what is left."""
    values = arguments.read(given, {"saleId": arguments.sale_id, "dryRun": arguments.flag}, ["saleId"])
    sale_id = values["saleId"]
    balance = ledger({"saleId": sale_id})
    if balance["state"] != "balanced":
        raise Refused("not-finished", f"{sale_id} cannot be archived: its ledger says {balance['state']}")
    if values.get("dryRun"):
        return {"saleId": sale_id, "archived": False, "outcome": f"would archive {sale_id}: its ledger balances"}
    store().archive_sale(sale_id)
    _close_minutes(sale_id)
    return {"saleId": sale_id, "archived": True, "outcome": f"archived {sale_id}"}


def _close_minutes(sale_id: str) -> None:
    """Forget which events were counted, now that no more can come; killed in between, do it again."""
    with database().transaction() as cursor:
        sale_minutes.close(cursor, sale_id)
    more = True
    while more:
        with database().transaction() as cursor:
            more = sale_minutes.forget_some(cursor, sale_id)
