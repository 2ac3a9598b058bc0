"""One connection to Redis that carries the commands of many: sent together, answered in order. Knows no greenlet.

What all have asked in one turn of the event loop leaves in one `send`, which spares Redis as much as it does us. The
time-out is that of the oldest question: where it has none in time Redis hangs, and everything behind it is lost too.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from chalicelib.sale.wire import reply_reader

_BUFFER_BYTES = 65_536
TICK_S = 0.001  # uvloop counts in ms, and may wake a timer early by one


class Question:
    """Packed commands, and the future that is given their replies: the one reply, a list of several, or an error.

    Errors are results too, so that none is "never retrieved" where who asked is gone.
    """

    __slots__ = ("answer", "due_s", "packed", "replies", "resends", "wanted")

    def __init__(self, packed: bytes, wanted: int, answer: "asyncio.Future[Any]", due_s: float) -> None:
        self.packed = packed
        self.wanted = wanted  # replies
        self.answer = answer
        self.due_s = due_s  # on the loop's clock
        self.replies: list[Any] = []
        self.resends = 1

    def settle(self, answer: object) -> None:
        """Give the answer to who waits for it, if somebody still does."""
        if not self.answer.done():
            self.answer.set_result(answer)


Lost = Callable[[deque[Question], Exception], None]


class Pipeline:
    """A connected socket, read and written by the event loop. Ends on the first fault and hands back what is open."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Connection, timeout_s: float, lost: Lost) -> None:
        """Take over a connection; `lost` is called once, with the questions that have no answer and the reason."""
        self._loop = loop
        self._connection = connection
        self._socket = cast(socket.socket, connection._sock)  # redis-py has no public name for it
        self._socket.setblocking(False)
        self._timeout_s = timeout_s
        self._lost = lost
        self._reader = reply_reader()
        self._buffer = bytearray(_BUFFER_BYTES)
        self._open: deque[Question] = deque()
        self._outgoing: list[bytes] = []
        self._full = False  # the socket takes no more for now
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        loop.add_reader(self._socket, self._read)

    def send(self, question: Question) -> None:
        """Send with what the others ask in this turn of the loop."""
        question.due_s = min(question.due_s, self._loop.time() + self._timeout_s)
        if not self._outgoing and not self._full:
            self._loop.call_soon(self._write)
        self._outgoing.append(question.packed)
        self._open.append(question)
        if self._timer is None:
            self._timer = self._loop.call_at(question.due_s, self._look_at_the_clock)

    def close(self, error: Exception) -> None:
        """Close the connection and hand back what is open."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        self._connection.disconnect()
        self._lost(self._open, error)

    def _write(self) -> None:
        if self._closed:
            return
        data = b"".join(self._outgoing)
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self.close(RedisConnectionError(f"the connection broke: {error}"))
            return
        rest = data[sent:]
        self._outgoing = [rest] if rest else []
        if bool(rest) != self._full:
            self._full = not self._full
            if self._full:
                self._loop.add_writer(self._socket, self._write)
            else:
                self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            count = self._socket.recv_into(self._buffer)
            if count == 0:
                raise ConnectionResetError("closed by Redis")
            self._reader.feed(self._buffer, 0, count)  # type: ignore[arg-type]  # any buffer will do
            while (reply := self._reader.gets()) is not False:
                self._answer(reply)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, hiredis.HiredisError) as error:
            self.close(RedisConnectionError(f"the connection broke: {error}"))

    def _answer(self, reply: Any) -> None:
        if not self._open:
            raise ConnectionResetError(f"a reply to nothing: {reply!r}")
        question = self._open[0]
        if question.wanted > 1:
            question.replies.append(reply)
            if len(question.replies) < question.wanted:
                return
            reply = question.replies
        self._open.popleft()
        question.settle(reply)

    def _look_at_the_clock(self) -> None:
        """Give up where the oldest question is overdue; one timer for all, as each would cost more than it is worth."""
        self._timer = None
        while self._open and self._open[0].due_s <= self._loop.time() + TICK_S:
            oldest = self._open[0]
            self._read()  # it may have come while this process stood still
            if self._closed:
                return
            if self._open and self._open[0] is oldest:
                self.close(RedisTimeoutError("no answer in time"))
                return
        if self._open:
            self._timer = self._loop.call_at(self._open[0].due_s, self._look_at_the_clock)
