"""The HTTP path under wrk: a bare answer, Chalice alone, `enter` and `reserve`, all through the same server."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.store import SaleStore
from ops.bench import sales, servers
from ops.bench.figures import Figure, in_turn
from ops.local import health
from ops.local.ports import HOST, free_ports
from ops.local.program import Program

_ROUNDS = 3
_SECONDS = 4
_CONNECTIONS, _THREADS = 32, 2
_BUYERS_PER_THREAD = 200_000
_SCRIPT = Path(__file__).with_name("wrk") / "requests.lua"


def measure() -> list[Figure]:
    """Return the rates of the HTTP path. Needs wrk."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("wrk is missing: make bench installs it")
    with ExitStack() as stack:
        url, _ = stack.enter_context(servers.redis_server())
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

        def enter() -> float:
            return _rate(app, "POST", "/api/v1/queue/enter?userId=", span * next(entered))

        def reserve() -> float:
            # A sale for each round: whoever is active in it reserves once.
            sale_id = f"round-{next(reserving)}"
            sales.create_active(link, sale_id, buyers=span // 4, payment="required")
            path = f"/api/v1/sales/{sale_id}/reservations/reserve?userId="
            return _rate(app, "POST", path, 0, buyers_per_thread=span // 4 // _THREADS)

        bare_rate, noop_rate, enter_rate, reserve_rate = in_turn(
            _ROUNDS, lambda: _rate(bare, "GET", "/?", 0), lambda: _rate(noop, "GET", "/?", 0), enter, reserve
        )
    return [
        Figure("Chalice no-op", noop_rate, "req/s", bare_rate, "bare WSGI answer", 0.4),
        Figure("enter", enter_rate, "req/s", noop_rate, "Chalice no-op", 0.5),
        Figure("reserve", reserve_rate, "req/s", noop_rate, "Chalice no-op", 0.45),
    ]


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
