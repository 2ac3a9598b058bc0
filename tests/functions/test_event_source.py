"""The local event source against a real Kafka, with toy functions that fail in every way."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from chalicelib.config import Settings
from functions.kafka_client import client_config
from functions.producer import OutgoingRecord, ReliableProducer
from functions.topics import create_topics
from ops.local.event_source.function import Context, Function
from ops.local.event_source.mapping import MSK, EventSourceMapping, FunctionSpec
from ops.local.event_source.poller import Poller
from tests.conftest import Eventually

SPEC = FunctionSpec("Toy", "toy.handler", Path(), timeout_s=30, memory_mb=128)
_groups = count(1)


class Toy:
    """A function that writes down what it was given, as (partition, offset) pairs, and answers as told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.batches: list[list[tuple[int, int]]] = []
        self.answer: Callable[[list[tuple[int, int]]], Any] = lambda batch: None

    def __call__(self, event: dict[str, Any], context: Context) -> Any:
        batch = [(each["partition"], each["offset"]) for group in event["records"].values() for each in group]
        self.events.append(event)
        self.batches.append(batch)
        return self.answer(batch)

    @property
    def seen(self) -> Counter[tuple[int, int]]:
        """How often each record was delivered."""
        return Counter(record for batch in self.batches for record in batch)


class Source:
    """One topic, one mapping, any number of pollers."""

    def __init__(self, settings: Settings, producer: ReliableProducer, partitions: int) -> None:
        self.settings = settings
        self.partitions = partitions
        self._producer = producer
        self.mapping = EventSourceMapping(
            name="Toy-Events",
            kind=MSK,
            arn="arn:aws:kafka:local:000000000000:cluster/local/0",
            bootstrap_servers="",
            topic=settings.kafka_topic,
            group_id=f"toy-{next(_groups)}",
            starting_position="TRIM_HORIZON",
            batch_size=100,
            window_s=0,
            reports_failures=True,
        )
        self._running: list[tuple[Poller, threading.Thread]] = []

    def produce(self, *values: bytes | None, partition_key: bytes | None = None) -> None:
        """Put records on the topic; they are there when it returns."""
        records = [OutgoingRecord(self.settings.kafka_topic, partition_key, value) for value in values]
        assert self._producer.send(records) == [None] * len(records)

    def start(self, function: Callable[[dict[str, Any], Context], Any], **changes: Any) -> Poller:
        """Poll in a thread, after the partitions were assigned."""
        self.mapping = replace(self.mapping, **changes)
        assigned = threading.Event()
        poller = Poller(self.mapping, Function(SPEC, function), client_config(self.settings), assigned.set)
        thread = threading.Thread(target=poller.run)
        thread.start()
        self._running.append((poller, thread))
        assert assigned.wait(20), "no partitions were assigned"
        return poller

    def stop(self) -> None:
        """End all pollers and wait for them."""
        for poller, _ in self._running:
            poller.stop()
        for _, thread in self._running:
            thread.join(20)
            assert not thread.is_alive()
        self._running = []

    def committed(self) -> dict[int, int]:
        """Return the committed offset of each partition that has one."""
        config = client_config(self.settings)
        consumer = Consumer({**config, "group.id": self.mapping.group_id})
        places = [TopicPartition(self.settings.kafka_topic, partition) for partition in range(self.partitions)]
        found = consumer.committed(places, timeout=10)
        consumer.close()
        return {place.partition: place.offset for place in found if place.offset >= 0}


@pytest.fixture
def source(kafka_settings: Settings, producer: ReliableProducer) -> Iterator[Source]:
    """A topic of one partition."""
    own = replace(kafka_settings, kafka_topic=f"{kafka_settings.kafka_topic}-one")
    create_topics(1, 1, own)
    made = Source(own, producer, 1)
    yield made
    made.stop()


@pytest.fixture
def wide_source(kafka_settings: Settings, producer: ReliableProducer) -> Iterator[Source]:
    """A topic of two partitions; the keys `a` and `d` are in different ones."""
    made = Source(kafka_settings, producer, 2)
    yield made
    made.stop()


