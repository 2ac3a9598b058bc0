"""The generator's own processes against a small stand-in for a sale, which misbehaves where the test wants it to."""

import http.server
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.errors import InvalidRequest
from ops.rehearse.generator import Generator
from ops.rehearse.plan import RehearsalPlan
from tests.conftest import LATE_S, Eventually

STOCK, BUYERS = 5, 24


class Counterfeit(http.server.BaseHTTPRequestHandler):
    """Lets everybody wait once, then sells; breaks off every seventh answer, and refuses every ninth with 503."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    lock = threading.Lock()
    calls: "itertools.count[int]"
    sold: set[str]
    seen: Counter[str]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._answer(parts.path, parse_qs(parts.query).get("userId", [self._bearer()])[0])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(self.path, body.get("userId") or self._bearer())

    def _bearer(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer token-of-")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _answer(self, path: str, user: str) -> None:
        with self.lock:
            call = next(self.calls)
            self.seen[user] += 1
            if call % 7 == 0 and user:
                self.close_connection = True
                return
            if call % 9 == 0 and user:
                self._send(503, {"code": "store-unavailable"})
            else:
                self._send(*self._sell(path.rsplit("/", 1)[1], user))

    def _sell(self, step: str, user: str) -> tuple[int, dict[str, Any]]:
        if step == "enter":
            return 202, {"state": "WAITING", "queueNumber": 1, "pollAfterSeconds": 0.1, "etaSeconds": 0.1}
        if step == "status":
            return 200, {"state": "ACTIVE"}
        if step != "reserve":
            return 200, {}
        if user not in self.sold and len(self.sold) == STOCK:
            return 410, {"code": "sold-out"}
        self.sold.add(user)
        return 201, {"state": "CONFIRMED", "reservation": {"reservationId": "1", "status": "CONFIRMED"}}

    def _send(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@contextmanager
def _sale() -> Iterator[tuple[str, type[Counterfeit]]]:
    class Handler(Counterfeit):
        calls, sold, seen = itertools.count(1), set(), Counter()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", Handler
        finally:
            server.shutdown()


def test_two_processes_bring_every_buyer_once_and_lose_nobody_to_broken_connections(tmp_path: Path) -> None:
    plan = RehearsalPlan(buyers=BUYERS, stock=STOCK, arrive_s=0.2, in_flight=8, processes=2)
    with _sale() as (url, sale), Generator(plan, url, "spring", tmp_path) as generator:
        opened_s = generator.start()
        assert opened_s > time.monotonic() - LATE_S
        generated = generator.finish(60)

        outcomes = generated.outcomes
        assert (outcomes.bought, outcomes.told_sold_out, outcomes.gave_up) == (STOCK, BUYERS - STOCK, 0)
        assert generated.tickets.keys() == sale.sold
        assert sale.seen.keys() - {""} == {plan.user_id(number) for number in range(1, BUYERS + 1)}
        assert generated.is_complete
        failures = sum(each.failures for each in generated.endpoints)
        assert failures > 0
        assert len(generated.health.cpu_p95) == generated.health.processes == 2
        arrivals = generated.series()["arrivals"]
        assert sum(each or 0 for each in arrivals) == BUYERS


def test_a_port_in_use_is_no_place_for_the_web_page(tmp_path: Path) -> None:
    with _sale() as (url, _):
        plan = RehearsalPlan(web_port=urlsplit(url).port)
        with (
            Generator(plan, url, "spring", tmp_path) as generator,
            pytest.raises(InvalidRequest, match="--web: the port"),
        ):
            generator.start()


def test_who_is_not_done_in_time_is_sent_home_and_no_process_stays(tmp_path: Path, eventually: Eventually) -> None:
    plan = RehearsalPlan(buyers=1_000, stock=STOCK, arrive_s=600, in_flight=4, processes=1)
    with _sale() as (url, sale), Generator(plan, url, "spring", tmp_path, lambda user: f"token-of-{user}") as generator:
        generator.start()
        told = tmp_path / "generator-1.tokens"
        assert told.stat().st_mode & 0o777 == 0o600
        eventually(lambda: plan.user_id(1) in sale.sold)
        assert generator.is_running

        generated = generator.finish(0)

        assert not generator.is_running
        assert not told.exists()
        assert generated.outcomes.gave_up + generated.outcomes.bought == plan.buyers
        assert not generated.is_complete
        assert generated.health.bottleneck == "schedule"
