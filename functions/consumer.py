"""What the consumers of events share: a delivery is read, applied, its poison put aside, and what was done is told.

A consumer says how events are applied, all or none. What could not be comes back, so that it is delivered again.
"""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from chalicelib import emf, events
from chalicelib.events import Event
from functions.dead_letter_queue import DeadLetter, DeadLetterQueue
from functions.isolation import TRIES, apply_isolating
from functions.kafka_batch import KafkaRecord
from functions.log import logger, metrics, offsets

Name = tuple[str, int, int]  # sale, epoch, version: what an event is called, everywhere and for ever


class Fact(NamedTuple):
    """An event that could be read, with the record that brought it and its exact text."""

    record: KafkaRecord
    event: Event
    text: str

    @property
    def name(self) -> Name:
        """The name of the event."""
        return self.event.sale_id, self.event.epoch, self.event.version


class Consumer(ABC):
    """One delivery on its way through a function. `counts` is what the function wants told of it, by name."""

    def __init__(self, function: str, dead_letters: DeadLetterQueue) -> None:
        self._log = logger(function)
        self._metrics = metrics(function)
        self._dead_letters = dead_letters
        self._letters: list[tuple[KafkaRecord, DeadLetter]] = []
        self._delays_ms: dict[str, list[float]] = {}  # by sale
        self.counts: Counter[str] = Counter()

    @abstractmethod
    def apply(self, facts: Sequence[Fact]) -> None:
        """Apply all facts or none, as often as asked. Raises RowsRefused when one never can be, DatabaseAway."""

    def recorded(self, facts: Sequence[Fact]) -> None:
        """Note that these are on record since this moment, for the first time: how far behind the sale that was."""
        if emf.is_heard():
            now_ms = time.time_ns() // 1_000_000
            for fact in facts:
                self._delays_ms.setdefault(fact.event.sale_id, []).append(max(0, now_ms - fact.event.at_ms))

    def unreadable(self, record: KafkaRecord, poison: events.Poison) -> None:
        """Put a record aside that nobody can read; a function for which another does so may leave it."""
        self.bury(record, poison.reason, poison.detail, 1)

    def bury(self, record: KafkaRecord, reason: str, error: str, attempts: int) -> None:
        """Have a record go to the dead letters at the end of the delivery."""
        letter = DeadLetter(record.key, record.value, record.headers, record.source, reason, error, attempts)
        self._letters.append((record, letter))

    def write(self, batch: Sequence[KafkaRecord]) -> list[KafkaRecord]:
        """Apply what can be applied, quarantine what never can. Returns the records that are left."""
        started_s = time.perf_counter()
        facts = [fact for each in batch if (fact := self._readable(each)) is not None]
        outcome = apply_isolating(facts, self.apply)
        for fact, error in outcome.poison:
            self.bury(fact.record, "constraint", error, TRIES)
        not_stored = self._put_aside()
        left = [fact.record for fact in outcome.unapplied] + not_stored
        dead = len(self._letters) - len(not_stored)
        fields: dict[str, float] = {"records": len(batch), **self.counts, "dead": dead, "left": len(left)}
        fields["duration_ms"] = round((time.perf_counter() - started_s) * 1000, 1)
        fields |= _ages_ms(facts)
        self._metrics.publish(**fields)
        for sale_id, delays_ms in self._delays_ms.items():
            self._metrics.publish_many(sale_id, "write_behind_ms", delays_ms)
        told = {**fields, **_what_about(facts), "offsets": offsets(batch)}
        if left:
            self._log.error("batch failed", extra=told, outage=outcome.outage or "dead-letter topic")
        else:
            self._log.info("batch written", extra=told)
        return left

    def _readable(self, record: KafkaRecord) -> Fact | None:
        try:
            return Fact(record, events.decode(record.value), (record.value or b"").decode())
        except events.Poison as poison:
            self.unreadable(record, poison)
            return None

    def _put_aside(self) -> list[KafkaRecord]:
        """Write the dead letters; returns the records of those that could not be stored."""
        if not self._letters:
            return []
        stored = self._dead_letters.put([letter for _, letter in self._letters])
        for (record, letter), done in zip(self._letters, stored, strict=True):
            if done:  # its error may quote the row: it stands on the letter, not here
                about = {"source": record.source, "reason": letter.reason, **_named(record)}
                self._log.warning("record quarantined", extra=about)
        return [record for (record, _), done in zip(self._letters, stored, strict=True) if not done]


def _ages_ms(facts: Sequence[Fact]) -> dict[str, float]:
    """Return how long ago the newest and the oldest event happened: how far behind this function is."""
    if not facts:
        return {}
    now_ms = time.time_ns() // 1_000_000
    times_ms = [fact.event.at_ms for fact in facts]
    return {"newest_age_ms": now_ms - max(times_ms), "oldest_age_ms": now_ms - min(times_ms)}


def _what_about(facts: Sequence[Fact]) -> dict[str, Any]:
    """Return the keys by which a batch is found again: its sale, where it has one, or how many."""
    sales = {(fact.event.sale_id, fact.event.epoch) for fact in facts}
    if len(sales) != 1:
        return {"sales": len(sales)}
    versions = [fact.event.version for fact in facts]
    ((sale_id, epoch),) = sales
    return {"sale": sale_id, "epoch": epoch, "version": min(versions), "last_version": max(versions)}


def _named(record: KafkaRecord) -> dict[str, str | int]:
    """Return what the headers say a record is: its value may be beyond reading."""
    names = {name: value[:64].decode("ascii", "replace") for name, value in record.headers if value}
    numbers = {name: int(names[name]) for name in ("epoch", "version") if names.get(name, "").isdecimal()}
    return {"sale": names["sale"], **numbers} if "sale" in names else dict(numbers)
