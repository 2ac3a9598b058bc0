"""The issuer's keys over HTTP: from a server that behaves, and from such as do not."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chalicelib.key_sets import FETCH_WITHIN_S, MAX_BYTES, KeySet, KeysUnavailable
from chalicelib.token_rules import TokenRules
from tests.conftest import LATE_S
from tests.contract.conftest import SERVERS, NewSale, serving
from tests.contract.http_client import Api
from tests.forging import AUDIENCE, ISSUER, claims, jwk, jwks, rsa_key, signed

Reply = Callable[[BaseHTTPRequestHandler], None]


class Issuer(ThreadingHTTPServer):
    """An issuer on this machine; `reply` is what it does with a request."""

    daemon_threads = True
    reply: Reply

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.reply = publishes(jwks(jwk(rsa_key())))
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.paths.append(self.path)
                issuer.reply(self)

            def log_message(self, format: str, *args: object) -> None:
                return None

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/jwks.json"

    def keys(self) -> KeySet:
        return KeySet.of(TokenRules("RS256", AUDIENCE, ISSUER, self.url, ""))


def publishes(document: bytes, status: int = 200, **headers: str) -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(document)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(document)

    return reply


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with the first RSA key."""
    with Issuer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_keys_come_from_the_url_of_the_settings(issuer: Issuer) -> None:
    assert issuer.keys().key("first")
    assert issuer.paths == ["/jwks.json"]


def _drips(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then: no time-out of a socket ever ends."""
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b" ")
            request.wfile.flush()
            threading.Event().wait(0.2)
    except OSError:
        return


def _breaks_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"keys":')
    request.close_connection = True


def _speaks_something_else(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH_9\r\n")
    request.close_connection = True


FAULTS: dict[str, Reply] = {
    "an error": publishes(jwks(jwk(rsa_key())), 500),
    "not found": publishes(b"", 404),
    "a redirect": publishes(b"", 302, Location="/elsewhere"),
    "a redirect to a file": publishes(b"", 301, Location="file:///etc/passwd"),
    "a page": publishes(b"<html>log in first</html>"),
    "too large": publishes(b" " * (MAX_BYTES + 1)),
    "half an answer": _breaks_off,
    "something else than HTTP": _speaks_something_else,
    "an endless answer": _drips,
}


@pytest.mark.parametrize("reply", FAULTS.values(), ids=FAULTS)
def test_an_issuer_that_misbehaves_costs_two_seconds_at_most_and_is_not_followed(issuer: Issuer, reply: Reply) -> None:
    issuer.reply = reply
    began_s = time.monotonic()
    with pytest.raises(KeysUnavailable):
        issuer.keys().key("first")
    assert time.monotonic() - began_s < FETCH_WITHIN_S + LATE_S
    assert issuer.paths == ["/jwks.json"]


@contextmanager
def _silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/jwks.json"


def _settings(url: str) -> dict[str, str]:
    return {"IDENTITY": "jwt", "JWT_JWKS_URL": url, "JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER}


@pytest.mark.parametrize("name", SERVERS)
def test_both_servers_fetch_the_keys_once_a_process(
    name: str, redis_url: str, new_sale: NewSale, issuer: Issuer
) -> None:
    with serving(name, redis_url, **_settings(issuer.url)) as server:
        sale = server.of_sale(new_sale(capacity=100))
        assert [_enter(sale, signed(claims(sub=f"buyer-{number}"))) for number in range(20)] == [200] * 20
        assert [_enter(sale, signed(claims(), kid=f"made-up-{number}")) for number in range(20)] == [401] * 20
        assert len(issuer.paths) <= 2


@pytest.mark.parametrize("name", SERVERS)
def test_while_the_issuer_hangs_others_are_answered_and_nobody_is_told_that_the_token_is_bad(
    name: str, redis_url: str, new_sale: NewSale
) -> None:
    with _silent() as url, serving(name, redis_url, **_settings(url)) as server:
        sale = server.of_sale(new_sale())
        statuses: list[int] = []
        waiting = [threading.Thread(target=lambda: statuses.append(_enter(sale, signed(claims())))) for _ in range(4)]
        for thread in waiting:
            thread.start()
        meanwhile = 0
        while not statuses:
            assert sale.get("/sale").status == 200
            meanwhile += 1
        assert meanwhile > 5
        for thread in waiting:
            thread.join()
        assert statuses == [500] * 4
        assert _enter_answer_code(sale) == "internal-error"


def _enter(sale: Api, token: str) -> int:
    return sale.send("POST", sale.path("/queue/enter"), headers={"Authorization": f"Bearer {token}"}).status


def _enter_answer_code(sale: Api) -> str:
    return sale.send("POST", sale.path("/queue/enter"), headers={"Authorization": f"Bearer {signed(claims())}"}).code
