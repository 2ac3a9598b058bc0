"""A Kafka broker of our own: a KRaft node on loopback, run by java from the jars in .tools/kafka; or one of several."""

import base64
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from ops.local import health
from ops.local.ports import HOST
from ops.local.program import PROJECT, Environment, Program, StartFailed, run_to_end

JARS = PROJECT / ".tools" / "kafka"
ARCHIVE = JARS / "classes.jsa"  # of the classes that a broker loads: see kafka_archive

# Few nodes, few clients, quick to start: internal topics of one partition, groups that form at once.
# A killed broker may come back when its old session has run out, so that is short; so are those of consumers.
_PROPERTIES = """\
process.roles=broker,controller
node.id={node_id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
log.retention.hours=336
auto.create.topics.enable=false
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=1
offsets.topic.replication.factor={copies}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
"""


@dataclass(frozen=True, slots=True)
class Quorum:
    """The brokers that are one cluster, told by the ports of their controllers: the first one is node 1."""

    cluster_id: str
    controller_ports: tuple[int, ...]

    def properties(self, controller_port: int) -> dict[str, str | int]:
        """Return what one of them must know; everything is kept by up to three, and one of these may be away."""
        voters = [f"{number}@{HOST}:{port}" for number, port in enumerate(self.controller_ports, 1)]
        copies = min(3, len(voters))
        return {
            "node_id": self.controller_ports.index(controller_port) + 1,
            "voters": ",".join(voters),
            "copies": copies,
            "in_sync": max(1, copies - 1),
        }


def installed() -> bool:
    """Say whether java and Kafka's jars are there."""
    return shutil.which("java") is not None and any(JARS.glob("kafka_*.jar"))


def bootstrap_servers(port: int) -> str:
    """Return what its clients need to find it."""
    return f"{HOST}:{port}"


def _java(*arguments: str, heap: str) -> tuple[str, ...]:
    archive = (f"-XX:SharedArchiveFile={ARCHIVE}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off") if ARCHIVE.exists() else ()
    levels = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ("java", f"-Xmx{heap}", "-XX:+UseSerialGC", *archive, levels, "-cp", f"{JARS}/*", *arguments)


def program(
    data: Path,
    run: Path,
    port: int,
    controller_port: int,
    *,
    quorum: Quorum | None = None,
    heap: str = "512m",
) -> Program:
    """Describe the broker; its preparation writes its configuration and formats the data folder once.

    Without a `quorum` it is a cluster by itself.
    """
    if not installed():
        missing = "java" if shutil.which("java") is None else f"Kafka's jars in {JARS}"
        raise StartFailed("kafka", f"is missing: no {missing} (`make setup` installs it)")
    properties = run / "kafka.properties"

    def prepare(env: Environment) -> None:
        run.mkdir(parents=True, exist_ok=True)
        of = quorum or Quorum(new_cluster_id(), (controller_port,))
        places = {"host": HOST, "port": port, "controller_port": controller_port, "data": data}
        properties.write_text(_PROPERTIES.format(**places, **of.properties(controller_port)))
        _format(data, properties, of.cluster_id, env)

    return Program(
        name="kafka",
        command=_java("kafka.Kafka", str(properties), heap=heap),
        port=port,
        prepare=prepare,
        answers=lambda: health.port_open(port) and health.kafka_answers({"bootstrap.servers": bootstrap_servers(port)}),
        start_within_s=60.0,
        stop_within_s=8.0,
    )


def new_cluster_id() -> str:
    """Return a random id as Kafka spells them; one that began with "-" would be taken for an option."""
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def _format(data: Path, properties: Path, cluster_id: str, env: Environment) -> None:
    """Give the folder the cluster's id. Safe again: what was cut short before meta.properties is begun anew."""
    if (data / "meta.properties").exists():
        return
    shutil.rmtree(data, ignore_errors=True)
    # Compiling well takes longer than a program runs that does not run for long.
    tool = _java("-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", heap="128m")
    command = [*tool, "format", "--cluster-id", cluster_id, "--config", str(properties)]
    run_to_end("kafka", "format its data folder", command, env)
