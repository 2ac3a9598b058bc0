"""HTTP for many visitors of one process: kept-alive connections, an answer or the reason why there is none.

Imported in the generator's own processes only: it needs gevent.
"""

import errno
import json
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError

from ops.demo.answer import Answer, retry_after_s
from ops.rehearse.generator.asks import Ask

_CONNECT_S, _ANSWER_S = 3.0, 10.0
_OWN = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)


class Unanswered(Exception):
    """There was no answer; `is_own` when this machine had no descriptor, port or memory for the connection."""

    def __init__(self, error: Exception) -> None:
        number = error.errno if isinstance(error, OSError) else None
        super().__init__(errno.errorcode.get(number or 0, type(error).__name__))
        self.is_own = number in _OWN


class Link:
    """The routes of one sale. Connections that are used most recently are used next."""

    def __init__(self, url: str, sale_id: str, connections: int, token_of: Callable[[int], str] | None = None) -> None:
        """`token_of` returns the bearer token of a buyer by number."""
        parts = urlsplit(url)
        self._base = f"{parts.path.rstrip('/')}/api/v1/sales/{sale_id}"
        self._token_of = token_of
        self.told: Callable[[Ask, float, int, Exception | None], None] | None = None  # for Locust's own statistics
        self._client = HTTPClient.from_url(
            f"{parts.scheme}://{parts.netloc}/",
            concurrency=connections,
            connection_timeout=_CONNECT_S,
            network_timeout=_ANSWER_S,
            headers={"User-Agent": "onsale-rehearse", "Accept": "application/json"},
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def send(self, ask: Ask, number: int) -> tuple[Answer, float]:
        """Send a request; return the answer and the seconds of its Retry-After. Raises Unanswered."""
        headers = {"Content-Type": "application/json"} if ask.body is not None else {}
        if self._token_of:
            headers["Authorization"] = f"Bearer {self._token_of(number)}"
        body = b"" if ask.body is None else json.dumps(ask.body).encode()
        began_s = time.monotonic()
        try:
            try:
                status, raw, told_s = self._once(ask, body, headers)
            except HTTPConnectionClosed:  # as a rule one that the server had closed while nobody used it
                status, raw, told_s = self._once(ask, body, headers)
        except (OSError, HTTPParseError) as error:
            self._tell(ask, began_s, 0, error)
            raise Unanswered(error) from error
        self._tell(ask, began_s, len(raw), OSError(f"status {status}") if status >= 500 else None)
        return Answer.read(status, raw), told_s

    def _tell(self, ask: Ask, began_s: float, length: int, error: Exception | None) -> None:
        if self.told:
            self.told(ask, time.monotonic() - began_s, length, error)

    def _once(self, ask: Ask, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, float]:
        response = self._client.request(ask.method, self._base + ask.path, body, headers)
        raw = bytes(response.read())
        status = response.status_code
        told_s = retry_after_s(str(response.get("Retry-After") or "")) if status in (429, 503) else 0.0
        return status, raw, told_s
