"""Real servers for the tests: one of each kind per session, on a free port, its data in a folder of its own.

Each starts when the first test asks for it, and dies with the tests. What is missing fails, it never skips.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from functions.mysql import migrate
from ops.local import kafka as kafka_server
from ops.local import mysql as mysql_server
from ops.local import redis as redis_server
from ops.local.ports import free_ports
from ops.local.program import Program, StartFailed, spawn, stop_child, wait_until_it_answers
from ops.local.stack import Stack, private_stack
from ops.local.topology import SETTINGS
from tests.contract import aws_backends
from tests.dealing import ByServer, longest_first

for _name in (*SETTINGS, "ONSALE_TARGET"):  # the shell's servers are none of the tests' business
    os.environ.pop(_name, None)

# On a busy machine Redis is slow and not away. Short time-outs are for the tests that are about them.
PATIENT = {"REDIS_CONNECT_TIMEOUT_S": "10", "REDIS_READ_TIMEOUT_S": "10"}
os.environ |= PATIENT

# Brokers that run for seconds: compiling well takes longer than that.
os.environ["JDK_JAVA_OPTIONS"] = "-XX:TieredStopAtLevel=1"

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")


@pytest.hookimpl(optionalhook=True)  # without xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServer | None:
    """Deal the tests out ourselves where `--dist loadfile` is asked for."""
    return ByServer(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    longest_first(items)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what could not be tested here."""
    if why := aws_backends.missing():
        terminalreporter.section("not tested", yellow=True, bold=True)
        terminalreporter.line(f"The AWS contract tests did not run on LocalStack: {why}.")
        terminalreporter.line("LOCALSTACK_ENDPOINT=http://127.0.0.1:4566 would name one that runs already.")


@contextmanager
def _folder(kind: str) -> Iterator[Path]:
    # Not pytest's own: those are kept for three sessions, and a database is large. Short, for the socket.
    with tempfile.TemporaryDirectory(prefix=f"onsale-{kind}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _serving(program: Program, folder: Path) -> Iterator[None]:
    try:
        program.prepare(os.environ)
    except StartFailed as error:
        pytest.fail(f"{error}\n{error.log_tail}")
    child = spawn(program, log=folder / f"{program.name}.log", env=os.environ, tied=True)
    try:
        wait_until_it_answers(child)
        yield
    finally:
        stop_child(child, kill=True)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL (unix socket) of a plain Redis."""
    with _folder("redis") as folder:
        (port,) = free_ports(1)
        with _serving(redis_server.program(folder / "data", folder, port), folder):
            yield redis_server.url(folder, port)


@pytest.fixture(scope="session")
def redis_cluster_url() -> Iterator[str]:
    """The URL of a Redis Cluster of one node that serves all slots: it refuses what crosses slots."""
    with _folder("cluster") as folder:
        port, cluster_port = free_ports(2)
        program = redis_server.program(folder / "data", folder, port, cluster_port=cluster_port)
        with _serving(program, folder):
            redis_server.take_all_slots(port)
            yield redis_server.url(folder, port, cluster=True)


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """The URL of a database with all tables; its user may make others named `onsale…` beside it."""
    with _folder("mysql") as folder:
        (port,) = free_ports(1)
        with _serving(mysql_server.program(folder / "data", folder, port, "secret"), folder):
            url = mysql_server.url(folder, port, "secret")
            migrate(url)
            yield url


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap servers of a broker without topics."""
    with _folder("kafka") as folder:
        port, controller_port = free_ports(2)
        with _serving(kafka_server.program(folder / "data", folder, port, controller_port), folder):
            yield kafka_server.bootstrap_servers(port)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A whole stack, as `onsale up` runs it: `stack.env` has its URLs."""
    with private_stack(PATIENT) as running:
        yield running


# Until then somebody has been told what is promised within a second, though other tests keep the machine busy.
LATE_S = 5.0

Eventually = Callable[[Callable[[], object]], None]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds, at most 30 s: the tests' way to let time pass."""

    def wait(condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + 30.0
        while not condition():
            assert time.monotonic() < deadline_s, "the condition did not come to hold within 30 s"
            time.sleep(0.02)

    return wait
