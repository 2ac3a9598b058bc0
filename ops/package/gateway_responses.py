"""What API Gateway says by itself, in the words of the contract: the app never sees these requests."""

import json
from typing import Any

from chalicelib.api.responses import EXPOSED_HEADERS, PROBLEM_TYPE, PROBLEMS, RETRY_AFTER_S, SECURITY_HEADERS
from chalicelib.api.routing import STRICT_TRANSPORT_SECURITY

# Source: API Gateway Developer Guide, "Gateway response types".
_CODES = {
    "MISSING_AUTHENTICATION_TOKEN": "no-such-route",
    "RESOURCE_NOT_FOUND": "no-such-route",
    # Where no method is found, API Gateway takes a bearer token for a signature of AWS. No method of ours asks for one.
    "INVALID_SIGNATURE": "no-such-route",
    "EXPIRED_TOKEN": "no-such-route",
    "UNAUTHORIZED": "unauthenticated",
    "ACCESS_DENIED": "unauthenticated",  # the authorizer denies what has no good token, and nothing else
    "AUTHORIZER_FAILURE": "internal-error",
    "AUTHORIZER_CONFIGURATION_ERROR": "internal-error",
    "THROTTLED": "too-many-requests",
    "QUOTA_EXCEEDED": "too-many-requests",
    "REQUEST_TOO_LARGE": "body-too-large",
    "UNSUPPORTED_MEDIA_TYPE": "unsupported-media-type",
    "BAD_REQUEST_BODY": "invalid-request",
    "BAD_REQUEST_PARAMETERS": "invalid-request",
    "INTEGRATION_TIMEOUT": "store-unavailable",
    "INTEGRATION_FAILURE": "store-unavailable",
    "DEFAULT_4XX": "invalid-request",
    "DEFAULT_5XX": "internal-error",
}
# These stand for many: they keep the status that API Gateway found, and the document names none.
_DEFAULTS = ("DEFAULT_4XX", "DEFAULT_5XX")


def gateway_responses() -> dict[str, Any]:
    """Return the extension `x-amazon-apigateway-gateway-responses` of the API's document."""
    return {kind: _response(kind, code) for kind, code in _CODES.items()}


def _response(kind: str, code: str) -> dict[str, Any]:
    status, _ = PROBLEMS[code]
    headers = {
        "Access-Control-Allow-Origin": "'*'",
        "Access-Control-Expose-Headers": f"'{','.join(EXPOSED_HEADERS)}'",
        "Cache-Control": "'no-store'",
        "Content-Type": "'application/problem+json'",
        "X-Request-Id": "context.requestId",
        "Strict-Transport-Security": f"'{STRICT_TRANSPORT_SECURITY}'",
        # A quote within is doubled: the value as a whole stands between two.
        **{name: "'" + str(value).replace("'", "''") + "'" for name, value in SECURITY_HEADERS.items()},
    }
    if status == 401:
        headers["WWW-Authenticate"] = "'Bearer'"
    if status in (429, 503):
        headers["Retry-After"] = f"'{RETRY_AFTER_S}'"
    response: dict[str, Any] = {
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        "responseTemplates": {"application/json": _template(kind, code)},
    }
    return response if kind in _DEFAULTS else {**response, "statusCode": str(status)}


def _template(kind: str, code: str) -> str:
    """Return the problem document; API Gateway puts its own text in where `$context` stands, quotes included."""
    status, title = PROBLEMS[code]
    known: dict[str, Any] = {"type": PROBLEM_TYPE + code, "title": title, "code": code}
    if kind not in _DEFAULTS:
        known |= {"status": status}
    return json.dumps(known)[:-1] + ', "detail": $context.error.messageString, "requestId": "$context.requestId"}'
