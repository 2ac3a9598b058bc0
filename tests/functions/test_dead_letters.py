"""The function `dead_letters` on real servers: every letter is kept, once, whatever it is, however often it comes."""

from collections.abc import Iterator

import pytest

from chalicelib.config import Settings
from functions import isolation
from functions.dead_letter_queue import DeadLetter, DeadLetterQueue
from functions.dead_letter_table import read_headers
from functions.dead_letters import handler, keep
from functions.kafka_batch import Headers, KafkaRecord, batch_item_failures
from functions.mysql import Database
from functions.producer import OutgoingRecord, ReliableProducer
from tests.functions.batches import ReadTopic, Tables
from tests.functions.deliveries import delivered, keep_all

HEADERS: Headers = (
    ("sale", b"spring"),
    ("epoch", b"9"),
    ("version", b"7"),
    ("trace", bytes(range(256))),
    ("trace", None),
)


class Dlq:
    """The dead-letter topic of one test."""

    def __init__(self, settings: Settings, producer: ReliableProducer, read_topic: ReadTopic) -> None:
        self.topic = settings.kafka_dlq_topic
        self._producer = producer
        self._read = read_topic

    def bury(
        self,
        source: str,
        value: bytes | None = b"?",
        key: bytes | None = b"spring:ann",
        error: str = "why not",
        function: str = "persist",
        headers: Headers = HEADERS,
    ) -> None:
        """Put a letter on the topic as our functions do."""
        queue = DeadLetterQueue(self._producer, self.topic, function)
        assert queue.put([DeadLetter(key, value, headers, source, "not-json", error, 1)]) == [True]

    def put(self, *headers: tuple[str, bytes | None], value: bytes | None = b"?") -> None:
        """Put a record on the topic as anybody may."""
        assert self._producer.send([OutgoingRecord(self.topic, None, value, headers)]) == [None]

    def keep(self, database: Database) -> None:
        """Have all of the topic delivered."""
        keep_all(database, self._read(self.topic))

    def delivery(self) -> list[KafkaRecord]:
        """Return all of the topic as one delivery."""
        return delivered(self._read(self.topic))


@pytest.fixture
def dlq(kafka_settings: Settings, producer: ReliableProducer, read_topic: ReadTopic) -> Dlq:
    """A dead-letter topic that nobody else uses."""
    return Dlq(kafka_settings, producer, read_topic)


@pytest.mark.parametrize(
    "value",
    [b"?", None, b"", b"\x00\xff'\\\"", bytes(range(256)) * 4_080],
    ids=["text", "null", "empty", "bytes", "a megabyte"],
)
def test_a_letter_is_kept_as_it_came(dlq: Dlq, database: Database, tables: Tables, value: bytes | None) -> None:
    dlq.bury("events-3-12", value)

    dlq.keep(database)

    ((key, kept, headers, length),) = tables.rows(
        "SELECT record_key, record_value, record_headers, value_length FROM dead_letters"
    )
    assert (key, kept, read_headers(headers), length) == (b"spring:ann", value, HEADERS, len(value or b""))
    assert tables.rows(
        "SELECT source_topic, source_partition, source_offset, quarantined_by, state, reason, error, attempts, sale_id,"
        " epoch, version, user_id, is_cut, dlq_place FROM dead_letters"
    ) == [("events", 3, 12, "persist", "OPEN", "not-json", "why not", 1, "spring", 9, 7, "ann", 0, f"{dlq.topic}-0-0")]


def test_what_is_delivered_again_and_what_is_buried_again_are_one_letter(
    dlq: Dlq, database: Database, tables: Tables
) -> None:
    dlq.bury("events-3-12")
    dlq.bury("events-3-12")  # persist died after it had put it there, and before its offset was committed
    dlq.keep(database)
    tables.rows("UPDATE dead_letters SET state = 'DISCARDED', acted_by = 'ann', why = 'a test'")

    dlq.keep(database)

    assert tables.rows("SELECT state, acted_by, why FROM dead_letters") == [("DISCARDED", "ann", "a test")]


def test_two_functions_may_give_up_one_record(dlq: Dlq, database: Database, tables: Tables) -> None:
    dlq.bury("events-3-12")
    dlq.bury("events-3-12", function="notify")

    dlq.keep(database)

    assert tables.rows("SELECT quarantined_by FROM dead_letters ORDER BY number") == [("persist",), ("notify",)]


