"""Secrets by their ARN: read at their first use, kept by the process, read again when somebody refuses what is kept.

The only module of the library that speaks to AWS, and boto3 is loaded here when a secret is first needed: a process
without ARNs never does. Nothing of a secret's content is in any error, log or `repr`.

A secret is read again when it is KEEP_S old (one that was withdrawn counts no longer than that), and when it was
refused, but that at most every RENEW_S: a wrong password, or tokens that anybody makes up, cannot hurry it. While it
cannot be read, what was read before goes on being used; a reading that failed is not repeated for RETRY_S.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from chalicelib import setting_values as values
from chalicelib.errors import SecretUnavailable

KEEP_S = 300.0
RENEW_S = 5.0  # at least, between two readings because of refusals
RETRY_S = 2.0  # at least, between a reading that failed and the next
CONNECT_TIMEOUT_S = 0.8
READ_TIMEOUT_S = 1.0
_ATTEMPTS = 2  # with the pause between them below the authorizer's 5 s

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Secret:
    """A password, and the user whom it belongs to where the secret says so."""

    password: str = field(repr=False)
    username: str = field(default="", repr=False)


def secret(arn: str, max_age_s: float = KEEP_S) -> Secret:
    """Return a secret as it was at most so long ago. Raises SecretUnavailable, which names the ARN and says why."""
    return _source(arn).read(max_age_s)


def renewed(arn: str, refused: Secret) -> Secret | None:
    """Return what takes the place of a secret that somebody has refused; None where there is nothing new.

    Safe for several threads with one refusal each: one of them reads, the others are given what it found.
    """
    return _source(arn).renewed(refused)


def shared_secret(arn: str) -> Secret:
    """Return a secret that messages are signed with. Raises SecretUnavailable, also where it is too short for that."""
    return _long_enough(arn, secret(arn))


def renewed_shared_secret(arn: str, refused: Secret) -> Secret | None:
    """Return what takes the place of a secret with which a signature does not fit; None where there is nothing new."""
    found = renewed(arn, refused)
    return None if found is None else _long_enough(arn, found)


def forget() -> None:
    """Forget every secret, as a new process would."""
    _source.cache_clear()
    _client.cache_clear()


class Source:
    """One secret, and when it was read. For any number of threads: one of them reads, the others wait for it."""

    def __init__(self, arn: str, fetch: Callable[[str], str], clock: Callable[[], float] = time.time) -> None:
        # Not a monotonic clock: that may stand still while a function is frozen.
        self._arn, self._fetch, self._clock = arn, fetch, clock
        self._lock = threading.Lock()
        self._kept: Secret | None = None
        self._read_at_s = float("-inf")
        self._renewed_at_s = float("-inf")
        self._failed_at_s = float("-inf")
        self._failure = ""

    def read(self, max_age_s: float = KEEP_S) -> Secret:
        """Return the secret, reading it where it is not known or old. Raises SecretUnavailable."""
        with self._lock:
            if self._kept is None or not self._is_within(max_age_s, self._read_at_s):
                self._refresh()
            if self._kept is None:
                raise SecretUnavailable(self._arn, self._failure)
            return self._kept

    def renewed(self, refused: Secret) -> Secret | None:
        """Return the secret if it is another than the refused one, reading it anew where that is due."""
        with self._lock:
            if self._kept == refused and not self._is_within(RENEW_S, self._renewed_at_s):
                self._renewed_at_s = self._clock()
                self._refresh()
            return None if self._kept == refused else self._kept

    def _refresh(self) -> None:
        """Read unless that failed a moment ago; what was known stays when it fails."""
        if self._is_within(RETRY_S, self._failed_at_s):
            return
        try:
            self._kept = parsed(self._arn, self._fetch(self._arn))
        except SecretUnavailable as error:
            self._failed_at_s, self._failure = self._clock(), error.reason
            _log.error("%s", error)
        else:
            self._read_at_s, self._failed_at_s = self._clock(), float("-inf")

    def _is_within(self, seconds: float, of_s: float) -> bool:
        return 0 <= self._clock() - of_s < seconds


def parsed(arn: str, text: str) -> Secret:
    """Return what a secret's text says: a plain password, or JSON with `password` and perhaps `username`.

    A line's end after it is no part of it. Raises SecretUnavailable for JSON of another form, and for nothing.
    """
    text = text.rstrip("\r\n")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        document = {"password": text}
    password, username = document.get("password"), document.get("username", "")
    if not isinstance(password, str) or not password or not isinstance(username, str):
        raise SecretUnavailable(arn, "it holds neither a text nor JSON with a text `password`")
    return Secret(password, username)


def fetched(arn: str) -> str:
    """Ask AWS for a secret's text. Raises SecretUnavailable with AWS' code for what went wrong, and nothing else."""
    service, region = arn.split(":")[2:4]
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if service == "ssm":
            return str(_client(service, region).get_parameter(Name=arn, WithDecryption=True)["Parameter"]["Value"])
        answer = _client(service, region).get_secret_value(SecretId=arn)
    except ClientError as error:
        raise SecretUnavailable(arn, str(error.response["Error"].get("Code", "refused"))) from None
    except BotoCoreError as error:  # no answer, no credentials
        raise SecretUnavailable(arn, type(error).__name__) from None
    if "SecretString" not in answer:
        raise SecretUnavailable(arn, "it is binary")
    return str(answer["SecretString"])


def _long_enough(arn: str, found: Secret) -> Secret:
    try:
        values.shared_secret(found.password)
    except ValueError as error:
        raise SecretUnavailable(arn, f"it {error}") from None
    return found


@cache
def _source(arn: str) -> Source:
    return Source(arn, fetched)


@cache
def _client(service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )
    # A session of its own: the default one must not be used by several threads at once.
    return boto3.Session().client(service, region_name=region, config=config)
