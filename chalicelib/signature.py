"""Signatures of the payment provider's messages: HMAC-SHA256 over the time and the raw body, with a bounded age.

`X-Onsale-Signature: t=1732190400,v1=5257a8…`: `t` is Unix time in seconds; `v1`, which may come several times, the hex
digest of `t`, a full stop and the body, keyed with the shared secret (RFC 2104).
"""

import hmac
from collections.abc import Sequence

TOLERANCE_S = 300
_VERSION = "v1"


class BadSignature(Exception):
    """The message is not from who has the secret, or is too old to be believed."""


class WrongSignature(BadSignature):
    """None of the secrets has made the signature; another one may have."""


def sign(secret: str, body: bytes, at_s: int) -> str:
    """Return the header's value for a body."""
    return f"t={at_s},{_VERSION}={_digest(secret, str(at_s), body)}"


def verify(secrets: Sequence[str], header: str, body: bytes, now_s: float) -> None:
    """Raise BadSignature unless one of the secrets signed the body within five minutes of now, either way."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == _VERSION]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12) or not given:
        raise BadSignature("The header must be t=SECONDS,v1=HEX.")
    # Every pair is compared, in constant time: how long it takes tells nothing.
    fits = [_same(_digest(secret, times[0], body), each) for secret in secrets for each in given[:4]]
    if not any(fits):
        raise WrongSignature("The signature does not fit the body.")
    if abs(now_s - int(times[0])) > TOLERANCE_S:
        raise BadSignature(f"The signature is more than {TOLERANCE_S // 60} minutes from now.")


def _digest(secret: str, at: str, body: bytes) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, "sha256").hexdigest()


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))
