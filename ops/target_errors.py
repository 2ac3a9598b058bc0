"""What an operator is told when AWS does not do what a command asks: what is wrong, and what to do about it.

    OnsaleError
    ├── no-credentials, credentials-refused, no-region, bad-profile     this machine is not set up for AWS
    ├── access-denied, throttled, aws-unreachable, aws-failed           AWS says no, or nothing: nothing was done
    ├── no-such-stack, no-such-output, no-such-function                 the target is none
    ├── function-timed-out, function-failed, no-answer                  it was called: what it did is to be looked up
    └── request-too-large                                               what Lambda cannot take in one call

Never a traceback and never what was sent, in which there may be buyers' names.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from chalicelib.errors import OnsaleError

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"})
_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_UNKNOWN_OUTCOME = "it may be done or still at work: look before you say it again; what is done is not done twice"
_MOST_TEXT = 500


@contextmanager
def told(asking: str, permission: str) -> Iterator[None]:
    """Turn what boto3 raises into OnsaleError; `asking` names what was asked of AWS and `permission` what it takes."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        detail = f"{asking}: no AWS credentials: set AWS_PROFILE, or log in, or set AWS_ACCESS_KEY_ID and its secret"
        raise OnsaleError("no-credentials", detail) from error
    except (CredentialRetrievalError, TokenRetrievalError, UnauthorizedSSOTokenError) as error:
        detail = f"{asking}: the AWS credentials cannot be had ({_text(str(error))}): log in again"
        raise OnsaleError("credentials-refused", detail) from error
    except NoRegionError as error:
        detail = f"{asking}: no AWS region: set AWS_REGION, or give the profile one, or name the function by its ARN"
        raise OnsaleError("no-region", detail) from error
    except ProfileNotFound as error:
        raise OnsaleError("bad-profile", f"{asking}: {_text(str(error))}: see AWS_PROFILE") from error
    except (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, SSLError) as error:
        detail = f"{asking}: AWS cannot be reached, nothing was done: {_text(str(error))}"
        raise OnsaleError("aws-unreachable", detail) from error
    except HTTPClientError as error:  # a time-out, or a connection that broke
        raise OnsaleError("no-answer", f"{asking}: no answer: {_UNKNOWN_OUTCOME}") from error
    except BotoCoreError as error:
        raise OnsaleError("aws-failed", f"{asking}: nothing was done: {_text(str(error))}") from error
    except ClientError as error:
        raise _answered(asking, permission, error) from error


def function_failed(function: str, body: bytes) -> OnsaleError:
    """Return what the answer of a function that ended in an error says: the error's type and message."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    kind, message = _text(str(said.get("errorType", ""))), _text(str(said.get("errorMessage", "")))
    if kind == "Sandbox.Timedout" or "Task timed out" in message:
        return OnsaleError("function-timed-out", f"{function} ran out of time ({message}): {_UNKNOWN_OUTCOME}")
    words = ": ".join(each for each in (kind, message) if each) or "an error without a word"
    return OnsaleError("function-failed", f"{function} failed: {words} (its log group has the rest)")


def _answered(asking: str, permission: str, error: ClientError) -> OnsaleError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = _text(str(error.response.get("Error", {}).get("Message", "")))
    if code in _DENIED:
        return OnsaleError("access-denied", f"{asking}: access denied: it takes {permission} ({message})")
    if code in _THROTTLED:
        return OnsaleError("throttled", f"{asking}: too many calls at the moment, nothing was done: say it again")
    if code in _REFUSED:
        return OnsaleError("credentials-refused", f"{asking}: AWS refuses the credentials: log in again ({message})")
    if code == "ResourceNotFoundException":
        return OnsaleError("no-such-function", f"{asking}: there is no such function in this account and region")
    if code == "RequestTooLargeException":
        return too_large(asking)
    told_by = f"{asking}: {code}: {message}"
    is_known = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) < 500
    return OnsaleError("aws-failed", told_by if is_known else f"{told_by}: {_UNKNOWN_OUTCOME}")


def too_large(asking: str) -> OnsaleError:
    """Return the refusal of arguments that do not fit into one call."""
    detail = (
        f"{asking}: more than the 6 MB that Lambda takes in one call: seats can be added in parts, by sale configure"
    )
    return OnsaleError("request-too-large", detail)


def _text(words: str) -> str:
    """Return a text on one line, cut."""
    line = " ".join("".join(each if each.isprintable() else " " for each in words).split())
    return line if len(line) <= _MOST_TEXT else line[:_MOST_TEXT] + "…"
