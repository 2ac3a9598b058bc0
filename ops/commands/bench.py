"""`onsale bench`: measure this machine, each figure beside its limit of the same run."""

from importlib import import_module

import click

from ops.commands.options import json_option
from ops.console import OK, print_json, say, show

PARTS = {
    "imports": "what a cold start imports",
    "redis_scripts": "the scripts in Redis by themselves",
    "http": "the HTTP path under wrk",
    "identity": "what a bearer token costs",
    "persistence": "from a Lambda event to committed rows",
    "event_sources": "from Kafka to committed rows, with poison and with several pollers",
    "latency": "admission and Kafka after a sale",
    "write_behind": "how far MySQL is behind a sale at full speed",
}


@click.command(short_help="Measure: each figure beside its limit.")
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)), metavar="[PART]...")
@json_option
def bench(parts: tuple[str, ...], as_json: bool) -> int:
    """Measure this machine, each figure beside its limit of the same run. All parts take about three minutes.

    Parts: imports, redis_scripts, http, identity, persistence, event_sources, latency, write_behind. Everything
    runs on private servers; nothing is compared with a clock in a test, because machines differ.

    \b
    onsale bench
    onsale bench http redis_scripts
    """
    from ops.bench.figures import Figure, as_table

    figures: list[Figure] = []
    for part in parts or PARTS:
        say(f"measuring {PARTS[part]} …")
        figures += import_module(f"ops.bench.{part}").measure()
    if as_json:
        print_json([figure.document() for figure in figures])
    else:
        show(as_table(figures))
    return OK
