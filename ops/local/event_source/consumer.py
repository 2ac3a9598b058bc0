"""How a poller's consumer is set up, and its records as values."""

from collections.abc import Iterable
from typing import Any, cast

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, TopicPartition
from confluent_kafka import Message as ConsumedMessage

from ops.local.event_source.lambda_event import Message, Place
from ops.local.event_source.mapping import EventSourceMapping

SESSION_MS = 3_000  # as ops/local/kafka.py allows; Membership asks for more where a broker refuses it


def consumer_config(mapping: EventSourceMapping, timeout_s: float) -> dict[str, Any]:
    """Return librdkafka's settings for a mapping whose function may run for so long."""
    return {
        "group.id": mapping.group_id,
        # LATEST, too: its position is committed when a partition is first assigned, and what was committed is never
        # to be followed by a gap.
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": SESSION_MS,  # after that, a killed poller's partitions go to another
        "heartbeat.interval.ms": 500,  # the others learn of a change by heartbeat, twice per hand-over
        "max.poll.interval.ms": max(300_000, int(timeout_s * 2_000) + 120_000),  # functions run between two polls
        "fetch.error.backoff.ms": 100,
        "fetch.queue.backoff.ms": 50,
        # More than an event carries (6 MB), and no more: a poller that falls behind would grow by its default, 64 MB.
        "queued.max.messages.kbytes": 8_192,
    }


def partitions_of(places: Iterable[Place]) -> list[TopicPartition]:
    """Return partitions as the client names them."""
    return [TopicPartition(topic, partition) for topic, partition in places]


def message_of(consumed: ConsumedMessage) -> Message:
    """Return a record as a value."""
    timestamp_type, timestamp_ms = consumed.timestamp()
    return Message(
        topic=consumed.topic() or "",
        partition=consumed.partition() or 0,
        offset=consumed.offset() or 0,
        timestamp_ms=timestamp_ms,
        timestamp_type="LOG_APPEND_TIME" if timestamp_type == TIMESTAMP_LOG_APPEND_TIME else "CREATE_TIME",
        key=consumed.key(),
        value=consumed.value(),
        headers=tuple(cast(list[tuple[str, bytes | None]], consumed.headers() or [])),
    )
