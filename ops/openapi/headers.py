"""The headers of the answers, each with the very value that the code sends."""

import re
from typing import Any

from chalicelib.api.openapi import CACHE_CONTROL
from chalicelib.api.responses import JSON_HEADERS, PUBLIC_HEADERS, RETRY_AFTER_S, SECURITY_HEADERS
from chalicelib.api.routing import STRICT_TRANSPORT_SECURITY

Headers = dict[str, Any]

_SECURITY_MEANINGS = {
    "X-Content-Type-Options": "The content type is what it says.",
    "Content-Security-Policy": "Shown as a page, nothing in it is run or framed.",
    "Referrer-Policy": "An address with a user's id in it is told to nobody.",
    "Cross-Origin-Resource-Policy": "Any origin may read it, as CORS says.",
}
_CORS_MEANINGS = {
    "Access-Control-Allow-Origin": "Any origin: callers bring bearer tokens, never cookies.",
    "Access-Control-Expose-Headers": "What a script may read besides.",
}


def _fixed(value: Any, meaning: str) -> Headers:
    return {"description": meaning, "required": True, "schema": {"const": value}}


def _matching(pattern: str, meaning: str) -> Headers:
    return {"description": meaning, "required": True, "schema": {"type": "string", "pattern": pattern}}


def headers() -> Headers:
    """Return the headers by the name of their component."""
    return {
        **{name: _fixed(SECURITY_HEADERS[name], meaning) for name, meaning in _SECURITY_MEANINGS.items()},
        **{name: _fixed(JSON_HEADERS[name], meaning) for name, meaning in _CORS_MEANINGS.items()},
        "X-Request-Id": _matching("^.+$", "Names the request in the log."),
        "Strict-Transport-Security": {
            "description": "Where the API is deployed, which is always behind TLS.",
            "schema": {"const": STRICT_TRANSPORT_SECURITY},
        },
        "Cache-Never": _fixed(JSON_HEADERS["Cache-Control"], "About one buyer, or an error: never kept."),
        "Cache-Second": _fixed(PUBLIC_HEADERS["Cache-Control"], "The same for everybody: caches may keep it."),
        "Cache-Document": _fixed(CACHE_CONTROL, "Caches may keep it."),
        "Page-Policy": _matching("^default-src 'none'; style-src 'sha256-", "The page's own style and nothing else."),
        "ETag": _matching('^"[0-9a-f]+"$', "Strong: give it as If-None-Match."),
        "Allow": _matching("^[A-Z]+(, ?[A-Z]+)*$", "The methods that the route takes."),
        "Retry-After": _matching(
            f"^{re.escape(RETRY_AFTER_S)}$", "Seconds to wait before the same request is sent again."
        ),
    }


_EVERYWHERE = ("X-Request-Id", *_CORS_MEANINGS, *_SECURITY_MEANINGS, "Strict-Transport-Security")


def _references(**renamed: str) -> Headers:
    names = {name: name for name in _EVERYWHERE} | {name.replace("_", "-"): part for name, part in renamed.items()}
    return {name: {"$ref": f"#/components/headers/{part}"} for name, part in sorted(names.items())}


def answer_headers(*, is_public: bool, in_sale: bool, content_type: str) -> Headers:
    """Return the headers of an answer that is no error."""
    if not is_public:
        return _references(Cache_Control="Cache-Never")
    if in_sale:
        return _references(Cache_Control="Cache-Second", ETag="ETag")
    if content_type == "text/html":
        return _references(Cache_Control="Cache-Document", ETag="ETag", Content_Security_Policy="Page-Policy")
    return _references(Cache_Control="Cache-Document", ETag="ETag")


def problem_headers(status: int) -> Headers:
    """Return the headers of an error."""
    more = {405: {"Allow": "Allow"}, 429: {"Retry_After": "Retry-After"}, 503: {"Retry_After": "Retry-After"}}
    return _references(Cache_Control="Cache-Never", **more.get(status, {}))
