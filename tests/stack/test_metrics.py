"""The exporter of a running stack: every metric is there and right, and what is away is told and missed by nobody."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from chalicelib import wiring
from chalicelib.config import Settings
from chalicelib.sale.model import SalePlan, SaleSettings
from functions import ledger
from functions.kafka_client import client_config
from functions.mysql import connect
from functions.producer import OutgoingRecord, ReliableProducer
from ops import exposition
from ops.exposition import ExporterAway, Exposition
from ops.local import ports, redis
from ops.local.program import PROJECT, Program, spawn, stop_child, wait_until_it_answers
from ops.local.stack import Stack
from ops.metrics import mysql_figures
from ops.metrics.catalogue import HISTOGRAM, METRICS
from ops.metrics.names import FOLDER
from tests.client import client_of
from tests.conftest import Eventually

SALE = "measured"
BUYERS = 6
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def look(stack: Stack) -> Callable[[], Exposition]:
    """Scrape the stack's exporter."""
    return lambda: exposition.read(f"http://127.0.0.1:{stack.env['ONSALE_METRICS_PORT']}/metrics")


@pytest.fixture(scope="module")
def rows(stack: Stack) -> Iterator[Rows]:
    """Ask the stack's MySQL."""
    with closing(connect(stack.env["MYSQL_URL"])) as connection:
        connection.autocommit(True)

        def ask(query: str, *values: object) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(query, values)
                return list(cursor.fetchall())

        yield ask


def post(stack: Stack, path: str, **query: str) -> dict[str, Any]:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    url = f"{stack.env['ONSALE_URL']}/api/v1/sales/{SALE}/{path}?{words}"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as answer:  # noqa: S310
        body: dict[str, Any] = json.load(answer)
        return body


def total(told: Exposition, name: str, **labels: str) -> float:
    return told.sum(name, **labels) or 0.0


def settled(stack: Stack) -> Exposition:
    """Return what is told once everything that happened until now is in MySQL, and counted."""
    deadline_s = time.monotonic() + 30
    while True:
        told = exposition.read(f"http://127.0.0.1:{stack.env['ONSALE_METRICS_PORT']}/metrics")
        begun = total(told, "onsale_write_behind_seconds_count", sale="demo") > 0
        if begun and told.sum("onsale_outbox_events") == told.sum("onsale_kafka_lag_records") == 0:
            return told
        assert time.monotonic() < deadline_s, "events stay on their way"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def sold(stack: Stack) -> Iterator[Exposition]:
    """What was told before a sale of which buyers have bought, each over a connection of their own; one came again."""
    before = settled(stack)
    with client_of(stack):
        wiring.store().create_sale(SalePlan(SALE, SaleSettings(payment="none"), 50))
        for number in range(BUYERS):
            post(stack, "queue/enter", userId=f"buyer-{number}")
            post(stack, "reservations/reserve", userId=f"buyer-{number}")
        post(stack, "reservations/reserve", userId="buyer-0")
        yield before


def test_every_metric_of_the_catalogue_is_there(
    sold: Exposition, look: Callable[[], Exposition], eventually: Eventually
) -> None:
    def missing() -> set[str]:
        told = look()
        names = {name: f"{name}_count" if doc.kind == HISTOGRAM else name for name, doc in METRICS.items()}
        return {name for name, sample in names.items() if not told.samples.get(sample)}

    eventually(lambda: not missing())


