"""Answers: the one table from error to status, problem documents (RFC 9457) and the headers of each kind of answer.

Knows HTTP, no route and no sale.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from chalice.app import CORSConfig, HeadersType, Response

from chalicelib.api.encoding import encode, iso_time
from chalicelib.errors import OnsaleError, StoreUnavailable

log = logging.getLogger("onsale")  # Chalice gives the logger of the app's name its handler

PROBLEM_TYPE = "urn:onsale:problem:"
RETRY_AFTER_S = "1"
INTERNAL_ERROR = "internal-error"
EXPOSED_HEADERS = ["Retry-After", "ETag", "X-Request-Id"]


class Problem(NamedTuple):
    """What a code means in HTTP."""

    status: int
    title: str


PROBLEMS: Mapping[str, Problem] = {
    "invalid-json": Problem(400, "The body is not valid JSON"),
    "invalid-request": Problem(400, "The request has bad or missing fields"),
    "over-limit": Problem(400, "More than one buyer may have"),
    "unauthenticated": Problem(401, "No valid proof of who the caller is"),
    "invalid-signature": Problem(401, "The signature does not fit the body"),
    "not-yours": Problem(403, "This belongs to another buyer"),
    "not-active": Problem(403, "It is not this buyer's turn"),
    "confirm-by-payment-provider": Problem(403, "Only the payment provider confirms here"),
    "no-such-route": Problem(404, "No such route"),
    "no-such-sale": Problem(404, "No such sale"),
    "no-such-seat": Problem(404, "No such seat"),
    "not-in-sale": Problem(404, "This buyer is not in the sale"),
    "no-reservation": Problem(404, "No such reservation of this buyer"),
    "method-not-allowed": Problem(405, "The route does not take this method"),
    "sale-not-open": Problem(409, "The sale is not open yet"),
    "sale-closed": Problem(409, "The sale is closed"),
    "seat-taken": Problem(409, "A seat is already taken"),
    "not-enough-left": Problem(409, "Fewer are left than were asked for"),
    "already-reserved": Problem(409, "The buyer has another reservation"),
    "hold-expired": Problem(409, "The hold ended before the payment"),
    "reservation-ended": Problem(409, "The reservation has ended"),
    "already-paid": Problem(409, "The reservation is already paid for"),
    "payment-used": Problem(409, "The payment belongs to something else"),
    "sold-out": Problem(410, "Sold out"),
    "body-too-large": Problem(413, "The body is too large"),
    "unsupported-media-type": Problem(415, "The body has the wrong content type"),
    "too-many-requests": Problem(429, "Too many requests"),
    "headers-too-large": Problem(431, "The headers are too large"),
    INTERNAL_ERROR: Problem(500, "Something went wrong here"),
    "store-unavailable": Problem(503, "The store did not answer in time"),
    "payment-not-configured": Problem(503, "Payment is not set up"),
}


class PublicCors(CORSConfig):
    """Any origin (callers bring bearer tokens, never cookies); the headers are built once, not on every answer."""

    def __init__(self) -> None:
        super().__init__(
            allow_origin="*",
            allow_headers=["If-None-Match"],
            expose_headers=EXPOSED_HEADERS,
            max_age=3600,
        )
        self._headers: dict[str, str] = super().get_access_control_headers()

    def get_access_control_headers(self) -> dict[str, str]:
        """Return a copy: Chalice's local server adds to what it gets."""
        return self._headers.copy()


CORS = PublicCors()
# On every answer. For browsers that show one as a page: nothing in it is ever run, framed, guessed at or told onwards.
SECURITY_HEADERS: HeadersType = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
JSON_HEADERS: HeadersType = {
    **SECURITY_HEADERS,
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Access-Control-Allow-Origin": CORS.allow_origin,
    "Access-Control-Expose-Headers": ",".join(EXPOSED_HEADERS),
}
# `no-store` on errors too: a cache may keep a 404 or a 410 without being asked (RFC 9111, 4.2.2).
_PROBLEM_HEADERS: HeadersType = {**JSON_HEADERS, "Content-Type": "application/problem+json"}
PUBLIC_HEADERS: HeadersType = {**JSON_HEADERS, "Cache-Control": "public, max-age=1, stale-while-revalidate=5"}


class TextResponse(Response):
    """A response whose body is text already and whose headers have one value each: nothing in it is to be encoded."""

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        """Return the integration's response; Chalice would compare the content type with each of `binary_types`."""
        return {"headers": self.headers, "multiValueHeaders": {}, "statusCode": self.status_code, "body": self.body}


def json_answer(text: str, status: int = 200) -> Response:
    """Answer one buyer with JSON that is already text."""
    return TextResponse(text, JSON_HEADERS.copy(), status)


def public_answer(text: str, etag: str, if_none_match: str) -> Response:
    """Answer everybody with JSON that caches may keep, 304 to who has it already. `etag` is strong, quotes included."""
    headers = PUBLIC_HEADERS.copy()
    headers["ETag"] = etag
    if if_none_match and (etag in if_none_match or if_none_match.strip() == "*"):
        return TextResponse("", headers, 304)
    return TextResponse(text, headers)


def no_content() -> Response:
    """Answer 204."""
    return TextResponse("", JSON_HEADERS.copy(), 204)


def problem(request_id: str, code: str, detail: str, **members: object) -> Response:
    """Answer with a problem document; a code that is not in the contract is an internal error, and untold."""
    if code not in PROBLEMS or code == INTERNAL_ERROR:
        code, detail, members = INTERNAL_ERROR, "The log has more under this request's id.", {}
    status, title = PROBLEMS[code]
    opens_at_ms = members.get("opensAt")
    if isinstance(opens_at_ms, int):
        members["opensAt"] = iso_time(opens_at_ms)
    document = {
        "type": PROBLEM_TYPE + code,
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "requestId": request_id,
        **members,
    }
    headers = _PROBLEM_HEADERS.copy()
    if status in (429, 503):
        headers["Retry-After"] = RETRY_AFTER_S
    return TextResponse(encode(document), headers, status)


def problem_of(error: OnsaleError, request_id: str) -> Response:
    """Answer with what an error says; where that is for us only, it goes to the log and not to the caller."""
    if isinstance(error, StoreUnavailable):
        _log_outage(request_id, error)
        return problem(request_id, error.code, "Whether it was done is not known: send the same request again.")
    if error.code not in PROBLEMS:
        log.error("request %s: %s: %s", request_id, error.code, error)
    return problem(request_id, error.code, str(error), **error.members)


_outage_logged_at_s = 0.0


def _log_outage(request_id: str, error: StoreUnavailable) -> None:
    """Log once a second: in an outage every request would write the same."""
    global _outage_logged_at_s
    if time.monotonic() - _outage_logged_at_s >= 1:
        _outage_logged_at_s = time.monotonic()
        log.error("request %s: %s", request_id, error)
