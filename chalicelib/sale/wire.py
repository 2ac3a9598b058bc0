"""One connection to Redis: send, read, nothing else. Raises redis-py's errors; who sends again is decided above.

redis-py connects (TLS, password, database) and hiredis parses; what lies between costs a buyer more CPU than the
rest of the way to Redis, above all Python's own time-outs, which ask the kernel before each send and each read whether
it would wait. On a plain socket the kernel keeps the time-out itself.
"""

import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis.connection import Connection
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

Argument = str | bytes | int | float

# The first word of an error reply that means something to a caller; the rest of the reply is the error's text.
_ERRORS: dict[str, type[Exception]] = {
    "ASK": AskError,
    "CLUSTERDOWN": ClusterDownError,
    "LOADING": BusyLoadingError,
    "MASTERDOWN": MasterDownError,
    "MISCONF": ReadOnlyError,  # it cannot write to its disk, and takes no writes until it can
    "MOVED": MovedError,
    "NOAUTH": AuthenticationError,  # to redis-py a ConnectionError: the connection is dropped, and another logs in
    "NOREPLICAS": ReadOnlyError,  # fewer replicas follow it than its `min-replicas-to-write`
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "TRYAGAIN": TryAgainError,
}
_BUFFER_BYTES = 65_536


class Wire:
    """A connected socket; for one thread at a time. After any error but an error reply it must be closed."""

    __slots__ = ("_buffer", "_connection", "_reader", "_socket")

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        """Connect. Raises redis-py's ConnectionError, TimeoutError or AuthenticationError."""
        connection.connect()
        self._connection = connection
        self._socket = cast(socket.socket, connection._sock)  # redis-py has no public name for it
        self._reader = reply_reader()
        self._buffer = bytearray(_BUFFER_BYTES)
        if not isinstance(self._socket, ssl.SSLSocket):  # whose reads may need several of the socket's
            self._socket.settimeout(None)
            limit = struct.pack("ll", int(timeout_s), int(timeout_s % 1 * 1_000_000))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def ask(self, words: Sequence[Argument]) -> Any:
        """Send one command and return its reply."""
        return self.ask_packed(pack(words))

    def ask_packed(self, packed: bytes) -> Any:
        """Send a command that is packed already and return its reply. Raises ResponseError for an error reply."""
        try:
            self._socket.sendall(packed)
            reply = self._read()
        except (TimeoutError, BlockingIOError) as error:
            raise RedisTimeoutError("no answer in time") from error
        except (OSError, hiredis.HiredisError) as error:
            raise RedisConnectionError(f"the connection broke: {error}") from error
        if isinstance(reply, Exception):
            raise reply
        return reply

    def transact(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Send commands between MULTI and EXEC and return the list of their replies."""
        try:
            self._socket.sendall(pack_transaction(commands))
            # All are read, also behind an error: the next caller must not get one of ours.
            replies = [self._read() for _ in range(len(commands) + 2)]
        except (TimeoutError, BlockingIOError) as error:
            raise RedisTimeoutError("no answer in time") from error
        except (OSError, hiredis.HiredisError) as error:
            raise RedisConnectionError(f"the connection broke: {error}") from error
        return transaction_done(replies)

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()

    def _read(self) -> Any:
        while (reply := self._reader.gets()) is False:
            count = self._socket.recv_into(self._buffer)
            if count == 0:
                raise ConnectionResetError("closed by Redis")
            self._reader.feed(self._buffer, 0, count)  # type: ignore[arg-type]  # any buffer will do
        return reply


def pack(words: Sequence[Argument]) -> bytes:
    """Pack one command."""
    packed: bytes = hiredis.pack_command(tuple(words))  # type: ignore[arg-type]  # its stub says: of one word
    return packed


def pack_transaction(commands: Sequence[Sequence[Argument]]) -> bytes:
    """Pack commands between MULTI and EXEC; they get two replies more than there are commands."""
    return b"".join([pack(words) for words in (("MULTI",), *commands, ("EXEC",))])


def transaction_done(replies: Sequence[Any]) -> list[Any]:
    """Return the replies of a transaction's commands, of all that came. Raises what any of them was refused with."""
    for reply in (*replies, *(replies[-1] if isinstance(replies[-1], list) else ())):
        if isinstance(reply, Exception):
            raise reply
    done: list[Any] = replies[-1]
    return done


def reply_reader() -> hiredis.Reader:
    """Return a parser for one connection. Error replies come out of it as exceptions, which it does not raise."""
    return hiredis.Reader(replyError=_error)


def _error(text: str) -> Exception:
    word, _, rest = text.partition(" ")
    known = _ERRORS.get(word)
    try:
        return known(rest) if known else ResponseError(text)
    except ValueError:  # MOVED or ASK to nowhere
        return ResponseError(text)
