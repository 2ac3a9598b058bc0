"""The local API Gateway: routes found, queries decoded, events true to API Gateway's."""

import io
import json
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from chalice.app import Chalice, Response
from chalice.local import RouteMatcher
from hypothesis import given
from hypothesis import strategies as st

from ops.local.api_gateway import ApiGateway, parse_query
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


def _call(app: Chalice, **environ: Any) -> tuple[str, dict[str, str], bytes]:
    started: list[Any] = []
    request = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/echo",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(b""),
        "PATH": "/usr/bin",
        **environ,
    }
    body = b"".join(ApiGateway(app)(request, lambda status, headers: started.extend((status, headers))))
    return started[0], dict(started[1]), body


@pytest.fixture
def app() -> Chalice:
    app = Chalice("echo", configure_logs=False)

    @app.route("/echo", methods=["GET", "POST"])
    def echo() -> Any:
        return app.current_request.to_original_event() if app.current_request else None

    @app.route("/cookies")
    def cookies() -> Response:
        return Response("plain", {"Set-Cookie": ["a=1", "b=2"], "Content-Type": "text/plain"}, 201)

    return app


def test_an_event_says_what_api_gateway_would(app: Chalice) -> None:
    status, headers, body = _call(
        app,
        REQUEST_METHOD="POST",
        QUERY_STRING="a=1&a=2&b=",
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH="7",
        HTTP_USER_AGENT="curl",
        HTTP_X_DUP="1,2",
        **{"wsgi.input": io.BytesIO('{"é":1}'.encode())},
    )
    event = json.loads(body)
    context = event.pop("requestContext")
    assert (status, headers["Content-Type"]) == ("200 OK", "application/json")
    assert event == {
        "resource": "/echo",
        "path": "/echo",
        "httpMethod": "POST",
        "headers": {"content-type": "application/json", "user-agent": "curl", "x-dup": "1,2"},
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


def test_a_request_without_body_or_type_has_neither_in_its_event(app: Chalice) -> None:
    event = json.loads(_call(app, REQUEST_METHOD="POST")[2])
    assert event["body"] is None
    assert "content-type" not in event["headers"]


def test_bytes_that_are_no_text_come_in_base64(app: Chalice) -> None:
    environ = {"CONTENT_LENGTH": "2", "wsgi.input": io.BytesIO(b"\xff\xfe")}
    event = json.loads(_call(app, REQUEST_METHOD="POST", **environ)[2])
    assert (event["body"], event["isBase64Encoded"]) == ("//4=", True)


def test_a_header_of_several_values_is_sent_several_times(app: Chalice) -> None:
    pairs: list[tuple[str, str]] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/cookies", "QUERY_STRING": "", "REMOTE_ADDR": "x"}
    body = ApiGateway(app)(environ, lambda _, headers: pairs.extend(headers))
    assert [value for name, value in pairs if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert body == [b"plain"]


def test_a_body_over_the_quota_of_api_gateway_never_reaches_the_app(app: Chalice) -> None:
    environ = {"CONTENT_LENGTH": "11000000", "wsgi.input": io.BytesIO(b" " * 11_000_000)}
    status, _, body = _call(app, REQUEST_METHOD="POST", **environ)
    assert (status[:3], json.loads(body)["code"]) == ("413", "body-too-large")