def test_the_figures_are_those_of_the_sale_and_its_ledger(
    sold: Exposition, look: Callable[[], Exposition], rows: Rows, eventually: Eventually
) -> None:
    eventually(lambda: look().value("onsale_mysql_last_version", sale=SALE) == BUYERS + 1)
    told = look()
    sale = wiring.reader().sale(SALE)
    found = ledger.ledger({"saleId": SALE, "waitSeconds": 30})  # the other functions may be behind persist
    assert found["state"] == "balanced", found
    assert told.value("onsale_sale_version", sale=SALE) == sale.version == BUYERS + 1
    assert told.label("onsale_sale_state", "state", sale=SALE) == sale.state
    tickets = told.series("onsale_sale_tickets", "state", sale=SALE)
    assert tickets == {"free": sale.remaining, "held": 0, "confirmed": BUYERS}
    assert told.value("onsale_sale_admitted_total", sale=SALE) == BUYERS
    assert told.value("onsale_outbox_events", sale=SALE) == 0
    ((in_mysql, bought),) = rows("SELECT COUNT(*), SUM(quantity) FROM purchases WHERE sale_id = %s", SALE)
    assert told.value("onsale_mysql_purchases", sale=SALE, status="CONFIRMED") == in_mysql == BUYERS
    assert told.value("onsale_mysql_tickets", sale=SALE, status="CONFIRMED") == bought == BUYERS
    assert told.value("onsale_dead_letters", sale=SALE, state="open") == 0
    assert set(told.series("onsale_kafka_lag_records", "group")) == {
        *("onsale-persist", "onsale-notify", "onsale-statistics", "onsale-dead-letters", "onsale-notify-dead-letters"),
    }
    eventually(
        lambda: look().value("onsale_kafka_lag_records", group="onsale-persist", topic="reservation-events") == 0
    )


def test_each_row_is_counted_with_its_delay(
    sold: Exposition, look: Callable[[], Exposition], rows: Rows, eventually: Eventually
) -> None:
    eventually(lambda: look().value("onsale_write_behind_seconds_count", sale=SALE) == BUYERS + 1)
    told = look()
    applied = total(told, "onsale_persist_rows_total", outcome="applied")
    # Its purchases, and the row of the sale itself.
    assert applied - total(sold, "onsale_persist_rows_total", outcome="applied") == BUYERS + 1
    behind = "SELECT SUM(1000 * UNIX_TIMESTAMP(written_at) - at_ms) FROM sale_events WHERE sale_id = %s"
    ((behind_ms,),) = rows(behind, SALE)
    # Until the commit, which comes a little after the time that the row has.
    late_s = total(told, "onsale_write_behind_seconds_sum", sale=SALE) - float(behind_ms) / 1000
    assert -0.02 < late_s < 3


def test_the_requests_of_all_workers_add_up(
    sold: Exposition, stack: Stack, look: Callable[[], Exposition], eventually: Eventually
) -> None:
    route = {"route": "/api/v1/sales/{saleId}/queue/enter", "method": "POST"}
    name, seconds = "onsale_http_requests_total", "onsale_http_request_duration_seconds"
    before = total(sold, name, **route)

    def part_of_each() -> list[float]:
        parts = []
        for path in sorted((stack.home.run / FOLDER).glob("counter_*.db")):
            samples = (s for m in MultiProcessCollector.merge([str(path)]) for s in m.samples)  # type: ignore[no-untyped-call]
            parts.append(sum(s.value for s in samples if route.items() <= s.labels.items() and s.name == name))
        return [part for part in parts if part]

    sent = BUYERS
    while len(part_of_each()) < min(2, os.cpu_count() or 1):
        post(stack, "queue/enter", userId="buyer-0")
        sent += 1
        assert sent < 2_000, "one worker takes all connections"
    eventually(lambda: total(look(), name, **route) - before == sent)
    told = look()
    assert total(told, f"{seconds}_count", **route) - total(sold, f"{seconds}_count", **route) == sent
    assert sum(part_of_each()) == total(told, name, **route)
    reserve = {"route": "/api/v1/sales/{saleId}/reservations/reserve", "method": "POST"}
    statuses = told.rates(name, "status", sold, **reserve)
    elapsed_s = told.at_s - sold.at_s
    assert {status: round(rate * elapsed_s) for status, rate in statuses.items()} == {"201": BUYERS, "200": 1}


