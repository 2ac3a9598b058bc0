"""The store away: an answer within a second, never a wrong one, and recovery by itself."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.conftest import LATE_S
from tests.contract.conftest import SERVERS, serving
from tests.contract.http_client import Api

CALLS = (
    ("POST", "/api/v1/queue/enter?userId=ann"),
    ("GET", "/api/v1/queue/status?userId=ann"),
    ("POST", "/api/v1/reservations/reserve?userId=ann"),
    ("DELETE", "/api/v1/queue?userId=ann"),
    ("GET", "/api/v1/sale"),
    ("GET", "/api/v1/seats"),
    ("GET", "/health"),
)


@pytest.fixture(params=SERVERS, scope="module")
def without_store(request: pytest.FixtureRequest) -> Iterator[Api]:
    """A server whose Redis refuses connections."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen, nor does anybody else meanwhile
        with serving(request.param, f"redis://127.0.0.1:{nobody.getsockname()[1]}/0") as api:
            yield api


@pytest.fixture(params=SERVERS, scope="module")
def with_another_server(request: pytest.FixtureRequest) -> Iterator[Api]:
    """A server whose Redis is something else."""

    class Mistaken(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mistaken) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with serving(request.param, f"redis://127.0.0.1:{other.server_address[1]}/0") as api:
            yield api
        other.shutdown()


@pytest.fixture(params=SERVERS, scope="module")
def with_silent_store(request: pytest.FixtureRequest) -> Iterator[Api]:
    """A server whose Redis takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        hasty = {"REDIS_CONNECT_TIMEOUT_S": "0.25", "REDIS_READ_TIMEOUT_S": "0.5"}  # the defaults
        with serving(request.param, f"redis://127.0.0.1:{port}/0", **hasty) as api:
            yield api


def _is_store_unavailable(api: Api, method: str, target: str) -> None:
    started = time.monotonic()
    answer = api.send(method, target)
    assert time.monotonic() - started < LATE_S
    assert (answer.status, answer.code) == (503, "store-unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize(("method", "target"), CALLS)
def test_a_store_that_is_away_is_told_at_once(without_store: Api, method: str, target: str) -> None:
    _is_store_unavailable(without_store, method, target)


def test_what_is_no_redis_is_a_store_that_is_away(with_another_server: Api) -> None:
    _is_store_unavailable(with_another_server, *CALLS[0])


@pytest.mark.parametrize(("method", "target"), CALLS[:2])
def test_a_store_that_hangs_is_given_up_within_a_second(with_silent_store: Api, method: str, target: str) -> None:
    _is_store_unavailable(with_silent_store, method, target)


def test_bad_input_is_told_even_without_a_store(without_store: Api) -> None:
    assert without_store.post("/queue/enter", userId="two words").bad_fields == ["userId"]
