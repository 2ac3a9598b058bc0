"""`onsale purchases`: the durable record of who bought what, as MySQL has it."""

import csv
import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from ops.commands.options import target_option
from ops.operation import pages

COLUMNS = (
    "userId",
    "status",
    "quantity",
    "seatIds",
    "reservationId",
    "paymentId",
    "epoch",
    "version",
    "writtenAt",
)


@click.command(short_help="Print who bought what, from MySQL.")
@click.argument("sale_id", metavar="ID")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True, help="How.")
@click.option(
    "--status", type=click.Choice(["HELD", "CONFIRMED", "CANCELLED", "EXPIRED"]), help="Only those in this state."
)
@target_option
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def purchases(sale_id: str, form: str, status: str | None, as_json: bool) -> None:
    """Print a sale's purchases from MySQL, one buyer a row; ended ones included.

    \b
    onsale purchases spring --status CONFIRMED > sold.csv
    onsale purchases spring --format json | jq length
    onsale purchases spring --target stack:onsale-prod > sold.csv
    """
    rows = pages("purchases", "purchases", saleId=sale_id, status=status)
    if as_json or form == "json":
        _write_json(rows)
    else:
        _write_csv(rows)


def _write_csv(rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows, None)  # a refusal comes before the header
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in [first] if first else []:
        writer.writerow(_cells(row))
    for row in rows:
        writer.writerow(_cells(row))


def _cells(row: dict[str, Any]) -> list[object]:
    return [" ".join(row[name]) if name == "seatIds" else row[name] for name in COLUMNS]


def _write_json(rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows, None)
    sys.stdout.write("[")
    if first:
        sys.stdout.write("\n  " + json.dumps(first, ensure_ascii=False))
    for row in rows:
        sys.stdout.write(",\n  " + json.dumps(row, ensure_ascii=False))
    sys.stdout.write("\n]\n" if first else "]\n")
