"""The link to a Redis Cluster: each exchange goes to the node that has its key, and follows a key that moves.

redis-py has a client for clusters; its high-level calls would reshape the replies, and it would not learn of a node's
successor while that node neither answers nor refuses.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from redis.connection import ConnectionPool
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, NoScriptError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from chalicelib.errors import StoreUnavailable
from chalicelib.redis_urls import at_node, node_urls
from chalicelib.sale.cluster_map import ClusterMap, Node
from chalicelib.sale.login import Login, connected
from chalicelib.sale.redis_link import NOT_NOW, Script, connections, pack_script
from chalicelib.sale.wire import Argument, Wire

_ATTEMPTS = 5
_PAUSE_S = 0.05
_QUIET_S = 0.1  # so long nobody else tries a node that has just failed somebody


class ClusterLink:
    """A link to a cluster; one connection per thread and node."""

    def __init__(self, url: str, connect_timeout_s: float, read_timeout_s: float, login: Login | None = None) -> None:
        self._url, self._login = url, login
        self._connect_timeout_s, self._read_timeout_s = connect_timeout_s, read_timeout_s
        seeds = [(parts.hostname or "127.0.0.1", parts.port or 6379) for parts in map(urlsplit, node_urls(url))]
        self._patience_s = connect_timeout_s + read_timeout_s
        self._map = ClusterMap(seeds, self._slots_of, self._patience_s)
        self._pools: dict[Node, ConnectionPool] = {}
        self._failed: dict[Node, float] = {}  # nodes that did not answer, and until when they are not tried again
        self._threads = threading.local()

    def command(self, *words: Argument) -> Any:
        return self._answered(_key_of(words), lambda wire: wire.ask(words))

    def script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        packed = pack_script(script, tuple(keys), arguments)
        try:
            reply = self._answered(keys[0], lambda wire: wire.ask_packed(packed))
        except NoScriptError:
            whole = ("EVAL", script.text, len(keys), *keys, *arguments)
            reply = self._answered(keys[0], lambda wire: wire.ask(whole))
        return reply

    def transaction(self, *commands: Sequence[Argument]) -> list[Any]:
        key = next(str(words[1]) for words in commands if len(words) > 1)
        return cast(list[Any], self._answered(key, lambda wire: wire.transact(commands)))

    def _answered(self, key: str, exchange: Callable[[Wire], Any]) -> Any:
        """Run an exchange on the node that has the key, following it where the cluster has moved it.

        An answer late by one time-out is late enough: the caller decides. The next one asks the cluster first.
        """
        slot = key_slot(key.encode())
        node: Node | None = None
        asking = False  # this key has moved already, its slot has not: ask there for this once
        failure: Exception | None = None
        give_up_at_s = time.monotonic() + self._patience_s
        for attempt in range(_ATTEMPTS):
            if attempt > 1 or isinstance(failure, NOT_NOW):
                time.sleep(_PAUSE_S)
            try:
                if not asking:
                    node = self._map.node(slot) if attempt else self._tried(slot)
                return self._on_node(cast(Node, node), _after_asking(exchange) if asking else exchange)
            except MovedError as error:  # an AskError to redis-py, so it has to be caught before that
                failure, asking = error, False
                self._map.moved(slot, _named(error, cast(Node, node)))
            except AskError as error:
                failure, asking, node = error, True, _named(error, cast(Node, node))
            except RedisTimeoutError as error:
                failure = error
                break
            except (RedisConnectionError, OSError, *NOT_NOW) as error:
                failure, asking = error, False
            if time.monotonic() > give_up_at_s:
                break
        if node and not isinstance(failure, ResponseError):
            self._failed[node] = time.monotonic() + _QUIET_S
        raise StoreUnavailable(f"the Redis Cluster does not answer: {failure}") from failure

    def _tried(self, slot: int) -> Node:
        """Return who serves a slot. Raises StoreUnavailable at once while another call finds out whether it answers.

        Else all sales of a node that is away would wait for it one after the other, and the sales of others for them.
        """
        node = self._map.node(slot)
        quiet_until_s = self._failed.get(node)
        if quiet_until_s is None:
            return node
        now_s = time.monotonic()
        if now_s < quiet_until_s:
            raise StoreUnavailable(f"the Redis Cluster does not answer: nothing from {node[0]}:{node[1]} a moment ago")
        self._failed[node] = now_s + self._patience_s  # this call finds out
        self._map.doubt(node)
        return self._map.node(slot)

    def _on_node(self, node: Node, exchange: Callable[[Wire], Any]) -> Any:
        wires: dict[Node, Wire] = self._threads.__dict__.setdefault("wires", {})
        try:
            wire = wires.get(node)
            if wire is None:
                wire = wires[node] = self._connected(node)
            reply = exchange(wire)
        except ResponseError as error:
            if isinstance(error, ClusterDownError):  # cut off, or nobody serves the slot yet: others may know better
                self._map.doubt(node)
            self._failed.pop(node, None)
            raise
        except BaseException:
            # Whatever it was, it may have come between a request and its reply.
            if broken := wires.pop(node, None):
                broken.close()
            self._map.doubt(node)
            raise
        if self._failed:
            self._failed.pop(node, None)
        return reply

    def _connected(self, node: Node) -> Wire:
        pool = self._pools.get(node)
        if pool is None:
            pool = connections(at_node(self._url, *node), self._connect_timeout_s, self._read_timeout_s, self._login)
            self._pools[node] = pool
        return Wire(connected(pool), self._read_timeout_s)

    def _slots_of(self, node: Node) -> Any:
        """Ask a node for the cluster's slots, over a connection of its own: this is rare."""
        wire = self._connected(node)
        try:
            return wire.ask(("CLUSTER", "SLOTS"))
        finally:
            wire.close()


def _named(error: AskError, by: Node) -> Node:
    """Return the node that an answer names; it may leave out the host, which is then that of who answered."""
    return error.host or by[0], int(error.port)


def _after_asking(exchange: Callable[[Wire], Any]) -> Callable[[Wire], Any]:
    def asking(wire: Wire) -> Any:
        wire.ask(("ASKING",))
        return exchange(wire)

    return asking


def _key_of(words: Sequence[Argument]) -> str:
    """Return a command's first key: the second word, except after options or a subcommand."""
    if words[0] == "XREADGROUP":
        return str(words[words.index("STREAMS") + 1])
    return str(words[2] if words[0] == "XGROUP" else words[1])
