"""The HTTP path under wrk: a bare answer, Chalice alone, `enter` and `reserve`, all through the same server.

The no-op is served by the gateway as the app is. The bare answer is plain WSGI, which is the least that the server and
Python cost together. All have as many connections as a crowd has: what the gateway gains, it gains from many at once.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import psutil

from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.store import SaleStore
from ops.bench import sales, servers
from ops.bench.figures import Figure, in_turn
from ops.local import health
from ops.local.ports import HOST, free_ports
from ops.local.program import Program

_ROUNDS = 5  # short ones in turn, so that whatever else the machine does falls on all of them
_SECONDS = 3
_CONNECTIONS, _THREADS = 128, 2
_BUYERS_PER_THREAD = 200_000
_SCRIPT = Path(__file__).with_name("wrk") / "requests.lua"


def measure() -> list[Figure]:
    """Return the rates of the HTTP path. Needs wrk."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("wrk is missing: make bench installs it")
    with ExitStack() as stack:
        url, redis_port = stack.enter_context(servers.redis_server())
        link = sales.link(url)
        store = SaleStore(link)
        settings = SaleSettings(payment="required", max_active=1, admit_per_second=0, active_ms=3_600_000)
        store.create_sale(SalePlan("line", settings, capacity=1_000_000))
        store.enter_queue("line", "0")  # takes the only place, so that everybody else waits
        env = {"REDIS_URL": url, "DEFAULT_SALE": "line"}
        bare = stack.enter_context(_gateway("ops.bench.baselines:bare", env))
        noop = stack.enter_context(_gateway("ops.bench.baselines:noop", env))
        app = stack.enter_context(_gateway("app:app", env))
        entered, reserving = iter(range(1, 100)), iter(range(1, 100))
        span = _THREADS * _BUYERS_PER_THREAD
        costs = {name: Costs(port, redis_port) for name, port in (("no-op", noop), ("enter", app), ("reserve", app))}

        def enter() -> float:
            first = span * next(entered)
            return costs["enter"].of(lambda: _rate(app, "POST", "/api/v1/queue/enter?userId=", first))

        def reserve() -> float:
            # A sale for each round: whoever is active in it reserves once.
            sale_id = f"round-{next(reserving)}"
            sales.create_active(link, sale_id, buyers=span // 4, payment="required")
            path = f"/api/v1/sales/{sale_id}/reservations/reserve?userId="
            each = span // 4 // _THREADS
            return costs["reserve"].of(lambda: _rate(app, "POST", path, 0, buyers_per_thread=each))

        bare_rate, noop_rate, enter_rate, reserve_rate = in_turn(
            _ROUNDS,
            lambda: _rate(bare, "GET", "/?", 0),
            lambda: costs["no-op"].of(lambda: _rate(noop, "GET", "/?", 0)),
            enter,
            reserve,
        )
    return [
        Figure(
            "Chalice no-op",
            noop_rate,
            "req/s",
            bare_rate,
            "bare WSGI answer",
            0.4,
            note=f"{_CONNECTIONS} connections in this and the next two; {costs['no-op'].told()}",
        ),
        Figure("enter", enter_rate, "req/s", noop_rate, "Chalice no-op", 0.5, note=costs["enter"].told()),
        Figure("reserve", reserve_rate, "req/s", noop_rate, "Chalice no-op", 0.45, note=costs["reserve"].told()),
    ]


class Costs:
    """What a request costs the processes of a gateway, and Redis, in µs of CPU."""

    def __init__(self, gateway_port: int, redis_port: int) -> None:
        started = psutil.Process().children(recursive=True)
        self._processes = [_naming(gateway_port, started), _naming(redis_port, started)]
        self._micros: list[list[float]] = [[], []]

    def of(self, rate: Callable[[], float]) -> float:
        """Measure a rate, and what it costs meanwhile."""
        before = [_cpu_s(each) for each in self._processes]
        measured = rate()
        for spent, processes, was_s in zip(self._micros, self._processes, before, strict=True):
            spent.append((_cpu_s(processes) - was_s) / (measured * _SECONDS) * 1e6)
        return measured

    def told(self) -> str:
        """Say the medians."""
        workers, redis = (median(spent) for spent in self._micros)
        return f"each takes {workers:.0f} µs of the workers' CPU and {redis:.0f} µs of Redis'"


def _naming(port: int, processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if str(port) in " ".join(each.cmdline())]


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (each.cpu_times() for each in processes))


@contextmanager
def _gateway(target: str, env: dict[str, str]) -> Iterator[int]:
    (port,) = free_ports(1)
    command = (sys.executable, "-m", "ops.local.gateway", "--app", target, "--port", str(port))
    program = Program(target.replace(":", "-"), command, lambda: health.port_open(port), port=port)
    with servers.folder() as path, servers.serving(program, path, env):
        yield port


def _rate(port: int, method: str, path: str, first: int, buyers_per_thread: int = _BUYERS_PER_THREAD) -> float:
    """Return the good answers per second. Raises RuntimeError if one in a hundred was not good."""
    words = ["wrk", f"-t{_THREADS}", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(_SCRIPT)]
    words += [f"http://{HOST}:{port}", "--", method, path, str(first), str(buyers_per_thread)]
    output = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    good, bad, errors, micros = parse(output)
    if bad + errors > good / 100:
        raise RuntimeError(f"{path}: {good} good answers, {bad} others, {errors} connection errors")
    return good / (micros / 1e6)


def parse(output: str) -> tuple[int, int, int, int]:
    """Read the last line of requests.lua: good answers, other answers, connection errors, duration in µs."""
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    good, bad, errors, micros = map(int, line.split()[1:])
    return good, bad, errors, micros
