"""A blocking link for the gateway's worker: its calls wait in threads, so that one request does not hold up others."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chalicelib.sale.redis_link import Argument, RedisLink, Script
from ops.local.invocation import aside, in_invocation

# So many calls wait at once, further ones for these. A node of a cluster that is away holds its callers for one
# time-out at the most, and few of them: the link refuses the others.
CALLS = 64
Result = TypeVar("Result")


class LinkAside:
    """Any link, one call in a thread each. Outside an invocation the caller waits itself."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._threads = ThreadPoolExecutor(CALLS, thread_name_prefix="redis")

    def command(self, *words: Argument) -> Any:
        return self._aside(lambda: self._link.command(*words))

    def script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        return self._aside(lambda: self._link.script(script, keys, arguments))

    def transaction(self, *commands: Sequence[Argument]) -> list[Any]:
        return self._aside(lambda: self._link.transaction(*commands))

    def _aside(self, call: Callable[[], Result]) -> Result:
        return aside(call, self._threads) if in_invocation() else call()
