"""The issuer's public keys (JWKS, RFC 7517): fetched, sifted, kept, and fetched again without anybody's command.

Which keys may be used is decided here; what they are used for is `tokens`' matter. A token's `kid` is compared with
the names in the set and nothing else is ever done with it.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import HTTPRedirectHandler, build_opener

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from chalicelib.token_rules import TokenRules

FETCH_WITHIN_S = 2.0
KEEP_S = 300.0  # how long a set is used before it is looked at again: a withdrawn key lives so much longer
STALE_S = 3_600.0  # how long a set is used while it cannot be fetched
REFETCH_S = 10.0  # at least, between a good fetch and the next for an unknown kid: tokens anybody made cannot hurry it
RETRY_S = 2.0  # at least, between a failed fetch and the next
MAX_BYTES = 256 * 1024
MAX_KEYS = 100
_MIN_RSA_BITS = 2_048
_KEY_TYPES = {"RS256": ("RSA", None), "ES256": ("EC", "P-256")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_log = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """There is no set of keys, and none can be had now. Nobody's token is to blame."""


class NotAKeySet(Exception):
    """What was fetched is no JWKS."""


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: keys come from the URL of the settings or not at all."""

    def redirect_request(self, *_: Any) -> None:
        return None


def fetch(url: str) -> bytes:
    """GET a document. Raises OSError, also for a redirect; a time-out is for each of its steps."""
    with build_opener(_NoRedirect).open(url, timeout=FETCH_WITHIN_S) as response:
        read: bytes = response.read(MAX_BYTES + 1)
        return read


def usable_keys(document: bytes, algorithm: str) -> dict[str, PyJWK]:
    """Return by kid the keys of a JWKS that may verify signatures of the algorithm; "" for a key without one.

    Left out: another type or curve, another `alg`, `use` or `key_ops`, RSA below 2,048 bits, and what has private
    parts, as then anybody may sign with it. Of two with one name the first counts. Raises NotAKeySet.
    """
    if len(document) > MAX_BYTES:
        raise NotAKeySet(f"more than {MAX_BYTES} bytes")
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise NotAKeySet("not JSON") from error
    listed = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise NotAKeySet(f"no object with a list `keys` of at most {MAX_KEYS}")
    usable: dict[str, PyJWK] = {}
    for number, raw in enumerate(listed):
        reason = _unusable(raw, algorithm)
        key = None if reason else _readable(raw, algorithm)
        if key is None:
            _log.warning("key %d of the JWKS is not used: %s", number, reason or "it is malformed or too short")
        else:
            usable.setdefault(raw.get("kid", ""), key)
    if not usable:
        _log.error("the JWKS has no key for %s: every token is refused", algorithm)
    return usable


def _unusable(raw: Any, algorithm: str) -> str:
    """Return why a key must not be used, "" if it may."""
    if not isinstance(raw, dict) or not isinstance(raw.get("kid", ""), str):
        return "it is no key"
    if _PRIVATE & raw.keys():
        return "it has private parts"
    kind, curve = _KEY_TYPES[algorithm]
    if raw.get("kty") != kind or raw.get("crv") != curve or raw.get("alg", algorithm) != algorithm:
        return f"it is not for {algorithm}"
    operations = raw.get("key_ops", ["verify"])
    if raw.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return "it is not for signatures"
    return ""


def _readable(raw: dict[str, Any], algorithm: str) -> PyJWK | None:
    try:
        key = PyJWK(raw, algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    return None if algorithm == "RS256" and key.key.key_size < _MIN_RSA_BITS else key


class KeySet:
    """The keys of one source, for any number of threads: one of them fetches, the others wait for it.

    `load` returns the document or raises OSError; it gets FETCH_WITHIN_S in all, name look-up included.
    """

    def __init__(self, load: Callable[[], bytes], algorithm: str, clock: Callable[[], float] = time.time) -> None:
        # Not a monotonic clock: that may stand still while a function is frozen.
        self._load, self._algorithm, self._clock = load, algorithm, clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at_s = float("-inf")
        self._not_before_s = float("-inf")
        self._lock = threading.Lock()
        self._pending: threading.Thread | None = None

    @classmethod
    def of(cls, rules: TokenRules) -> "KeySet":
        """Return the keys that the settings name; nothing is fetched before the first token."""
        url, path = rules.jwks_url, rules.jwks_file
        return cls((lambda: fetch(url)) if url else Path(path).read_bytes, rules.algorithm)

    def key(self, kid: str | None) -> PyJWK | None:
        """Return the key of a name; without one, the only key there is. Raises KeysUnavailable."""
        with self._lock:
            age_s = self._clock() - self._fetched_at_s
            if not 0 <= age_s < KEEP_S or self._find(kid) is None:
                self._refresh()
            age_s = self._clock() - self._fetched_at_s
            if not 0 <= age_s < KEEP_S + STALE_S:
                raise KeysUnavailable("the issuer's keys cannot be fetched")
            return self._find(kid)

    def _find(self, kid: str | None) -> PyJWK | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _refresh(self) -> None:
        """Fetch the set unless that was tried a moment ago; what is had already stays when it fails."""
        now_s = self._clock()
        if 0 <= self._not_before_s - now_s <= max(REFETCH_S, RETRY_S):
            return
        if self._pending is not None and self._pending.is_alive():
            return
        try:
            self._keys = usable_keys(self._loaded(), self._algorithm)
        except (OSError, NotAKeySet) as error:
            _log.error("the JWKS cannot be fetched: %s", error)
            self._not_before_s = self._clock() + RETRY_S
        else:
            self._fetched_at_s = now_s
            self._not_before_s = now_s + REFETCH_S

    def _loaded(self) -> bytes:
        """Load in a thread, because no time-out of a socket bounds the name look-up or a server that drips."""
        answer: list[bytes | OSError] = []

        def run() -> None:
            try:
                answer.append(self._load())
            except OSError as error:
                answer.append(error)
            except (HTTPException, ValueError) as error:  # an answer that is not HTTP
                answer.append(OSError(f"{type(error).__name__}: {error}"))

        self._pending = threading.Thread(target=run, name="jwks", daemon=True)
        self._pending.start()
        self._pending.join(FETCH_WITHIN_S)
        if not answer:
            raise TimeoutError(f"no answer within {FETCH_WITHIN_S:g} s")
        if isinstance(answer[0], OSError):
            raise answer[0]
        return answer[0]
