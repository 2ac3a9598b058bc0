"""Sets the stage of a demonstration: its own stack around it, the pictures, the words, and the logs when it fails."""

import asyncio
import signal
import time

from functions.mysql import Database
from ops import environment
from ops.console import FAILED, OK, print_json, say, show
from ops.demo.progress import Progress
from ops.demo.report import as_json as result_as_json
from ops.demo.report import report
from ops.demo.run import DemoPlan, create_sale, sell
from ops.demo.verdict import checks
from ops.local.stack import Stack, private_stack
from ops.local.topology import EVERYTHING

_NODES = tuple(name for name in EVERYTHING if name != "sale")  # the demonstration brings its own


def perform(plan: DemoPlan, *, keep: bool, as_json: bool) -> int:
    """Run the demonstration; return the exit code. Whatever happens, nothing it started is left behind."""
    _introduce(plan)
    started_s = time.monotonic()
    with private_stack(only=_NODES, announce=lambda line: say(f"  {line}")) as stack:
        say(f"  up after {time.monotonic() - started_s:.1f} s at {stack.env['ONSALE_URL']}")
        say()
        try:
            ok = _sell(plan, stack, as_json)
        except Exception:
            _save_logs(stack)
            raise
        if not ok:
            _save_logs(stack)
        if keep:
            _wait_for_the_end(stack)
    return OK if ok else FAILED


def _introduce(plan: DemoPlan) -> None:
    crowd = plan.crowd
    say(f"onsale demo: {plan.seats:,} seats, {crowd.buyers:,} buyers who come within {crowd.arrive_within_s:g} s")
    say(
        f"  {crowd.pay_percent:g} % pay after 0.2 s, the others reserve and walk away: their hold lapses after"
        f" {plan.hold_s:g} s"
    )
    say("  starting Redis, MySQL, Kafka, an AWS emulator and all functions on free ports")


def _sell(plan: DemoPlan, stack: Stack, as_json: bool) -> bool:
    environment.point_at(stack.env)
    create_sale(plan)
    progress = Progress()
    database = Database(stack.env["MYSQL_URL"])
    with progress.running():
        result = asyncio.run(sell(plan, stack.env["ONSALE_URL"], database, progress))
    database.close()
    points = list(checks(result))
    if as_json:
        print_json(result_as_json(result, points))
    else:
        say()
        show(report(result, points))
    return all(point.holds for point in points)


def _save_logs(stack: Stack) -> None:
    if kept := stack.home.saved_logs("demo"):
        say(f"the logs are in {kept}")


def _wait_for_the_end(stack: Stack) -> None:
    say(f"\nkept at {stack.env['ONSALE_URL']}; its settings: --home {stack.home.path}; Ctrl-C ends it")
    try:
        signal.pause()
    except KeyboardInterrupt:
        say("stopping")
