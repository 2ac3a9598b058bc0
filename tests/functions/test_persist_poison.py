"""A record that can never be applied goes to the dead letters unchanged, and holds up nobody."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor

from chalicelib.config import Settings
from functions.dead_letter_queue import DeadLetterQueue
from functions.isolation import TRIES
from functions.kafka_batch import batch_item_failures, records
from functions.mysql import Database
from functions.persist import Batch
from functions.producer import ReliableProducer
from tests.functions.batches import Letters, Persist, ReadTopic, Tables, a_batch, an_event, as_value

EVENTS = Path(__file__).parents[1] / "events"

POISON: dict[str, tuple[dict[str, Any] | bytes | None, str]] = {
    "a null value": (None, "null-value"),
    "not UTF-8": (b"\xff\xfe", "not-utf8"),
    "not JSON": (b"{", "not-json"),
    "not an object": (b"[1]", "not-json"),
    "an unknown schema": (an_event(2, schema=2), "unknown-schema"),
    "an unknown type": (an_event(2, "MOVED"), "unknown-type"),
    "a missing field": (an_event(2, userId=None), "invalid-field"),
    "a wrong type": (an_event(2, quantity="one"), "invalid-field"),
    "too long for its column": (an_event(2, userId="u" * 256), "invalid-field"),
    "not ASCII in an id column": (an_event(2, seatIds=["é-1"]), "constraint"),
    "a number too large for its column": (an_event(2, "SALE_CREATED", capacity=2**40), "constraint"),
    "a text too long for its column": (an_event(2, seatIds=["s" * 32] * 40), "constraint"),
    "a lone surrogate": (an_event(2, seatIds=["\ud800"]), "constraint"),
}


@pytest.mark.parametrize(("value", "reason"), POISON.values(), ids=POISON.keys())
def test_poison_is_quarantined_unchanged_and_its_neighbours_are_applied(
    persist: Persist, tables: Tables, letters: Letters, value: dict[str, Any] | bytes | None, reason: str
) -> None:
    assert persist(an_event(1, user="ann"), value, an_event(3, user="eve")) == []

    (letter,) = letters.kept
    assert letter.reason == reason
    assert (letter.key, letter.value) == (b"s:bob", as_value(value))
    assert letter.source == "t-0-1"
    assert letter.error
    assert tables.rows("SELECT user_id FROM purchases ORDER BY user_id") == [("ann",), ("eve",)]
    assert tables.rows("SELECT version FROM sale_events ORDER BY version") == [(1,), (3,)]


class CountingDatabase(Database):
    """Counts the transactions that were begun."""

    begun = 0

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        self.begun += 1
        with super().transaction() as cursor:
            yield cursor


@pytest.mark.parametrize("places", [(0, 1, 2), (3, 250, 499), (17, 130, 386), (124, 125, 375)])
def test_three_in_a_batch_of_500_cost_at_most_60_transactions(
    own_database: str, tables: Tables, letters: Letters, places: tuple[int, ...]
) -> None:
    database = CountingDatabase(own_database)
    events = [an_event(n + 1, user=f"u{n}", seatIds=["é" if n in places else f"A-{n}"]) for n in range(500)]

    assert Batch(database, letters).write(a_batch(*events)) == []

    assert database.begun <= 60
    assert letters.reasons == ["constraint"] * 3
    assert {letter.source for letter in letters.kept} == {f"t-0-{place}" for place in places}
    assert {letter.attempts for letter in letters.kept} == {TRIES}
    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(497,)]
    database.close()


def test_a_dead_letter_carries_the_record_and_says_why(
    database: Database, kafka_settings: Settings, producer: ReliableProducer, read_topic: ReadTopic
) -> None:
    queue = DeadLetterQueue(producer, kafka_settings.kafka_dlq_topic, "persist")

    assert Batch(database, queue).write(a_batch(an_event(1), b"\xff", None)) == []

    unreadable, empty = read_topic(kafka_settings.kafka_dlq_topic)
    assert (unreadable.key(), unreadable.value(), empty.value()) == (b"s:bob", b"\xff", None)
    headers = dict(unreadable.headers() or [])
    assert str(headers.pop("dlq-at")).endswith("Z'")
    assert headers.pop("dlq-error")
    assert headers == {
        "sale": b"s",
        "dlq-reason": b"not-utf8",
        "dlq-source": b"t-0-1",
        "dlq-attempts": b"1",
        "dlq-function": b"persist",
    }


def test_a_dead_letter_may_be_as_large_as_its_topic_takes_records(
    database: Database, kafka_settings: Settings, producer: ReliableProducer, read_topic: ReadTopic
) -> None:
    large = b"\xff" + bytes(range(256)) * 4_080  # nearly 1 MB
    queue = DeadLetterQueue(producer, kafka_settings.kafka_dlq_topic, "persist")

    assert Batch(database, queue).write(a_batch(large)) == []

    assert [message.value() for message in read_topic(kafka_settings.kafka_dlq_topic)] == [large]


@pytest.mark.parametrize("name", ["msk.json", "self_managed.json"])
def test_both_shapes_of_the_event_are_taken_as_lambda_delivers_them(
    database: Database, tables: Tables, letters: Letters, name: str
) -> None:
    batch = records(json.loads((EVENTS / name).read_text(encoding="utf-8")))

    left = Batch(database, letters).write(batch)

    assert batch_item_failures(left) == {"batchItemFailures": []}
    assert tables.rows("SELECT sale_id, user_id, seat_ids FROM purchases") == [("demo", "auth0|5f01", "A-1")]
    without_key, without_value = letters.kept
    assert (without_key.reason, without_key.key) == ("not-utf8", None)
    assert without_key.headers == (("sig", bytes([230, 151, 165, 127, 128])),)
    assert (without_value.reason, without_value.value, without_value.headers) == ("null-value", None, ())


def test_poison_that_cannot_be_quarantined_is_reported_as_failed(
    persist: Persist, tables: Tables, letters: Letters
) -> None:
    letters.away = True

    left = persist(*a_batch(an_event(1), b"?", an_event(2, user="eve")), *a_batch(an_event(3, user="ann"), partition=1))

    assert batch_item_failures(left) == {"batchItemFailures": [{"itemIdentifier": {"partition": "t-0", "offset": 1}}]}
    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(3,)]


def test_a_dead_letter_topic_that_refuses_is_no_reason_to_skip(
    database: Database, kafka_settings: Settings, producer: ReliableProducer, read_topic: ReadTopic
) -> None:
    too_large = b"\xff" + random.Random(1).randbytes(5_000_000)  # over what even the dead-letter topic takes
    queue = DeadLetterQueue(producer, kafka_settings.kafka_dlq_topic, "persist")

    left = Batch(database, queue).write(a_batch(b"?", too_large))

    assert [record.offset for record in left] == [1]
    assert len(read_topic(kafka_settings.kafka_dlq_topic)) == 1
