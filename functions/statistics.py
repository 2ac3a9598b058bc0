"""The function `statistics`: counts what happens in each minute of a sale, each event once."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.events import Poison
from functions import sale_minutes
from functions.consumer import Consumer, Fact
from functions.dead_letter_queue import DeadLetterQueue, dead_letter_queue
from functions.kafka_batch import KafkaRecord, batch_item_failures, records
from functions.log import correlate, logger
from functions.mysql import Database, database

_log = logger("statistics")


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Count a batch. Answers batchItemFailures: what could not be counted now."""
    correlate(_log, context)
    return batch_item_failures(Batch(database(), dead_letter_queue("statistics")).write(records(event, "statistics")))


class Batch(Consumer):
    """One delivery on its way into the minutes."""

    def __init__(self, into: Database, dead_letters: DeadLetterQueue) -> None:
        super().__init__("statistics", dead_letters)
        self._database = into
        self.counts.update(counted=0, duplicate=0, late=0, unreadable=0)

    def apply(self, facts: Sequence[Fact]) -> None:
        """Count the facts that are new in one transaction."""
        with self._database.transaction() as cursor:
            counts = sale_minutes.count(cursor, facts)
        self.counts.update(counts._asdict())

    def unreadable(self, record: KafkaRecord, poison: Poison) -> None:
        """Leave it: persist reads the same record and puts it on the dead letters, once is enough.

        Its replay comes by here again.
        """
        self.counts["unreadable"] += 1