def _failing(*places: tuple[int, int]) -> dict[str, Any]:
    def item(partition: int, offset: int, topic: str) -> dict[str, Any]:
        return {"itemIdentifier": {"partition": f"{topic}-{partition}", "offset": offset}}

    return {"batchItemFailures": [item(*place, topic="TOPIC") for place in places]}


def _named(answer: Mapping[str, Any], source: Source) -> Any:
    return json.loads(json.dumps(answer).replace("TOPIC", source.settings.kafka_topic))


def test_a_record_arrives_as_lambda_would_deliver_it(
    source: Source, producer: ReliableProducer, eventually: Eventually
) -> None:
    topic = source.settings.kafka_topic
    headers = (("sale", b"demo"), ("sig", bytes([0, 127, 128, 255])))
    producer.send([OutgoingRecord(topic, b"k", b'{"a":1}', headers), OutgoingRecord(topic, None, None)])
    toy = Toy()

    source.start(toy)
    eventually(lambda: sum(toy.seen.values()) == 2)

    event = toy.events[0]
    assert json.loads(json.dumps(event)) == event
    records = [record for each in toy.events for record in each["records"][f"{topic}-0"]]
    assert isinstance(records[0].pop("timestamp"), int)
    del records[1]["timestamp"]
    assert event.keys() == {"eventSource", "eventSourceArn", "bootstrapServers", "records"}
    assert event["eventSource"] == "aws:kafka"
    assert event["bootstrapServers"] == source.settings.kafka_bootstrap_servers
    assert records == [
        {
            "topic": topic,
            "partition": 0,
            "offset": 0,
            "timestampType": "CREATE_TIME",
            "key": "aw==",
            "value": "eyJhIjoxfQ==",
            "headers": [{"sale": [100, 101, 109, 111]}, {"sig": [0, 127, -128, -1]}],
        },
        {"topic": topic, "partition": 0, "offset": 1, "timestampType": "CREATE_TIME", "headers": []},
    ]


def test_batches_are_no_larger_than_asked_for_and_in_order(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 25)
    toy = Toy()

    source.start(toy, batch_size=10)
    eventually(lambda: len(toy.seen) == 25)

    assert max(map(len, toy.batches)) <= 10
    assert [offset for batch in toy.batches for _, offset in batch] == list(range(25))
    eventually(lambda: source.committed() == {0: 25})


def test_a_window_collects_what_comes_meanwhile(source: Source, eventually: Eventually) -> None:
    toy = Toy()
    source.start(toy, window_s=1, batch_size=3)

    for value in (b"1", b"2", b"3"):
        source.produce(value)
    eventually(lambda: len(toy.seen) == 3)

    assert toy.batches == [[(0, 0), (0, 1), (0, 2)]]


def test_what_is_reported_failed_is_delivered_again_from_the_lowest_offset_on(
    source: Source, eventually: Eventually
) -> None:
    source.produce(*[b"x"] * 6)
    toy = Toy()
    answers = iter([_failing((0, 4), (0, 2)), _failing((0, 5))])
    toy.answer = lambda batch: _named(next(answers, {}), source)

    source.start(toy, window_s=1, batch_size=6)
    eventually(lambda: source.committed() == {0: 6})

    offsets = [[offset for _, offset in batch] for batch in toy.batches]
    assert offsets == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5], [5]]


def test_nothing_is_committed_from_the_first_failure_on(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 6)
    toy = Toy()
    toy.answer = lambda batch: _named(_failing((0, 3)), source) if (0, 3) in batch else {}

    source.start(toy)
    eventually(lambda: toy.seen[0, 3] >= 4)
    source.stop()

    assert source.committed() == {0: 3}
    assert toy.seen[0, 2] == 1


def test_a_partition_that_fails_does_not_hold_up_another(wide_source: Source, eventually: Eventually) -> None:
    wide_source.produce(b"bad", partition_key=b"a")
    toy = Toy()
    wide_source.start(toy)
    eventually(lambda: len(toy.seen) == 1)
    ((stuck, _),) = toy.seen
    toy.answer = lambda batch: _named(_failing(*[each for each in batch if each[0] == stuck][:1]), wide_source)

    wide_source.produce(b"bad too", partition_key=b"a")
    eventually(lambda: toy.seen[stuck, 1] >= 2)
    wide_source.produce(*[b"good"] * 5, partition_key=b"d")

    eventually(lambda: wide_source.committed().get(1 - stuck) == 5)
    assert wide_source.committed()[stuck] == 1


