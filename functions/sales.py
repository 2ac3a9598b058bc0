"""The operator's actions on sales: create, list, show, configure, pause, resume, close, reopen."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from chalicelib.errors import FieldError, InvalidRequest, Refused
from chalicelib.sale.model import Sale, SalePlan, SaleSettings
from chalicelib.sale.settings_codec import to_text
from chalicelib.wiring import reader, store
from functions import arguments, sale_settings
from functions.pages import page
from functions.sale_settings import as_json, check_times, chosen, iso
from functions.seat_plan import seat_ids

MOST_UNITS = 100_000_000
MOST_SEATS = 1_000_000
_ID: arguments.Schema = {"saleId": arguments.sale_id}
_STOCK: arguments.Schema = {
    "capacity": arguments.whole(1, MOST_UNITS),
    "seatIds": arguments.list_of(arguments.seat_id, MOST_SEATS),
}
_ROWS: arguments.Schema = {
    "rows": arguments.whole(1, MOST_SEATS),
    "seatsPerRow": arguments.whole(1, MOST_SEATS),
}


def create(given: Mapping[str, Any]) -> dict[str, Any]:
    """Create a sale, counted or seated. The same again changes nothing; `created` says whether it was new.

    Raises InvalidRequest, and Refused `sale-exists` (another definition) or `sale-on-record` (only MySQL knows it).
    """
    values = arguments.read(given, {**_ID, **_STOCK, **_ROWS, **sale_settings.SCHEMA}, ["saleId"])
    settings = SaleSettings(**chosen(values))
    check_times(settings)
    plan = _plan(values, settings)
    _refuse_one_that_only_mysql_knows(plan.sale_id)
    created = store().create_sale(plan)
    outcome = f"created {plan.sale_id}" if created else f"{plan.sale_id} existed already, just like this"
    return {**_document(reader().sale(plan.sale_id)), "created": created, "outcome": outcome}


def list_all(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sales that are not archived, by id; `next` is the `after` of the following page, or null."""
    after = arguments.read(given, {"after": arguments.sale_id}).get("after", "")
    return page("sales", _listed(each for each in sorted(reader().sale_ids()) if each > after))


def _listed(sale_ids: Iterable[str]) -> Iterator[tuple[dict[str, Any], str]]:
    for sale_id in sale_ids:
        with suppress(Refused):  # an id whose sale was never completed, or was archived meanwhile
            yield _document(reader().sale(sale_id)), sale_id


