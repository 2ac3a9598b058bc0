"""The consumers in a process of their own, and the event files that are delivered to them."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from chalicelib.config import Settings
from tests.deployed import Functions
from tests.functions.batches import Tables
from tests.functions.deliveries import headers_of

EVENTS = Path(__file__).parents[1] / "events"


def event_of(name: str) -> dict[str, Any]:
    """Return an event as Lambda delivers it."""
    event: dict[str, Any] = json.loads((EVENTS / name).read_text(encoding="utf-8"))
    return event


def raw_records(name: str) -> list[dict[str, Any]]:
    """Return the records of a file as they stand there."""
    return [record for group in event_of(name)["records"].values() for record in group]


class Desk:
    """The consumers in a process of theirs, with a database and topics that nobody else uses."""

    def __init__(self, running: Functions, tables: Tables, settings: Settings) -> None:
        self.running, self.tables, self._settings = running, tables, settings
        self._read: dict[str, int] = {}

    def deliver(self, name: str, function: str) -> Any:
        """Return a consumer's answer to a file."""
        return self.running.call(f"functions.{function}.handler", event_of(name))

    def letters(self, function: str) -> list[dict[str, Any]]:
        """Return the dead letters that a function has made since it was last asked."""
        topic = self._settings.kafka_notify_dlq_topic if function == "notify" else self._settings.kafka_dlq_topic
        consumer = Consumer({"bootstrap.servers": self._settings.kafka_bootstrap_servers, "group.id": "looking"})
        place = TopicPartition(topic, 0, self._read.get(topic, 0))
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
        consumer.assign([place])
        found: list[dict[str, Any]] = []
        while self._read.get(topic, 0) < end:
            message = consumer.poll(30)
            assert message is not None
            assert message.error() is None
            self._read[topic] = (message.offset() or 0) + 1
            found.append({"key": message.key(), "value": message.value(), "headers": headers_of(message)})
        consumer.close()
        return [each for each in found if dict(each["headers"])["dlq-function"] == function.encode()]


def decoded(record: dict[str, Any], part: str) -> bytes | None:
    """Return key or value of a record of a file; what is missing is null."""
    text = record.get(part)
    return None if text is None else b64decode(text)


def headers(record: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    """Return the headers of a record of a file."""
    pairs = [pair for each in record.get("headers") or [] for pair in each.items()]
    return [(name, None if said is None else bytes(byte % 256 for byte in said)) for name, said in pairs]


def source(record: dict[str, Any]) -> str:
    """Return what a record is called."""
    return f"{record['topic']}-{record['partition']}-{record['offset']}"


def own_headers(letter: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    """Return a dead letter's headers without the six that its function has added."""
    return list(letter["headers"])[:-6]
