"""`onsale watch` on a running stack: its figures are those of the operator's function, the API and the processes."""

import json
import os
import subprocess
import sys
import urllib.request
from typing import Any

import pytest

from ops.local.stack import Stack
from ops.watch.problems import problems
from ops.watch.sources import Exporter
from ops.watch.watching import Watching
from tests.conftest import Eventually

SALE = "watched"
BUYERS = ("wat1", "wat2", "wat3")


def onsale(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **stack.env}
    command = [sys.executable, "-m", "ops.cli", *words]
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True
    )


def call(stack: Stack, path: str, user: str) -> None:
    url = f"{stack.env['ONSALE_URL']}/api/v1/sales/{SALE}/{path}?userId={user}"
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()  # noqa: S310


@pytest.fixture(scope="module")
def watching(stack: Stack) -> Watching:
    """A watch of a sale with five tickets; three buyers came, two of them bought after it began."""
    onsale(stack, "sale", "create", SALE, "--capacity", "5")
    watched = Watching(Exporter(f"http://127.0.0.1:{stack.env['ONSALE_METRICS_PORT']}/metrics"), SALE, 1.0)
    call(stack, "queue/enter", BUYERS[0])
    watched.begin()
    for user in BUYERS:
        call(stack, "queue/enter", user)
    for user in BUYERS[:2]:
        call(stack, "reservations/reserve", user)
    return watched


def test_a_look_agrees_with_the_sale_as_it_is_shown(stack: Stack, watching: Watching, eventually: Eventually) -> None:
    def recorded() -> bool:
        watching.look()
        figures = watching.figures
        return figures.recorded.get("CONFIRMED") == 2 and figures.behind == 0 and figures.lag.get("persist") == 0

    eventually(recorded)
    shown = json.loads(onsale(stack, "sale", "show", SALE, "--json").stdout)
    document: dict[str, Any] = json.loads(onsale(stack, "watch", SALE, "--json", "--every", "0.2").stdout)
    for name in ("saleId", "state", "capacity", "remaining", "held", "confirmed", "waiting", "active", "outbox"):
        assert document[name] == shown[name], name
    assert document["openDeadLetters"] == shown["openDeadLetters"] == 0
    assert document["mysql"]["tickets"]["CONFIRMED"] == 2
    assert all(document["sources"].values())


def test_the_processes_and_the_routes_of_the_stack_are_there(watching: Watching, eventually: Eventually) -> None:
    def told() -> bool:
        watching.look()
        return any("reserve" in each.route for each in watching.figures.routes)

    eventually(told)
    processes = {each.name: each for each in watching.figures.processes}
    assert {"redis", "mysql", "kafka", "gateway", "relay", "event-source-persist", "metrics"} <= processes.keys()
    assert all(each.up and each.memory_bytes for each in processes.values())
    assert {"persist", "notify", "statistics"} <= watching.figures.lag.keys()
    assert not [each for each in problems(watching.figures) if "does not" in each.says]


def test_once_prints_the_page(stack: Stack) -> None:
    printed = onsale(stack, "watch", SALE, "--once", "--every", "0.2").stdout
    assert "2 sold, 0 held, 3 free of 5" in printed
    assert "event-source" not in printed
