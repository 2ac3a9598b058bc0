"""The function `persist`: makes the events of `reservation-events` rows in MySQL. Design: consumers."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib import events
from functions import record
from functions.dead_letter_queue import DeadLetter, DeadLetterQueue, dead_letter_queue
from functions.isolation import TRIES, apply_isolating
from functions.kafka_batch import KafkaRecord, batch_item_failures, records
from functions.log import line, logger
from functions.mysql import Database, database
from functions.record import Counts, Fact

_log = logger("persist")


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Write a batch. Answers batchItemFailures: what is neither in MySQL nor on the dead-letter topic."""
    return batch_item_failures(Batch(database(), dead_letter_queue("persist")).write(records(event)))


class Batch:
    """One delivery on its way into MySQL."""

    def __init__(self, into: Database, dead_letters: DeadLetterQueue) -> None:
        self._database = into
        self._dead_letters = dead_letters
        self._letters: list[tuple[KafkaRecord, DeadLetter]] = []
        self._counts = Counts(0, 0, 0)

    def write(self, batch: Sequence[KafkaRecord]) -> list[KafkaRecord]:
        """Write what can be written, quarantine what never can. Returns the records that are left."""
        started_s = time.perf_counter()
        facts = [fact for each in batch if (fact := self._readable(each)) is not None]
        outcome = apply_isolating(facts, self._commit)
        for fact, error in outcome.poison:
            self._bury(fact.record, "constraint", error, TRIES)
        stored = self._dead_letters.put([letter for _, letter in self._letters]) if self._letters else []
        not_stored = [each for (each, _), done in zip(self._letters, stored, strict=True) if not done]
        left = [fact.record for fact in outcome.unapplied] + not_stored
        self._say(len(batch), len(stored) - len(not_stored), left, outcome.outage, started_s)
        return left

    def _readable(self, each: KafkaRecord) -> Fact | None:
        try:
            event = events.decode(each.value)
            return Fact(each, event, (each.value or b"").decode())
        except events.Poison as poison:
            self._bury(each, poison.reason, poison.detail, 1)
            return None

    def _commit(self, facts: Sequence[Fact]) -> None:
        with self._database.transaction() as cursor:
            counts, conflicts = record.write(cursor, facts)
        self._counts = Counts(*map(sum, zip(self._counts, counts, strict=True)))
        for fact in conflicts:
            name = f"{fact.event.sale_id} {fact.event.epoch}-{fact.event.version}"
            self._bury(fact.record, "version-conflict", f"{name} is there with other content", 1)

    def _bury(self, each: KafkaRecord, reason: str, error: str, attempts: int) -> None:
        letter = DeadLetter(each.key, each.value, each.headers, each.source, reason, error, attempts)
        self._letters.append((each, letter))

    def _say(self, size: int, dead: int, left: Sequence[KafkaRecord], outage: str, started_s: float) -> None:
        fields = {"records": size, **self._counts._asdict(), "dead": dead, "left": len(left)}
        ms = round((time.perf_counter() - started_s) * 1000, 1)
        if left:
            _log.error(line("batch failed", **fields, ms=ms, outage=outage or "dead-letter topic"))
        else:
            _log.info(line("batch written", **fields, ms=ms))
