"""Which node of a Redis Cluster serves which slot: asked of the nodes, and corrected by what they say of moves.

Knows neither keys nor what is asked of a node, and how one is asked at all is the link's matter.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

Node = tuple[str, int]  # host and port
SLOTS = 16_384


class ClusterMap:
    """The slots as last heard of. For several threads: while one asks, the others wait for what it hears."""

    def __init__(self, seeds: Sequence[Node], ask: Callable[[Node], Any], patience_s: float) -> None:
        """`ask` sends CLUSTER SLOTS to a node and returns its reply, or raises a RedisError or an OSError."""
        self._seeds = tuple(seeds)
        self._ask = ask
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._nodes: tuple[Node, ...] = ()
        self._serving: list[Node | None] = [None] * SLOTS
        self._doubted: Node | None = None
        self._asked_at_s, self._failure = float("-inf"), ""

    def node(self, slot: int) -> Node:
        """Return who serves a slot. Raises redis-py's ConnectionError where no node says so in time."""
        if self._doubted is not None or not self._nodes:
            self._learn()
        found = self._serving[slot] or self._learn()._serving[slot]
        if found is None:
            raise RedisConnectionError(f"no node serves slot {slot}")
        return found

    def doubt(self, node: Node) -> None:
        """Ask the nodes again before the next use, this one last: it does not answer, and may have been replaced."""
        self._doubted = node

    def moved(self, slot: int, node: Node) -> None:
        """Take a node's word for where a slot is now; others may not have heard of it yet."""
        self._serving[slot] = node

    def _learn(self) -> "ClusterMap":
        came_at_s = time.monotonic()
        with self._lock:
            if self._asked_at_s < came_at_s:  # else somebody has asked while this caller waited
                self._failure = self._asked(came_at_s + self._patience_s)
                self._asked_at_s = time.monotonic()
            if self._failure:
                raise RedisConnectionError(self._failure)
        return self

    def _asked(self, give_up_at_s: float) -> str:
        """Ask one node after the other until one knows; returns why none does."""
        doubted, self._doubted = self._doubted, None
        known = random.sample(self._nodes, len(self._nodes))  # not all clients the same one
        failure = ""
        for node in sorted(dict.fromkeys((*known, *self._seeds)), key=lambda each: each == doubted):
            try:
                self._take(self._ask(node), node)
            except (RedisError, OSError) as error:
                failure = f"{failure}{'; ' if failure else ''}{node[0]}:{node[1]}: {error}"
                if time.monotonic() > give_up_at_s:
                    break
            else:
                return ""
        self._doubted = doubted
        return failure

    def _take(self, ranges: Sequence[Any], told_by: Node) -> None:
        serving: list[Node | None] = [None] * SLOTS
        nodes: dict[Node, None] = {}
        for first, last, *owners in ranges:
            # A node that has never been met by another does not know its own address, and says "".
            places = [((host or b"").decode() or told_by[0], int(port)) for host, port, *_ in owners]
            nodes |= dict.fromkeys(places)
            serving[first : last + 1] = [places[0]] * (last + 1 - first)
        if not nodes:
            raise RedisConnectionError("serves no slots, and knows nobody who does")
        self._serving, self._nodes = serving, tuple(nodes)
