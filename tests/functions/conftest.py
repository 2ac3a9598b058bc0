"""What tests of the functions need: a database of their own, topics of their own, batches as Lambda delivers them."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from chalicelib import secrets, wiring
from chalicelib.config import Settings, settings
from chalicelib.sale.redis_link import open_link
from functions.kafka_batch import KafkaRecord
from functions.kafka_client import client_config
from functions.mysql import Database, connect, migrate
from functions.persist import Batch
from functions.producer import ReliableProducer
from functions.topics import create_topics
from ops.local import aws
from ops.local.ports import free_ports
from ops.local.program import spawn, stop_child, wait_until_it_answers
from tests.conftest import PATIENT
from tests.functions.batches import Letters, Persist, ReadTopic, Tables, a_batch
from tests.functions.event_sources import Source
from tests.functions.notifying import EMAIL, PHONE, Desk, a_desk, notify_settings
from tests.functions.provider_gate import Gate, open_gate
from tests.functions.vault import Configure, Vault

_numbers = count(1)


@pytest.fixture(scope="session")
def own_database(mysql_url: str) -> str:
    """The URL of a database that only these tests use, with all tables."""
    server, _, rest = mysql_url.rpartition("/")
    _, question, query = rest.partition("?")
    connection = connect(mysql_url)
    connection.query("CREATE DATABASE IF NOT EXISTS onsale_functions")
    connection.close()
    url = f"{server}/onsale_functions{question}{query}"
    migrate(url)
    return url


@pytest.fixture
def tables(own_database: str) -> Iterator[Tables]:
    """The tables, empty."""
    looking = Tables(own_database)
    looking.clear()
    yield looking
    looking.close()


@pytest.fixture
def database(own_database: str, tables: Tables) -> Iterator[Database]:
    """The database as a function holds it, its tables empty."""
    held = Database(own_database)
    yield held
    held.close()


@pytest.fixture
def letters() -> Letters:
    """A queue that remembers."""
    return Letters()


@pytest.fixture
def persist(database: Database, letters: Letters) -> Persist:
    """Write events, or records, in one delivery; returns the records that are left."""

    def write(*events: Any) -> list[KafkaRecord]:
        ready = all(isinstance(each, KafkaRecord) for each in events)
        return Batch(database, letters).write(list(events) if ready else a_batch(*events))

    return write


@pytest.fixture
def kafka_settings(kafka: str) -> Settings:
    """Settings with topics that nobody else uses; they exist."""
    number = next(_numbers)
    own = replace(
        Settings(),
        kafka_bootstrap_servers=kafka,
        kafka_topic=f"events-{number}",
        kafka_dlq_topic=f"events-{number}-dlq",
        kafka_notify_dlq_topic=f"events-{number}-notify-dlq",
    )
    create_topics(2, 1, own)
    return own


@pytest.fixture
def producer(kafka_settings: Settings) -> Iterator[ReliableProducer]:
    """A producer."""
    made = ReliableProducer(client_config(kafka_settings))
    yield made
    made.close()


@pytest.fixture
def read_topic(kafka: str) -> Iterator[ReadTopic]:
    """Return all records of a topic, partition by partition."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "tests", "fetch.message.max.bytes": 8_000_000})

    def read(topic: str) -> list[Message]:
        found: list[Message] = []
        for partition in consumer.list_topics(topic, timeout=30).topics[topic].partitions:
            place = TopicPartition(topic, partition, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=30)
            consumer.assign([place])
            next_offset = 0
            while next_offset < end:
                message = consumer.poll(30)
                assert message is not None, "the topic does not give its records"
                assert message.error() is None
                found.append(message)
                next_offset = (message.offset() or 0) + 1
        consumer.unassign()
        return found

    yield read
    consumer.close()


@pytest.fixture
def source(kafka_settings: Settings, producer: ReliableProducer) -> Iterator[Source]:
    """A topic of one partition for an event source."""
    own = replace(kafka_settings, kafka_topic=f"{kafka_settings.kafka_topic}-one")
    create_topics(1, 1, own)
    made = Source(own, producer, 1)
    yield made
    made.stop()


@pytest.fixture
def wide_source(kafka_settings: Settings, producer: ReliableProducer) -> Iterator[Source]:
    """A topic of two partitions for an event source; the keys `a` and `d` are in different ones."""
    made = Source(kafka_settings, producer, 2)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def aws_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an AWS emulator with topic and sender, as `onsale up` runs it; its credentials in the environment."""
    folder = tmp_path_factory.mktemp("aws")
    (port,) = free_ports(1)
    child = spawn(aws.program(folder, port), log=folder / "aws.log", env=os.environ, tied=True)
    given = {name: text for name, text in aws.settings(port).items() if text == aws.DUMMY}
    try:
        wait_until_it_answers(child)
        with pytest.MonkeyPatch.context() as patch:
            for name, text in given.items():
                patch.setenv(name, text)
            yield aws.url(port)
    finally:
        stop_child(child, kill=True)


@pytest.fixture
def vault(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """Where secrets are kept; this process has read none, and finds them there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_url)
    secrets.forget()
    yield Vault(aws_url, monkeypatch)
    secrets.forget()


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Give this process settings, and have it read them anew."""

    def give(**given: str) -> None:
        for name, text in given.items():
            monkeypatch.setenv(name, text)
        settings.cache_clear()
        wiring.open_links_by(open_link)

    yield give
    monkeypatch.undo()
    settings.cache_clear()
    wiring.open_links_by(open_link)


@pytest.fixture
def gate(aws_url: str) -> Iterator[Gate]:
    """What stands before the emulator and may answer in its place."""
    with open_gate(aws_url) as opened:
        yield opened


@pytest.fixture
def desk(gate: Gate, redis_url: str, database: Database, letters: Letters) -> Desk:
    """The function `notify` in this process, with a sale of its own."""
    return a_desk(notify_settings(Settings.read(PATIENT), redis_url, gate.url), database, letters)


@pytest.fixture
def no_address_in_any_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever a test of `notify` does: no line, of any logger, may hold an address."""
    caplog.set_level(logging.INFO)
    yield
    written = "".join(capfd.readouterr()) + "".join(json.dumps(each.__dict__, default=str) for each in caplog.records)
    assert "batch announced" in written or "batch failed" in written
    assert EMAIL not in written
    assert PHONE not in written
