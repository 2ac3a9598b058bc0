"""Input that somebody made to do harm, on both servers: a documented refusal, nothing stored, the process lives."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from chalicelib.sale.redis_link import RedisLink
from ops.openapi.markup import Operation, grouped, resolved
from tests.contract.conformance import contract, faults
from tests.contract.conftest import NewSale
from tests.contract.http_client import Answer, Api

JSON = {"Content-Type": "application/json"}
OPERATIONS = [each for each in grouped(contract()) if len(each.paths) == 2]
GOOD: Mapping[str, str] = {"userId": "mallory", "reservationId": "1-1", "paymentId": "pay-1", "email": "a@b.co"}
# None of these is a value of any parameter, however it is spelled, normalised or cut.
HOSTILE = {
    "line ends": "a\r\nX-Injected: 1",
    "a line end": "1\n",
    "NUL": "a\x00",
    "only NUL": "\x00",
    "escape": "a\x1b[2J",
    "zero width": "a\u200bb",
    "right to left": "a\u202eb",
    "Cyrillic a": "\u0430nn",
    "full width": "\uff41\uff4e\uff4e",
    "full width digit": "\uff11",
    "Arabic digit": "\u0661",
    "ligature": "\ufb01",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "byte order mark": "\ufeffann",
    "emoji": "\U0001f600",
    "no character": "\uffff",
    "blank": " ",
    "long": "x" * 5_000,
}


def _pids(api: Api) -> set[int]:
    """The processes of a server, its workers included."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        if {"--port", str(api.port)} <= set(process.info["cmdline"] or ()):
            found |= {process.pid, *(child.pid for child in process.children(recursive=True))}
    return found


@pytest.fixture
def target(api: Api, new_sale: NewSale, link: RedisLink) -> Iterator[Api]:
    """A seated sale of a server; afterwards the same processes must live, and Redis must hold what it held."""
    sale = api.of_sale(new_sale(seat_ids=("A-1", "A-2"), limit_per_buyer=2))
    pids, keys = _pids(api), _stored(link, sale.sale_id)
    assert pids
    yield sale
    assert api.send("GET", "/health").status == 200
    assert _pids(api) == pids
    assert _stored(link, sale.sale_id) == keys


def _stored(link: RedisLink, sale_id: str) -> tuple[frozenset[bytes], bytes]:
    """What a refused request must not change: which keys there are, and the sale's version."""
    return frozenset(link.command("KEYS", "*")), link.command("HGET", f"{{sale:{sale_id}}}:sale", "version")


def _names(operation: Operation, place: str) -> list[str]:
    """The parameters of a route: of the query, or members of its body."""
    if place == "query":
        return [each["name"] for each in operation.spec["parameters"] if each["in"] == "query"]
    if "requestBody" not in operation.spec:
        return []
    body = resolved(contract(), operation.spec["requestBody"])
    return list(body["content"]["application/json"]["schema"]["properties"])


def _send(target: Api, operation: Operation, body: object, query: Mapping[str, str]) -> Answer:
    path = operation.paths[1].replace("{saleId}", target.sale_id)
    spelled = "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items()) if query else ""
    if body is None:
        return target.send(operation.method.upper(), path + spelled)
    return target.send(operation.method.upper(), path + spelled, json.dumps(body).encode(), JSON)


def _harmless(answer: Answer, name: str) -> None:
    assert name in answer.bad_fields
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_a_hostile_text_in_any_field_of_a_query_is_named(target: Api, operation: Operation) -> None:
    for name in _names(operation, "query"):
        for text in HOSTILE.values():
            others = {each: GOOD[each] for each in _names(operation, "query") if each in GOOD and each != name}
            _harmless(_send(target, operation, None, {**others, name: text}), name)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_a_hostile_text_in_any_field_of_a_body_is_named(target: Api, operation: Operation) -> None:
    for name in _names(operation, "body"):
        others = {each: GOOD[each] for each in _names(operation, "body") if each in GOOD and each != name}
        for text in [*HOSTILE.values(), "\ud800"]:
            _harmless(_send(target, operation, {**others, name: text}, {}), name)
        if name == "seatIds":
            _harmless(_send(target, operation, {**others, name: ["A-1", "A-2\r\n"]}, {}), name)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_a_hostile_sale_id_is_named_on_every_route(target: Api, operation: Operation) -> None:
    for text in HOSTILE.values():
        hostile = Api(target.name, target.port, quote(text, safe=""))
        query = {name: GOOD[name] for name in _names(operation, "query") if name in GOOD}
        body = {"email": GOOD["email"]} if operation.name == "putContact" else None
        _harmless(_send(hostile, operation, body, query), "saleId")