def test_a_record_without_our_headers_is_named_by_where_it_lies(dlq: Dlq, database: Database, tables: Tables) -> None:
    dlq.put()
    dlq.put(("dlq-source", b"\xff"), ("dlq-attempts", b"many"), ("dlq-at", b"yesterday"), value=None)

    dlq.keep(database)

    found = tables.rows("SELECT source_topic, source_offset, reason, attempts, state FROM dead_letters ORDER BY number")
    assert found == [(dlq.topic, 0, "unknown", 0, "OPEN"), (dlq.topic, 1, "unknown", 0, "OPEN")]


def test_what_is_too_long_or_no_text_for_its_column_is_cut(dlq: Dlq, database: Database, tables: Tables) -> None:
    dlq.put(
        ("replayed-from", b"r" * 9_000),
        ("sale", b"s" * 900),
        ("dlq-reason", b"r" * 900),
        ("dlq-error", b"\xff\x00" + b"e" * 90_000),
        ("dlq-function", "é".encode()),
        ("dlq-source", b"t" * 300 + b"-1-1"),
        ("dlq-attempts", b"9" * 15),
    )

    dlq.keep(database)

    assert tables.rows(
        "SELECT LENGTH(reason), LENGTH(error) > 3000, LENGTH(replay_of), sale_id, quarantined_by, attempts,"
        " record_value FROM dead_letters"
    ) == [(64, 1, 400, "", "", 2**32 - 1, b"?")]


@pytest.fixture
def small_values(tables: Tables) -> Iterator[None]:
    """A table that takes small values only."""
    tables.rows("ALTER TABLE dead_letters ADD CONSTRAINT small CHECK (LENGTH(record_value) <= 65536)")
    yield
    tables.rows("ALTER TABLE dead_letters DROP CONSTRAINT small")


@pytest.mark.usefixtures("small_values")
def test_a_letter_that_is_refused_as_it_is_is_kept_cut_and_its_neighbours_whole(
    dlq: Dlq, database: Database, tables: Tables
) -> None:
    for offset, size in enumerate((10, 70_000, 20)):
        dlq.bury(f"events-0-{offset}", b"v" * size)

    dlq.keep(database)

    assert tables.rows(
        "SELECT source_offset, is_cut, value_length, LENGTH(record_value) FROM dead_letters ORDER BY source_offset"
    ) == [(0, 0, 10, 10), (1, 1, 70_000, 65_536), (2, 0, 20, 20)]


def test_a_topic_that_was_made_anew_hides_no_letter_behind_an_older_one(
    dlq: Dlq, database: Database, tables: Tables
) -> None:
    dlq.bury("events-3-12", b"before")
    dlq.keep(database)
    dlq.bury("events-3-12", b"after ")  # the same offset, another record

    dlq.keep(database)
    dlq.keep(database)

    assert tables.rows("SELECT source_topic, source_offset, record_value FROM dead_letters ORDER BY number") == [
        ("events", 12, b"before"),
        (dlq.topic, 1, b"after "),
    ]


def test_an_outage_reports_the_delivery_as_failed_and_loses_nothing(
    dlq: Dlq, database: Database, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "PAUSES_S", (0.0, 0.0))
    dlq.bury("events-3-12")
    dlq.bury("events-3-13")
    delivery = dlq.delivery()

    left = keep(Database("mysql://nobody@127.0.0.1:1/nothing"), delivery)

    assert batch_item_failures(left)["batchItemFailures"][0]["itemIdentifier"]["offset"] == 0
    assert keep(database, delivery) == []
    assert tables.rows("SELECT COUNT(*) FROM dead_letters") == [(2,)]


def test_a_letter_that_is_refused_even_cut_is_reported_and_the_others_are_kept(
    dlq: Dlq, database: Database, tables: Tables
) -> None:
    tables.rows("ALTER TABLE dead_letters ADD CONSTRAINT nobody CHECK (user_id <> 'ann')")
    try:
        dlq.bury("events-3-12", key=b"spring:bob")
        dlq.bury("events-3-13", key=b"spring:ann")
        left = keep(database, dlq.delivery())
    finally:
        tables.rows("ALTER TABLE dead_letters DROP CONSTRAINT nobody")

    assert [record.offset for record in left] == [1]
    assert tables.rows("SELECT user_id FROM dead_letters") == [("bob",)]


def test_the_handler_answers_as_lambda_asks() -> None:
    assert handler({"records": {}}, None) == {"batchItemFailures": []}
