"""The link follows a cluster: whatever moves to another node is found there, and what cannot be served is said so."""

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from redis.crc import key_slot

from chalicelib.errors import StoreUnavailable
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.outbox import GROUP
from chalicelib.sale.redis_link import open_link
from ops.local import redis as redis_server
from ops.local.ports import HOST, free_ports
from ops.local.program import spawn, stop_child, wait_until_it_answers
from tests.conftest import LATE_S, Eventually
from tests.scripts.sales import Sales, answered, new_sale_id, open_sales

HASTE_S = 0.2
MANY = 30


class TwoNodes:
    """A cluster whose first node has all slots and whose second has none; slots can be moved, also half-way."""

    def __init__(self, ports: tuple[int, int], cluster_ports: tuple[int, int]) -> None:
        self.url = f"redis://{HOST}:{ports[0]},{HOST}:{ports[1]}/0"
        self.old, self.new = (redis.Redis(host=HOST, port=port) for port in ports)
        for node in (self.old, self.new):  # a node that gives its last slot away would become a replica
            node.config_set("cluster-allow-replica-migration", "no")
        self.old.execute_command("CLUSTER MEET", HOST, ports[1], cluster_ports[1])
        redis_server.take_all_slots(ports[0])
        self._old_id, self._new_id = (node.execute_command("CLUSTER MYID") for node in (self.old, self.new))
        deadline_s = time.monotonic() + 30
        while self._old_id not in self._connected(self.new) or self._new_id not in self._connected(self.old):
            assert time.monotonic() < deadline_s, "the two nodes did not meet within 30 s"
            time.sleep(0.02)

    def _connected(self, node: redis.Redis) -> list[bytes]:
        """Return whom a node knows and takes as part of a working cluster."""
        if node.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            return []
        nodes = node.execute_command("CLUSTER NODES")
        return [each["node_id"].encode() for each in nodes.values() if each["connected"]]

    def begin(self, sale_id: str) -> None:
        """Begin to move a sale's slot, and move the keys that it has; the slot stays where it was."""
        slot = _slot(sale_id)
        self.new.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", self._old_id)
        self.old.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", self._new_id)
        keys = self.old.execute_command("CLUSTER GETKEYSINSLOT", slot, 100)
        port = self.new.connection_pool.connection_kwargs["port"]
        self.old.execute_command("MIGRATE", HOST, port, "", 0, 5000, "KEYS", *keys)

    def end(self, sale_id: str) -> None:
        """Give the slot itself away: only now does the cluster tell its clients."""
        self.take(sale_id)
        self.old.execute_command("CLUSTER SETSLOT", _slot(sale_id), "NODE", self._new_id)

    def take(self, sale_id: str) -> None:
        """Let the second node take the slot; the first one has not heard of it yet."""
        self.new.execute_command("CLUSTER SETSLOT", _slot(sale_id), "NODE", self._new_id)

    def give_back(self, sale_id: str) -> None:
        """Forget a sale that was moved and give its slot back: the second node has none again."""
        self.end(sale_id)
        for key in self.new.execute_command("CLUSTER GETKEYSINSLOT", _slot(sale_id), 100):
            self.new.delete(key)
        self.old.execute_command("CLUSTER SETSLOT", _slot(sale_id), "IMPORTING", self._new_id)
        for node in (self.old, self.new):
            node.execute_command("CLUSTER SETSLOT", _slot(sale_id), "NODE", self._old_id)

    @contextmanager
    def old_is_silent(self) -> Iterator[None]:
        """Freeze the first node: it keeps its connections, takes new ones, and never answers."""
        process = psutil.Process(self.old.info("server")["process_id"])
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def close(self) -> None:
        self.old.close()
        self.new.close()