ODD_NUMBERS = [
    "9007199254740993", "-9007199254740993", "1e400", "-1e400", "1e-400", "1e999999999", "0e999999999", "-0", "-0.0",
    "1.0", "2.5", "0", "18446744073709551616", "1" + "0" * 300, "true", "false", "{}", "[]", '["1"]', '""',
]  # fmt: skip


@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_an_odd_number_is_no_quantity(target: Api, number: str) -> None:
    body = f'{{"userId":"mallory","quantity":{number}}}'.encode()
    answer = target.send("POST", target.path("/reservations/reserve"), body, JSON)
    assert answer.bad_fields == ["quantity"]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1.0", "-0.0", "0.1", "1e2", "true", "[1]", '{"a":1}'])
def test_an_odd_number_is_no_buyer(target: Api, number: str) -> None:
    answer = target.send("POST", target.path("/queue/enter"), f'{{"userId":{number}}}'.encode(), JSON)
    assert answer.bad_fields == ["userId"]


@pytest.mark.parametrize("number", ["9007199254740993", "-9007199254740993", "18446744073709551616", "9" * 255])
def test_a_number_beyond_2_to_53_names_one_buyer_to_the_last_digit(api: Api, new_sale: NewSale, number: str) -> None:
    sale = api.of_sale(new_sale())
    answer = sale.send("POST", sale.path("/queue/enter"), f'{{"userId":{number}}}'.encode(), JSON)
    assert answer.json["userId"] == number
    assert sale.get("/queue/status", userId=number).status == 200
    assert sale.get("/queue/status", userId=str(int(number) - 1)).code == "not-in-sale"


NOT_JSON = {
    "NaN": b'{"userId":"mallory","x":NaN}',
    "Infinity": b'{"userId":"mallory","x":Infinity}',
    "a number of 5,000 digits": b'{"userId":"mallory","x":' + b"9" * 5_000 + b"}",
    "8,000 lists": b"[" * 8_000 + b"]" * 8_000,
    "2,500 objects": b'{"a":' * 2_500 + b"1" + b"}" * 2_500,
    "leading zero": b'{"userId":007}',
    "plus": b'{"userId":+1}',
    "hexadecimal": b'{"userId":0x1}',
    "single quotes": b"{'userId':'mallory'}",
    "comment": b'{"userId":"mallory"/**/}',
    "trailing comma": b'{"userId":"mallory",}',
    "two documents": b'{"userId":"mallory"}{"userId":"eve"}',
    "line end in a text": b'{"userId":"mall\r\nory"}',
    "NUL in a text": b'{"userId":"mall\x00ory"}',
    "NUL behind": b'{"userId":"mallory"}\x00',
    "invalid UTF-8": b'{"userId":"mall\xffory"}',
    "overlong UTF-8": b'{"userId":"mall\xc0\xafory"}',
    "a surrogate in UTF-8": b'{"userId":"mall\xed\xa0\x80ory"}',
    "UTF-16": '{"userId":"mallory"}'.encode("utf-16"),
    "UTF-32": '{"userId":"mallory"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"userId":"mallory"}',
    "bad escape": b'{"userId":"\\x41"}',
    "half an escape": b'{"userId":"\\u00"}',
    "form": b"userId=mallory",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_only_looks_like_json_is_refused(target: Api, name: str) -> None:
    answer = target.send("POST", target.path("/queue/enter"), NOT_JSON[name], JSON)
    assert (answer.status, answer.code) == (400, "invalid-json")


TOO_LARGE = {
    "100,000 lists": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "10 MB": b'{"userId":"' + b"x" * 10_000_000 + b'"}',
    "10 MB of NUL": bytes(10_000_000),
    "10 MB that are not UTF-8": b"\xff" * 10_000_000,
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_large_body_is_refused_whatever_it_is(target: Api, name: str) -> None:
    answer = target.send("POST", target.path("/queue/enter"), TOO_LARGE[name], JSON)
    assert (answer.status, answer.code) == (413, "body-too-large")


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("userId=mallory&userId=eve", None),
        ("userId=mallory&userId=", None),
        ("userId=mallory&userId=mallory%20", None),
        ("userId=mallory&%75serId=eve", None),
        ("userId=mallory", b'{"userId":"eve"}'),
        ("", b'{"userId":"mallory","userId":"eve"}'),
        ("", b'{"userId":"mallory","\\u0075serId":"eve"}'),
        ("", b'{"userId":"mallory","userId":null}'),
        ("", b'{"userId":["mallory"],"userId":"mallory"}'),
        ("userId=mallory&userId=eve", b'{"userId":"mallory"}'),
    ],
)
def test_two_buyers_in_one_request_are_refused(target: Api, query: str, body: bytes | None) -> None:
    answer = target.send("POST", f"{target.path('/queue/enter')}?{query}", body, JSON)
    assert answer.bad_fields == ["userId"]


