"""The gateway counts each request where its answer is sent, under labels that no client can multiply."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from chalice.app import Chalice
from prometheus_client import CollectorRegistry

from ops.local.api_gateway import ApiGateway, Application
from ops.metrics.requests import FLUSH_S, METHODS, RequestCounts

REQUESTS, DURATION = "onsale_http_requests_total", "onsale_http_request_duration_seconds"


class Desk:
    """Counts of requests, and the calls that were put off."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.counts = RequestCounts(lambda delay_s, call: self.due.append((delay_s, call)), self.registry)

    def flush(self) -> None:
        ((delay_s, call),) = self.due
        assert delay_s == FLUSH_S
        self.due.clear()
        call()

    def requests(self) -> dict[tuple[str, str, str], float]:
        return {
            (each.labels["route"], each.labels["method"], each.labels["status"]): each.value
            for metric in self.registry.collect()
            for each in metric.samples
            if each.name == REQUESTS
        }

    def duration(self, part: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"{DURATION}_{part}", labels)


@pytest.fixture
def desk() -> Desk:
    """Counts of requests."""
    return Desk()


def test_requests_are_counted_by_route_method_and_status_and_timed_by_route_and_method(desk: Desk) -> None:
    for status, took_s in ((200, 0.002), (200, 0.004), (404, 0.5)):
        desk.counts.add("/a/{x}", "GET", status, took_s)
    assert desk.requests() == {}
    desk.flush()
    assert desk.requests() == {("/a/{x}", "GET", "200"): 2, ("/a/{x}", "GET", "404"): 1}
    where = {"route": "/a/{x}", "method": "GET"}
    assert desk.duration("count", **where) == 3
    assert desk.duration("sum", **where) == pytest.approx(0.506)
    assert desk.duration("bucket", le="0.002", **where) == 1
    assert desk.duration("bucket", le="0.3", **where) == 2

    desk.counts.add("/a/{x}", "GET", 200, 0.002)
    desk.flush()
    assert desk.requests()["/a/{x}", "GET", "200"] == 3


def test_nothing_is_put_off_twice_and_nothing_while_nobody_asks(desk: Desk) -> None:
    assert desk.due == []
    desk.counts.add("/", "GET", 200, 0.001)
    desk.counts.add("/", "GET", 200, 0.001)
    assert len(desk.due) == 1
    desk.flush()
    assert desk.due == []


def test_clients_cannot_make_labels(desk: Desk) -> None:
    for number in range(100):
        desk.counts.add(None, f"METHOD{number}", 404, 0.001)
        desk.counts.add(None, "GET", 404, 0.001)
    desk.flush()
    assert desk.requests() == {("unknown", "other", "404"): 100, ("unknown", "GET", "404"): 100}
    assert len(METHODS) < 10


@pytest.fixture
def app() -> Chalice:
    """An app of one route, which may fail."""
    made = Chalice("counted")

    @made.route("/a/{x}", methods=["GET", "POST"], cors=True)
    def answer(x: str) -> dict[str, str]:
        if x == "bad":
            raise ValueError(x)
        return {"x": x}

    return made


def test_every_kind_of_answer_is_counted_under_its_template(app: Chalice, desk: Desk) -> None:
    application = ApiGateway(app).counted(desk.counts.add)
    for method, path in (
        *(("GET", f"/a/{number}") for number in range(5)),
        ("POST", "/a/1"),
        ("GET", "/a/bad"),
        ("OPTIONS", "/a/1"),
        ("GET", "/nowhere"),
        ("GET", "/nowhere/else"),
        ("DELETE", "/a/1"),
    ):
        _call(application, method, path)
    desk.flush()
    assert desk.requests() == {
        ("/a/{x}", "GET", "200"): 5,
        ("/a/{x}", "POST", "200"): 1,
        ("/a/{x}", "GET", "500"): 1,
        ("/a/{x}", "OPTIONS", "200"): 1,
        ("/a/{x}", "DELETE", "405"): 1,
        ("unknown", "GET", "404"): 2,
    }


def _call(application: Application, method: str, path: str) -> None:
    """Send a request without a body; its answer is of no interest."""
    headers = SimpleNamespace(items=list)
    scope = SimpleNamespace(method=method, path=path, query_string="", client="127.0.0.1:1", headers=headers)

    class Answers:
        def response_empty(self, *_: object) -> None: ...

        def response_str(self, *_: object) -> None: ...

        def response_bytes(self, *_: object) -> None: ...

    async def send() -> None:
        await application(cast(Any, scope), cast(Any, Answers()))

    asyncio.run(send())
