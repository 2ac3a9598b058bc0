"""Poison on the real topics: each kind is found out, quarantined as it came, and holds up nobody."""

import random
from typing import Any

import pytest

from chalicelib.config import Settings
from functions.dead_letter_queue import DeadLetterQueue, split_headers
from functions.kafka_batch import Headers
from functions.mysql import Database
from functions.persist import Batch
from functions.producer import OutgoingRecord, ReliableProducer
from tests.functions.batches import ReadTopic, Tables, an_event, as_value
from tests.functions.deliveries import delivered, headers_of
from tests.functions.test_persist_poison import CountingDatabase

HEADERS: Headers = (
    ("sale", b"s"),
    ("trace", bytes(range(256))),  # as Lambda spells them, half of these bytes are negative
    ("trace", b"again"),
    ("nothing", None),
    ("empty", b""),
    ("dlq-reason", b"of an earlier life"),
)
POISON: dict[str, tuple[dict[str, Any] | bytes | None, bytes | None, str]] = {
    "not UTF-8": (b'{"schema":1,\xff\xfe}', b"s:bob", "not-utf8"),
    "not JSON": (b'{"schema":1', b"s:bob", "not-json"),
    "an unknown schema number": (an_event(7, schema=2), b"s:bob", "unknown-schema"),
    "an unknown type": (an_event(7, "MOVED"), b"s:bob", "unknown-type"),
    "a missing field": (an_event(7, reservationId=None), b"s:bob", "invalid-field"),
    "a wrong type": (an_event(7, quantity="1"), b"s:bob", "invalid-field"),
    "too long for its column": (an_event(7, seatIds=["s" * 32] * 40), b"s:bob", "constraint"),
    "a constraint violated": (an_event(7, "SALE_CREATED", capacity=2**40), b"s:", "constraint"),
    "a null value": (None, b"s:bob", "null-value"),
    "an empty value": (b"", b"s:bob", "not-json"),
    "no key": (b"?", None, "not-json"),
    "an empty key": (b"?", b"", "not-json"),
    "a key of any bytes": (b"?", bytes(range(256)), "not-json"),
    "a megabyte": (b"\xff" + random.Random(1).randbytes(1_048_000), b"s:bob", "not-utf8"),
    "a version that exists with other content": (an_event(1, user="eve"), b"s:eve", "version-conflict"),
}


@pytest.mark.parametrize(("value", "key", "reason"), POISON.values(), ids=POISON.keys())
def test_poison_lies_on_the_dead_letter_topic_as_it_came(
    database: Database,
    tables: Tables,
    kafka_settings: Settings,
    producer: ReliableProducer,
    read_topic: ReadTopic,
    value: dict[str, Any] | bytes | None,
    key: bytes | None,
    reason: str,
) -> None:
    topic, queue = kafka_settings.kafka_topic, DeadLetterQueue(producer, kafka_settings.kafka_dlq_topic, "persist")
    poison = OutgoingRecord(topic, key, as_value(value), HEADERS)
    for record in (OutgoingRecord(topic, b"s:ann", as_value(an_event(1, user="ann"))), poison):
        assert producer.send([record]) == [None]
    assert producer.send([OutgoingRecord(topic, b"s:zoe", as_value(an_event(9, user="zoe")))]) == [None]
    delivery = sorted(delivered(read_topic(topic)), key=lambda record: record.headers == HEADERS)

    assert Batch(database, queue).write(delivery) == []

    (letter,) = read_topic(kafka_settings.kafka_dlq_topic)
    headers, why = split_headers(headers_of(letter))
    assert (letter.key(), letter.value(), headers) == (poison.key, poison.value, HEADERS)
    assert (why["dlq-reason"], why["dlq-function"]) == (reason, "persist")
    assert why["dlq-source"] == delivery[-1].source
    assert tables.rows("SELECT user_id FROM purchases ORDER BY user_id") == [("ann",), ("zoe",)]


@pytest.mark.parametrize("seed", range(4))
def test_three_poison_among_500_cost_no_other_record_its_delivery(
    own_database: str,
    tables: Tables,
    kafka_settings: Settings,
    producer: ReliableProducer,
    read_topic: ReadTopic,
    seed: int,
) -> None:
    chance = random.Random(seed)
    places = set(chance.sample(range(500), 3))
    topic = kafka_settings.kafka_topic
    events = [an_event(n + 1, user=f"u{n}", seatIds=["é" if n in places else f"A-{n}"]) for n in range(500)]
    records = [OutgoingRecord(topic, f"s:{each['userId']}".encode(), as_value(each)) for each in events]
    assert producer.send(records) == [None] * 500
    database = CountingDatabase(own_database)
    queue = DeadLetterQueue(producer, kafka_settings.kafka_dlq_topic, "persist")

    assert Batch(database, queue).write(delivered(read_topic(topic))) == []

    assert database.begun <= 60
    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(497,)]
    assert tables.rows("SELECT COUNT(*) FROM sale_events") == [(497,)]
    letters = read_topic(kafka_settings.kafka_dlq_topic)
    assert sorted(letter.value() or b"" for letter in letters) == sorted(as_value(events[n]) or b"" for n in places)
    database.close()
