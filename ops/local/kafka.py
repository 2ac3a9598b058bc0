"""A Kafka broker of our own: one KRaft node on loopback, run by java from the jars in .tools/kafka."""

import base64
import shutil
import uuid
from pathlib import Path

from ops.local import health
from ops.local.ports import HOST
from ops.local.program import PROJECT, Environment, Program, StartFailed, run_to_end

JARS = PROJECT / ".tools" / "kafka"

# One node, few clients, quick to start: internal topics of one partition, groups that form at once.
# A killed broker may come back when its old session has run out, so that is short; so are those of consumers.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
log.retention.hours=336
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
"""


def installed() -> bool:
    """Say whether java and Kafka's jars are there."""
    return shutil.which("java") is not None and any(JARS.glob("kafka_*.jar"))


def bootstrap_servers(port: int) -> str:
    """Return what its clients need to find it."""
    return f"{HOST}:{port}"


def _java(*arguments: str, heap: str) -> tuple[str, ...]:
    levels = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ("java", f"-Xmx{heap}", "-XX:+UseSerialGC", levels, "-cp", f"{JARS}/*", *arguments)


def program(data: Path, run: Path, port: int, controller_port: int) -> Program:
    """Describe the broker; its preparation writes its configuration and formats the data folder once."""
    if not installed():
        missing = "java" if shutil.which("java") is None else f"Kafka's jars in {JARS}"
        raise StartFailed("kafka", f"is missing: no {missing} (`make setup` installs it)")
    properties = run / "kafka.properties"

    def prepare(env: Environment) -> None:
        run.mkdir(parents=True, exist_ok=True)
        text = _PROPERTIES.format(host=HOST, port=port, controller_port=controller_port, data=data)
        properties.write_text(text)
        _format(data, properties, env)

    return Program(
        name="kafka",
        command=_java("kafka.Kafka", str(properties), heap="512m"),
        port=port,
        prepare=prepare,
        answers=lambda: health.port_open(port) and health.kafka_answers({"bootstrap.servers": bootstrap_servers(port)}),
        start_within_s=60.0,
        stop_within_s=8.0,
    )


def new_cluster_id() -> str:
    """Return a random id as Kafka spells them; one that began with "-" would be taken for an option."""
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def _format(data: Path, properties: Path, env: Environment) -> None:
    """Give the folder a cluster id. Safe again: what was cut short before meta.properties is begun anew."""
    if (data / "meta.properties").exists():
        return
    shutil.rmtree(data, ignore_errors=True)
    tool = _java("kafka.tools.StorageTool", heap="128m")
    command = [*tool, "format", "--cluster-id", new_cluster_id(), "--config", str(properties)]
    run_to_end("kafka", "format its data folder", command, env)
