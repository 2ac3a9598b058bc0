"""Kafka messages as the JSON that Lambda delivers. Knows no consumer.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon MSK" and "with self-managed Apache Kafka", example events.
"""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ops.local.event_source.mapping import MSK, EventSourceMapping

Place = tuple[str, int]  # topic, partition


@dataclass(frozen=True, slots=True)
class Message:
    """A record as it was consumed."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    timestamp_type: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def place(self) -> Place:
        """The partition it came from."""
        return self.topic, self.partition


def lambda_event(mapping: EventSourceMapping, bootstrap_servers: str, messages: Iterable[Message]) -> dict[str, Any]:
    """Return the event of a batch: its messages by `topic-partition`, each group in the order of offsets."""
    event: dict[str, Any] = {"eventSource": mapping.kind}
    if mapping.kind == MSK:
        event["eventSourceArn"] = mapping.arn
    groups: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        groups.setdefault(f"{message.topic}-{message.partition}", []).append(_record(message))
    return {**event, "bootstrapServers": bootstrap_servers, "records": groups}


def _record(message: Message) -> dict[str, Any]:
    record: dict[str, Any] = {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": message.timestamp_ms,
        "timestampType": message.timestamp_type,
    }
    if message.key is not None:
        record["key"] = b64encode(message.key).decode()
    if message.value is not None:
        record["value"] = b64encode(message.value).decode()
    record["headers"] = [{name: _signed(value)} for name, value in message.headers]
    return record


def _signed(value: bytes | None) -> list[int] | None:
    """Turn bytes into Java's, which go from -128 to 127."""
    if value is None:
        return None
    return list(value) if value.isascii() else [byte - 256 if byte > 127 else byte for byte in value]
