"""The function `persist`: makes the events of `reservation-events` rows in MySQL. Design: consumers."""

from collections.abc import Mapping, Sequence
from typing import Any

from functions import record
from functions.consumer import Consumer, Fact
from functions.dead_letter_queue import DeadLetterQueue, dead_letter_queue
from functions.kafka_batch import batch_item_failures, records
from functions.log import correlate, logger
from functions.mysql import Database, database

_log = logger("persist")


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Write a batch. Answers batchItemFailures: what is neither in MySQL nor on the dead-letter topic."""
    correlate(_log, context)
    return batch_item_failures(Batch(database(), dead_letter_queue("persist")).write(records(event, "persist")))


class Batch(Consumer):
    """One delivery on its way into MySQL."""

    def __init__(self, into: Database, dead_letters: DeadLetterQueue) -> None:
        super().__init__("persist", dead_letters)
        self._database = into
        self.counts.update(applied=0, stale=0, duplicate=0)

    def apply(self, facts: Sequence[Fact]) -> None:
        """Write the rows of all facts in one transaction."""
        with self._database.transaction() as cursor:
            counts, conflicts, new = record.write(cursor, facts)
        self.counts.update(counts._asdict())
        self.recorded(new)
        for fact in conflicts:
            name = f"{fact.event.sale_id} {fact.event.epoch}-{fact.event.version}"
            self.bury(fact.record, "version-conflict", f"{name} is there with other content", 1)
