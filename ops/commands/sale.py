"""`onsale sale …`: create, look at, change, stop and put away sales."""

from pathlib import Path
from typing import Any

import click

from ops.commands.options import (
    OrderedGroup,
    dry_run_option,
    json_option,
    setting_options,
    target_option,
    yes_option,
)
from ops.commands.sale_report import sale_line, sale_report
from ops.commands.seat_file import read_seats
from ops.console import print_json, say, show, table
from ops.documents import camel
from ops.operation import confirm, operate, pages

_seats_file = click.option(
    "--seats",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Seat ids, one a row (column seat_id), best first.",
)
_id = click.argument("sale_id", metavar="ID")


@click.group(cls=OrderedGroup)
def sale() -> None:
    """Create, look at, change, stop and put away sales."""


@sale.command(short_help="Create a sale, counted or seated.")
@_id
@click.option("--capacity", type=int, metavar="N", help="Units of a counted sale.")
@click.option("--rows", type=int, metavar="N", help="Rows of a seated sale: A, B, … (with --seats-per-row).")
@click.option("--seats-per-row", type=int, metavar="N", help="Seats in each row: A-1, A-2, …")
@_seats_file
@setting_options
@target_option
@yes_option
@json_option
def create(sale_id: str, seats: Path | None, yes: bool, as_json: bool, **given: Any) -> None:
    """Create a sale: --capacity N, or --rows N --seats-per-row N, or --seats FILE.csv.

    Creating the same sale again changes nothing. An id that MySQL knows is refused, so that no record is mixed up.

    \b
    onsale sale create raffle --capacity 1000
    onsale sale create spring --rows 10 --seats-per-row 10 --payment required --hold-seconds 120
    onsale sale create hall --seats hall.csv --opens-at 2026-12-01T20:00:00+09:00
    onsale sale create spring --capacity 50000 --target stack:onsale-prod
    """
    seat_ids = read_seats(seats) if seats else None
    confirm(f"Create the sale {sale_id}?", yes=yes, always=False)
    _answer(operate("sale.create", saleId=sale_id, seatIds=seat_ids, **_arguments(given)), as_json)


@sale.command("list")
@target_option
@json_option
def list_sales(as_json: bool) -> None:
    """List the sales that are not archived."""
    sales = list(pages("sale.list", "sales"))
    if as_json:
        print_json(sales)
    elif sales:
        head = ("SALE", "STATE", "CAPACITY", "FREE", "HELD", "SOLD", "WAITING", "ACTIVE", "NAME")
        show(table((sale_line(each) for each in sales), head))
    else:
        say("no sales; create one: onsale sale create spring --rows 10 --seats-per-row 10")


@sale.command("show")
@_id
@target_option
@json_option
def show_sale(sale_id: str, as_json: bool) -> None:
    """Show a sale: its state, stock, line, last minutes and settings."""
    _answer(operate("sale.show", saleId=sale_id), as_json)


@sale.command()
@_id
@click.option("--capacity", type=int, metavar="N", help="New number of units; never below held and sold.")
@_seats_file
@setting_options
@target_option
@yes_option
@json_option
def configure(sale_id: str, seats: Path | None, yes: bool, as_json: bool, **given: Any) -> None:
    """Change a sale's settings; only what is named changes. --seats adds seats to a seated sale.

    \b
    onsale sale configure spring --max-active 200 --admit-per-second 50
    onsale sale configure spring --closes-at none --message "The last tickets!"
    """
    arguments = _arguments(given)
    if not arguments and not seats:
        raise click.UsageError("name at least one setting to change")
    seat_ids = read_seats(seats) if seats else None
    confirm(f"Change the sale {sale_id}?", yes=yes, always=False)
    _answer(operate("sale.configure", saleId=sale_id, seatIds=seat_ids, **arguments), as_json)


@sale.command()
@_id
@target_option
@yes_option
@json_option
def pause(sale_id: str, yes: bool, as_json: bool) -> None:
    """Stop admitting; whoever was admitted goes on."""
    confirm(f"Pause the sale {sale_id}?", yes=yes, always=False)
    _answer(operate("sale.pause", saleId=sale_id), as_json)


@sale.command()
@_id
@target_option
@yes_option
@json_option
def resume(sale_id: str, yes: bool, as_json: bool) -> None:
    """Admit again after a pause."""
    confirm(f"Resume the sale {sale_id}?", yes=yes, always=False)
    _answer(operate("sale.resume", saleId=sale_id), as_json)


@sale.command(short_help="Close a sale; who holds may still pay. Asks first.")
@_id
@target_option
@yes_option
@dry_run_option
@json_option
def close(sale_id: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Close a sale: no entering, no reserving; who holds may still pay. Asks first.

    \b
    onsale sale close spring --dry-run
    onsale sale close spring --target stack:onsale-prod --yes
    """
    if not dry_run:
        confirm(f"Close the sale {sale_id} for everybody who waits?", yes=yes)
    _answer(operate("sale.close", saleId=sale_id, dryRun=dry_run), as_json)


@sale.command()
@_id
@target_option
@yes_option
@json_option
def reopen(sale_id: str, yes: bool, as_json: bool) -> None:
    """Open a closed sale again."""
    confirm(f"Open the sale {sale_id} again?", yes=yes, always=False)
    _answer(operate("sale.reopen", saleId=sale_id), as_json)


@sale.command(short_help="Put a finished sale away; Redis forgets it 30 days later.")
@_id
@target_option
@yes_option
@dry_run_option
@json_option
def archive(sale_id: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Put a closed sale away once nothing is held and the ledger balances; Redis forgets it 30 days later.

    \b
    onsale sale archive spring --dry-run
    """
    if not dry_run:
        confirm(f"Put the sale {sale_id} away?", yes=yes, always=False)
    _answer(operate("sale.archive", saleId=sale_id, dryRun=dry_run), as_json)


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    return {camel(name): value for name, value in given.items() if value is not None}


def _answer(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    if "outcome" in document:
        say(document["outcome"])
    show(sale_report(document))
