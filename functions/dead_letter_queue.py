"""The dead-letter topic: where a record goes that can never be applied, unchanged, with headers saying why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from chalicelib.config import settings
from functions.kafka_batch import Headers
from functions.kafka_client import client_config
from functions.log import logger
from functions.producer import OutgoingRecord, ReliableProducer, refused_for_good

REPLAYED_FROM = "replayed-from"  # names the letter whose replay a record is
_WHY = ("dlq-reason", "dlq-error", "dlq-source", "dlq-attempts", "dlq-at", "dlq-function")
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
        """Write letters; True where one is stored, in the order given. The others must not be skipped.

        One that Kafka refuses for good (larger than the dead-letter topic takes) is never stored: its partition waits
        until the topic takes larger ones, and the log says so each time.
        """
        errors = self._producer.send([self._outgoing(each) for each in letters])
        refused = [(letter, error) for letter, error in zip(letters, errors, strict=True) if error is not None]
        for letter, error in sorted(refused, key=lambda each: not refused_for_good(each[1]))[:1]:
            logger(self._function).error(
                "dead letters not stored",
                count=len(refused),
                first=letter.source,
                error=error.str(),
                for_good=refused_for_good(error),
                topic=self._topic,
            )
        return [error is None for error in errors]

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


def split_headers(headers: Headers) -> tuple[Headers, dict[str, str]]:
    """Part a dead letter's headers into the record's own and those that were added, by name.

    Ours are the last ones, each once: a record may have come with headers of such names before.
    """
    why: dict[str, str] = {}
    own = len(headers)
    while own and headers[own - 1][0] in _WHY and headers[own - 1][0] not in why:
        own -= 1
        name, value = headers[own]
        why[name] = _readable(value)
    return headers[:own], why


def text_of(headers: Headers, name: str) -> str:
    """Return the first header of a name as text, "" where there is none."""
    return next((_readable(value) for each, value in headers if each == name and value is not None), "")


def _readable(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


@cache
def dead_letter_queue(function: str) -> DeadLetterQueue:
    """Return this process' queue. It connects at its first letter: most functions never write one."""
    of = settings()
    return DeadLetterQueue(ReliableProducer(lambda: client_config(of)), of.kafka_dlq_topic, function)
