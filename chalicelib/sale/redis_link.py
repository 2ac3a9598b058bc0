"""The link to Redis: one connection per thread, scripts by their hash, transactions. Knows no script and no key.

redis-py's high-level call costs more than the script it sends (pools, retries, callbacks, metrics per command), so the
link keeps its connections itself and speaks through `wire`.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol, cast

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from chalicelib.errors import StoreUnavailable
from chalicelib.sale.login import Login, connected, without_login
from chalicelib.sale.wire import Argument as Argument
from chalicelib.sale.wire import Wire

# Answers that mean: not now. Nothing was changed by them (scripts are refused before their first write).
NOT_NOW = (ReadOnlyError, MasterDownError, OutOfMemoryError, BusyLoadingError, ClusterDownError, TryAgainError)
# What a caller hears as StoreUnavailable. InvalidResponse: somebody else listens there.
NO_ANSWER = (RedisConnectionError, RedisTimeoutError, InvalidResponse, OSError, *NOT_NOW)
UNBOUNDED = 2**31 - 1  # connections of a pool, which is asked for new ones and never given one back


class Script:
    """A Lua script, with the hash that names it in Redis' cache."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisLink(Protocol):
    """What the sale needs of Redis. Replies are bytes, integers and lists of them.

    Every method raises StoreUnavailable when Redis does not answer. What a broken connection may have swallowed is
    sent once more, so whatever is sent must be safe to run twice; after StoreUnavailable it may or may not have run.
    """

    def command(self, *words: Argument) -> Any:
        """Run one command; its second word is its key."""

    def script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script, loading it where the cache has lost it."""

    def transaction(self, *commands: Sequence[Argument]) -> list[Any]:
        """Run commands between MULTI and EXEC and return their replies; all keys in one slot."""


def open_link(
    url: str, *, cluster: bool, connect_timeout_s: float, read_timeout_s: float, login: Login | None = None
) -> RedisLink:
    """Return a link; nothing is connected before the first call. A `login` takes the place of the URL's user."""
    if cluster:
        from chalicelib.sale.cluster_link import ClusterLink  # heavy, and only a cluster needs it

        return ClusterLink(url, connect_timeout_s, read_timeout_s, login)
    return ServerLink(url, connect_timeout_s, read_timeout_s, login)


class ServerLink:
    """A link to one server."""

    def __init__(self, url: str, connect_timeout_s: float, read_timeout_s: float, login: Login | None = None) -> None:
        self._pool = connections(url, connect_timeout_s, read_timeout_s, login)
        self._timeout_s = read_timeout_s
        self._threads = threading.local()

    def command(self, *words: Argument) -> Any:
        return self._answered(lambda wire: wire.ask(words))

    def script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        packed = pack_script(script, tuple(keys), arguments)
        try:
            reply = self._answered(lambda wire: wire.ask_packed(packed))
        except NoScriptError:
            reply = self.command("EVAL", script.text, len(keys), *keys, *arguments)
        return reply

    def transaction(self, *commands: Sequence[Argument]) -> list[Any]:
        return cast(list[Any], self._answered(lambda wire: wire.transact(commands)))

    def _answered(self, exchange: Callable[[Wire], Any]) -> Any:
        """Run an exchange; where the connection turns out to be broken, run it once more on a new one."""
        try:
            try:
                return self._exchanged(exchange)
            except RedisConnectionError:
                return self._exchanged(exchange)
        except NO_ANSWER as error:
            raise StoreUnavailable(f"Redis does not answer: {error}") from error

    def _exchanged(self, exchange: Callable[[Wire], Any]) -> Any:
        wire: Wire | None = getattr(self._threads, "wire", None)
        if wire is None:
            wire = self._threads.wire = Wire(connected(self._pool), self._timeout_s)
        try:
            return exchange(wire)
        except ResponseError:
            raise  # an answer too: the connection is still in step
        except BaseException:
            # Whatever it was, it may have come between a request and its reply.
            self._threads.wire = None
            wire.close()
            raise


def connections(
    url: str, connect_timeout_s: float, read_timeout_s: float, login: Login | None = None
) -> ConnectionPool:
    """Return what parses the URL and makes connections; the links keep them, and retrying is the links' own."""
    options: dict[str, Any] = {"socket_timeout": read_timeout_s}
    if not url.startswith("unix://"):
        options |= {"socket_connect_timeout": connect_timeout_s, "socket_keepalive": True}
    if login:
        url = without_login(url)
        options["credential_provider"] = login
    return ConnectionPool.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0), max_connections=UNBOUNDED, **options)


def pack_script(script: Script, keys: tuple[str, ...], arguments: Sequence[Argument]) -> bytes:
    """Pack an EVALSHA: its first words are the same for every buyer of a sale, so they are packed once."""
    parts = [b"*%d\r\n" % (3 + len(keys) + len(arguments)), _packed_head(script.sha, keys)]
    for argument in arguments:
        text = str(argument).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(text), text))
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _packed_head(sha: str, keys: tuple[str, ...]) -> bytes:
    words = [str(word).encode() for word in ("EVALSHA", sha, len(keys), *keys)]
    return b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
