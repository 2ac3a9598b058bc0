"""`onsale demo`: a stack of its own, 1,000 buyers, 100 seats, and the proof that each went once."""

import signal
from typing import Any

import click

from ops.commands.options import json_option
from ops.console import say


@click.command(short_help="Sell 100 seats to 1,000 buyers on real servers, and prove it.")
@click.option(
    "--buyers", type=click.IntRange(1, 100_000), default=1_000, show_default=True, metavar="N", help="How many come."
)
@click.option(
    "--rows", type=click.IntRange(1, 1_000), default=10, show_default=True, metavar="N", help="Rows of seats."
)
@click.option(
    "--seats-per-row",
    type=click.IntRange(1, 1_000),
    default=10,
    show_default=True,
    metavar="N",
    help="Seats in each row.",
)
@click.option(
    "--pay",
    type=click.FloatRange(1, 100),
    default=80,
    show_default=True,
    metavar="PERCENT",
    help="Who pay; the others walk away.",
)
@click.option(
    "--arrive",
    type=click.FloatRange(0, 600),
    default=3,
    show_default=True,
    metavar="S",
    help="All come within S seconds.",
)
@click.option("--keep", is_flag=True, help="Leave the stack running afterwards, until Ctrl-C.")
@json_option
def demo(buyers: int, rows: int, seats_per_row: int, pay: float, arrive: float, keep: bool, as_json: bool) -> int:
    """Sell 100 seats to 1,000 buyers on real Redis, Kafka and MySQL, and prove that each went once.

    Starts a stack of its own on free ports, leaves a running `onsale up` alone, and stops what it started. Exit: 0
    only when every seat went to a different buyer and Redis, outbox, Kafka and MySQL agree.

    \b
    onsale demo
    onsale demo --buyers 5000 --rows 20 --seats-per-row 20 --pay 90
    """
    from ops.demo.crowd import CrowdPlan
    from ops.demo.run import DemoPlan
    from ops.demo.stage import perform
    from ops.local.program import StartFailed

    crowd = CrowdPlan(buyers=buyers, arrive_within_s=arrive, pay_percent=pay)
    plan = DemoPlan(rows=rows, seats_per_row=seats_per_row, crowd=crowd)
    if crowd.payers < plan.seats:
        detail = f"{crowd.payers:,} of {buyers:,} buyers pay, so {plan.seats:,} seats would never sell out"
        raise click.BadParameter(detail, param_hint="--buyers")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return perform(plan, keep=keep, as_json=as_json)
    except StartFailed as error:
        if error.log_tail:
            say(error.log_tail)
        raise click.ClickException(str(error)) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: Any) -> None:
    """Make SIGTERM end the demonstration as Ctrl-C does: in order, leaving nothing behind."""
    raise KeyboardInterrupt
