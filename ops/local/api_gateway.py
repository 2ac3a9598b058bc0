"""What API Gateway does in front of a Chalice app, as a WSGI application: HTTP to a REST proxy event and back.

Knows the shapes of API Gateway and WSGI, nothing of onsale but its problem document for an unknown route.
"""

import base64
import itertools
import os
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from chalice.app import Chalice, Response

from chalicelib.api.responses import problem
from ops.local.route_table import RouteTable

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Event = dict[str, Any]

STAGE = "local"
TIMEOUT_S = 10.0
_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
MAX_PAYLOAD_BYTES = 10 * 1024 * 1024  # API Gateway's quota; the app has a smaller limit of its own


class LambdaContext:
    """What a function may ask of its invocation."""

    __slots__ = ("_deadline_s", "aws_request_id")

    function_name = "api_handler"
    function_version = "$LATEST"
    memory_limit_in_mb = 1024

    def __init__(self, request_id: str) -> None:
        self.aws_request_id = request_id
        self._deadline_s = time.monotonic() + TIMEOUT_S

    def get_remaining_time_in_millis(self) -> int:
        """Return the ms left before Lambda would end the invocation."""
        return int((self._deadline_s - time.monotonic()) * 1000)


@lru_cache(maxsize=1024)
def _header_name(key: str) -> str:
    """Turn HTTP_USER_AGENT into user-agent."""
    return key[5:].replace("_", "-").lower()


def parse_query(text: str) -> dict[str, list[str]] | None:
    """Decode a query as API Gateway does; None where there is none."""
    if not text:
        return None
    if "%" in text or "+" in text or "&" in text:
        return parse_qs(text, keep_blank_values=True) or None
    name, _, value = text.partition("=")  # by far the most frequent query: ?userId=5
    return {name: [value]}


class ApiGateway:
    """A Chalice app as a WSGI application. For one thread at a time: Chalice keeps the request on the app."""

    def __init__(self, app: Chalice) -> None:
        self._app = app
        self._routes = RouteTable(list(app.routes))
        self._numbers = itertools.count(1)
        self._inherited: int | None = None
        prefix = secrets.token_hex(10)
        # An id looks like a UUID: random for the process, then a number.
        self._id_prefix = f"{prefix[:8]}-{prefix[8:12]}-{prefix[12:16]}-{prefix[16:]}-"

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        request_id = f"{self._id_prefix}{next(self._numbers):012x}"
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        route = self._routes.find(path)
        if route is None:
            return _send(_unknown_route(request_id, method, path), start_response)
        template, captured = route
        if method == "OPTIONS":
            return _send(self._preflight(template, request_id), start_response)
        if self._inherited is None:
            self._inherited = _inherited_keys(environ)
        event = _event(environ, self._inherited, path, template, captured, request_id)
        if event is None:
            return _send(_too_large(request_id), start_response)
        return _send(self._app(event, LambdaContext(request_id)), start_response)

    def _preflight(self, template: str, request_id: str) -> dict[str, Any]:
        """Answer as API Gateway's mock integration for OPTIONS does."""
        views = self._app.routes[template]
        methods = [method for method, view in views.items() if view.cors is not None]
        headers = {"X-Request-Id": request_id}
        if methods:
            headers |= views[methods[0]].cors.get_access_control_headers()
        headers["Access-Control-Allow-Methods"] = ",".join([*methods, "OPTIONS"])
        return {"statusCode": 200, "headers": headers, "body": None}


def _inherited_keys(environ: Environ) -> int:
    """Count the leading keys that come from the process's environment, as Granian puts those before the request's.

    They are the greater part, and HTTP_PROXY among them would pass for a header that nobody sent.
    """
    return sum(1 for _ in itertools.takewhile(os.environ.__contains__, environ))


def _event(
    environ: Environ, skip: int, path: str, template: str, captured: dict[str, str] | None, request_id: str
) -> Event | None:
    """Build the event of a request, with what Chalice and the app read; None for a body over the quota."""
    method = environ["REQUEST_METHOD"]
    own = itertools.islice(environ.items(), skip, None)
    headers = {_header_name(key): value for key, value in own if key[:5] == "HTTP_"}
    body: str | None = None
    is_base64 = False
    if "CONTENT_TYPE" in environ:
        headers["content-type"] = environ["CONTENT_TYPE"]
    if "CONTENT_LENGTH" in environ or "transfer-encoding" in headers:
        raw = environ["wsgi.input"].read(MAX_PAYLOAD_BYTES + 1)
        if len(raw) > MAX_PAYLOAD_BYTES:
            return None
        try:
            body = raw.decode() or None
        except UnicodeDecodeError:
            body, is_base64 = base64.b64encode(raw).decode(), True
    query = parse_query(environ["QUERY_STRING"])
    return {
        "resource": template,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "queryStringParameters": None if query is None else {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "pathParameters": captured and captured.copy(),
        "stageVariables": None,
        "requestContext": {
            "requestId": request_id,
            "resourcePath": template,
            "httpMethod": method,
            "path": path,
            "stage": STAGE,
            "identity": {"sourceIp": environ["REMOTE_ADDR"], "userAgent": headers.get("user-agent")},
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


def _unknown_route(request_id: str, method: str, path: str) -> Event:
    return _in_problem(problem(request_id, "no-such-route", f"There is no {method} {path}."), request_id)


def _too_large(request_id: str) -> Event:
    return _in_problem(
        problem(request_id, "body-too-large", "A body may have 10 MiB.", limit=MAX_PAYLOAD_BYTES), request_id
    )


def _in_problem(response: Response, request_id: str) -> Event:
    response.headers["X-Request-Id"] = request_id
    answer: Event = response.to_dict()
    return answer


def _send(answer: Event, start_response: StartResponse) -> list[bytes]:
    """Send an integration's response; API Gateway says application/json where the function says nothing."""
    headers = list(answer["headers"].items())
    body = answer["body"]
    if body is not None and "Content-Type" not in answer["headers"]:
        headers.append(("Content-Type", "application/json"))
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers += [(name, value) for value in values]
    start_response(_STATUS_LINES[answer["statusCode"]], headers)
    if body is None:
        return [b""]
    return [base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()]
