"""Routes: a sale's routes exist twice, and each answers errors in the contract's words. Also what wraps every answer.

Knows Chalice; a handler given to it does not need to.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib.api.parameters import Parameters
from chalicelib.api.responses import CORS, INTERNAL_ERROR, log, problem, problem_of
from chalicelib.config import settings
from chalicelib.errors import OnsaleError

Handler = Callable[[Parameters], Response]

JSON_ONLY = ("application/json",)
MAX_HEADERS_BYTES = 16_384
_PREFLIGHT_ONLY = ("Access-Control-Allow-Headers", "Access-Control-Max-Age")  # Chalice puts them on every answer


def sale_route(
    blueprint: Blueprint,
    method: str,
    path: str,
    in_sale: str = "",
    *,
    content_types: tuple[str, ...] = JSON_ONLY,
) -> Callable[[Handler], Handler]:
    """Register a handler for the default sale at `path`, and for any sale at `in_sale` (/sales/{saleId} + path)."""

    def register(handler: Handler) -> Handler:
        view = _view(blueprint, handler)
        accepted = [] if method == "GET" else list(content_types)  # a body of a GET is not looked at
        for template, name in (
            (path, handler.__name__),
            (in_sale or "/sales/{saleId}" + path, handler.__name__ + "_of_sale"),
        ):
            blueprint.route(template, methods=[method], content_types=accepted, cors=CORS, name=name)(view)
        return handler

    return register


def plain_route(blueprint: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """Register a handler of GET for a route that belongs to no sale."""

    def register(handler: Handler) -> Handler:
        blueprint.route(path, content_types=[], cors=CORS)(_view(blueprint, handler))
        return handler

    return register


def _view(blueprint: Blueprint, handler: Handler) -> Callable[..., Response]:
    @wraps(handler)
    def view(saleId: str | None = None) -> Response:  # noqa: N803  Chalice passes path parameters by name
        request = blueprint.current_request
        try:
            return handler(Parameters(request, saleId))
        except OnsaleError as error:
            return problem_of(error, _request_id(request))

    return view


def _request_id(request: Request | None) -> str:
    return str(getattr(getattr(request, "lambda_context", None), "aws_request_id", ""))


def envelope(request: Request | None, get_response: Callable[[Any], Response]) -> Response:
    """Wrap every answer, the framework's own included: limits before, the contract's error shape and id after.

    Chalice middleware of type `http`.
    """
    request_id = _request_id(request)
    try:
        response = _over_limit(request, request_id) or get_response(request)
    except Exception as error:  # noqa: BLE001  Chalice's own net behind this one does not speak the contract
        log.error("request %s failed", request_id, exc_info=error)
        response = problem(request_id, INTERNAL_ERROR, "")
    if response.status_code >= 400 and isinstance(response.body, dict):
        response = _in_our_words(response, request_id)
    for name in _PREFLIGHT_ONLY:
        response.headers.pop(name, None)
    response.headers["X-Request-Id"] = request_id
    return response


def _over_limit(request: Request | None, request_id: str) -> Response | None:
    if request is None:
        return None
    event = request.to_original_event()
    if event["body"] and len(request.raw_body) > settings().max_body_bytes:
        limit = settings().max_body_bytes
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
