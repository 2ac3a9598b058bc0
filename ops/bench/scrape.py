"""What the exporter's reading of Redis costs with a long line and with a short one: it must not grow with the line."""

import time
from contextlib import ExitStack

from ops import environment
from ops.bench import sales, servers
from ops.bench.figures import Figure, in_turn
from ops.bench.http import create_line
from ops.metrics.redis_figures import redis_figures

_ROUNDS, _READINGS = 5, 40
_SHORT, _LONG = 1_000, 1_000_000


def measure() -> list[Figure]:
    """Return the ms of a reading with a million waiting beside those with a thousand, each in a Redis of its own."""
    with ExitStack() as stack:
        urls = {}
        for waiting in (_SHORT, _LONG):
            urls[waiting], _ = stack.enter_context(servers.redis_server())
            link = sales.link(urls[waiting])
            create_line(link, "line")
            sales.fill_line(link, "line", buyers=waiting, digits=12)
        short, long = in_turn(_ROUNDS, lambda: _reading_ms(urls[_SHORT]), lambda: _reading_ms(urls[_LONG]))
    name = f"the exporter's reading of Redis, {_LONG:,} waiting"
    return [Figure(name, long, "ms", short, f"with {_SHORT:,}", 1.5, at_most=True)]


def _reading_ms(url: str) -> float:
    environment.point_at({"REDIS_URL": url})
    _read()  # connects
    started_s = time.perf_counter()
    for _ in range(_READINGS):
        _read()
    return (time.perf_counter() - started_s) * 1000 / _READINGS


def _read() -> None:
    names: list[str] = []
    list(redis_figures(names.extend))
    if not names:
        raise RuntimeError("the exporter sees no sale")
