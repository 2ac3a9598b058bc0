"""Reads Kafka's side of a ledger: what persist has not committed yet, and the dead letters that are not in MySQL yet.

Looks with consumers of the two groups that never subscribe and never commit: they read a group's offsets without
joining it, so nothing is rebalanced.
"""

import time
from collections.abc import Iterator
from types import TracebackType

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chalicelib.config import Settings
from chalicelib.errors import OnsaleError
from functions.kafka_client import client_config, group_of
from functions.ledger_sides import KafkaSide, Whereabouts

_TIMEOUT_S = 10.0
_CHUNK = 2_000


class Topics:
    """The two topics as a reader sees them. Raises OnsaleError `kafka-unavailable` when no broker answers."""

    def __init__(self, settings: Settings) -> None:
        """Connect lazily: nothing is asked before the first reading."""
        self._topic, self._dlq_topic = settings.kafka_topic, settings.kafka_dlq_topic
        self._servers = settings.kafka_bootstrap_servers
        shared = {
            **client_config(settings),
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # a fetch at the end of one topic holds up that of the next
            "log_level": 0,
        }
        self._consumer = Consumer({**shared, "group.id": group_of(settings, "persist")})
        self._letters = Consumer({**shared, "group.id": group_of(settings, "dead-letters")})

    def __enter__(self) -> "Topics":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()
        self._letters.close()

    def lag(self) -> int:
        """Return how many records persist has not committed, of all sales."""
        return sum(end - start for _, start, end in self._uncommitted(self._topic, self._consumer))

    def read(self, sale_id: str, epoch: int) -> KafkaSide:
        """Return what of a sale is pending, and which dead letters of it MySQL has not taken yet.

        A letter without readable headers counts as unnamed.
        """
        waiting = self._uncommitted(self._topic, self._consumer)
        pending, dead, unnamed = [], [], 0
        for message in self._records(self._topic, waiting):
            name = _name(message)
            if name and name[:2] == (sale_id, epoch):
                pending.append(Whereabouts(name[2], _user(message, sale_id), _place(message)))
        for message in self._records(self._dlq_topic, self._uncommitted(self._dlq_topic, self._letters)):
            name = _name(message)
            if name is None:
                unnamed += 1
            elif name[:2] == (sale_id, epoch):
                where = f"dead letter {_place(message)} ({_header(message, 'dlq-reason') or 'no reason given'})"
                dead.append(Whereabouts(name[2], _user(message, sale_id), where, is_dead=True))
        return KafkaSide(sum(end - start for _, start, end in waiting), tuple(pending), tuple(dead), unnamed)

    def _uncommitted(self, topic: str, member: Consumer) -> list[tuple[int, int, int]]:
        """Return (partition, next offset of the group, end) of a topic, for the group that a consumer is of."""
        whole = self._whole(topic)
        asked = [TopicPartition(topic, partition) for partition, _, _ in whole]
        if not asked:
            return []
        try:
            committed = {each.partition: each.offset for each in member.committed(asked, _TIMEOUT_S)}
        except KafkaException as error:
            raise self._unavailable(error) from error
        return [(partition, max(start, committed[partition]), end) for partition, start, end in whole]

    def _whole(self, topic: str) -> list[tuple[int, int, int]]:
        """Return (partition, first offset, end) of a topic; nothing when there is no such topic."""
        try:
            metadata = self._consumer.list_topics(topic, _TIMEOUT_S).topics[topic]
            spans = []
            for partition in sorted(metadata.partitions):
                span = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), _TIMEOUT_S)
                spans.append((partition, *span))
            return spans
        except KafkaException as error:
            raise self._unavailable(error) from error

    def _records(self, topic: str, spans: list[tuple[int, int, int]]) -> Iterator[Message]:
        ends = {partition: end for partition, start, end in spans if start < end}
        if not ends:
            return
        starts = [TopicPartition(topic, partition, start) for partition, start, end in spans if start < end]
        self._consumer.assign(starts)
        deadline = time.monotonic() + _TIMEOUT_S
        while ends:
            messages = self._consumer.consume(_CHUNK, timeout=0.2)
            if messages:
                deadline = time.monotonic() + _TIMEOUT_S
            elif time.monotonic() > deadline:
                raise OnsaleError("kafka-unavailable", f"Kafka at {self._servers} stopped answering")
            for message in messages:
                partition, offset, error = message.partition() or 0, message.offset() or 0, message.error()
                if error and error.code() != KafkaError._PARTITION_EOF:
                    raise self._unavailable(KafkaException(error))
                if not error and offset < ends.get(partition, 0):
                    yield message
                if error or offset + 1 >= ends.get(partition, 0):
                    ends.pop(partition, None)
        self._consumer.unassign()

    def _unavailable(self, error: KafkaException) -> OnsaleError:
        detail = error.args[0].str() if error.args else str(error)
        return OnsaleError("kafka-unavailable", f"Kafka at {self._servers or 'nowhere'} does not answer: {detail}")


def _name(message: Message) -> tuple[str, int, int] | None:
    """Return sale, epoch and version from the headers; None where they are not there or cannot be read."""
    try:
        return _header(message, "sale"), int(_header(message, "epoch")), int(_header(message, "version"))
    except ValueError:
        return None


def _header(message: Message, name: str) -> str:
    for key, value in message.headers() or ():  # type: ignore[str-unpack]  # the stubs allow more than is ever given
        if key == name and isinstance(value, bytes):
            return value.decode("utf-8", "replace")
    return ""


def _user(message: Message, sale_id: str) -> str:
    key = message.key() or b""
    return str(key, "utf-8", "replace").removeprefix(f"{sale_id}:") if isinstance(key, bytes) else ""


def _place(message: Message) -> str:
    return f"{message.topic()}-{message.partition()} at {message.offset()}"
