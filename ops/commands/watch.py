"""`onsale watch ID`: a sale while it runs, in a terminal."""

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import click

from chalicelib.errors import OnsaleError
from ops.commands.options import json_option, target_option
from ops.console import colour_off, print_json, say, show
from ops.operation import is_remote, operate

if TYPE_CHECKING:
    from ops.watch.problems import Problem
    from ops.watch.watching import Watching

_REMOTE_EVERY_S = 5.0  # each look is a call of the function
_LEAST_WIDTH = 80


@click.command(short_help="Watch a sale in the terminal: line, sales, record, processes.")
@click.argument("sale_id", metavar="ID")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.2, 3600),
    metavar="S",
    help="Seconds between two looks (1; 5 with --target).",
)
@click.option("--once", is_flag=True, help="Show one page and end; rates are over --every.")
@target_option
@json_option
def watch(sale_id: str, every_s: float | None, once: bool, as_json: bool) -> None:
    """Watch a sale: stock, line, refusals, what is on its way to MySQL, the API and the processes. q ends it.

    It reads the exporter of `onsale up` and needs no Prometheus. What is wrong is red and names the command that helps.
    Off a terminal it prints one line for each look. Of a deployed stage it shows what the operator's function knows.

    \b
    onsale watch spring
    onsale watch spring --every 5 >> spring.log
    onsale watch spring --json
    onsale watch spring --target stack:onsale-prod
    """
    from ops.watch.sources import Exporter, Operator, Source, exporter_url
    from ops.watch.watching import Watching

    remote = is_remote()
    source: Source = Operator(operate, sale_id) if remote else Exporter(exporter_url())
    watching = Watching(source, sale_id, every_s or (_REMOTE_EVERY_S if remote else 1.0))
    signal.signal(signal.SIGTERM, _interrupt)  # or the terminal would stay as the display needs it
    watching.begin()
    if as_json or once:
        time.sleep(watching.every_s)
        watching.look()
        if watching.away:
            raise OnsaleError("exporter-away", watching.away)
        _print_once(watching, as_json=as_json)
    elif sys.stdout.isatty():
        from ops.watch.screen import show_live

        show_live(watching)
    else:
        try:
            _print_lines(watching)
        except BrokenPipeError:  # whoever read has enough, as `| head` has; the interpreter's last flush must not fail
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_once(watching: "Watching", *, as_json: bool) -> None:
    if as_json:
        found = [each.document() for each in watching.problems]
        print_json({**watching.figures.document(), "everySeconds": watching.every_s, "problems": found})
        return
    from rich.console import Console

    from ops.watch.page import page

    console = Console(no_color=colour_off(), highlight=False)
    width = console.width if console.is_terminal else _LEAST_WIDTH
    for line in page(watching.view(), max(width, _LEAST_WIDTH)):
        line.rstrip()
        console.print(line, soft_wrap=True)


def _print_lines(watching: "Watching") -> None:
    from ops.watch.lines import HEAD, changes, line

    show(HEAD)
    before: tuple[Problem, ...] = ()
    while True:
        if watching.away:
            say(watching.away)
        else:
            show(line(watching.figures, watching.clock))
            for change in changes(before, watching.problems):
                show(change)
            before = watching.problems
        time.sleep(watching.every_s)
        watching.look()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
