"""The loop of an event source: collect a batch, deliver it, commit what is done, try the rest again, hand over.

Offsets are committed only below the first record of a partition that is not done, so a crash repeats records and
never skips one. A partition with a failed delivery is paused; the others go on.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaException, TopicPartition
from confluent_kafka import Message as ConsumedMessage

from ops.local.event_source.delivery import Delivery
from ops.local.event_source.function import BadAnswer, Function, TimedOut, failed_offsets
from ops.local.event_source.lambda_event import Message, Place, lambda_event
from ops.local.event_source.mapping import EventSourceMapping

_LOOK_UP_S = 0.2  # how often a waiting poller looks whether it shall stop
_log = logging.getLogger(__name__)


class Poller:
    """One consumer of a mapping's group. `run` belongs to one thread; `stop` may be called from a signal."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        function: Function,
        client_config: Mapping[str, Any],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._mapping = mapping
        self._function = function
        self._servers = str(client_config["bootstrap.servers"])
        self._consumer = Consumer({**client_config, **_consumer_config(mapping, function.spec.timeout_s)})
        self._ready = ready
        self._stopping = False
        self._collected: list[Message] = []
        self._retries: list[Delivery] = []

    def stop(self) -> None:
        """Have `run` return after the delivery that is under way."""
        self._stopping = True

    def run(self) -> None:
        """Poll until stopped. Raises KafkaException when the consumer can no longer be used."""
        self._consumer.subscribe(
            [self._mapping.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        try:
            while not self._stopping:
                delivery = self._due() or self._collect()
                if delivery:
                    self._deliver(delivery)
        finally:
            self._consumer.close()  # leaves the group, so that the others take over at once

    def _due(self) -> Delivery | None:
        now_s = time.monotonic()
        due = next((each for each in self._retries if each.due_at_s <= now_s), None)
        if due:
            self._retries.remove(due)
        return due

    def _collect(self) -> Delivery | None:
        """Wait for a record, then take what there is until the batch is full or the window over."""
        next_retry_s = min((each.due_at_s for each in self._retries), default=float("inf")) - time.monotonic()
        self._collected = []
        self._take(1, max(0.0, min(_LOOK_UP_S, next_retry_s)))
        if not self._collected:
            return None
        closes_at_s = time.monotonic() + self._mapping.window_s
        while (room := self._mapping.batch_size - len(self._collected)) > 0:
            left_s = max(0.0, closes_at_s - time.monotonic())
            self._take(room, min(left_s, _LOOK_UP_S))
            if left_s == 0 or self._stopping:
                break
        return Delivery(tuple(self._collected)) if self._collected else None

    def _take(self, count: int, timeout_s: float) -> None:
        for each in self._consumer.consume(count, timeout_s):
            if error := each.error():
                _log.warning("consuming %s: %s", self._mapping.topic, error.str())
                if error.fatal():
                    raise KafkaException(error)
            else:
                self._collected.append(_message(each))

    def _deliver(self, delivery: Delivery) -> None:
        failed = self._invoke(delivery)
        self._commit(delivery.done_offsets(failed))
        retry = delivery.retry(failed, time.monotonic())
        if retry:
            self._retries.append(retry)
            self._consumer.pause(_partitions(retry.places))
        done = delivery.places - (retry.places if retry else set())
        if delivery.attempts and done:
            self._consumer.resume(_partitions(done))

    def _invoke(self, delivery: Delivery) -> Mapping[Place, int]:
        """Call the function; returns the first failed offset of each partition where something failed."""
        event = lambda_event(self._mapping, self._servers, delivery.messages)
        try:
            answer = self._function(event)
            return failed_offsets(answer, delivery.messages) if self._mapping.reports_failures else {}
        except (Exception, TimedOut) as error:  # noqa: BLE001  # whatever it raises is a failed invocation
            kind = "answered badly" if isinstance(error, BadAnswer) else "failed"
            _log.error("%s %s: %r", self._mapping.name, kind, error)
            return delivery.all_failed()

    def _commit(self, offsets: Mapping[Place, int]) -> None:
        """Commit, and wait for it. One that fails is made good by a later one, or by delivering again."""
        if not offsets:
            return
        try:
            positions = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
            self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            _log.warning("committing %s: %s", self._mapping.topic, error)

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        _log.info("%s serves partitions %s", self._mapping.name, [each.partition for each in partitions])
        self._ready()

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Forget what now belongs to somebody else, who reads it again from the committed offset."""
        gone = {(each.topic, each.partition) for each in partitions}
        self._collected = [message for message in self._collected if message.place not in gone]
        self._consumer.resume(_partitions(gone & {place for each in self._retries for place in each.places}))
        self._retries = [kept for each in self._retries if (kept := each.without(gone))]


def _consumer_config(mapping: EventSourceMapping, timeout_s: float) -> dict[str, Any]:
    return {
        "group.id": mapping.group_id,
        "auto.offset.reset": "earliest" if mapping.starting_position == "TRIM_HORIZON" else "latest",
        "enable.auto.commit": False,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 6_000,  # as soon as a broker allows, a killed poller's partitions go to another
        "heartbeat.interval.ms": 500,  # the others learn of a change by heartbeat, twice per hand-over
        "max.poll.interval.ms": max(300_000, int(timeout_s * 1000) + 60_000),  # the function runs between two polls
        "fetch.error.backoff.ms": 100,
        "fetch.queue.backoff.ms": 50,
    }


def _partitions(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for topic, partition in places]


def _message(consumed: ConsumedMessage) -> Message:
    timestamp_type, timestamp_ms = consumed.timestamp()
    return Message(
        topic=consumed.topic() or "",
        partition=consumed.partition() or 0,
        offset=consumed.offset() or 0,
        timestamp_ms=timestamp_ms,
        timestamp_type="LOG_APPEND_TIME" if timestamp_type == TIMESTAMP_LOG_APPEND_TIME else "CREATE_TIME",
        key=consumed.key(),
        value=consumed.value(),
        headers=tuple(cast(list[tuple[str, bytes | None]], consumed.headers() or [])),
    )