def _slot(sale_id: str) -> int:
    return key_slot(sale_keys(sale_id).sale.encode())


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    """Two nodes, for this file: the session's cluster has to keep its slots."""
    ports = free_ports(4)
    with ExitStack() as stack:
        for number in (0, 1):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onsale-node-")))
            program = redis_server.program(folder / "data", folder, ports[number], cluster_port=ports[2 + number])
            program.prepare(os.environ)
            child = spawn(program, log=folder / "redis.log", env=os.environ, tied=True)
            stack.callback(stop_child, child, kill=True)
            wait_until_it_answers(child)
        cluster = TwoNodes((ports[0], ports[1]), (ports[2], ports[3]))
        stack.callback(cluster.close)
        yield cluster


@pytest.fixture
def here(nodes: TwoNodes) -> Sales:
    """Sales over a link that learns the slots before anything moves."""
    return open_sales(nodes.url, cluster=True)


@pytest.fixture
def sale_id(nodes: TwoNodes, here: Sales) -> Iterator[str]:
    """A sale on the first node, with a slot that a test may move."""
    created = here.create(2)
    yield created
    nodes.give_back(created)


def move(nodes: TwoNodes, sale_id: str) -> None:
    nodes.begin(sale_id)
    nodes.end(sale_id)


def test_a_script_follows_a_sale_that_has_moved(nodes: TwoNodes, here: Sales, sale_id: str) -> None:
    move(nodes, sale_id)
    assert here.store.enter_queue(sale_id, "ann").state == "ACTIVE"
    assert here.store.reserve(sale_id, "ann", 1).state == "CONFIRMED"
    assert here.event_types(sale_id) == ["CONFIRMED"]


def test_a_transaction_follows_a_sale_that_has_moved(nodes: TwoNodes, here: Sales, sale_id: str) -> None:
    move(nodes, sale_id)
    assert here.sale(sale_id).capacity == 2


def test_a_command_follows_a_sale_that_has_moved(nodes: TwoNodes, here: Sales, sale_id: str) -> None:
    move(nodes, sale_id)
    assert here.outbox.length(sale_id) == 1


def test_a_command_finds_a_key_that_moves_just_now_to_a_node_without_slots(
    nodes: TwoNodes, here: Sales, sale_id: str
) -> None:
    nodes.begin(sale_id)
    assert here.outbox.length(sale_id) == 1


def test_while_a_sale_moves_its_scripts_are_unavailable_and_go_on_afterwards(
    nodes: TwoNodes, here: Sales, sale_id: str
) -> None:
    nodes.begin(sale_id)
    with pytest.raises(StoreUnavailable):  # of the script's nine keys some exist on neither node
        here.store.enter_queue(sale_id, "ann")
    nodes.end(sale_id)
    assert here.store.enter_queue(sale_id, "ann").state == "ACTIVE"
    assert here.sale(sale_id).counters["sequence"] == 1


def test_the_relay_reads_a_sale_that_has_moved(nodes: TwoNodes, here: Sales, sale_id: str) -> None:
    move(nodes, sale_id)
    (created,) = here.outbox.read(sale_id, "relay-0", 10)
    assert created.version == 1
    here.outbox.forget(sale_id, [created.entry_id])
    assert here.outbox.length(sale_id) == 0


def test_the_relay_makes_a_lost_group_again_where_the_sale_is(nodes: TwoNodes, here: Sales, sale_id: str) -> None:
    move(nodes, sale_id)
    nodes.new.execute_command("XGROUP", "DESTROY", sale_keys(sale_id).outbox, GROUP)
    assert len(here.outbox.read(sale_id, "relay-0", 10)) == 1


def hasty(url: str) -> Sales:
    return Sales(open_link(url, cluster=True, connect_timeout_s=HASTE_S, read_timeout_s=HASTE_S))


def test_the_successor_of_a_silent_node_is_found_after_one_time_out(nodes: TwoNodes, sale_id: str) -> None:
    sales = hasty(nodes.url)
    assert answered(lambda: sales.store.enter_queue(sale_id, "ann")).state == "ACTIVE"
    nodes.begin(sale_id)
    nodes.take(sale_id)
    with nodes.old_is_silent():
        started_s = time.monotonic()
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            sales.store.enter_queue(sale_id, "ann")
        assert time.monotonic() - started_s < LATE_S
        assert answered(lambda: sales.sale(sale_id)).active == 1


