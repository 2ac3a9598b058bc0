"""What tests of the event source are made of: topics with pollers on them, and toy functions."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from chalicelib.config import Settings
from functions.kafka_client import client_config
from functions.producer import OutgoingRecord, ReliableProducer
from ops.local.event_source.child_function import ChildFunction
from ops.local.event_source.failure_topic import FailureTopic
from ops.local.event_source.function_spec import FunctionSpec
from ops.local.event_source.invocation import FunctionFailed, InvokedFunction
from ops.local.event_source.mapping import MSK, EventSourceMapping
from ops.local.event_source.poller import Poller

Batch = list[tuple[int, int]]  # partition, offset
_groups = count(1)


class Toy:
    """A function in the poller's own thread: writes down what it was given and answers as told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.batches: list[Batch] = []
        self.answer: Callable[[Batch], Any] = lambda batch: None
        self.request_id = "toy"

    def invoke(self, event: bytes) -> Any:
        """Answer as told; what the telling raises is a failure of the function."""
        self.events.append(json.loads(event))
        batch = [(each["partition"], each["offset"]) for group in self.events[-1]["records"].values() for each in group]
        self.batches.append(batch)
        try:
            return self.answer(batch)
        except ValueError as error:
            raise FunctionFailed("ValueError", str(error)) from error

    def close(self) -> None:
        """Has nothing to let go of."""

    @property
    def seen(self) -> Counter[tuple[int, int]]:
        """How often each record was delivered."""
        return Counter(record for batch in self.batches for record in batch)

    @property
    def offsets(self) -> list[list[int]]:
        """The offsets of each delivery, in the order of deliveries."""
        return [[offset for _, offset in batch] for batch in self.batches]


class Source:
    """One topic, one mapping, any number of pollers."""

    def __init__(self, settings: Settings, producer: ReliableProducer, partitions: int) -> None:
        self.settings = settings
        self.partitions = partitions
        self.client_settings: dict[str, str | int] = {}  # of the pollers, beside what any client has
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

    def on(self, topic: str) -> "Source":
        """Return the same with another topic, which exists, of one partition; this one stops it."""
        self.settings = replace(self.settings, kafka_topic=topic)
        self.mapping = replace(self.mapping, topic=topic)
        self.partitions = 1
        return self

    def produce(self, *values: bytes | None, partition_key: bytes | None = None) -> None:
        """Put records on the topic; they are there when it returns."""
        records = [OutgoingRecord(self.settings.kafka_topic, partition_key, value) for value in values]
        assert self._producer.send(records) == [None] * len(records)

    def produce_at(self, timestamp_ms: int, value: bytes) -> None:
        """Put a record of a time of its own on partition 0."""
        writer = Producer(client_config(self.settings))
        writer.produce(self.settings.kafka_topic, value, partition=0, timestamp=timestamp_ms)
        assert writer.flush(30) == 0

    def start(self, function: InvokedFunction, *, timeout_s: float = 30, **changes: Any) -> Poller:
        """Poll in a thread, after the partitions were assigned."""
        self.mapping = replace(self.mapping, **changes)
        config = {**client_config(self.settings), **self.client_settings}
        assigned = threading.Event()
        poller = Poller(
            self.mapping,
            function,
            config,
            function_name="Toy",
            timeout_s=timeout_s,
            destination=FailureTopic(config, self.mapping.failure_topic) if self.mapping.failure_topic else None,
            ready=assigned.set,
        )
        thread = threading.Thread(target=poller.run)
        thread.start()
        self._running.append((poller, thread))
        assert assigned.wait(60), "no partitions were assigned"
        return poller

    def stop(self) -> None:
        """End all pollers and wait for them."""
        for poller, _ in self._running:
            poller.stop()
        for _, thread in self._running:
            thread.join(60)
            assert not thread.is_alive()
        self._running = []

    def committed(self) -> dict[int, int]:
        """Return the committed offset of each partition that has one."""
        config = client_config(self.settings)
        consumer = Consumer({**config, "group.id": self.mapping.group_id})
        places = [TopicPartition(self.settings.kafka_topic, partition) for partition in range(self.partitions)]
        found = consumer.committed(places, timeout=30)
        consumer.close()
        return {place.partition: place.offset for place in found if place.offset >= 0}


def failing(source: Source, *places: tuple[int, int]) -> dict[str, Any]:
    """Return the answer that names records, given as (partition, offset), as failed."""
    return {
        "batchItemFailures": [
            {"itemIdentifier": {"partition": f"{source.settings.kafka_topic}-{partition}", "offset": offset}}
            for partition, offset in places
        ]
    }


def raising(error: BaseException) -> Any:
    """Raise, where only an expression may stand."""
    raise error


_HANDLER = """
import ctypes, json, os, signal, sys, threading, time
from pathlib import Path

HERE = Path(__file__).parent

def handler(event, context):
    records = [each for group in event["records"].values() for each in group]
    offsets = [each["offset"] for each in records]
    with (HERE / "seen").open("a") as seen:
        seen.write(json.dumps(offsets) + "\\n")
    attempt = len((HERE / "seen").read_text().splitlines())
{body}
"""


class ChildToy(ChildFunction):
    """A handler in a process of its own. Its code has `records`, `offsets`, `attempt` (from 1), `event`, `context`."""

    def __init__(self, folder: Path, code: str, timeout_s: float = 30) -> None:
        self.folder = folder
        body = "\n".join(f"    {line}" for line in code.strip("\n").splitlines())
        (folder / "toy.py").write_text(_HANDLER.replace("{body}", body), encoding="utf-8")
        super().__init__(FunctionSpec("Toy", "toy.handler", folder, timeout_s, 128))

    @property
    def offsets(self) -> list[list[int]]:
        """The offsets of each delivery, in the order of deliveries."""
        seen = self.folder / "seen"
        return [json.loads(line) for line in seen.read_text().splitlines()] if seen.exists() else []


def flat(batches: Sequence[Sequence[int]]) -> list[int]:
    """Return the offsets of all batches in a row."""
    return [offset for batch in batches for offset in batch]
