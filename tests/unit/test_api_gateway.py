"""The local API Gateway: routes found, queries decoded, events true to API Gateway's."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, quote

import pytest
from chalice.app import Chalice, Response
from chalice.local import RouteMatcher
from hypothesis import given
from hypothesis import strategies as st

from ops.local.api_gateway import ApiGateway, joined, parse_query
from ops.local.route_table import RouteTable

TEMPLATES = ["/", "/a", "/a/{x}", "/a/{x}/b", "/a/fixed", "/a/{x}/b/{y}"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ("/", None)),
        ("/a", ("/a", None)),
        ("/a/", ("/a", None)),
        ("/a/1", ("/a/{x}", {"x": "1"})),
        ("/a/fixed", ("/a/fixed", None)),
        ("/a/1/b", ("/a/{x}/b", {"x": "1"})),
        ("/a/1/b/2/", ("/a/{x}/b/{y}", {"x": "1", "y": "2"})),
        ("/a//b", ("/a/{x}/b", {"x": ""})),
        ("/b", None),
        ("/a/1/c", None),
        ("/a/1/b/2/3", None),
        ("//", ("/", None)),
        ("/a/fixed/b", ("/a/{x}/b", {"x": "fixed"})),
        ("", None),
        ("/{}", None),
    ],
)
def test_a_route_is_found_by_its_segments(path: str, found: object) -> None:
    assert RouteTable(TEMPLATES).find(path) == found


@given(st.lists(st.sampled_from(["", "a", "b", "fixed", "1"]), max_size=6).map("/".join).map("/{}".format))
def test_a_route_is_found_as_chalice_finds_it(path: str) -> None:
    try:
        match = RouteMatcher(TEMPLATES).match_route(path if not path.startswith("//") else "http://host" + path)
    except ValueError:
        assert RouteTable(TEMPLATES).find(path) is None
    else:
        template, captured = RouteTable(TEMPLATES).find(path) or ("", None)
        assert template == match.route
        assert (captured or {}) == {name: match.captured[name] for name in captured or {}}


@given(st.text(st.sampled_from("ab=&+%2;é ?#"), max_size=20))
def test_a_query_is_decoded_as_the_standard_library_does(text: str) -> None:
    assert parse_query(text) == (parse_qs(text, keep_blank_values=True) or None)


@given(st.text(min_size=1), st.text())
def test_any_encoded_parameter_comes_back(name: str, value: str) -> None:
    try:
        query = f"{quote(name)}={quote(value)}"
    except UnicodeEncodeError:
        return  # a lone surrogate cannot be sent
    assert parse_query(query) == {name: [value]}


class FakeHttp:
    """What the server gives the gateway besides the scope: the body to read, in chunks, and the ways to answer."""

    def __init__(self, *chunks: bytes) -> None:
        self.left = list(chunks)
        self.status = 0
        self.pairs: list[tuple[str, str]] = []
        self.body: bytes | str | None = None

    async def __call__(self) -> bytes:
        body, self.left = b"".join(self.left), []
        return body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.left:
            yield self.left.pop(0)

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status, self.pairs = status, headers

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        self.status, self.pairs, self.body = status, headers, body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.pairs, self.body = status, headers, body


def call(
    app: Chalice,
    method: str = "GET",
    path: str = "/echo",
    query: str = "",
    headers: Sequence[tuple[str, str]] = (),
    *chunks: bytes,
) -> FakeHttp:
    http = FakeHttp(*chunks)
    scope: Any = SimpleNamespace(
        method=method,
        path=path,
        query_string=query,
        client="127.0.0.1:50123",
        headers=SimpleNamespace(items=lambda: list(headers)),
    )
    asyncio.run(ApiGateway(app).__rsgi__(scope, cast(Any, http)))
    return http


@pytest.fixture
def app() -> Chalice:
    app = Chalice("echo", configure_logs=False)

    @app.route("/echo", methods=["GET", "POST"])
    def echo() -> Any:
        return app.current_request.to_original_event() if app.current_request else None

    @app.route("/cookies")
    def cookies() -> Response:
        return Response("plain", {"Set-Cookie": ["a=1", "b=2"], "Content-Type": "text/plain"}, 201)

    @app.route("/picture")
    def picture() -> Response:
        return Response(b"\xff\xd8", {"Content-Type": "image/jpeg"})

    @app.route("/hole")
    def hole() -> Response:
        return Response({"not": object()}, {"Content-Type": "application/json"})

    return app


def test_an_event_says_what_api_gateway_would(app: Chalice) -> None:
    body = '{"é":1}'.encode()
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("user-agent", "curl"),
    ]
    http = call(app, "POST", "/echo", "a=1&a=2&b=", headers, body)
    event = json.loads(http.body or "")
    context = event.pop("requestContext")
    assert (http.status, dict(http.pairs)["Content-Type"]) == (200, "application/json")
    assert event == {
        "resource": "/echo",
        "path": "/echo",
        "httpMethod": "POST",
        "headers": dict(headers),
        "queryStringParameters": {"a": "2", "b": ""},
        "multiValueQueryStringParameters": {"a": ["1", "2"], "b": [""]},
        "pathParameters": None,
        "stageVariables": None,
        "body": '{"é":1}',
        "isBase64Encoded": False,
    }
    assert len(context.pop("requestId")) == 36
    assert context == {
        "resourcePath": "/echo",
        "httpMethod": "POST",
        "path": "/echo",
        "stage": "local",
        "identity": {"sourceIp": "127.0.0.1", "userAgent": "curl"},
    }


def test_a_header_that_came_twice_is_one_with_both_values() -> None:
    pairs = [("x-dup", "1"), ("cookie", "a=1"), ("host", "x"), ("x-dup", "2"), ("cookie", "b=2")]
    assert joined(pairs) == {"x-dup": "1,2", "cookie": "a=1; b=2", "host": "x"}
    assert joined([]) == {}


def test_a_request_without_body_or_type_has_neither_in_its_event(app: Chalice) -> None:
    event = json.loads(call(app, "POST").body or "")
    assert event["body"] is None
    assert "content-type" not in event["headers"]


@pytest.mark.parametrize("length", [[("content-length", "2")], [("transfer-encoding", "chunked")]])
def test_bytes_that_are_no_text_come_in_base64(app: Chalice, length: list[tuple[str, str]]) -> None:
    event = json.loads(call(app, "POST", "/echo", "", length, b"\xff", b"\xfe").body or "")
    assert (event["body"], event["isBase64Encoded"]) == ("//4=", True)


def test_a_header_of_several_values_is_sent_several_times(app: Chalice) -> None:
    http = call(app, path="/cookies")
    assert [value for name, value in http.pairs if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert http.body == "plain"


def test_what_is_not_text_is_sent_as_it_is(app: Chalice) -> None:
    assert call(app, "GET", "/picture", "", [("accept", "image/jpeg")]).body == b"\xff\xd8"


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_quota_of_api_gateway_never_reaches_the_app(app: Chalice, declared: bool) -> None:
    length = ("content-length", "16000000") if declared else ("transfer-encoding", "chunked")
    http = call(app, "POST", "/echo", "", [length], *([b" " * 1_000_000] * 16))
    assert (http.status, json.loads(http.body or "")["code"]) == (413, "body-too-large")
    assert len(http.left) == (16 if declared else 5)  # megabytes that were not even read


def test_a_body_that_was_cut_off_is_never_taken_for_a_request(app: Chalice) -> None:
    http = call(app, "POST", "/echo", "", [("transfer-encoding", "chunked")], b'{"a":', b"", b"")
    assert (http.status, json.loads(http.body or "")["code"]) == (400, "invalid-json")
    http = call(app, "POST", "/echo", "", [("transfer-encoding", "chunked")], b'{"a":1}', b"")
    assert (http.status, json.loads(http.body or "")["body"]) == (200, '{"a":1}')


def test_an_app_that_raises_is_an_internal_error_with_an_id(app: Chalice, caplog: pytest.LogCaptureFixture) -> None:
    http = call(app, path="/hole")
    problem = json.loads(http.body or "")
    assert (http.status, problem["code"]) == (500, "internal-error")
    assert problem["requestId"] == dict(http.pairs)["X-Request-Id"]
    assert problem["requestId"] in caplog.text