@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "text/json", "application/jsonp", "application/ld+json", "multipart/form-data; boundary=x",
     "application/x-www-form-urlencoded", "application/json/x", "json", "application/octet-stream"],
)  # fmt: skip
def test_a_body_of_another_kind_is_refused(target: Api, content_type: str) -> None:
    answer = target.send("POST", target.path("/queue/enter"), b'{"userId":"mallory"}', {"Content-Type": content_type})
    assert (answer.status, answer.code) == (415, "unsupported-media-type")


PATHS = {
    "/api/v1/sales/%00": "invalid-request",
    "/api/v1/sales/%2e%2e": "invalid-request",
    "/api/v1/sales/..": "invalid-request",
    "/api/v1/sales/%zz": "invalid-request",
    "/api/v1/sales/%ff%fe": "invalid-request",
    "/api/v1/sales/%c0%ae": "invalid-request",
    "/api/v1/sales/a%3bb=c": "invalid-request",
    "/api/v1/sales/{saleId}": "invalid-request",
    "/api/v1/sales/*": "invalid-request",
    "/api/v1/sales/a%0d%0aX-Injected:1": "invalid-request",
    "/api/v1/sales//queue/status?userId=mallory": "invalid-request",
    "/api/v1/../v1/queue": "no-such-route",
    "/api/v1/./queue": "no-such-route",
    "/api//v1/queue": "no-such-route",
    "/api/v1/%00": "no-such-route",
    "/api/v1/queue%00": "no-such-route",
    "/api/v1/queue.json": "no-such-route",
    "/API/V1/QUEUE": "no-such-route",
    "/docs/../openapi.json": "no-such-route",
    "/docs/%2e%2e/%2e%2e/etc/passwd": "no-such-route",
    "/openapi.json/x": "no-such-route",
    "/.env": "no-such-route",
    "/static/docs.html": "no-such-route",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_trick_with_the_path_leads_nowhere(target: Api, path: str) -> None:
    answer = target.send("GET", path)
    assert "x-injected" not in answer.headers
    if target.name == "chalice local" and PATHS[path] == "no-such-route":
        assert answer.status == 403
    else:
        assert answer.code == PATHS[path]


END = b"\r\nHost: x\r\nConnection: close\r\n\r\n"
ENTER = b"POST /api/v1/queue/enter HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
SMUGGLED = b"POST /api/v1/queue/enter?userId=eve HTTP/1.1" + END
SALE = b"GET /api/v1/sale HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
# Not even HTTP, or only just: refused by the server in front of the app, if need be without a word.
WIRE = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100 + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": b"GET /api/v1/sale HTTP/3.0\r\nHost: x\r\n\r\n",
    "no version": b"GET /api/v1/sale\r\n\r\n",
    "NUL in the path": b"GET /api/v1/\x00 HTTP/1.1" + END,
    "another host's address": b"GET http://evil.example/api/v1/nowhere HTTP/1.1" + END,
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1" + END,
    "TRACE": b"TRACE /api/v1/sale HTTP/1.1\r\nHost: x\r\nCookie: secret\r\nConnection: close\r\n\r\n",
    "an unknown method": b"FOO /api/v1/sale HTTP/1.1" + END,
    "a method in lower case": b"post /api/v1/queue/enter?userId=mallory HTTP/1.1" + END,
    "asterisk": b"OPTIONS * HTTP/1.1" + END,
    "a long URL": b"GET /api/v1/sale?" + b"x" * 200_000 + b" HTTP/1.1" + END,
    "a header of 1 MB": SALE + b"X-Long: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "500 headers": SALE + b"".join(b"X-%d: 1\r\n" % number for number in range(500)) + b"\r\n",
    "a length below 0": ENTER + b"Content-Length: -1\r\n\r\n",
    "a length that is none": ENTER + b"Content-Length: 1x\r\n\r\n{",
    "two lengths": ENTER + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}" + b"x" * 18,
    "length and chunks": ENTER + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks that are none": ENTER + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk of too many digits": ENTER + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk below 0": ENTER + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    "half a chunk": ENTER + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n0\r\n\r\n",
    "gzip as transfer": ENTER + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "a request within a body": ENTER + b"Content-Length: 2\r\n\r\n{}" + SMUGGLED,
    "11 MB, more than API Gateway takes": ENTER + b"Content-Length: 11000000\r\n\r\n" + b" " * 11_000_000,
}  # fmt: skip


