"""The loop of an event source: collect a batch, deliver it, commit what is done, try the rest again, hand over.

Offsets are committed only below the first record of a partition that is not done, so a crash repeats records and
never skips one. A partition with a failed delivery is paused; the others go on.

Hand-over: partitions are given up in `_revoked` and nowhere else, and that runs while the loop polls, never while a
function runs. So no batch is under way then; what it has done is committed, what waits is forgotten, and the next
owner reads it again. The protocol is cooperative: only partitions that move are stopped, the others are served on.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from ops.local.event_source import starting_position
from ops.local.event_source.answer import BadAnswer, failed_offsets
from ops.local.event_source.backlog import Backlog
from ops.local.event_source.consumer import consumer_config, message_of, partitions_of
from ops.local.event_source.delivery import Delivery, Discard, Rules, cut
from ops.local.event_source.failure_record import failure_record
from ops.local.event_source.failure_topic import Destination
from ops.local.event_source.filters import let_through
from ops.local.event_source.invocation import MAX_PAYLOAD_BYTES, FunctionFailed, InvokedFunction, NotInvoked
from ops.local.event_source.lambda_event import Message, Place, payload, record_bytes
from ops.local.event_source.mapping import EventSourceMapping
from ops.local.event_source.membership import Membership

_LOOK_UP_S = 0.2  # how often a waiting poller looks whether it shall stop
_AT_ONCE = 200  # records per call, so that a batch of large ones is noticed before memory is full
_log = logging.getLogger(__name__)


class Poller:
    """One consumer of a mapping's group. `run` belongs to one thread; `stop` may be called from a signal."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        function: InvokedFunction,
        client_config: Mapping[str, Any],
        *,
        function_name: str,
        timeout_s: float,
        destination: Destination | None = None,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._mapping = mapping
        self._function = function
        self._function_name = function_name
        self._destination = destination
        self._servers = str(client_config["bootstrap.servers"])
        self._rules = Rules(mapping.max_retries, mapping.bisects)
        self._member = Membership(
            client_config,
            consumer_config(mapping, timeout_s),
            mapping.topic,
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        self._ready = ready
        self._stopping = False
        self._collected: list[Message] = []
        self._backlog = Backlog()
        self._owned: set[Place] = set()
        self._paused: set[Place] = set()
        self._empty_bytes = len(payload(mapping, self._servers, ()))

    def stop(self) -> None:
        """Have `run` return after the delivery that is under way."""
        self._stopping = True

    def run(self) -> None:
        """Poll until stopped. Raises KafkaException when the consumer can no longer be used."""
        self._member.join()
        try:
            while not self._stopping:
                if self._member.is_over():
                    self._begin_anew()
                delivery = self._backlog.due(time.monotonic())
                if delivery is not None:
                    self._backlog.replace(delivery, self._step(delivery))
                elif self._collect():
                    continue
                self._commit()  # also what the filters did not let through
        finally:
            self._member.close()
            self._function.close()
            if self._destination:
                self._destination.close()

    def _begin_anew(self) -> None:
        """Replace the consumer. All that it gave is forgotten first, and comes again from the committed offsets."""
        self._lost(self._member.consumer, partitions_of(self._owned))
        self._member.renew()

    def _collect(self) -> bool:
        """Wait for a record, then take what there is until the batch is full or the window over. False: no batch."""
        self._hold_back()
        wait_s = max(0.0, min(_LOOK_UP_S, self._backlog.next_due_s() - time.monotonic()))
        self._collected = []
        self._take(1, wait_s)
        closes_at_s = time.monotonic() + (self._mapping.window_s if self._collected else 0.0)
        while (room := self._mapping.batch_size - len(self._collected)) > 0 and self._size() < MAX_PAYLOAD_BYTES:
            left_s = max(0.0, closes_at_s - time.monotonic())
            came = self._take(min(room, _AT_ONCE), min(left_s, _LOOK_UP_S))
            if self._stopping or (left_s == 0 and came < _AT_ONCE):
                break
        batches = cut(self._collected, self._empty_bytes)
        self._backlog.add(batches)
        self._collected = []
        return bool(batches)

    def _size(self) -> int:
        return self._empty_bytes + sum(map(record_bytes, self._collected))

    def _take(self, count: int, timeout_s: float) -> int:
        """Consume, keep what the filters let through, and return how many records came."""
        came = self._member.consume(count, timeout_s)
        for each in came:
            message = message_of(each)
            if message.place not in self._owned:  # given up while this call was collecting
                continue
            self._backlog.read(message.place, message.offset)
            if let_through(self._mapping.filters, message):
                self._collected.append(message)
        return len(came)

    def _step(self, delivery: Delivery) -> list[Delivery]:
        """Deliver, or give up; returns what is left to do."""
        if delivery.discard:
            return self._give_up(delivery, delivery.discard)
        if self._mapping.max_age_s is not None:
            parts = delivery.by_age((time.time() - self._mapping.max_age_s) * 1000)
            if parts[0] is not delivery:
                return parts
        try:
            answer = self._function.invoke(payload(self._mapping, self._servers, delivery.messages))
            failed = failed_offsets(answer, delivery.messages) if self._mapping.reports_failures else {}
        except NotInvoked as error:
            _log.warning("%s was not invoked: %s", self._mapping.name, error)
            return [delivery.postponed(time.monotonic())]
        except FunctionFailed as error:
            _log.error("%s failed: %s", self._mapping.name, error)
            return delivery.after_error(_function_error(error), self._rules, time.monotonic())
        except BadAnswer as error:
            _log.error("%s answered badly: %s", self._mapping.name, error)
            return delivery.after_error("", self._rules, time.monotonic(), splits=False)
        return delivery.after_answer(failed, self._rules, time.monotonic()) if failed else []

    def _give_up(self, delivery: Delivery, why: Discard) -> list[Delivery]:
        """Write records to the on-failure destination; without one they are gone. Returns those it did not take."""
        for message in delivery.messages:
            place = f"{message.topic}-{message.partition} offset {message.offset}"
            _log.error("%s gives up %s: %s", self._mapping.name, place, why.condition)
        if self._destination is None:
            return []
        record = partial(
            failure_record,
            self._mapping,
            self._servers,
            why=why,
            invocations=delivery.invocations,
            function_name=self._function_name,
            request_id=self._function.request_id if why.was_invoked else "",
            now=datetime.now(UTC),
        )
        stored = self._destination.write([(message.key, record(message)) for message in delivery.messages])
        left = tuple(message for message, done in zip(delivery.messages, stored, strict=True) if not done)
        return [delivery.keeping(left).postponed(time.monotonic())] if left else []

    def _commit(self) -> None:
        """Commit, and wait for it. One that fails is made good by a later one, or by delivering again."""
        offsets = self._backlog.commits()
        if not offsets:
            return
        try:
            positions = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
            self._member.consumer.commit(offsets=positions, asynchronous=False)
            self._backlog.committed(offsets)
        except KafkaException as error:
            _log.warning("committing %s: %s", self._mapping.topic, error)

    def _hold_back(self) -> None:
        """Pause the partitions of which something waits, and no others."""
        held = self._backlog.held()
        if held - self._paused:
            self._member.consumer.pause(partitions_of(held - self._paused))
        if self._paused - held:
            self._member.consumer.resume(partitions_of(self._paused - held))
        self._paused = held

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        _log.info("%s serves partitions %s", self._mapping.name, [each.partition for each in partitions])
        if starting_position.assign(consumer, self._mapping, partitions, self._is_over):
            self._owned |= {(each.topic, each.partition) for each in partitions}
            self._ready()

    def _is_over(self) -> bool:
        return self._stopping or self._member.is_over()

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit what was done and forget the rest: somebody else reads it again from the committed offset."""
        self._commit()
        self._lost(_consumer, partitions)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = {(each.topic, each.partition) for each in partitions}
        self._collected = [message for message in self._collected if message.place not in gone]
        if gone & self._paused:
            self._member.consumer.resume(partitions_of(gone & self._paused))
        self._paused -= gone
        self._owned -= gone
        self._backlog.drop(gone)


def _function_error(error: FunctionFailed) -> str:
    """Return Lambda's word for an error: handled ones are those that the handler raised."""
    return error.kind if error.kind in ("Handled", "Unhandled") else "Unhandled"
