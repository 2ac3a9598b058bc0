"""Writes to the on-failure topic, and says of each record whether it is there."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

_DELIVERY_TIMEOUT_MS = 4_000
_REPORT_TIMEOUT_S = _DELIVERY_TIMEOUT_MS / 1000 + 2.0
_MAX_RECORD_BYTES = 64 * 1024 * 1024  # the topic decides what is too large, not this client
_log = logging.getLogger(__name__)

Outgoing = tuple[bytes | None, bytes]  # key, value


class Destination(Protocol):
    """Where records go that are given up."""

    def write(self, records: Sequence[Outgoing]) -> list[bool]:
        """Store records and return which are stored. Those that are not will come again."""

    def close(self) -> None:
        """Let go of what it holds."""


class FailureTopic:
    """A Kafka topic of the same cluster. Equal keys go to equal partitions, as with Kafka's own clients."""

    def __init__(self, client_config: Mapping[str, Any], topic: str) -> None:
        self._topic = topic
        self._config = {
            **client_config,
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "delivery.timeout.ms": _DELIVERY_TIMEOUT_MS,
            "request.timeout.ms": _DELIVERY_TIMEOUT_MS,
            "message.max.bytes": _MAX_RECORD_BYTES,
            "linger.ms": 1,
        }
        self._producer: Producer | None = None

    def write(self, records: Sequence[Outgoing]) -> list[bool]:
        """Produce records, wait for their reports, and return which are stored."""
        producer = self._producer = self._producer or Producer(self._config)
        stored = [False] * len(records)
        errors: list[KafkaError] = []
        for number, (key, value) in enumerate(records):
            try:
                producer.produce(self._topic, key=key, value=value, on_delivery=_note(stored, errors, number))
            except BufferError:
                break  # the rest comes again
            except KafkaException as error:
                errors.append(error.args[0])
        left = producer.flush(_REPORT_TIMEOUT_S)
        if errors:
            _log.error("the on-failure topic %s takes no records: %s", self._topic, errors[0].str())
        if left or any(error.fatal() or error.code() == KafkaError._MSG_TIMED_OUT for error in errors):
            self.close()  # timed out: it may have forgotten every broker (librdkafka issue 5301)
        return stored

    def close(self) -> None:
        """Drop the producer; the next write makes another."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None


def _note(stored: list[bool], errors: list[KafkaError], number: int) -> Any:
    def report(error: KafkaError | None, _message: object) -> None:
        stored[number] = error is None
        if error is not None:
            errors.append(error)

    return report
