"""Three Kafka brokers on loopback that are one cluster, and hands on each of them."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient

from ops.local import kafka as kafka_server
from ops.local.ports import free_ports
from ops.local.program import Child, Program, spawn, stop_child, wait_until_it_answers
from tests.faults.trade import wait_for

BROKERS = 3
GROUPS = "__consumer_offsets"  # has one partition, so one broker coordinates all groups
_ASK_WITHIN_S = 20.0


class Broker:
    """One broker, which is a controller too."""

    def __init__(self, node_id: int, program: Program, log: Path) -> None:
        self.node_id = node_id
        self._program, self._log = program, log
        self._child: Child | None = None

    def prepare(self) -> None:
        """Format its data folder."""
        self._program.prepare(os.environ)

    def start(self) -> None:
        """Start it, or start it again with the data that it has."""
        self._child = spawn(self._program, log=self._log, env=os.environ, tied=True)

    def wait(self) -> None:
        """Wait until it answers."""
        assert self._child
        wait_until_it_answers(self._child)

    def kill(self) -> None:
        """End it as a crash would; returns when it is gone."""
        if self._child:
            stop_child(self._child, kill=True)


class KafkaNodes:
    """The brokers, and who leads what."""

    def __init__(self, brokers: list[Broker], ports: list[int]) -> None:
        self._brokers = brokers
        self.bootstrap_servers = ",".join(map(kafka_server.bootstrap_servers, ports))
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log.connection.close": False})

    def leaders(self, topic: str) -> dict[int, int]:
        """Return which broker leads each partition of a topic."""
        return {number: leader for number, (leader, _) in self._partitions(topic).items()}

    def leader_of_groups(self) -> Broker:
        """Return the broker that coordinates the consumer groups."""
        return self._brokers[self.leaders(GROUPS)[0] - 1]

    def others(self, broker: Broker) -> list[Broker]:
        """Return the other two."""
        return [each for each in self._brokers if each is not broker]

    def is_in_sync(self, topic: str) -> bool:
        """Tell whether all three brokers have everything of a topic."""
        return all(len(in_sync) == BROKERS for _, in_sync in self._partitions(topic).values())

    def recover(self, topic: str) -> None:
        """Wait until all brokers have everything of a topic and of the groups' offsets."""
        wait_for(lambda: self.is_in_sync(topic) and self.is_in_sync(GROUPS), "three brokers in sync")

    def _partitions(self, topic: str) -> dict[int, tuple[int, list[int]]]:
        found = self._admin.list_topics(topic, timeout=_ASK_WITHIN_S).topics[topic]
        return {number: (each.leader, each.isrs) for number, each in found.partitions.items()}


@contextmanager
def kafka_nodes() -> Iterator[KafkaNodes]:
    """Run a cluster of three brokers, without topics."""
    taken = free_ports(2 * BROKERS)
    ports, controller_ports = taken[:BROKERS], taken[BROKERS:]
    quorum = kafka_server.Quorum(kafka_server.new_cluster_id(), tuple(controller_ports))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onsale-brokers-")))
        brokers = []
        for node_id, (port, controller_port) in enumerate(zip(ports, controller_ports, strict=True), 1):
            run = folder / str(node_id)
            run.mkdir()
            program = kafka_server.program(run / "data", run, port, controller_port, quorum=quorum, heap="256m")
            brokers.append(Broker(node_id, program, run / "kafka.log"))
            stack.callback(brokers[-1].kill)
        with ThreadPoolExecutor(BROKERS) as threads:
            list(threads.map(Broker.prepare, brokers))
        for broker in brokers:
            broker.start()
        for broker in brokers:
            broker.wait()
        yield KafkaNodes(brokers, ports)
