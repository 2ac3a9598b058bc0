"""How the values of settings look: each function reads a text, or raises ValueError saying what it must be."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from chalicelib.rates import read_rates
from chalicelib.redis_urls import node_urls

MIN_SECRET_BYTES = 32  # of an HMAC key for SHA-256: RFC 7518, 3.2

_is_secret_arn = re.compile(
    r"arn:aws[a-z-]*:(?:secretsmanager:[a-z0-9-]+:\d{12}:secret:|ssm:[a-z0-9-]+:\d{12}:parameter/)[\w+=,.@!/-]+",
    re.ASCII,
).fullmatch


def text(value: str) -> str:
    """Read any text."""
    return value


def one_of(*words: str) -> Callable[[str], str]:
    """Read one of some words."""

    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return parse


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """Read a whole number between two bounds."""

    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not minimum <= int(value) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(value)

    return parse


def seconds(minimum: float, maximum: float) -> Callable[[str], float]:
    """Read a number of seconds between two bounds."""

    def parse(value: str) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = float("nan")
        if not minimum <= seconds <= maximum:
            raise ValueError(f"must be a number of seconds from {minimum} to {maximum}")
        return seconds

    return parse


def yes_or_no(value: str) -> bool:
    """Read 0 or 1."""
    if value not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return value == "1"


def url(*schemes: str) -> Callable[[str], str]:
    """Read a URL of one of some schemes."""

    def parse(value: str) -> str:
        if value and value.split("://", 1)[0] not in schemes:
            raise ValueError(f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        try:
            _ = urlsplit(value).port
        except ValueError:  # its text would hold what was taken for a port: a password with a slash in it
            raise ValueError(
                "must be a URL whose port is a number; / ? # @ in a password are spelled %2F %3F %23 %40"
            ) from None
        return value

    return parse


def redis_url(value: str) -> str:
    """Read the URL of a Redis, or of several nodes of a cluster in one: `redis://a:6379,b:6379/0`."""
    for node in node_urls(value):
        url("redis", "rediss", "unix")(node)
    return value


def key_set_url(value: str) -> str:
    """Read the URL of a key set: over TLS, or on this machine."""
    parts = urlsplit(value)
    is_here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or is_here):
        raise ValueError("must be a URL that starts with https:// (http:// on loopback only)")
    return value


def shared_secret(value: str) -> str:
    """Read a secret that is long enough."""
    if value.lstrip().startswith(("-----BEGIN", "ssh-", "{")):
        raise ValueError("must be a random text, not a key (the public keys of an issuer go into JWT_JWKS_FILE)")
    if len(value.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes")
    return value


def secret_arn(value: str) -> str:
    """Read the ARN of a secret of Secrets Manager, or of a parameter of Systems Manager."""
    if not _is_secret_arn(value):
        raise ValueError(
            "must be arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME or arn:aws:ssm:REGION:ACCOUNT:parameter/NAME"
        )
    return value


def rate_limit(value: str) -> str:
    """Read rates, `off` or `auto`."""
    if value != "auto":
        read_rates(value)
    return value
