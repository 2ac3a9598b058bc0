"""What tests of the functions need: a database of their own, topics of their own, batches as Lambda delivers them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from chalicelib.config import Settings
from functions.kafka_batch import KafkaRecord
from functions.kafka_client import client_config
from functions.mysql import Database, connect, migrate
from functions.persist import Batch
from functions.producer import ReliableProducer
from functions.topics import create_topics
from tests.functions.batches import Letters, Persist, ReadTopic, Tables, a_batch

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
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            place = TopicPartition(topic, partition, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=10)
            consumer.assign([place])
            next_offset = 0
            while next_offset < end:
                message = consumer.poll(10)
                assert message is not None, "the topic does not give its records"
                assert message.error() is None
                found.append(message)
                next_offset = (message.offset() or 0) + 1
        consumer.unassign()
        return found

    yield read
    consumer.close()
