"""`onsale ledger`: do Redis, outbox, Kafka, dead letters and MySQL agree on a sale?"""

import click

from ops.commands.ledger_report import ledger_report
from ops.commands.options import json_option
from ops.console import DIFFERENT, IN_FLIGHT, OK, print_json, show
from ops.operation import operate

EXIT_CODES = {"balanced": OK, "differences": DIFFERENT, "in-flight": IN_FLIGHT}


@click.command(short_help="Do Redis, outbox, Kafka and MySQL agree on a sale?")
@click.argument("sale_id", metavar="ID")
@click.option("--wait", "wait_s", type=float, metavar="S", help="Wait until nothing is in flight, S seconds at most.")
@json_option
def ledger(sale_id: str, wait_s: float | None, as_json: bool) -> int:
    """Print Redis, outbox, Kafka, dead letters and MySQL side by side, and name every difference.

    Exit: 0 balanced, 3 differences, 4 still in flight.

    \b
    onsale ledger spring
    onsale ledger spring --wait 30 --json | jq .state
    """
    answer = operate("ledger", saleId=sale_id, waitSeconds=wait_s)
    if as_json:
        print_json(answer)
    else:
        show(ledger_report(answer))
    return EXIT_CODES[answer["state"]]
