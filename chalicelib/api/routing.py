"""Routes: a sale's routes exist twice, and each answers errors in the contract's words. Also what wraps every answer.

Knows Chalice; a handler given to it does not need to.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from chalice.app import Blueprint, Chalice, Request, Response, RouteEntry

from chalicelib.api.contract import CONTRACTS
from chalicelib.api.parameters import Parameters
from chalicelib.api.responses import CORS, INTERNAL_ERROR, log, problem, problem_of
from chalicelib.authorizer import jwt_auth
from chalicelib.config import settings
from chalicelib.errors import OnsaleError

Handler = Callable[[Parameters], Response]

_JSON = "application/json"
JSON_ONLY = (_JSON,)
MAX_HEADERS_BYTES = 16_384
STRICT_TRANSPORT_SECURITY = "max-age=31536000; includeSubDomains"
_PREFLIGHT_ONLY = ("Access-Control-Allow-Headers", "Access-Control-Max-Age")  # Chalice puts them on every answer


def sale_route(
    blueprint: Blueprint,
    method: str,
    path: str,
    in_sale: str = "",
    *,
    content_types: tuple[str, ...] = JSON_ONLY,
) -> Callable[[Handler], Handler]:
    """Register a handler for the default sale at `path`, and for any sale at `in_sale` (/sales/{saleId} + path).

    A buyer's own, so behind the authorizer, unless it promises to be public.
    """

    def register(handler: Handler) -> Handler:
        view = _view(blueprint, handler)
        accepted = [] if method == "GET" else list(content_types)  # a body of a GET is not looked at
        is_public = handler in CONTRACTS and CONTRACTS[handler].is_public
        authorizer = None if is_public else jwt_auth
        for template, name in (
            (path, handler.__name__),
            (in_sale or "/sales/{saleId}" + path, handler.__name__ + "_of_sale"),
        ):
            blueprint.route(
                template, methods=[method], content_types=accepted, cors=CORS, name=name, authorizer=authorizer
            )(view)
        return handler

    return register


def plain_route(blueprint: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """Register a handler of GET for a route that belongs to no sale."""

    def register(handler: Handler) -> Handler:
        blueprint.route(path, content_types=[], cors=CORS)(_view(blueprint, handler))
        return handler

    return register


def signed_route(blueprint: Blueprint, path: str, check: Callable[[Request], None]) -> Callable[[Handler], Handler]:
    """Register a handler of POST for a machine that signs what it sends; `check` sees the request before it is read."""

    def register(handler: Handler) -> Handler:
        view = _view(blueprint, handler, check)
        blueprint.route(path, methods=["POST"], content_types=list(JSON_ONLY), cors=CORS)(view)
        return handler

    return register


def _view(
    blueprint: Blueprint, handler: Handler, check: Callable[[Request], None] | None = None
) -> Callable[..., Response]:
    @wraps(handler)
    def view(saleId: str | None = None) -> Response:  # noqa: N803  Chalice passes path parameters by name
        request = blueprint.current_request
        try:
            if check is not None:
                check(request)
            return handler(Parameters(request, saleId))
        except OnsaleError as error:
            return problem_of(error, _request_id(request))

    return view


def _request_id(request: Request | None) -> str:
    return str(getattr(getattr(request, "lambda_context", None), "aws_request_id", ""))


def envelope(app: Chalice) -> Callable[[Request | None, Callable[[Any], Response]], Response]:
    """Return what wraps every answer, the framework's own included: limits before, the contract's errors and id after.

    Chalice middleware of type `http`, and the innermost: nothing that is registered later would see every request.
    """
    views = app.routes

    def wrap(request: Request | None, get_response: Callable[[Any], Response]) -> Response:
        request_id = _request_id(request)
        deployed = False
        try:
            deployed = bool(settings().lambda_function)  # within: settings that cannot be used are no reason to be mute
            response = _over_limit(request, request_id) or _at_once(views, request) or _framed(get_response(request))
        except Exception as error:  # noqa: BLE001  Chalice's own net behind this one does not speak the contract
            log.error("request %s failed", request_id, exc_info=error)
            response = problem(request_id, INTERNAL_ERROR, "")
        if response.status_code >= 400 and isinstance(response.body, dict):
            response = _in_our_words(response, request_id)
        response.headers["X-Request-Id"] = request_id
        if deployed:  # behind TLS; over plain HTTP it must not be sent (RFC 6797, 7.2)
            response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
        return response

    return wrap


def _at_once(views: Mapping[str, Mapping[str, RouteEntry]], request: Request | None) -> Response | None:
    """Call the view of a request in which the framework has nothing to find, None where it may have.

    On its own way to a view Chalice takes media types apart and builds maps of headers, on every request: a third of
    the time of all that happens to a buyer here. What it would add to the answer, the answers of a view have already.
    """
    if request is None or request.path not in views:
        return None
    entry = views[request.path].get(request.method)
    if entry is None or (entry.content_types and request.headers.get("content-type", _JSON) != _JSON):
        return None
    captured = request.uri_params or {}
    response: Response = entry.view_function(**{name: captured[name] for name in entry.view_args})
    return response


def _framed(response: Response) -> Response:
    for name in _PREFLIGHT_ONLY:
        response.headers.pop(name, None)
    return response


def _over_limit(request: Request | None, request_id: str) -> Response | None:
    if request is None:
        return None
    event = request.to_original_event()
    try:
        size = len(request.raw_body) if event["body"] else 0
    except UnicodeEncodeError:  # half of a surrogate pair: an event may hold one, a body in UTF-8 cannot
        return problem(request_id, "invalid-json", "The body is not text.")
    limit = settings().max_body_bytes
    if size > limit:
        return problem(request_id, "body-too-large", f"A body may have {limit} bytes.", limit=limit)
    headers: dict[str, str] = event["headers"] or {}
    if sum(map(len, headers)) + sum(map(len, headers.values())) > MAX_HEADERS_BYTES:
        limit = MAX_HEADERS_BYTES
        return problem(request_id, "headers-too-large", f"Headers may have {limit} bytes in all.", limit=limit)
    return None


_FRAMEWORK_CODES = {400: "invalid-request", 405: "method-not-allowed", 415: "unsupported-media-type"}


def _in_our_words(response: Response, request_id: str) -> Response:
    """Turn an error that Chalice made into a problem document."""
    code = _FRAMEWORK_CODES.get(response.status_code, INTERNAL_ERROR)
    told = problem(request_id, code, str(response.body.get("Message", "")))
    if "Allow" in response.headers:
        told.headers["Allow"] = response.headers["Allow"]
    return told
