"""Moves events from the outboxes to Kafka: read, produce, wait for the reports, forget. One pass at a time.

An event is forgotten only when Kafka has it, or the dead-letter topic has. A crash anywhere makes duplicates, which
consumers ignore; nothing makes a loss.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError

from chalicelib.errors import StoreUnavailable
from chalicelib.sale.outbox import Outbox, OutboxEntry
from functions.dead_letter_queue import DeadLetter, DeadLetterQueue
from functions.kafka_batch import Headers
from functions.log import logger
from functions.producer import DELIVERY_TIMEOUT_MS, OutgoingRecord, ReliableProducer, refused_for_good

READ_COUNT = 1_000
# Above the delivery time-out: an entry that idle has no record on its way from a relay that lives.
CLAIM_IDLE_MS = DELIVERY_TIMEOUT_MS + 1_000
_CLAIM_EVERY_S = 1.0
_log = logger("relay")


@dataclass(slots=True)
class _Outgoing:
    """What one relay has taken from one outbox and not finished, by entry id, in order."""

    unsent: dict[str, OutboxEntry] = field(default_factory=dict)
    refused: dict[str, OutboxEntry] = field(default_factory=dict)  # by Kafka, and not on the dead letters either
    unforgotten: list[str] = field(default_factory=list)  # Kafka has them, the outbox still too
    next_claim_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did: events that are on Kafka now, that went to the dead letters, that are still unsent."""

    sent: int
    dead: int
    unsent: int


class Relay:
    """One consumer of the outboxes' groups. Not for several threads; several relays, each with its name, are fine."""

    def __init__(
        self,
        outbox: Outbox,
        producer: ReliableProducer,
        dead_letters: DeadLetterQueue,
        topic: str,
        consumer: str,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._producer = producer
        self._dead_letters = dead_letters
        self._topic = topic
        self._consumer = consumer
        self._clock_s = clock_s
        self._sales: dict[str, _Outgoing] = {}

    def relay_once(self, sale_ids: Sequence[str]) -> Pass:
        """Move what waits in these outboxes. Returns with nothing of it on its way.

        Raises StoreUnavailable when Redis, or the node of one of the sales, is away, after it has served the others;
        call it again, what was taken is remembered.
        """
        away: dict[str, StoreUnavailable] = {}
        self._each(self._take, sale_ids, away)
        batch = [(sale_id, entry) for sale_id in sale_ids for entry in self._of(sale_id).unsent.values()]
        reports = self._producer.send([self._record(sale_id, entry) for sale_id, entry in batch])
        sent = [each for each, error in zip(batch, reports, strict=True) if error is None]
        dead = self._bury([each for each, error in zip(batch, reports, strict=True) if refused_for_good(error)])
        for sale_id, entry in sent + dead:
            del self._of(sale_id).unsent[entry.entry_id]
            self._of(sale_id).unforgotten.append(entry.entry_id)
        self._each(self._forget, [sale_id for sale_id in sale_ids if sale_id not in away], away)
        left = len(batch) - len(sent) - len(dead)
        if left:
            error = next(each for each in reports if each is not None)
            _log.warning("events not on Kafka yet", unsent=left, error=error.str())
        for sale_id, failure in away.items():
            raise StoreUnavailable(f"outbox of {sale_id}: {failure.detail}") from failure
        return Pass(len(sent), len(dead), left)

    @staticmethod
    def _each(step: Callable[[str], None], sale_ids: Sequence[str], away: dict[str, StoreUnavailable]) -> None:
        """Do a step for every sale: in a cluster the node of one may be away while those of others are not."""
        for sale_id in sale_ids:
            try:
                step(sale_id)
            except StoreUnavailable as error:
                away[sale_id] = error

    def _of(self, sale_id: str) -> _Outgoing:
        return self._sales.setdefault(sale_id, _Outgoing())

    def _take(self, sale_id: str) -> None:
        """Take new entries, once the earlier ones are gone, and now and then those of a relay that died."""
        self._forget(sale_id)
        mine = self._of(sale_id)
        if not mine.unsent:
            mine.unsent = {e.entry_id: e for e in self._outbox.read(sale_id, self._consumer, READ_COUNT)}
        if self._clock_s() >= mine.next_claim_s:
            mine.unsent |= mine.refused
            mine.refused = {}
            claimed = self._outbox.claim(sale_id, self._consumer, CLAIM_IDLE_MS, READ_COUNT)
            mine.next_claim_s = self._clock_s() + (0 if len(claimed) == READ_COUNT else _CLAIM_EVERY_S)
            for entry in claimed:
                mine.unsent.setdefault(entry.entry_id, entry)

    def _forget(self, sale_id: str) -> None:
        mine = self._of(sale_id)
        if mine.unforgotten:
            self._outbox.forget(sale_id, mine.unforgotten)
            mine.unforgotten = []

    def _record(self, sale_id: str, entry: OutboxEntry) -> OutgoingRecord:
        key = f"{sale_id}:{entry.user_id}".encode()
        return OutgoingRecord(self._topic, key, entry.value, _headers(sale_id, entry))

    def _bury(self, refused: Sequence[tuple[str, OutboxEntry]]) -> list[tuple[str, OutboxEntry]]:
        """Put on the dead-letter topic what Kafka refuses even when it comes alone; returns what is on either topic.

        Alone, because the broker judges whole requests: one record too large has its neighbours refused too. What
        neither topic takes is set aside, so that the sale's other events go on, and tried again now and then.
        """
        done = []
        for sale_id, entry in refused:
            record = self._record(sale_id, entry)
            (error,) = self._producer.send([record])
            if error is None or self._is_buried(_letter(sale_id, entry, record, error), error):
                done.append((sale_id, entry))
            elif refused_for_good(error):
                mine = self._of(sale_id)
                mine.refused[entry.entry_id] = mine.unsent.pop(entry.entry_id)
        return done

    def _is_buried(self, letter: DeadLetter, error: KafkaError) -> bool:
        return refused_for_good(error) and self._dead_letters.put([letter])[0]


def _headers(sale_id: str, entry: OutboxEntry) -> Headers:
    return (
        ("sale", sale_id.encode()),
        ("epoch", str(entry.epoch).encode()),
        ("version", str(entry.version).encode()),
    )


def _letter(sale_id: str, entry: OutboxEntry, record: OutgoingRecord, error: KafkaError) -> DeadLetter:
    # It has no offset, for Kafka never took it. Its own name has the same form: outbox:SALE-EPOCH-VERSION.
    source = f"outbox:{sale_id}-{entry.entry_id}"
    return DeadLetter(record.key, record.value, record.headers, source, "refused-by-kafka", error.str(), 2)
