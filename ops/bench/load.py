"""wrk against a gateway: rates of good answers, and what each costs the processes that answer."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from ops.bench import servers
from ops.local import health
from ops.local.ports import HOST, free_ports
from ops.local.program import Program

SECONDS = 2  # of one measurement: short ones in turn, so that whatever else the machine does falls on all of them
CONNECTIONS, THREADS = 128, 2
BUYERS_PER_THREAD = 200_000
_REQUESTS = Path(__file__).with_name("wrk") / "requests.lua"


def need_wrk() -> None:
    """Raise FileNotFoundError where there is no wrk."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("wrk is missing: make bench installs it")


@contextmanager
def gateway(env: Mapping[str, str], target: str = "app:app", name: str = "") -> Iterator[int]:
    """Serve an app as `onsale up` does; yields the port."""
    (port,) = free_ports(1)
    command = (sys.executable, "-m", "ops.local.gateway", "--app", target, "--port", str(port))
    program = Program(name or target.replace(":", "-"), command, lambda: health.port_open(port), port=port)
    with servers.folder() as path, servers.serving(program, path, env):
        yield port


def rate(
    port: int,
    method: str,
    path: str,
    first: int = 0,
    buyers_per_thread: int = BUYERS_PER_THREAD,
    header: tuple[str, str] | None = None,
) -> float:
    """Return the good answers per second; `buyers_per_thread` 0: the path is the same each time.

    Raises RuntimeError if one in a hundred was not good.
    """
    words = [method, path, str(first), str(buyers_per_thread), *(header or ())]
    return run_wrk(port, _REQUESTS, words, CONNECTIONS, SECONDS, path)


def run_wrk(port: int, script: Path, words: Sequence[str], connections: int, seconds: int, name: str) -> float:
    """Run a script that ends with a RESULT line; returns and raises as `rate` does."""
    command = ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://{HOST}:{port}"]
    output = subprocess.run([*command, "--", *words], capture_output=True, text=True, check=True, timeout=60).stdout
    good, bad, errors, micros = parse(output)
    if bad + errors > good / 100:
        raise RuntimeError(f"{name}: {good} good answers, {bad} others, {errors} connection errors")
    return good / (micros / 1e6)


def parse(output: str) -> tuple[int, int, int, int]:
    """Read the RESULT line of a script: good answers, other answers, connection errors, duration in µs."""
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    good, bad, errors, micros = map(int, line.split()[1:])
    return good, bad, errors, micros


class Costs:
    """What a request costs the processes of a gateway, and Redis, in µs of CPU."""

    def __init__(self, gateway_port: int, redis_port: int) -> None:
        started = psutil.Process().children(recursive=True)
        self._processes = [_naming(gateway_port, started), _naming(redis_port, started)]
        self._micros: list[list[float]] = [[], []]

    def of(self, measure: Callable[[], float]) -> float:
        """Measure a rate, and what it costs meanwhile."""
        before = [_cpu_s(each) for each in self._processes]
        measured = measure()
        for spent, processes, was_s in zip(self._micros, self._processes, before, strict=True):
            spent.append((_cpu_s(processes) - was_s) / (measured * SECONDS) * 1e6)
        return measured

    @property
    def workers(self) -> float:
        """What the gateway's workers spend on a request, in the median."""
        return median(self._micros[0])

    @property
    def redis(self) -> float:
        """What Redis spends on it."""
        return median(self._micros[1])


def _naming(port: int, processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if str(port) in " ".join(each.cmdline())]


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (each.cpu_times() for each in processes))
