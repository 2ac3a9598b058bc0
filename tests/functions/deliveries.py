"""Records of a topic as a function gets them: consumed for real, by way of the JSON that Lambda delivers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from confluent_kafka import Message

from functions.dead_letters import keep
from functions.kafka_batch import Headers, KafkaRecord, records
from functions.mysql import Database
from ops.local.event_source.function_spec import read_mapping
from ops.local.event_source.lambda_event import Message as KafkaMessage
from ops.local.event_source.lambda_event import lambda_event
from ops.local.event_source.template import Template

_TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"


def delivered(messages: Sequence[Message]) -> list[KafkaRecord]:
    """Return consumed messages as the records of one delivery."""
    _, mapping = read_mapping(Template(_TEMPLATE, {}, "tests"), "Persist")
    sent = [
        KafkaMessage(
            each.topic() or "",
            each.partition() or 0,
            each.offset() or 0,
            each.timestamp()[1],
            "CREATE_TIME",
            each.key(),
            each.value(),
            headers_of(each),
        )
        for each in messages
    ]
    return records(json.loads(json.dumps(lambda_event(mapping, "h:1", sent))))


def headers_of(message: Message) -> Headers:
    """Return the headers of a message, each with its bytes."""
    return tuple(cast(list[tuple[str, bytes | None]], message.headers() or []))


def keep_all(database: Database, messages: Sequence[Message]) -> None:
    """Have the function `dead_letters` take what lies on its topic."""
    assert keep(database, delivered(messages)) == []
