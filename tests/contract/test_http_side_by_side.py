"""Many requests at once in the gateway: none gets another's answer, none is lost, none holds up the others."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from chalicelib.sale.keys import sale_keys
from chalicelib.sale.redis_link import RedisLink
from chalicelib.sale.scripts import script
from tests.conftest import LATE_S, Eventually
from tests.contract.conftest import NewSale, serving
from tests.contract.http_client import Answer, Api
from tests.scripts.proxy import Proxy, proxy_to

BUYERS = [f"buyer-{number}" for number in range(64)]
Sent = Callable[[], list[Answer]]


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Proxy]:
    """A proxy between the gateway and Redis."""
    with proxy_to(redis_url) as running:
        yield running


@pytest.fixture
def gateway(proxy: Proxy, link: RedisLink, eventually: Eventually) -> Iterator[Api]:
    """A gateway whose workers are connected, and wait long for a proxy that holds replies back."""
    for name in ("enter_queue", "queue_status", "reserve"):  # so that each needs to be sent once only
        link.command("SCRIPT", "LOAD", script(name).text)
    with serving("gateway", proxy.url) as api:
        connect(api, proxy, eventually)
        yield api


def connect(api: Api, proxy: Proxy, eventually: Eventually) -> None:
    """Ask until each of the two workers has its connection."""
    eventually(lambda: api.send("GET", "/health").status == 200 and proxy.connections >= 2)


def send_at_once(*requests: Callable[[], Answer]) -> Sent:
    """Send requests, each on a connection of its own; returns what waits for the answers."""
    pool = ThreadPoolExecutor(len(requests))
    sent = [pool.submit(request) for request in requests]
    pool.shutdown(wait=False)
    return lambda: [each.result() for each in sent]


def buyers_of(answers: list[Answer]) -> list[str]:
    """Whom the answers are about."""
    return [answer.json["userId"] for answer in answers]


def test_each_of_many_buyers_at_once_is_answered_about_himself(
    gateway: Api, proxy: Proxy, new_sale: NewSale, link: RedisLink, eventually: Eventually
) -> None:
    sale_id = new_sale(capacity=100, payment="required", max_active=len(BUYERS), admit_per_second=0.0)
    sale, keys = gateway.of_sale(sale_id), sale_keys(sale_id)
    proxy.flowing.clear()
    entered = send_at_once(*(lambda user=user: sale.post("/queue/enter", userId=user) for user in BUYERS))
    eventually(lambda: link.command("ZCARD", keys.active) == len(BUYERS))  # all have been asked, none was answered
    proxy.flowing.set()
    answers = entered()
    assert buyers_of(answers) == BUYERS
    assert {answer.json["state"] for answer in answers} == {"ACTIVE"}

    proxy.flowing.clear()
    reserved = send_at_once(
        *(
            lambda user=user: sale.send(
                "POST",
                sale.path("/reservations/reserve"),
                json.dumps({"userId": user}).encode(),
                {"Content-Type": "application/json"},
            )
            for user in BUYERS
        ),
        *(lambda user=user: sale.get("/queue/status", userId=user) for user in BUYERS),
        *(lambda: sale.get("/queue/status", userId="nobody") for _ in range(8)),
        *(lambda: sale.get("/queue/status", userId="two words") for _ in range(8)),
    )
    eventually(lambda: link.command("HLEN", keys.orders) == len(BUYERS))
    proxy.flowing.set()
    answers = reserved()
    records = {user: link.command("HGET", keys.orders, user).decode() for user in BUYERS}
    assert buyers_of(answers[: 2 * len(BUYERS)]) == BUYERS * 2
    for answer in answers[: len(BUYERS)]:
        assert answer.status == 201
        assert answer.json["reservation"]["reservationId"] in records[answer.json["userId"]]
    assert [answer.code for answer in answers[-16:]] == ["not-in-sale"] * 8 + ["invalid-request"] * 8
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_what_needs_no_redis_is_answered_while_others_wait_for_it(
    gateway: Api, proxy: Proxy, new_sale: NewSale, link: RedisLink, eventually: Eventually
) -> None:
    sale_id = new_sale(max_active=100)
    sale = gateway.of_sale(sale_id)
    proxy.flowing.clear()
    entered = send_at_once(*(lambda user=user: sale.post("/queue/enter", userId=user) for user in BUYERS))
    eventually(lambda: link.command("ZCARD", sale_keys(sale_id).active) > 0)
    for _ in range(10):  # both workers
        assert sale.post("/queue/enter", userId="two words").status == 400
    proxy.flowing.set()
    assert buyers_of(entered()) == BUYERS


def test_clients_that_go_away_midway_leave_nothing_behind(
    gateway: Api, proxy: Proxy, new_sale: NewSale, link: RedisLink, eventually: Eventually
) -> None:
    sale_id = new_sale(max_active=1_000, capacity=1_000, admit_per_second=0.0)
    sale, keys = gateway.of_sale(sale_id), sale_keys(sale_id)
    proxy.flowing.clear()
    gone = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(100)]
    for number, client in enumerate(gone):
        client.sendall(f"POST {sale.path('/queue/enter')}?userId=gone-{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    eventually(lambda: link.command("ZCARD", keys.active) == len(gone))
    for client in gone:
        client.close()
    proxy.flowing.set()
    entered = send_at_once(*(lambda user=user: sale.post("/queue/enter", userId=user) for user in BUYERS))
    assert buyers_of(entered()) == BUYERS
    eventually(lambda: not _connections(gateway.port))


@pytest.mark.parametrize("sent", ["Content-Length: 9\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n9\r\n"])
def test_half_of_a_request_is_not_taken_for_one(
    gateway: Api, new_sale: NewSale, link: RedisLink, eventually: Eventually, sent: str
) -> None:
    sale_id = new_sale(max_active=100)
    sale = gateway.of_sale(sale_id)
    target = f"{sale.path('/queue/enter')}?userId=half"
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\n{sent}".encode())
    eventually(lambda: not _connections(gateway.port))
    assert sale.post("/queue/enter", userId="whole").status == 200
    assert sale.get("/queue/status", userId="half").code == "not-in-sale"


def _connections(port: int) -> list[object]:
    """Connections of clients that the gateway has not closed."""
    return [
        each
        for each in psutil.net_connections("tcp")
        if each.laddr and each.laddr.port == port and each.status in ("CLOSE_WAIT", "ESTABLISHED")
    ]


def test_a_connection_to_redis_that_breaks_costs_no_buyer_an_answer(
    gateway: Api, proxy: Proxy, new_sale: NewSale, link: RedisLink, eventually: Eventually
) -> None:
    sale_id = new_sale(max_active=100, capacity=100, admit_per_second=0.0)
    sale = gateway.of_sale(sale_id)
    proxy.flowing.clear()
    entered = send_at_once(*(lambda user=user: sale.post("/queue/enter", userId=user) for user in BUYERS))
    eventually(lambda: link.command("ZCARD", sale_keys(sale_id).active) == len(BUYERS))
    proxy.cut()
    proxy.flowing.set()
    answers = entered()
    assert buyers_of(answers) == BUYERS
    assert link.command("ZCARD", sale_keys(sale_id).active) == len(BUYERS)


def test_when_redis_hangs_every_one_of_many_is_told_within_a_second(proxy: Proxy, eventually: Eventually) -> None:
    with serving("gateway", proxy.url, REDIS_CONNECT_TIMEOUT_S="0.5", REDIS_READ_TIMEOUT_S="0.5") as api:
        connect(api, proxy, eventually)
        proxy.flowing.clear()
        started_s = time.monotonic()
        answers = send_at_once(*(lambda user=user: api.post("/queue/enter", userId=user) for user in BUYERS))()
        assert time.monotonic() - started_s < LATE_S
        assert {(answer.status, answer.code) for answer in answers} == {(503, "store-unavailable")}
        proxy.flowing.set()
        for _ in range(10):
            eventually(lambda: api.get("/queue/status", userId="x").status == 404)