def _raise(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    "bad",
    [
        lambda batch: _raise(ValueError("no")),
        lambda batch: {"batchItemFailures": [{"itemIdentifier": {"partition": "other-0", "offset": 0}}]},
        lambda batch: {"batchItemFailures": [{"itemIdentifier": ""}]},
        lambda batch: {"batchItemFailures": "all"},
    ],
    ids=["an exception", "a partition that was not in it", "no identifier", "no list"],
)
def test_a_batch_that_fails_as_a_whole_is_delivered_again_whole(
    source: Source, eventually: Eventually, bad: Callable[[Any], Any]
) -> None:
    source.produce(b"1", b"2", b"3")
    toy = Toy()
    toy.answer = lambda batch: bad(batch) if len(toy.batches) < 3 else {}

    source.start(toy, window_s=1, batch_size=3)
    eventually(lambda: source.committed() == {0: 3})

    assert toy.batches == [[(0, 0), (0, 1), (0, 2)]] * 3


def test_without_report_batch_item_failures_the_answer_means_nothing(source: Source, eventually: Eventually) -> None:
    source.produce(b"1")
    toy = Toy()
    toy.answer = lambda batch: _named(_failing((0, 0)), source)

    source.start(toy, reports_failures=False)

    eventually(lambda: source.committed() == {0: 1})
    assert toy.seen == {(0, 0): 1}


def test_latest_skips_what_was_there_before(source: Source, eventually: Eventually) -> None:
    source.produce(b"old")
    toy = Toy()
    source.start(toy, starting_position="LATEST")

    def one_more_is_seen() -> bool:
        source.produce(b"new")
        return bool(toy.seen)

    eventually(one_more_is_seen)  # a partition is assigned before its end is known: the first may count as old

    assert (0, 0) not in toy.seen


def test_a_poller_that_starts_again_goes_on_where_the_last_one_ended(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 10)
    first, second = Toy(), Toy()
    source.start(first, batch_size=5)
    eventually(lambda: len(first.seen) == 10)
    source.stop()

    source.produce(*[b"x"] * 10)
    source.start(second)
    eventually(lambda: len(first.seen + second.seen) == 20)

    assert set((first.seen + second.seen).values()) == {1}


def test_a_partition_changes_hands_without_a_loss_or_a_repeat(wide_source: Source, eventually: Eventually) -> None:
    toys = [Toy(), Toy()]

    def total() -> Counter[tuple[int, int]]:
        return toys[0].seen + toys[1].seen

    wide_source.start(toys[0], batch_size=7)
    for number in range(20):
        wide_source.produce(b"x", partition_key=b"a")
        wide_source.produce(b"x", partition_key=b"d")
        if number == 5:
            wide_source.start(toys[1])
    eventually(lambda: len(total()) == 40)
    wide_source.produce(b"x", partition_key=b"a")
    wide_source.produce(b"x", partition_key=b"d")
    eventually(lambda: len(total()) == 42)

    assert set(total().values()) == {1}
    assert toys[1].seen, "the second poller never got a partition"


def test_a_failing_batch_is_left_to_the_poller_that_takes_its_partition_over(
    wide_source: Source, eventually: Eventually
) -> None:
    sick, well = Toy(), Toy()
    sick.answer = lambda batch: _raise(ValueError("no"))
    wide_source.produce(b"x", partition_key=b"a")
    wide_source.produce(b"x", partition_key=b"d")
    poller = wide_source.start(sick)
    eventually(lambda: len(sick.seen) == 2)

    wide_source.start(well)
    eventually(lambda: len(well.seen) >= 1)
    poller.stop()
    eventually(lambda: len(well.seen) == 2)

    eventually(lambda: wide_source.committed() == {0: 1, 1: 1})
