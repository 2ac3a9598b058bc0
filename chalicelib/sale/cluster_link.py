"""The link to a Redis Cluster: redis-py knows the slots and follows the cluster, the exchange is the single server's.

redis-py's high-level calls would also reshape the replies; here they are the same lists and bytes as from one server.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from redis.cluster import ClusterNode, RedisCluster
from redis.connection import Connection
from redis.exceptions import AskError, MovedError, NoScriptError, RedisClusterException, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from chalicelib.errors import StoreUnavailable
from chalicelib.sale.redis_link import NOT_NOW, UNBOUNDED, Script, pack_script
from chalicelib.sale.wire import Argument, Wire

_ATTEMPTS = 4
_PAUSE_S = 0.05


class ClusterLink:
    """A link to a cluster; one connection per thread and node."""

    def __init__(self, url: str, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._url = url
        self._options: dict[str, Any] = {
            "socket_connect_timeout": connect_timeout_s,
            "socket_timeout": read_timeout_s,
            "max_connections": UNBOUNDED,
        }
        self._timeout_s = read_timeout_s
        self._lock = threading.Lock()
        self._cluster: RedisCluster | None = None
        self._threads = threading.local()

    def command(self, *words: Argument) -> Any:
        return self._answered(str(words[1]), lambda wire: wire.ask(words))

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
        """Run an exchange on the node that has the key, following it where the cluster has moved it."""
        failure: Exception | None = None
        asked: tuple[str, int] | None = None  # this key has moved already, its slot has not: ask there for this once
        for attempt in range(_ATTEMPTS):
            try:
                if asked:
                    return self._asking(*asked, exchange)
                if attempt:
                    time.sleep(_PAUSE_S)
                    self._learn()
                return self._exchanged(key, exchange)
            except MovedError as error:  # an AskError to redis-py, so it has to be caught before that
                failure, asked = error, None
            except AskError as error:
                failure, asked = error, (str(error.host), int(error.port))
            except RedisTimeoutError as error:
                failure = error
                break  # an answer late by one time-out is late enough: the caller decides
            except (RedisConnectionError, RedisClusterException, OSError, *NOT_NOW) as error:
                failure, asked = error, None
        raise StoreUnavailable(f"the Redis Cluster does not answer: {failure}") from failure

    def _exchanged(self, key: str, exchange: Callable[[Wire], Any]) -> Any:
        cluster = self._known()
        node = cluster.nodes_manager.get_node_from_slot(cluster.keyslot(key))
        return self._on_node(node.host, node.port, exchange)

    def _asking(self, host: str, port: int, exchange: Callable[[Wire], Any]) -> Any:
        def after_asking(wire: Wire) -> Any:
            wire.ask(("ASKING",))
            return exchange(wire)

        return self._on_node(host, port, after_asking)

    def _on_node(self, host: str, port: int, exchange: Callable[[Wire], Any]) -> Any:
        wires: dict[tuple[str, int], Wire] = self._threads.__dict__.setdefault("wires", {})
        wire = wires.get((host, port))
        if wire is None:
            cluster = self._known()
            node = cluster.get_node(host, port)
            if node is None:  # it has no slots yet, so redis-py has not heard of it
                node = ClusterNode(host, port)
                cluster.nodes_manager.create_redis_connections([node])
            pool = cluster.get_redis_connection(node).connection_pool
            wire = wires[host, port] = Wire(cast(Connection, pool.make_connection()), self._timeout_s)
        try:
            return exchange(wire)
        except ResponseError:
            raise
        except BaseException:
            del wires[host, port]
            wire.close()
            raise

    def _known(self) -> RedisCluster:
        with self._lock:
            if self._cluster is None:
                self._cluster = RedisCluster.from_url(self._url, protocol=2, **self._options)
            return self._cluster

    def _learn(self) -> None:
        """Read the cluster's slots again; where nobody answers, from the nodes of the URL."""
        try:
            self._known().nodes_manager.initialize()
        except RedisError:
            with self._lock:
                self._cluster = None
            raise
