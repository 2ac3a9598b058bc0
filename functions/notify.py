"""The function `notify`: tells the topic of every reservation, and buyers who left an address what became of theirs.

A message is sent once for each (sale, epoch, version, channel), so that an e-mail that fails repeats no SMS. What a
provider cannot take now is left, and delivered again from there; what it never will take goes to notify's own dead
letters. No address leaves this function but to its provider.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from chalicelib import events
from chalicelib.config import settings
from chalicelib.wiring import link, reader
from functions.consumer import Fact
from functions.dead_letter_queue import DeadLetter, DeadLetterQueue
from functions.kafka_batch import KafkaRecord, batch_item_failures, records
from functions.kafka_client import client_config
from functions.log import correlate, logger, metrics, offsets
from functions.messages import TOLD
from functions.mysql import database
from functions.notify_channels import CHANNELS, OWED, Announcements, Told, off
from functions.notify_contacts import Addressees
from functions.notify_once import once
from functions.notify_providers import SENDERS, providers, without_contact
from functions.notify_record import SentRecord
from functions.producer import ReliableProducer

FUNCTION = "notify"
_log = logger(FUNCTION)
_metrics = metrics(FUNCTION)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Announce a batch. Answers batchItemFailures: what is neither announced nor on the dead-letter topic."""
    correlate(_log, context)
    say_what_is_off()
    deadline_s = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    batch = Batch(announcements(), sent_record(), dead_letter_queue(), deadline_s)
    return batch_item_failures(batch.announce(records(event, FUNCTION)))


class Batch:
    """One delivery. Half of the function's time is for sending; the rest is for what is under way, and for keeping."""

    def __init__(
        self, announcements: Announcements, record: SentRecord, dead_letters: DeadLetterQueue, deadline_s: float
    ) -> None:
        self._announcements = announcements
        self._record = record
        self._dead_letters = dead_letters
        self._deadline_s = deadline_s
        self._letters: list[tuple[KafkaRecord, DeadLetter]] = []

    def announce(self, batch: Sequence[KafkaRecord]) -> list[KafkaRecord]:
        """Send what can be sent, quarantine what never can be. Returns the records that are left."""
        started_s = time.perf_counter()
        facts = [fact for each in batch if (fact := self._readable(each)) is not None and fact.event.type in TOLD]
        told = self._tell(facts)
        rows = [row for each in told for row in each.sent]
        kept = self._record.keep(rows)
        left = [each.fact.record for each in told if each.left or (each.sent and not kept)]
        for each in told:
            if each.refused:
                self._bury(each)
        left += self._put_aside()
        counts = Counter(row.channel for row in rows)
        fields: dict[str, float] = {"records": len(batch), **{name: counts[name] for name in CHANNELS}}
        fields |= {"old": sum(each.old for each in told), "dead": len(self._letters), "left": len(left)}
        fields["duration_ms"] = round((time.perf_counter() - started_s) * 1000, 1)
        _metrics.publish(**fields)
        if left:
            outage = next((each.outage for each in told if each.outage), "" if kept else "Redis and MySQL")
            why = outage or "dead-letter topic"
            _log.error("batch failed", extra={**fields, "offsets": offsets(batch)}, outage=why)
        else:
            _log.info("batch announced", extra={**fields, "offsets": offsets(batch)})
        return left

    def _tell(self, facts: Sequence[Fact]) -> list[Told]:
        """Send about different buyers side by side, about one buyer in order."""
        known = self._record.known({fact.name for fact in facts})
        buyers: dict[tuple[str, str], list[Fact]] = {}
        for fact in facts:
            buyers.setdefault((fact.event.sale_id, fact.event.user_id), []).append(fact)
        now_s = time.monotonic()
        tell = self._announcements.begun(known, now_s + (self._deadline_s - now_s) / 2, self._deadline_s)
        return [told for of_buyer in _senders().map(tell, buyers.values()) for told in of_buyer]

    def _readable(self, record: KafkaRecord) -> Fact | None:
        try:
            return Fact(record, events.decode(record.value), "")
        except events.Poison as poison:
            error = without_contact(poison.detail)
            letter = DeadLetter(record.key, record.value, record.headers, record.source, poison.reason, error, 1)
            self._letters.append((record, letter))
            return None

    def _bury(self, told: Told) -> None:
        """Put aside what some channel will never take; the letter says which, so that no other is repeated."""
        record = told.fact.record
        others = tuple(pair for pair in record.headers if pair[0] != OWED)
        headers = (*others, (OWED, ",".join(told.refused).encode()))
        error = "; ".join(f"{channel}: {detail}" for channel, detail in told.refused.items())
        letter = DeadLetter(record.key, record.value, headers, record.source, "never-sendable", error, 1)
        self._letters.append((record, letter))

    def _put_aside(self) -> list[KafkaRecord]:
        """Write the dead letters; returns the records of those that could not be stored."""
        if not self._letters:
            return []
        stored = self._dead_letters.put([letter for _, letter in self._letters])
        return [record for (record, _), done in zip(self._letters, stored, strict=True) if not done]


@cache
def _senders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SENDERS, thread_name_prefix="send")


@cache
def announcements() -> Announcements:
    """Return what sends, by this process' settings."""
    return Announcements(settings(), providers(), once(), Addressees(reader()))


@cache
def sent_record() -> SentRecord:
    """Return this process' record of what was sent."""
    return SentRecord(database(), link())


@cache
def dead_letter_queue() -> DeadLetterQueue:
    """Return notify's own dead letters: what persist could apply must not come back to persist."""
    of = settings()
    return DeadLetterQueue(ReliableProducer(lambda: client_config(of)), of.kafka_notify_dlq_topic, FUNCTION)


@cache
def say_what_is_off() -> None:
    """Say once which channels have no setting."""
    for channel, missing in off(settings()).items():
        _log.warning("channel is off", channel=channel, missing=missing)
