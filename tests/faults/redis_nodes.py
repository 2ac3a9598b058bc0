"""A Redis Cluster on loopback, three primaries with a replica each, and hands on every node of it."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import redis
from redis.crc import key_slot

from chalicelib.sale.cluster_map import SLOTS
from chalicelib.sale.keys import SALES, sale_keys
from ops.local import redis as redis_server
from ops.local.ports import HOST, free_ports
from ops.local.program import Child, spawn, stop_child, wait_until_it_answers
from tests.faults.trade import wait_for

SHARDS = 3
NODE_TIMEOUT_MS = 1_000  # silent for longer is away; Redis' default is 15 s, which a test has no time for
_numbers = count(1)


class Node:
    """One server of a cluster."""

    def __init__(self, folder: Path, port: int, cluster_port: int) -> None:
        self.port, self.cluster_port = port, cluster_port
        self._log = folder / "redis.log"
        self._program = redis_server.program(folder / "data", folder, port, cluster_port=cluster_port)
        self._program.prepare(os.environ)
        self._redis = redis.Redis(host=HOST, port=port, decode_responses=True, socket_timeout=5)
        self._child: Child | None = None

    def start(self) -> None:
        """Start it, or start it again with the data that it has."""
        self._child = spawn(self._program, log=self._log, env=os.environ, tied=True)
        wait_until_it_answers(self._child)
        self.ask("CONFIG", "SET", "cluster-node-timeout", NODE_TIMEOUT_MS)
        self.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)  # no other replica will ask for the same
        self.ask("CONFIG", "SET", "cluster-allow-replica-migration", "no")  # a shard keeps its replica
        self.ask("CONFIG", "SET", "cluster-require-full-coverage", "no")  # else all slots stop when a shard does

    def stop(self, *, kill: bool = False) -> None:
        """End it, as an operator or a crash would; returns when it is gone."""
        if self._child:
            stop_child(self._child, kill=kill)

    def close(self) -> None:
        """End it for good."""
        self.stop(kill=True)
        self._redis.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it in its tracks for a while: it keeps its connections, takes new ones, and says nothing."""
        assert self._child
        process = psutil.Process(self._child.process.pid)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def ask(self, *words: str | int) -> Any:
        """Send it a command."""
        return self._redis.execute_command(*words)

    @property
    def name(self) -> str:
        """What the other nodes call it."""
        return str(self.ask("CLUSTER", "MYID"))

    @property
    def is_primary(self) -> bool:
        """Whether it serves its shard's slots."""
        return bool(self.ask("ROLE")[0] == "master")

    def follows(self, primary: "Node") -> bool:
        """Tell whether it is a replica that has everything of its primary's at this moment."""
        role, theirs = self.ask("ROLE"), primary.ask("ROLE")
        return bool(role[0] == "slave" and role[3] == "connected" and theirs[0] == "master" and role[4] == theirs[1])

    @property
    def acquaintances(self) -> int:
        """How many nodes of the cluster it knows, itself too."""
        return sum("handshake" not in each["flags"] for each in self.ask("CLUSTER NODES").values())

    @property
    def is_content(self) -> bool:
        """Whether it sees a whole cluster: all slots served, all nodes well."""
        nodes = self.ask("CLUSTER NODES").values()
        return self.ask("CLUSTER INFO")["cluster_state"] == "ok" and not any("fail" in each["flags"] for each in nodes)


class Shard:
    """Two nodes of which one serves some slots, and the other would."""

    def __init__(self, nodes: tuple[Node, Node]) -> None:
        self._nodes = nodes

    @property
    def primary(self) -> Node:
        """The node that serves the slots; both must be well."""
        return self._nodes[0] if self._nodes[0].is_primary else self._nodes[1]

    @property
    def replica(self) -> Node:
        """The other one."""
        return self._nodes[1] if self._nodes[0].is_primary else self._nodes[0]

    @property
    def is_in_sync(self) -> bool:
        """Whether the replica has everything at this moment."""
        return self.replica.follows(self.primary)


class RedisNodes:
    """The six nodes, and who of them has a sale."""

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes
        self._shards = [Shard(pair) for pair in zip(nodes[:SHARDS], nodes[SHARDS:], strict=True)]
        self._moved: dict[int, Shard] = {}

    @property
    def url(self) -> str:
        """A URL that names one node of each shard."""
        return f"redis://{','.join(f'{HOST}:{node.port}' for node in self._nodes[:SHARDS])}/0"

    def form(self) -> None:
        """Make one cluster of the nodes."""
        for number, node in enumerate(self._nodes[:SHARDS]):
            first, end = (-(-SLOTS * each // SHARDS) for each in (number, number + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self._nodes[1:]:
            node.ask("CLUSTER", "MEET", HOST, self._nodes[0].port, self._nodes[0].cluster_port)
        wait_for(lambda: all(node.acquaintances == len(self._nodes) for node in self._nodes), "all nodes have met")
        for primary, replica in zip(self._nodes[:SHARDS], self._nodes[SHARDS:], strict=True):
            replica.ask("CLUSTER", "REPLICATE", primary.name)
        self.recover()

    def recover(self) -> None:
        """Wait until every node sees a whole cluster and every replica has everything."""
        wait_for(lambda: all(node.is_content for node in self._nodes), "a whole cluster, seen by all its nodes")
        wait_for(lambda: all(shard.is_in_sync for shard in self._shards), "replicas that have everything")

    def shard_of(self, sale_id: str) -> Shard:
        """Return the nodes of a sale."""
        return self._shard(_slot(sale_keys(sale_id).sale))

    @property
    def shard_of_the_list(self) -> Shard:
        """The nodes that have the set of all sales."""
        return self._shard(_slot(SALES))

    def sale_on(self, shard: Shard) -> str:
        """Return an id, never given before, of a sale that this shard will have."""
        return next(name for name in map("cluster-{}".format, _numbers) if self.shard_of(name) is shard)

    def others(self, shard: Shard) -> list[Shard]:
        """Return the other shards."""
        return [each for each in self._shards if each is not shard]

    def move(self, sale_id: str, to: Shard) -> None:
        """Move a sale's slot to another shard, as an operator does while everybody goes on asking for it."""
        slot = _slot(sale_keys(sale_id).sale)
        old, new = self._shard(slot).primary, to.primary
        new.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", old.name)
        old.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", new.name)
        while keys := old.ask("CLUSTER", "GETKEYSINSLOT", slot, 1):
            old.ask("MIGRATE", HOST, new.port, "", 0, 5000, "KEYS", *keys)
        for node in (new, old):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", new.name)
        self._moved[slot] = to

    def _shard(self, slot: int) -> Shard:
        return self._moved.get(slot) or self._shards[slot * SHARDS // SLOTS]


def _slot(key: str) -> int:
    return key_slot(key.encode())


@contextmanager
def redis_nodes() -> Iterator[RedisNodes]:
    """Run a cluster of six nodes."""
    ports = free_ports(4 * SHARDS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onsale-nodes-")))
        nodes = []
        for number in range(2 * SHARDS):
            (folder / str(number)).mkdir()
            nodes.append(Node(folder / str(number), ports[2 * number], ports[2 * number + 1]))
            stack.callback(nodes[-1].close)
        with ThreadPoolExecutor(len(nodes)) as threads:
            list(threads.map(Node.start, nodes))
        cluster = RedisNodes(nodes)
        cluster.form()
        yield cluster