@pytest.mark.parametrize("name", WIRE)
def test_broken_http_is_refused_and_the_server_goes_on(target: Api, name: str) -> None:
    try:
        answer = target.raw(WIRE[name], patience_s=2.0)  # half a request is answered by nobody
    except OSError:  # closed while it was still being sent
        return
    assert b"secret" not in answer
    assert b"Traceback" not in answer
    status = re.match(rb"HTTP/1\.1 (\d\d\d)", answer)
    if status is None:  # closed without a word, or with one of before HTTP had versions
        assert b'"saleId"' not in answer
        return
    assert 400 <= int(status[1]) < 500
    if target.name == "gateway" and b"application/problem+json" in answer:
        _keeps_the_contract(WIRE[name], answer)


def _keeps_the_contract(request: bytes, answer: bytes) -> None:
    method, path = request.split(b" ", 2)[:2]
    head, _, body = answer.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    lowered = {name.lower(): value for name, value in headers.items()}
    local = path.decode().removeprefix("http://evil.example")
    assert faults(method.decode(), local, int(lines[0].split(" ")[1]), lowered, body) == []


HEADERS: dict[str, dict[str, Any]] = {
    "not ASCII": {"X-Name": "caf\u00e9".encode("latin-1")},
    "not UTF-8": {"If-None-Match": b"\xff\xfe"},
    "a long list of tags": {"If-None-Match": ", ".join(f'"{number}"' for number in range(1_000))},
    "an address in front": {"X-Forwarded-For": "127.0.0.1, ::1", "X-Forwarded-Host": "evil.example"},
    "another method": {"X-HTTP-Method-Override": "DELETE"},
    "another path": {"X-Original-URL": "/admin", "X-Rewrite-URL": "/admin"},
    "an odd type": {"Accept": "text/html;q=999999999999, */*;q=NaN"},
    "an odd range": {"Range": "bytes=0-18446744073709551615"},
    "a proxy": {"Proxy": "http://evil.example"},
    "a host with a path": {"Host": "evil.example/../x"},
}


@pytest.mark.parametrize("name", HEADERS)
def test_an_odd_header_changes_nothing(target: Api, name: str) -> None:
    answer = target.send("GET", target.path("/sale"), headers=HEADERS[name])
    assert (answer.status, answer.json["saleId"]) == (200, target.sale_id)
    assert "evil.example" not in str(answer.headers)


def test_a_head_request_gets_headers_only(target: Api) -> None:
    answer = target.send("HEAD", target.path("/sale"))
    assert (answer.status, answer.text) == (405, "")
    assert answer.headers["allow"] == "GET"
