"""What API Gateway does in front of a Chalice app, as an RSGI application: HTTP to a REST proxy event and back.

Knows the shapes of API Gateway and RSGI, nothing of onsale but its problem document for an unknown route.
"""

import base64
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from chalice.app import Chalice, Response
from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined]  # two are re-exports

from chalicelib.api.responses import INTERNAL_ERROR, SECURITY_HEADERS, problem
from ops.local.authorizing import guarded
from ops.local.invocation import Event, Invocations, aside, keep_apart
from ops.local.route_table import RouteTable

Application = Callable[[Scope, HTTPProtocol], Awaitable[object]]

log = logging.getLogger("onsale")  # Chalice gives the logger of the app's name its handler

STAGE = "local"
TIMEOUT_S = 10.0
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


def parse_query(text: str) -> dict[str, list[str]] | None:
    """Decode a query as API Gateway does; None where there is none."""
    if not text:
        return None
    if "%" in text or "+" in text or "&" in text:
        return parse_qs(text, keep_blank_values=True) or None
    name, _, value = text.partition("=")  # by far the most frequent query: ?userId=5
    return {name: [value]}


class ApiGateway:
    """A Chalice app as an RSGI application. Its requests run side by side, on one event loop."""

    def __init__(self, app: Chalice) -> None:
        keep_apart(app)
        self._app = app
        self._invocations = Invocations(guarded(app, aside))
        self._routes = RouteTable(list(app.routes))
        self._numbers = itertools.count(1)
        prefix = secrets.token_hex(10)
        # An id looks like a UUID: random for the process, then a number.
        self._id_prefix = f"{prefix[:8]}-{prefix[8:12]}-{prefix[12:16]}-{prefix[16:]}-"

    def counted(self, add: Callable[[str | None, str, int, float], None]) -> Application:
        """Return the same as an application that tells of each answer: route or None, method, status, seconds."""

        async def application(scope: Scope, http: HTTPProtocol) -> None:
            began_s = time.perf_counter()
            status = await self.__rsgi__(scope, http)
            route = self._routes.find(scope.path)
            add(route and route[0], scope.method, status, time.perf_counter() - began_s)

        return application

    async def __rsgi__(self, scope: Scope, http: HTTPProtocol) -> int:
        """Answer a request. Returns the status."""
        request_id = f"{self._id_prefix}{next(self._numbers):012x}"
        try:
            answer = await self._answer(scope, http, request_id)
            _send(answer, http)
        except ProtocolClosed:  # amid its body the client went away, or sent chunks that are none: nothing was begun
            answer = _in_problem(request_id, "invalid-json", "The body cannot be read to its end.")
            _send(answer, http)
        status: int = answer["statusCode"]
        return status

    async def _answer(self, scope: Scope, http: HTTPProtocol, request_id: str) -> Event:
        method, path = scope.method, scope.path
        route = self._routes.find(path)
        if route is None:
            return _in_problem(request_id, "no-such-route", f"There is no {method} {path}.")
        template, captured = route
        if method == "OPTIONS":
            return self._preflight(template, request_id)
        headers = joined(scope.headers.items())
        body, is_base64 = None, False
        if "content-length" in headers or "transfer-encoding" in headers:
            length = "" if "transfer-encoding" in headers else headers["content-length"]
            payload = await _payload(http, length)
            if payload is None:
                return _in_problem(request_id, "body-too-large", "A body may have 10 MiB.", limit=MAX_PAYLOAD_BYTES)
            body, is_base64 = _as_text(payload)
        event = _event(scope, headers, template, captured, request_id)
        event["body"], event["isBase64Encoded"] = body, is_base64
        try:
            return await self._invocations.run(event, LambdaContext(request_id))
        except Exception as error:  # the app's own net has a hole
            log.error("request %s failed", request_id, exc_info=error)
            return _in_problem(request_id, INTERNAL_ERROR, "")

    def _preflight(self, template: str, request_id: str) -> Event:
        """Answer as API Gateway's mock integration for OPTIONS does."""
        views = self._app.routes[template]
        methods = [method for method, view in views.items() if view.cors is not None]
        headers = {**SECURITY_HEADERS, "X-Request-Id": request_id}
        if methods:
            headers |= views[methods[0]].cors.get_access_control_headers()
        headers["Access-Control-Allow-Methods"] = ",".join([*methods, "OPTIONS"])
        return {"statusCode": 200, "headers": headers, "body": None}


def joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return headers by name; one that came several times has its values joined (RFC 9110, 5.3; RFC 6265, 5.4)."""
    headers = dict(pairs)
    if len(headers) != len(pairs):
        for name in headers:
            separator = "; " if name == "cookie" else ","
            headers[name] = separator.join([value for each, value in pairs if each == name])
    return headers


async def _payload(http: HTTPProtocol, length: str) -> bytes | None:
    """Read a body; None for one over the quota, of which no more is read than it takes to know.

    Raises ProtocolClosed for one that was cut off: half of a request must not be taken for one.
    """
    if length and int(length) > MAX_PAYLOAD_BYTES:  # the server has seen to it that it is a number
        return None
    if length:
        return await http()
    chunks: list[bytes] = []
    size = 0
    async for chunk in http:
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_PAYLOAD_BYTES:
            return None
    if chunks.count(b"") > 1:  # the server's one sign that a connection was lost; a whole body ends with one
        raise ProtocolClosed("the body was cut off")
    return b"".join(chunks)


def _as_text(payload: bytes) -> tuple[str | None, bool]:
    """Return a body as an event carries it, and whether it is in base64."""
    try:
        return payload.decode() or None, False
    except UnicodeDecodeError:
        return base64.b64encode(payload).decode(), True


def _event(
    scope: Scope, headers: dict[str, str], template: str, captured: dict[str, str] | None, request_id: str
) -> Event:
    """Build the event of a request, with what Chalice and the app read; the body is still to come."""
    method, path = scope.method, scope.path
    query = parse_query(scope.query_string)
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
            "identity": {"sourceIp": scope.client.rpartition(":")[0], "userAgent": headers.get("user-agent")},
        },
    }


def _in_problem(request_id: str, code: str, detail: str, **members: object) -> Event:
    response: Response = problem(request_id, code, detail, **members)
    response.headers["X-Request-Id"] = request_id
    answer: Event = response.to_dict()
    return answer


def _send(answer: Event, http: HTTPProtocol) -> None:
    """Send an integration's response; API Gateway says application/json where the function says nothing."""
    headers = list(answer["headers"].items())
    body = answer["body"]
    if body is not None and "Content-Type" not in answer["headers"]:
        headers.append(("Content-Type", "application/json"))
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers += [(name, value) for value in values]
    if body is None:
        http.response_empty(answer["statusCode"], headers)
    elif answer.get("isBase64Encoded"):
        http.response_bytes(answer["statusCode"], headers, base64.b64decode(body))
    else:
        http.response_str(answer["statusCode"], headers, body)
