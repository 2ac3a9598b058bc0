"""The link to Redis of the gateway's worker: one connection for all of its requests, which wait without blocking.

To the sale it is a RedisLink like any other, and it says the same errors; only code within an invocation can use it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as RedisTimeoutError

from chalicelib.errors import StoreUnavailable
from chalicelib.sale import redis_link
from chalicelib.sale.login import Login, connected
from chalicelib.sale.redis_link import NO_ANSWER, Argument, RedisLink, Script, connections, pack_script
from chalicelib.sale.wire import pack, pack_transaction, transaction_done
from ops.local.invocation import in_invocation, wait
from ops.local.link_aside import LinkAside
from ops.local.pipeline import TICK_S, Pipeline, Question


def open_link(
    url: str, *, cluster: bool, connect_timeout_s: float, read_timeout_s: float, login: Login | None = None
) -> RedisLink:
    """Return a shared link; for a cluster or over TLS one that waits in threads, which costs a request more CPU."""
    if cluster or url.startswith("rediss://"):
        return LinkAside(
            redis_link.open_link(
                url, cluster=cluster, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s, login=login
            )
        )
    return SharedLink(url, connect_timeout_s, read_timeout_s, login)


class SharedLink:
    """A link to one server, for all invocations of one event loop.

    Whoever asks while there is no connection waits for one; it is made in a thread, once for all. Nobody waits longer
    than both time-outs together, whatever happens on the way.
    """

    def __init__(self, url: str, connect_timeout_s: float, read_timeout_s: float, login: Login | None = None) -> None:
        self._connections = connections(url, connect_timeout_s, read_timeout_s, login)
        self._read_timeout_s = read_timeout_s
        self._longest_s = connect_timeout_s + read_timeout_s
        self._pipeline: Pipeline | None = None
        self._waiting: deque[Question] = deque()  # for a connection
        self._connecting = False
        self._timer: asyncio.TimerHandle | None = None

    def command(self, *words: Argument) -> Any:
        return self._ask(pack(words))

    def script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        try:
            reply = self._ask(pack_script(script, tuple(keys), arguments))
        except NoScriptError:
            reply = self._ask(pack(("EVAL", script.text, len(keys), *keys, *arguments)))
        return reply

    def transaction(self, *commands: Sequence[Argument]) -> list[Any]:
        try:
            return transaction_done(self._ask(pack_transaction(commands), len(commands) + 2))
        except NO_ANSWER as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Close the connection; whoever waits is told that Redis does not answer."""
        if self._pipeline is not None:
            self._pipeline.close(RedisTimeoutError("the link was closed"))

    def _ask(self, packed: bytes, wanted: int = 1) -> Any:
        if not in_invocation():
            raise RuntimeError("a shared link can be asked within an invocation of the gateway only")
        loop = asyncio.get_running_loop()
        question = Question(packed, wanted, loop.create_future(), loop.time() + self._longest_s)
        if self._pipeline is not None:
            self._pipeline.send(question)
        else:
            self._waiting.append(question)
            self._connect()
        reply = wait(question.answer)
        if isinstance(reply, NO_ANSWER):
            raise _unavailable(reply) from reply
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def _connect(self) -> None:
        loop = self._waiting[0].answer.get_loop()
        if self._timer is None:
            self._timer = loop.call_at(self._waiting[0].due_s, self._look_at_the_clock)
        if not self._connecting:
            self._connecting = True
            loop.run_in_executor(None, connected, self._connections).add_done_callback(self._begin)

    def _begin(self, made: "asyncio.Future[Connection]") -> None:
        """Send what has waited for the connection, or tell that there is none."""
        self._connecting = False
        if made.cancelled():  # the process ends
            return
        waiting, self._waiting = self._waiting, deque()
        error = made.exception()
        if error is not None:
            self._again(waiting, error)
            return
        self._pipeline = Pipeline(made.get_loop(), made.result(), self._read_timeout_s, self._lost)
        for question in waiting:
            self._pipeline.send(question)

    def _lost(self, unanswered: deque[Question], error: Exception) -> None:
        self._pipeline = None
        self._again(unanswered, error)

    def _again(self, questions: deque[Question], error: BaseException) -> None:
        """Send what a broken connection may have swallowed once more, over a new one; but not what is late."""
        for question in questions:
            if isinstance(error, RedisConnectionError) and question.resends:
                question.resends -= 1
                question.replies = []
                self._waiting.append(question)
            else:
                question.settle(error)
        if self._waiting:
            self._connect()

    def _look_at_the_clock(self) -> None:
        """Tell those whose time is up; the first to ask is the first to go."""
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting and self._waiting[0].due_s <= loop.time() + TICK_S:
            self._waiting.popleft().settle(RedisTimeoutError("no connection in time"))
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0].due_s, self._look_at_the_clock)


def _unavailable(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"Redis does not answer: {error}")
