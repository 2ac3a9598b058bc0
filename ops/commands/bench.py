"""`onsale bench`: measure this machine, each figure beside its limit of the same run and beside the last run."""

import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from ops.commands.options import json_option
from ops.console import FAILED, OK, print_json, say, show

if TYPE_CHECKING:
    from ops.bench.figures import Figure
    from ops.bench.runs import Run

PARTS = {
    "imports": "what a cold start imports",
    "redis_scripts": "the scripts in Redis by themselves",
    "redis_memory": "what a buyer takes of Redis' memory",
    "http": "the HTTP path under wrk",
    "identity": "what a bearer token costs",
    "surcharges": "what limits and metrics cost a request",
    "scrape": "what the exporter reads of a long line",
    "persistence": "from a Lambda event to committed rows",
    "event_sources": "from Kafka to committed rows, with poison and with several pollers",
    "relay": "from the outbox to Kafka",
    "notifications": "from a Lambda event to the providers",
    "latency": "admission and Kafka after a sale",
    "write_behind": "how far MySQL is behind a sale at full speed",
    "recovery": "how long until nothing is missing after an outage",
}


@click.command(short_help="Measure: each figure beside its limit and the last recorded run.")
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)), metavar="[PART]...")
@click.option("--record/--no-record", default=None, help="Keep the run in bench/results (a whole run is kept).")
@click.option("--note", default="", metavar="TEXT", help="A line kept with the run: what was changed, on what machine.")
@json_option
def bench(parts: tuple[str, ...], record: bool | None, note: str, as_json: bool) -> int:
    """Measure this machine, each figure beside its limit of the same run. All parts take about six minutes.

    Parts: imports, redis_scripts, redis_memory, http, identity, surcharges, scrape, persistence, event_sources, relay,
    notifications, latency, write_behind, recovery. Everything runs on private servers; nothing is compared with a
    clock in a test, because machines differ.

    A run of all parts is kept as a file of bench/results, and the next one is compared with the latest of these: by
    their ratios, which travel from machine to machine.

    \b
    onsale bench
    onsale bench http redis_scripts
    onsale bench --note "two connections to Redis instead of one"
    """
    if parts and record:
        raise click.UsageError("parts are not a run: --record keeps all of them or nothing")
    from ops.bench import machine, runs

    here, when, started_s = machine.this_machine(), runs.now(), time.monotonic()
    if here.is_busy:
        load = f"a load average of {here.load_before} on {here.cores} cores"
        say(f"this machine is busy, with {load}: trust ratios, and those a bit")
    known, complaints = runs.recorded()
    for complaint in complaints:
        say(complaint)
    figures, failed = _measured(parts or tuple(PARTS))
    took_s = round(time.monotonic() - started_s, 1)
    run = runs.Run(when, took_s, here, tuple(figures), machine.revision(runs.PROJECT), machine.versions(), note)
    last = known[-1] if known else None
    if as_json:
        _print_document(run, last, failed)
    else:
        _show(run, last)
    if record is not False and not parts:
        _keep(run, failed)
    return FAILED if failed else OK


def _measured(parts: Sequence[str]) -> tuple[list["Figure"], list[str]]:
    """Measure part after part; one that fails takes no other with it. Returns the figures, and which have none."""
    figures: list[Figure] = []
    failed = []
    for part in parts:
        say(f"measuring {PARTS[part]} …")
        try:
            figures += import_module(f"ops.bench.{part}").measure()
        except Exception as error:  # noqa: BLE001 - minutes of other figures would be lost with it
            say(f"{part} could not be measured: {type(error).__name__}: {error}")
            failed.append(part)
    return figures, failed


def _print_document(run: "Run", last: "Run | None", failed: list[str]) -> None:
    from ops.bench.report import documents

    compared = None if last is None else {"name": last.name, "machine": last.document()["machine"]}
    print_json({**run.document(), "figures": documents(run, last), "comparedWith": compared, "failedParts": failed})


def _show(run: "Run", last: "Run | None") -> None:
    from ops.bench import report

    same_machine = last is not None and last.machine.same_kind_as(run.machine)
    show(report.as_table(run.figures, last, same_machine=same_machine))
    show("\n".join(["", *report.notes(run.figures)]))
    if last is not None:
        other = "" if same_machine else "; figures without a limit are not compared, because that is another machine"
        show(f"last: {last.told()}{other}")


def _keep(run: "Run", failed: Sequence[str]) -> None:
    from ops.bench import runs

    if failed:
        say(f"not recorded, because it is not whole: {', '.join(failed)}")
        return
    try:
        path = runs.write(run)
    except OSError as error:
        say(f"not recorded: {error}")
    else:
        say(f"recorded in {path.relative_to(runs.PROJECT)}")