def test_who_asks_a_node_that_has_just_been_silent_is_told_at_once_until_it_answers(
    nodes: TwoNodes, here: Sales, eventually: Eventually
) -> None:
    sale_id, sales = here.create(2), hasty(nodes.url)
    assert answered(lambda: sales.store.enter_queue(sale_id, "ann")).state == "ACTIVE"
    told: list[str] = []

    def asked_within_that_moment() -> bool:
        with pytest.raises(StoreUnavailable) as refused:
            sales.store.enter_queue(sale_id, "ann")
        told.append(str(refused.value))
        return "a moment ago" in told[-1]

    with nodes.old_is_silent():
        eventually(asked_within_that_moment)
    assert "no answer in time" in told[0]
    assert answered(lambda: sales.sale(sale_id)).active == 1


def test_a_seed_that_is_silent_or_gone_is_passed_over(nodes: TwoNodes, sale_id: str) -> None:
    (gone,) = free_ports(1)
    seeds = f"redis://{HOST}:{gone},{nodes.url.removeprefix('redis://')}"
    move(nodes, sale_id)
    with nodes.old_is_silent():
        assert answered(lambda: hasty(seeds).store.enter_queue(sale_id, "ann")).state == "ACTIVE"


def test_of_many_who_ask_a_silent_cluster_none_waits_for_the_others(nodes: TwoNodes) -> None:
    sales = hasty(nodes.url.partition(",")[0])

    def asked(_: int) -> float:
        started_s = time.monotonic()
        with pytest.raises(StoreUnavailable):
            sales.store.enter_queue(new_sale_id(), "ann")
        return time.monotonic() - started_s

    with nodes.old_is_silent(), ThreadPoolExecutor(MANY) as threads:
        assert max(threads.map(asked, range(MANY))) < LATE_S < MANY * HASTE_S


def test_a_node_that_too_few_replicas_follow_takes_nothing(nodes: TwoNodes, here: Sales) -> None:
    sale_id = here.create(2)
    nodes.old.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(StoreUnavailable, match="Not enough good replicas"):
            here.store.enter_queue(sale_id, "ann")
    finally:
        nodes.old.config_set("min-replicas-to-write", 0)
    assert here.store.enter_queue(sale_id, "ann").state == "ACTIVE"


def kill_connections(node: redis.Redis) -> None:
    node.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")


@pytest.mark.parametrize("cluster", [False, True], ids=["plain", "cluster"])
def test_a_connection_that_redis_has_closed_is_opened_again(cluster: bool, request: pytest.FixtureRequest) -> None:
    url: Any = request.getfixturevalue("redis_cluster_url" if cluster else "redis_url")
    sales = open_sales(url, cluster=cluster)
    sale_id = sales.create(2)
    with redis.Redis.from_url(url) as server:
        kill_connections(server)
        assert sales.store.enter_queue(sale_id, "ann").state == "ACTIVE"
        kill_connections(server)
        assert sales.sale(sale_id).active == 1
        kill_connections(server)
        assert sales.outbox.length(sale_id) == 1
        server.script_flush()
    assert sales.store.reserve(sale_id, "ann", 1).state == "CONFIRMED"


def test_a_cluster_that_refuses_connections_is_unavailable_within_a_second() -> None:
    (port,) = free_ports(1)
    started_s = time.monotonic()
    with pytest.raises(StoreUnavailable):
        open_sales(f"redis://{HOST}:{port}/0", cluster=True).store.enter_queue(new_sale_id(), "ann")
    assert time.monotonic() - started_s < LATE_S


def test_what_crosses_slots_is_refused(redis_cluster_url: str) -> None:
    link = open_sales(redis_cluster_url, cluster=True).link
    with pytest.raises(redis.ResponseError, match="CROSSSLOT"):
        link.transaction(("GET", "{a}:one"), ("GET", "{b}:two"))
    assert link.command("GET", "{a}:one") is None  # in step again