def test_an_event_that_comes_again_is_a_duplicate_and_not_applied(
    sold: Exposition, stack: Stack, look: Callable[[], Exposition], rows: Rows, eventually: Eventually
) -> None:
    eventually(lambda: look().value("onsale_write_behind_seconds_count", sale=SALE) == BUYERS + 1)
    before = look()
    query = "SELECT epoch, version, user_id, event FROM sale_events WHERE sale_id = %s AND version = 2"
    ((epoch, version, user, event),) = rows(query, SALE)
    settings = Settings.read(stack.env)
    names = (("sale", SALE.encode()), ("epoch", str(epoch).encode()), ("version", str(version).encode()))
    producer = ReliableProducer(client_config(settings))
    record = OutgoingRecord(settings.kafka_topic, f"{SALE}:{user}".encode(), event.encode(), names)
    assert producer.send([record]) == [None]
    producer.close()

    eventually(lambda: look().increase("onsale_persist_rows_total", before, outcome="duplicate") == 1)

    told = look()
    assert told.increase("onsale_persist_rows_total", before, outcome="applied") == 0
    assert told.value("onsale_write_behind_seconds_count", sale=SALE) == BUYERS + 1
    assert total(told, "onsale_function_records_total", function="persist", outcome="done") > total(
        before, "onsale_function_records_total", function="persist", outcome="done"
    )


def test_a_slow_statement_is_counted_and_in_the_log(
    stack: Stack, look: Callable[[], Exposition], rows: Rows, eventually: Eventually
) -> None:
    before = look()
    rows("SELECT SLEEP(0.6), 'slow on purpose'")
    eventually(lambda: (look().increase("onsale_mysql_slow_queries_total", before) or 0) >= 1)
    assert "slow on purpose" in (stack.home.data / "mysql" / "slow-queries.log").read_text()


@pytest.mark.parametrize(
    "query", [mysql_figures.PURCHASES, mysql_figures.REFUNDS, mysql_figures.LAST_VERSION, mysql_figures.LETTERS]
)
def test_mysql_is_asked_by_its_indexes(sold: Exposition, rows: Rows, query: str) -> None:
    asked = ("", SALE) if query is mysql_figures.LETTERS else SALE
    plan = rows(f"EXPLAIN {query}", asked)
    kinds, keys = [each[3] for each in plan], [each[5] for each in plan]
    assert kinds in (["ref"], ["range"], ["const"], ["index"]), plan
    assert keys[0] in ("PRIMARY", "by_sale")


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[tuple[Callable[[], Exposition], int]]:
    """An exporter whose servers are all away, and the port where it looks for Redis."""
    port, redis_port, nobody = ports.free_ports(3)
    env = {
        **os.environ,
        "ONSALE_METRICS_PORT": str(port),
        "ONSALE_HOME": str(tmp_path / "home"),
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}",
        "MYSQL_URL": f"mysql://u:p@127.0.0.1:{nobody}/d",
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{nobody}",
    }
    process = subprocess.Popen([sys.executable, "-m", "ops.metrics"], cwd=PROJECT, env=env)
    yield lambda: exposition.read(f"http://127.0.0.1:{port}/metrics"), redis_port
    process.kill()
    process.wait()


def serving(program: Program, folder: Path) -> Callable[[], None]:
    """Start a server; returns what ends it."""
    program.prepare(os.environ)
    child = spawn(program, log=folder / "redis.log", env=os.environ, tied=True)
    wait_until_it_answers(child)
    return lambda: stop_child(child, kill=True)


def test_it_comes_up_without_its_sources_and_tells_when_one_comes_and_goes(
    lonely: tuple[Callable[[], Exposition], int], tmp_path: Path, eventually: Eventually
) -> None:
    look, redis_port = lonely

    def up() -> dict[str, float]:
        try:
            return look().series("onsale_source_up", "source")
        except ExporterAway:
            return {}

    eventually(up)
    away = {"redis": 0.0, "mysql": 0.0, "purchases": 0.0, "kafka": 0.0, "workers": 1.0, "processes": 1.0}
    assert up() == away
    assert not [name for name in look().samples if name.startswith(("onsale_sale", "onsale_mysql", "onsale_kafka"))]
    program = redis.program(tmp_path / "data", tmp_path, redis_port)
    stop = serving(program, tmp_path)
    eventually(lambda: up() == {**away, "redis": 1.0})
    stop()
    eventually(lambda: up() == away)
    stop = serving(program, tmp_path)
    eventually(lambda: up() == {**away, "redis": 1.0})
    stop()
