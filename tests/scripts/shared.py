"""Shared links for tests: an event loop in a thread, on which whatever a test asks is an invocation."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvloop

from chalicelib.sale.login import Login
from chalicelib.sale.redis_link import Argument, Script
from chalicelib.wiring import LinkOpener
from ops.local.invocation import Event, Invocations
from ops.local.shared_link import SharedLink, open_link

Act = Callable[[], Any]
_PATIENCE_S = 30


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()  # the gateway's
        self._invocations = Invocations(self._invoke)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __call__(self, *acts: Act) -> list[Any]:
        """Run acts side by side; returns what each returned or raised."""
        return self.started(*acts)()

    def started(self, *acts: Act) -> Callable[[], list[Any]]:
        """Start acts side by side; returns what waits for all of them."""
        running = asyncio.run_coroutine_threadsafe(self._all(acts), self._loop)
        return lambda: running.result(_PATIENCE_S)

    def plainly(self, act: Act) -> Any:
        """Run an act on the loop, but not as an invocation."""

        async def run() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE_S)

    def stop(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    async def _all(self, acts: Sequence[Act]) -> list[Any]:
        done = await asyncio.gather(
            *(self._invocations.run({"act": act}, None) for act in acts), return_exceptions=True
        )
        return [each if isinstance(each, BaseException) else each["said"] for each in done]

    @staticmethod
    def _invoke(event: Event, _: object) -> Event:
        return {"said": event["act"]()}


class FromOutside:
    """A RedisLink for any thread: passes each call on to a shared link, as an invocation."""

    def __init__(self, loop: Loop, link: SharedLink) -> None:
        self._loop = loop
        self._link = link

    def command(self, *words: Argument) -> Any:
        return self._said(lambda: self._link.command(*words))

    def script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        return list(self._said(lambda: self._link.script(script, keys, arguments)))

    def transaction(self, *commands: Sequence[Argument]) -> list[Any]:
        return list(self._said(lambda: self._link.transaction(*commands)))

    def _said(self, act: Act) -> Any:
        (said,) = self._loop(act)
        if isinstance(said, BaseException):
            raise said
        return said


@contextmanager
def outside_an_invocation() -> Iterator[LinkOpener]:
    """Open shared links that can be used like any other."""
    loop = Loop()
    opened: list[SharedLink] = []

    def open_shared(
        url: str, *, cluster: bool, connect_timeout_s: float, read_timeout_s: float, login: Login | None = None
    ) -> FromOutside:
        link = open_link(
            url, cluster=cluster, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s, login=login
        )
        assert isinstance(link, SharedLink)
        opened.append(link)
        return FromOutside(loop, link)

    try:
        yield open_shared
    finally:
        for link in opened:
            loop.plainly(link.close)
        loop.stop()