def show(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return one sale: progress, counters and settings. What MySQL would say is null where it does not answer."""
    values = arguments.read(given, _ID, ["saleId"])
    document = _document(reader().sale(values["saleId"]))
    from functions.dlq import open_letters  # brings MySQL's client, which nothing else here needs
    from functions.minutes import last_minutes

    sale_id = values["saleId"]
    return {**document, "openDeadLetters": open_letters(sale_id), **last_minutes(sale_id)}


def configure(given: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings, the capacity of a counted sale, or add seats to a seated one; `changed` says whether it did."""
    values = arguments.read(given, {**_ID, **_STOCK, **sale_settings.SCHEMA}, ["saleId"])
    settings = chosen(values)
    if not settings and not values.keys() & _STOCK.keys():
        raise InvalidRequest([FieldError("arguments", "must name at least one setting to change")])
    now = reader().sale(values["saleId"])
    check_times(SaleSettings(**{**_fields(now.settings), **settings}))
    changes = {field: to_text(field, value) for field, value in settings.items()}
    return _changed(values["saleId"], changes, values.get("capacity"), values.get("seatIds", ()))


def pause(given: Mapping[str, Any]) -> dict[str, Any]:
    """Stop admitting."""
    return _switch(given, "paused", "1")


def resume(given: Mapping[str, Any]) -> dict[str, Any]:
    """Admit again."""
    return _switch(given, "paused", "0")


def reopen(given: Mapping[str, Any]) -> dict[str, Any]:
    """Open a sale that was closed by hand. Raises InvalidRequest when it is closed by its time."""
    values = arguments.read(given, _ID, ["saleId"])
    sale = reader().sale(values["saleId"])
    closes_at_ms = sale.settings.closes_at_ms
    if closes_at_ms and closes_at_ms <= sale.now_ms:
        detail = f"passed at {iso(closes_at_ms)}: configure a later one, or none, then reopen"
        raise InvalidRequest([FieldError("closesAt", detail)])
    return _switch(given, "closed", "0")


def close(given: Mapping[str, Any]) -> dict[str, Any]:
    """Close a sale; with `dryRun` only say whom it would turn away."""
    values = arguments.read(given, {**_ID, "dryRun": arguments.flag}, ["saleId"])
    sale = reader().sale(values["saleId"])
    turned_away = f"{sale.waiting:,} waiting and {sale.active:,} active buyers"
    if values.get("dryRun"):
        outcome = f"would close {sale.sale_id} for {turned_away}; {sale.held:,} held units may still be paid"
        return {**_document(sale), "changed": False, "outcome": outcome}
    answer = _changed(sale.sale_id, {"closed": "1"})
    return {**answer, "outcome": f"{answer['outcome']} for {turned_away}" if answer["changed"] else answer["outcome"]}


def _switch(given: Mapping[str, Any], field: str, value: str) -> dict[str, Any]:
    values = arguments.read(given, _ID, ["saleId"])
    return _changed(values["saleId"], {field: value})


_DONE = {
    ("paused", "1"): "paused",
    ("paused", "0"): "resumed",
    ("closed", "1"): "closed",
    ("closed", "0"): "reopened",
}


def _changed(
    sale_id: str, changes: Mapping[str, str], capacity: int | None = None, seats: tuple[str, ...] = ()
) -> dict[str, Any]:
    changed = store().configure_sale(sale_id, changes, capacity, seats)
    done = next((_DONE[pair] for pair in changes.items() if pair in _DONE), "changed")
    outcome = f"{done} {sale_id}" if changed else f"{sale_id} is so already, nothing changed"
    return {**_document(reader().sale(sale_id)), "changed": changed, "outcome": outcome}


def _plan(values: Mapping[str, Any], settings: SaleSettings) -> SalePlan:
    rows, per_row = values.get("rows"), values.get("seatsPerRow")
    ways = [values.get("capacity"), rows or per_row, values.get("seatIds")]
    if sum(way is not None for way in ways) != 1:
        detail = "give exactly one of: capacity, rows with seatsPerRow, seatIds"
        raise InvalidRequest([FieldError("capacity", detail)])
    if values.get("capacity"):
        return SalePlan(values["saleId"], settings, values["capacity"])
    if values.get("seatIds"):
        return SalePlan(values["saleId"], settings, len(values["seatIds"]), values["seatIds"])
    if not rows or not per_row:
        raise InvalidRequest([FieldError("rows" if not rows else "seatsPerRow", "is required with the other one")])
    if rows * per_row > MOST_SEATS:
        raise InvalidRequest([FieldError("rows", f"times seatsPerRow must be at most {MOST_SEATS:,}")])
    return SalePlan(values["saleId"], settings, rows * per_row, seat_ids(rows, per_row), rows, per_row)


def _refuse_one_that_only_mysql_knows(sale_id: str) -> None:
    """Selling it again would mix two sales in one record: such an id needs recovery, or another name."""
    try:
        reader().sale(sale_id)
        return
    except Refused:
        pass
    from functions.mysql import database

    with database().transaction() as cursor:
        for table in ("sales", "sale_events", "purchases"):
            cursor.execute(f"SELECT 1 FROM {table} WHERE sale_id = %s LIMIT 1", (sale_id,))  # noqa: S608
            if cursor.fetchone():
                detail = f"MySQL has a sale {sale_id} in {table} that Redis does not know: take another id"
                raise Refused("sale-on-record", detail)


def _fields(settings: SaleSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__slots__}


def _document(sale: Sale) -> dict[str, Any]:
    return {
        "saleId": sale.sale_id,
        "name": sale.settings.name,
        "state": sale.state,
        "now": iso(sale.now_ms),
        "epoch": sale.epoch,
        "version": sale.version,
        "seated": sale.seated,
        "capacity": sale.capacity,
        "remaining": sale.remaining,
        "held": sale.held,
        "confirmed": sale.confirmed,
        "waiting": sale.waiting,
        "active": sale.active,
        "admittedThrough": sale.admitted_through,
        "outbox": sale.outbox,
        "settings": as_json(sale.settings),
        "counters": dict(sorted(sale.counters.items())),
    }
