"""Invocations of a Chalice app, many at once on one event loop: each in a greenlet of its own, as if it were alone.

Code within an invocation waits by `wait`: its greenlet stands still, the loop goes on with the others. Knows neither
HTTP nor Redis.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, cast

from chalice.app import Chalice, Request
from greenlet import getcurrent, greenlet

Event = dict[str, Any]
Result = TypeVar("Result")
App = Callable[[Event, object], Event]  # an event and its context in, an integration's response out

MAX_IN_FLIGHT = 1_024  # invocations of a process at the same time; further ones wait, first come first served


class _Invocation(greenlet):  # type: ignore[misc]  # greenlet comes without types
    """A greenlet that runs one invocation after the other.

    A new one for each would cost more than it does itself: Python maps a new stack for its frames.
    """

    request: Request | None = None
    context: Any = None

    def run(self, app: App, event: Event, context: object) -> None:
        """Run what is passed on the first switch, then what is passed on each further one; hand the answers out."""
        while True:
            app, event, context = self.parent.switch(app(event, context))


class Invocations:
    """Runs invocations of one app, which is one that `keep_apart` was called for, or something in front of it."""

    def __init__(self, app: App, limit: int = MAX_IN_FLIGHT) -> None:
        self._app = app
        self._idle: list[_Invocation] = []
        self._places = asyncio.Semaphore(limit)

    async def run(self, event: Event, context: object) -> Event:
        """Return the app's answer to an event. Raises what the app raises."""
        async with self._places:
            invocation = self._idle.pop() if self._idle else _Invocation()
            answer = invocation.switch(self._app, event, context)
            while type(answer) is not dict:
                try:
                    reply = await answer
                except BaseException:  # the loop ends, or what was awaited failed: nothing may stay behind half-way
                    invocation.throw()
                    raise
                answer = invocation.switch(reply)
            self._idle.append(invocation)  # one that raised has ended, and is not used again
            return answer


def in_invocation() -> bool:
    """Whether the caller is code within an invocation, which can wait."""
    return isinstance(getcurrent(), _Invocation)


def wait(future: "asyncio.Future[Any]") -> Any:
    """Let others run until a future is done, and return its result. Only within an invocation."""
    return getcurrent().parent.switch(future)


def aside(call: Callable[[], Result], threads: Executor | None = None) -> Result:
    """Run in a thread what would hold up the others, and return or raise what it does. Only within an invocation."""

    def outcome() -> tuple[Result | None, Exception | None]:
        try:
            return call(), None
        except Exception as error:  # noqa: BLE001  it is raised again, where it was asked for
            return None, error

    result, error = wait(asyncio.get_running_loop().run_in_executor(threads, outcome))
    if error is not None:
        raise error
    return cast(Result, result)


def keep_apart(app: Chalice) -> None:
    """Make the current request and context each invocation's own: swap the app's class, as Chalice's server does."""

    class AppOfManyRequests(app.__class__):  # type: ignore[misc, name-defined]
        current_request = _kept_by_the_invocation("request")
        lambda_context = _kept_by_the_invocation("context")

    app.__class__ = AppOfManyRequests


def _kept_by_the_invocation(name: str) -> property:
    def read(_: Chalice) -> Any:
        return getattr(getcurrent(), name, None)

    def write(_: Chalice, value: object) -> None:
        setattr(getcurrent(), name, value)

    return property(read, write)
