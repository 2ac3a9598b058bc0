"""The dead-letter topic: where a record goes that can never be applied, unchanged, with headers saying why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from chalicelib.config import settings
from functions.kafka_batch import Headers
from functions.kafka_client import client_config
from functions.producer import OutgoingRecord, ReliableProducer

_MAX_ERROR_LENGTH = 500  # an error may quote the whole statement


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record and why it is dead. `source` is topic-partition-offset, and names the record for ever."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    source: str
    reason: str
    error: str
    attempts: int


class DeadLetterQueue:
    """Writes dead letters for one function."""

    def __init__(self, producer: ReliableProducer, topic: str, function: str) -> None:
        self._producer = producer
        self._topic = topic
        self._function = function

    def put(self, letters: Sequence[DeadLetter]) -> list[bool]:
        """Write letters; True where one is stored, in the order given. The others must not be skipped."""
        return [error is None for error in self._producer.send([self._outgoing(each) for each in letters])]

    def _outgoing(self, letter: DeadLetter) -> OutgoingRecord:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        why = {
            "dlq-reason": letter.reason,
            "dlq-error": letter.error[:_MAX_ERROR_LENGTH],
            "dlq-source": letter.source,
            "dlq-attempts": str(letter.attempts),
            "dlq-at": now,
            "dlq-function": self._function,
        }
        added = tuple((name, text.encode("utf-8", "backslashreplace")) for name, text in why.items())
        return OutgoingRecord(self._topic, letter.key, letter.value, letter.headers + added)


@cache
def dead_letter_queue(function: str) -> DeadLetterQueue:
    """Return this process' queue. It connects at its first letter: most functions never write one."""
    of = settings()
    return DeadLetterQueue(ReliableProducer(client_config(of)), of.kafka_dlq_topic, function)
