"""`onsale ledger`: do Redis, outbox, Kafka, dead letters and MySQL agree on a sale?"""

from typing import Any

import click

from ops.commands.ledger_report import ledger_report
from ops.commands.options import json_option, target_option
from ops.console import DIFFERENT, IN_FLIGHT, OK, print_json, show
from ops.operation import operate

_ONE_WAIT_S = 60.0  # a call that is silent for longer may be cut off on its way: an address translation forgets it
EXIT_CODES = {"balanced": OK, "differences": DIFFERENT, "in-flight": IN_FLIGHT}


@click.command(short_help="Do Redis, outbox, Kafka and MySQL agree on a sale?")
@click.argument("sale_id", metavar="ID")
@click.option("--wait", "wait_s", type=float, metavar="S", help="Wait until nothing is in flight, S seconds at most.")
@target_option
@json_option
def ledger(sale_id: str, wait_s: float | None, as_json: bool) -> int:
    """Print Redis, outbox, Kafka, dead letters and MySQL side by side, and name every difference.

    Exit: 0 balanced, 3 differences, 4 still in flight.

    \b
    onsale ledger spring
    onsale ledger spring --wait 30 --json | jq .state
    onsale ledger spring --wait 300 --target stack:onsale-prod
    """
    answer = _balanced(sale_id, wait_s)
    if as_json:
        print_json(answer)
    else:
        show(ledger_report(answer))
    return EXIT_CODES[answer["state"]]


def _balanced(sale_id: str, wait_s: float | None) -> Any:
    """Ask for the ledger; a long wait is several calls."""
    left_s = wait_s
    while left_s and left_s > _ONE_WAIT_S:
        left_s -= _ONE_WAIT_S
        answer = operate("ledger", saleId=sale_id, waitSeconds=_ONE_WAIT_S)
        if EXIT_CODES[answer["state"]] != IN_FLIGHT:
            return answer
    return operate("ledger", saleId=sale_id, waitSeconds=left_s)
