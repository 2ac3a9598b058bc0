"""One stack for all faults, and a line in the summary for each: what was done, and how long recovery took."""

from collections.abc import Callable, Iterator

import pytest

from ops.local.stack import Stack, private_stack
from tests.client import client_of
from tests.conftest import PATIENT
from tests.faults.servers import Deliveries, Server
from tests.faults.trade import Trade

NEEDED = ("redis", "mysql", "kafka", "topics", "tables", "gateway", "scheduler", "relay", "event-source-persist")
RECOVERED = "recovered_s"
WITHIN_S = 10.0

Recovered = Callable[[float], None]


@pytest.fixture(scope="session")
def stack_of_all_faults() -> Iterator[Stack]:
    """A stack of its own. Each test leaves every server well."""
    with private_stack(PATIENT, only=NEEDED) as stack:
        yield stack


@pytest.fixture
def faulty(stack_of_all_faults: Stack) -> Iterator[Stack]:
    """That stack, with this process as its client."""
    with client_of(stack_of_all_faults):
        yield stack_of_all_faults


@pytest.fixture
def server(faulty: Stack) -> Iterator[Callable[[str], Server]]:
    """The servers by name."""
    servers = {name: Server(faulty, name) for name in ("redis", "mysql", "kafka")}
    yield servers.__getitem__
    for each in servers.values():
        each.join()


@pytest.fixture
def deliveries(faulty: Stack) -> Deliveries:
    """What becomes of the deliveries to persist from now on."""
    return Deliveries(faulty)


@pytest.fixture
def trade(faulty: Stack) -> Iterator[Trade]:
    """A sale that runs, and that must balance in the end."""
    running = Trade(faulty)
    running.sell(10)
    yield running
    running.close()


@pytest.fixture
def recovered(record_property: Callable[[str, object], None]) -> Recovered:
    """Note the seconds that recovery took, and see that they are few."""

    def note(seconds: float) -> None:
        record_property(RECOVERED, round(seconds, 2))
        assert seconds <= WITHIN_S

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each recovery took."""
    lines = [
        f"{seconds:6.2f} s  {report.nodeid.rpartition('::')[2]}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, seconds in report.user_properties
        if name == RECOVERED
    ]
    if lines:
        terminalreporter.write_sep("-", "recovery after the service was back")
        terminalreporter.write_line("\n".join(lines))
