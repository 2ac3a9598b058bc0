"""The function behind its event source: groups and pollers that read the whole topic again add nothing."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from chalicelib.config import Settings
from functions.kafka_client import client_config
from functions.producer import OutgoingRecord, ReliableProducer
from ops.local.program import PROJECT
from tests.conftest import Eventually
from tests.functions.batches import Tables, as_value
from tests.functions.test_statistics import SUMS, a_history, expected

Start = Callable[[str, int], None]


@pytest.fixture
def start(kafka_settings: Settings, own_database: str, tmp_path: Path, eventually: Eventually) -> Iterator[Start]:
    """Start an event source of the function in a stack of that name, with so many pollers; one of them serves then."""
    running: list[subprocess.Popen[bytes]] = []

    def run(stack: str, pollers: int) -> None:
        ready = tmp_path / f"{stack}.ready"
        env = {
            **os.environ,
            "MYSQL_URL": own_database,
            "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.kafka_bootstrap_servers,
            "KAFKA_TOPIC": kafka_settings.kafka_topic,
            "KAFKA_DLQ_TOPIC": kafka_settings.kafka_dlq_topic,
            "ONSALE_POLLERS": str(pollers),
            "ONSALE_READY_FILE": str(ready),
        }
        command = [sys.executable, "-m", "ops.local.event_source", "Statistics", "--stack-name", stack]
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=PROJECT, env=env, stdout=log, stderr=log)
        running.append(process)
        eventually(ready.exists)

    yield run
    for process in running:
        process.terminate()
    for process in running:
        process.wait(60)


def _has_read_everything(settings: Settings, stack: str) -> bool:
    consumer = Consumer({**client_config(settings), "group.id": f"{stack}-statistics"})
    try:
        places = consumer.committed([TopicPartition(settings.kafka_topic, each) for each in range(2)], 10)
        return all(each.offset == consumer.get_watermark_offsets(each, 10)[1] for each in places)
    except KafkaException:
        return False  # the group is being made
    finally:
        consumer.close()


def test_the_whole_topic_again_under_other_groups_changes_nothing(
    start: Start, kafka_settings: Settings, producer: ReliableProducer, tables: Tables, eventually: Eventually
) -> None:
    topic, history = kafka_settings.kafka_topic, a_history(3_000)
    records = [OutgoingRecord(topic, f"s:{n}".encode(), as_value(event)) for n, event in enumerate(history)]
    producer.send([*records, OutgoingRecord(topic, b"s:", b"?"), *records[:500]])  # as two relays would
    first, second = f"{topic}-one", f"{topic}-two"

    start(first, 2)
    start(second, 1)

    for each in (first, second):
        eventually(partial(_has_read_everything, kafka_settings, each))
    assert tables.rows(SUMS) == [expected(history)]
