"""The topics that onsale needs, made on purpose: one made by accident has the wrong partitions and retention."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chalicelib.config import Settings, settings
from functions.kafka_client import client_config

RETENTION_MS = 14 * 24 * 3600 * 1000  # at least 14 days: a consumer may be away that long and lose nothing
# A dead letter is the whole record, which may be as large as its own topic takes, and headers besides.
DEAD_LETTER_MAX_BYTES = 4 * 1024 * 1024
_DEAD_LETTER_PARTITIONS = 1  # few records, no order to keep
_TIMEOUT_S = 20.0


def create_topics(partitions: int = 6, replication: int = 1, chosen: Settings | None = None) -> list[str]:
    """Create the topics that are missing and return their names; those that exist are left as they are.

    Returns when every topic can be written to. Raises KafkaException when the cluster refuses or is away.
    """
    of = chosen or settings()
    admin = AdminClient(client_config(of))
    shared = {"retention.ms": str(RETENTION_MS), "cleanup.policy": "delete"}
    shared["unclean.leader.election.enable"] = "false"
    if replication > 1:
        shared["min.insync.replicas"] = "2"
    larger = {**shared, "max.message.bytes": str(DEAD_LETTER_MAX_BYTES)}
    wanted = [
        NewTopic(of.kafka_topic, partitions, replication, config=shared),
        NewTopic(of.kafka_dlq_topic, _DEAD_LETTER_PARTITIONS, replication, config=larger),
        NewTopic(of.kafka_notify_dlq_topic, _DEAD_LETTER_PARTITIONS, replication, config=larger),
    ]
    created = []
    for name, future in admin.create_topics(wanted, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result(_TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _wait_until_led(admin, [of.kafka_topic, of.kafka_dlq_topic, of.kafka_notify_dlq_topic])
    return created


def _wait_until_led(admin: AdminClient, names: list[str]) -> None:
    """Wait until each partition has a leader: a producer that comes earlier is told there is no such topic."""
    deadline_s = time.monotonic() + _TIMEOUT_S
    while True:
        topics = admin.list_topics(timeout=_TIMEOUT_S).topics
        known = [topics[name] for name in names if name in topics and topics[name].error is None]
        if len(known) == len(names) and all(p.leader >= 0 for t in known for p in t.partitions.values()):
            return
        if time.monotonic() > deadline_s:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no leader for {', '.join(names)}"))
        time.sleep(0.05)
