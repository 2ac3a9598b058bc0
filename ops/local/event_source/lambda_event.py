"""Kafka messages as the JSON that Lambda delivers. Knows no consumer.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon MSK" and "with self-managed Apache Kafka", example events.
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.local.event_source.mapping import EventSourceMapping

Place = tuple[str, int]  # topic, partition
_MSK = "aws:kafka"


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
    _encoded: list[bytes] = field(default_factory=list, init=False, compare=False, repr=False)

    @property
    def place(self) -> Place:
        """The partition it came from."""
        return self.topic, self.partition

    @property
    def encoded(self) -> bytes:
        """The record's JSON. Made once: it is measured first, and sent as often as the record is delivered."""
        if not self._encoded:
            self._encoded.append(_json_of(self).encode())
        return self._encoded[0]


def lambda_event(mapping: "EventSourceMapping", bootstrap_servers: str, messages: Iterable[Message]) -> dict[str, Any]:
    """Return the event of a batch: its messages by `topic-partition`, each group in the order of offsets."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        groups.setdefault(f"{message.topic}-{message.partition}", []).append(record_of(message))
    return {**_about(mapping, bootstrap_servers), "records": groups}


def payload(mapping: "EventSourceMapping", bootstrap_servers: str, messages: Iterable[Message]) -> bytes:
    """Return the JSON of `lambda_event`, put together from records that are JSON already."""
    groups: dict[str, list[bytes]] = {}
    for message in messages:
        groups.setdefault(f"{message.topic}-{message.partition}", []).append(message.encoded)
    about = json.dumps(_about(mapping, bootstrap_servers), separators=(",", ":"))[:-1]
    records = b",".join(b'"%s":[%s]' % (name.encode(), b",".join(each)) for name, each in groups.items())
    return b'%s,"records":{%s}}' % (about.encode(), records)


def record_bytes(message: Message) -> int:
    """Return what a record adds to a payload, at most: itself, a comma, and a group of its own."""
    return len(message.encoded) + len(message.topic) + 20


def record_of(message: Message) -> dict[str, Any]:
    """Return a record as it stands in an event."""
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


def _json_of(message: Message) -> str:
    """Return `record_of` as JSON, spelled by hand: a third of the time, and every record passes here."""
    key = "" if message.key is None else f'"key":"{b64encode(message.key).decode()}",'
    value = "" if message.value is None else f'"value":"{b64encode(message.value).decode()}",'
    headers = ",".join([f"{{{_quoted(name)}:{_spelled(value)}}}" for name, value in message.headers])
    return (
        f'{{"topic":"{message.topic}","partition":{message.partition},"offset":{message.offset},'
        f'"timestamp":{message.timestamp_ms},"timestampType":"{message.timestamp_type}",{key}{value}"headers":[{headers}]}}'
    )


def _about(mapping: "EventSourceMapping", bootstrap_servers: str) -> dict[str, Any]:
    arn = {"eventSourceArn": mapping.arn} if mapping.kind == _MSK else {}
    return {"eventSource": mapping.kind, **arn, "bootstrapServers": bootstrap_servers}


@lru_cache(1024)
def _quoted(name: str) -> str:
    return json.dumps(name)


def _spelled(value: bytes | None) -> str:
    return "null" if value is None else str(_signed(value)).replace(" ", "")


def _signed(value: bytes | None) -> list[int] | None:
    """Turn bytes into Java's, which go from -128 to 127."""
    if value is None:
        return None
    return list(value) if value.isascii() else [byte - 256 if byte > 127 else byte for byte in value]
