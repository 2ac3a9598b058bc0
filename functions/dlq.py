"""The operator's actions on dead letters that only look, and what all of them share: arguments and documents."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.config import settings
from chalicelib.errors import Refused
from functions import arguments, dead_letter_table
from functions.dead_letter_name import read_name, spelled
from functions.dead_letter_table import STATES, Row
from functions.mysql import DatabaseAway, database
from functions.pages import page
from functions.sale_settings import iso

PAGE = 500
_BEGINNING = 4_096
_MOST_BYTES = 262_144  # an answer of Lambda has 6 MB at most, and a byte may take six as text and more as base64
_MAX_NUMBER = 2**63 - 1

FILTERS: arguments.Schema = {"saleId": arguments.sale_id, "reason": arguments.text(64)}
_LIST: arguments.Schema = {
    **FILTERS,
    "state": arguments.one_of(*STATES),
    "after": arguments.whole(0, _MAX_NUMBER),
    "limit": arguments.whole(1, 1_000),
}
_SHOW: arguments.Schema = {
    "letterId": read_name,
    "valueFrom": arguments.whole(0, _MAX_NUMBER),
    "valueBytes": arguments.whole(0, _MOST_BYTES),
}


def list_all(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return dead letters in the order of their arrival; `next` is the `after` of the following page, or null."""
    values = arguments.read(given, _LIST)
    limit = values.get("limit", PAGE)
    filters = chosen(values) | ({"state": values["state"]} if "state" in values else {})
    with database().transaction() as cursor:
        rows = dead_letter_table.page(cursor, filters, values.get("after", 0), _MAX_NUMBER, limit)
    return page("letters", ((document(row), row.number) for row in rows), more=len(rows) == limit)


def show(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a letter with its record: key, headers, and `valueBytes` of the value from `valueFrom` on.

    Bytes come as base64 (`…Base64`), and as text where they are UTF-8. Raises Refused `no-such-letter`.
    """
    values = arguments.read(given, _SHOW, ["letterId"])
    start, length = values.get("valueFrom", 0), values.get("valueBytes", _BEGINNING)
    with database().transaction() as cursor:
        row = dead_letter_table.find(cursor, spelled(values["letterId"]))
        if row is None:
            raise Refused("no-such-letter", f"there is no dead letter {values['letterId']}")
        record = dead_letter_table.content(cursor, row.name)
    part = record.value if record.value is None else record.value[start : start + length]
    headers = [{"name": name, **_bytes("value", value)} for name, value in record.headers]
    shown = {**_bytes("key", record.key), "headers": headers, "valueFrom": start, **_bytes("value", part)}
    return {**document(row), **shown}


def open_letters(sale_id: str) -> int | None:
    """Return how many letters of a sale wait for an operator; None where MySQL cannot be asked."""
    if not settings().mysql_url:
        return None
    try:
        with database().transaction() as cursor:
            return dead_letter_table.count_open(cursor, sale_id)
    except DatabaseAway:
        return None


def chosen(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters among an action's arguments, by column."""
    columns = {"saleId": "sale_id", "reason": "reason"}
    return {columns[name]: values[name] for name in FILTERS if name in values}


def document(row: Row) -> dict[str, Any]:
    """Return a letter as an answer has it, without its record. What is not known is null."""
    return {
        "letterId": str(row.name),
        "number": row.number,
        "state": row.state,
        "reason": row.reason,
        "error": row.error,
        "attempts": row.attempts,
        "function": row.name.function or None,
        "deadAt": iso(row.dead_at_ms),
        "saleId": row.sale_id or None,
        "epoch": row.epoch or None,
        "version": row.version or None,
        "type": row.type or None,
        "userId": row.user_id or None,
        "valueLength": row.value_length,
        "isCut": bool(row.is_cut),
        "replayOf": row.replay_of or None,
        "place": row.place,
        "by": row.acted_by or None,
        "at": utc(row.acted_at) if row.acted_at else None,
        "why": row.why or None,
    }


def utc(when: datetime) -> str:
    """Spell a time that MySQL gave."""
    return when.isoformat(timespec="milliseconds") + "Z"


def _bytes(name: str, value: bytes | None) -> dict[str, str | None]:
    if value is None:
        return {name: None, f"{name}Base64": None}
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = None
    return {name: text, f"{name}Base64": b64encode(value).decode()}
