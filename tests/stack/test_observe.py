"""A real Prometheus reads a running stack that sells: every panel has data, every alert can be judged, one fires.

It is a Prometheus of these tests alone, started as `onsale up --observe` does, so that no other test pays for it.
"""

import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from chalicelib.config import Settings
from functions.kafka_client import client_config
from functions.producer import OutgoingRecord, ReliableProducer
from ops.dashboards.__main__ import DASHBOARDS
from ops.local import prometheus, records
from ops.local.home import Home
from ops.local.ports import free_ports
from ops.local.program import spawn, stop_child, wait_until_it_answers
from ops.local.stack import ProcessInfo, Stack
from ops.local.topology import EVERYTHING
from ops.operation import operate
from tests.client import client_of

SALE = "observed"
CHOSEN = {"$sale": SALE, "$process": ".*", "$__rate_interval": "15s"}  # what a reader of the dashboards chooses
QUERIES = {
    query.expression: f"{dashboard.title} / {panel.title}"
    for dashboard in DASHBOARDS.values()
    for panel in dashboard.panels()
    for query in panel.queries
}
WITHIN_S = 30.0  # scrapes are two seconds apart, and a rate takes two of them
Json = dict[str, Any]


class Prometheus:
    """Its HTTP API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{query}", timeout=30) as answer:  # noqa: S310
            document = json.load(answer)
        assert document["status"] == "success"
        return document["data"]

    def query(self, expression: str) -> list[Json]:
        for name, value in CHOSEN.items():
            expression = expression.replace(name, value)
        found: list[Json] = self.ask("query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float | None:
        """Return the one value, or None where there is none yet."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None


def post(stack: Stack, path: str, **body: str) -> Json:
    url = f"{stack.env['ONSALE_URL']}/api/v1/sales/{SALE}/{path}"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        document: Json = json.load(answer)
        return document


def sell(stack: Stack) -> None:
    """Let five buy, one of them give it back, one hold, one be refused; and put a record that nobody can read."""
    for user in ("ann", "bob", "cid", "dot", "eve", "fay"):
        post(stack, "queue/enter", userId=user)
        reservation = post(stack, "reservations/reserve", userId=user)["reservation"]["reservationId"]
        if user != "fay":
            post(stack, "reservations/confirm", userId=user, reservationId=reservation, paymentId=f"pay-{user}")
    post(stack, "reservations/cancel", userId="eve")
    with suppress(urllib.error.HTTPError):
        post(stack, "reservations/reserve", userId="gus")  # not his turn
    settings = Settings.read(stack.env)
    producer = ReliableProducer(client_config(settings))
    headers = (("sale", SALE.encode()), ("epoch", b"1"), ("version", b"1"))
    record = OutgoingRecord(settings.kafka_topic, f"{SALE}:ann".encode(), b"not JSON", headers)
    assert producer.send([record]) == [None]
    producer.close()


@pytest.fixture(scope="module")
def seen(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """The Prometheus that has seen the sale from its beginning."""
    folder = tmp_path_factory.mktemp("prometheus")
    (port,) = free_ports(1)
    program = prometheus.program(folder / "data", folder, port, int(stack.env["ONSALE_METRICS_PORT"]))
    program.prepare({})
    child = spawn(program, log=folder / "log", env={}, tied=True)
    try:
        wait_until_it_answers(child)
        with client_of(stack):
            operate("sale.create", saleId=SALE, capacity=50, payment="required")
        sell(stack)
        yield Prometheus(prometheus.url(port))
    finally:
        stop_child(child, kill=True)


def missing(seen: Prometheus) -> list[str]:
    """Return the panels' queries that return nothing, when all had the time to."""
    left = dict(QUERIES)
    give_up_at = time.monotonic() + WITHIN_S
    while left and time.monotonic() < give_up_at:
        left = {query: panel for query, panel in left.items() if not seen.query(query)}
        time.sleep(0.5 if left else 0)
    return [f"{panel}: {query}" for query, panel in left.items()]


def test_every_query_of_every_panel_returns_data(seen: Prometheus) -> None:
    assert missing(seen) == []


def test_the_panels_say_what_was_done(seen: Prometheus) -> None:
    wanted = {
        'onsale_sale_tickets{sale="$sale", state="confirmed"}': 4,
        'onsale_sale_tickets{sale="$sale", state="held"}': 1,
        'onsale_mysql_purchases{sale="$sale", status="CONFIRMED"}': 4,
        'onsale_dead_letters{sale="$sale", state="open"} >= bool 1': 1,  # one of each function that cannot read it
        'onsale_mysql_refunds{sale="$sale", state="due"}': 1,
        'sum(onsale_write_behind_seconds_count{sale="$sale"}) >= bool 12': 1,
        'onsale_sale_version{sale="$sale"} - onsale_mysql_last_version': 0,
        "min(onsale_source_up)": 1,
    }
    give_up_at = time.monotonic() + WITHIN_S
    while (found := {each: seen.value(each) for each in wanted}) != wanted and time.monotonic() < give_up_at:
        time.sleep(0.5)
    assert found == wanted


def test_every_variable_of_a_dashboard_has_values(seen: Prometheus) -> None:
    for dashboard in DASHBOARDS.values():
        for variable in dashboard.variables:
            values = seen.ask(f"label/{variable.name}/values", **{"match[]": variable.metric})
            assert values
            assert variable.name != "sale" or SALE in values


def test_every_alert_is_judged_and_the_one_on_dead_letters_fires(seen: Prometheus) -> None:
    letters = 'ALERTS{alertname="OnsaleDeadLetters", alertstate="firing", sale="$sale"}'
    give_up_at = time.monotonic() + WITHIN_S
    while not seen.query(letters) and time.monotonic() < give_up_at:
        time.sleep(0.5)
    rules = [rule for group in seen.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 15
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    told = {each["labels"]["alertname"]: each["annotations"] for each in seen.ask("alerts")["alerts"]}
    assert re.fullmatch(rf"Dead letters are open: \d of {SALE}", told["OnsaleDeadLetters"]["summary"])


def test_up_starts_it_status_asks_it_and_an_up_without_it_stops_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    port, redis_port, other_exporter = free_ports(3)
    ours = {"ONSALE_PROMETHEUS_PORT": str(port), "ONSALE_REDIS_PORT": str(redis_port)}

    def up(observe: bool | None) -> dict[str, ProcessInfo]:
        stack = Stack(
            home, environment={**os.environ, **ours}, only=("redis", "prometheus"), observe=observe, tied=True
        )
        return {each.name: each for each in stack.up()}

    try:
        started = up(True)["prometheus"]
        assert (started.condition, started.healthy, started.port) == ("started", True, port)
        again = up(None)["prometheus"]
        assert (again.condition, again.pid) == ("running", started.pid)
        assert {each.name: each.healthy for each in Stack(home).status()} == {"redis": True, "prometheus": True}
        home.write_state(replace(home.read_state(), ports={**home.read_state().ports, "metrics": other_exporter}))
        moved = up(None)["prometheus"]
        assert (moved.condition, moved.port) == ("restarted", port)
        assert up(False).keys() == {"redis"}
        assert not psutil.pid_exists(moved.pid)
        assert up(None).keys() == {"redis"}
    finally:
        Stack(home).down()
    assert records.marked(home, EVERYTHING) == []
