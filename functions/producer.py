"""A producer that says what became of each record: stored by all in-sync replicas, or why not.

It knows nothing of sales. Records of one call are sent together; the call returns when each has its delivery
report, so a function that is frozen after it returned holds no unsent record.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Producer

from chalicelib.errors import SecretUnavailable
from functions.kafka_client import Config
from functions.kafka_login import tie

DELIVERY_TIMEOUT_MS = 4_000
_REPORT_TIMEOUT_S = DELIVERY_TIMEOUT_MS / 1000 + 2.0  # the report of a timed-out record comes a little later
_MAX_RECORD_BYTES = 8 * 1024 * 1024  # the broker's topic decides what is too large, not this client

# Kafka will say the same of these however often they are sent: the record is at fault, not the cluster.
_REFUSED_FOR_GOOD = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.RECORD_LIST_TOO_LARGE,
    }
)


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to be produced."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def refused_for_good(error: KafkaError | None) -> bool:
    """Tell whether Kafka refused this record because of what it is (too large, invalid …)."""
    return error is not None and error.code() in _REFUSED_FOR_GOOD


def _is_over(error: KafkaError) -> bool:
    """Tell whether a producer may be of no more use after this error.

    Timed out is: a broker that is being stopped may name no brokers at all, and librdkafka then forgets every one it
    knew, the bootstrap ones too, and never looks for them again (librdkafka issue 5301). Only a new producer does.
    """
    return error.fatal() or error.code() in (KafkaError._FATAL, KafkaError._MSG_TIMED_OUT)


class ReliableProducer:
    """Idempotent, acks=all, zstd. Safe to share between threads. Re-made after a fatal error or a time-out.

    Made at the first record, as many functions never send one. Where `client_config` is a function it is called then.
    """

    def __init__(self, client_config: Config | Callable[[], Config]) -> None:
        self._client_config = client_config
        self._own_config = {
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "zstd",
            "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
            "request.timeout.ms": DELIVERY_TIMEOUT_MS,
            "linger.ms": 1,
            "retry.backoff.ms": 50,
            "message.max.bytes": _MAX_RECORD_BYTES,
        }
        self._lock = threading.Lock()
        self._producer: Producer | None = None

    def connect(self) -> None:
        """Begin to connect. An idempotent producer needs half a second before its first record can go.

        Raises SecretUnavailable, where it needs one to log in.
        """
        self._connected()

    def send(self, records: Sequence[OutgoingRecord]) -> list[KafkaError | None]:
        """Produce records and wait for their reports, in the order given: None = stored. Does not raise.

        A record with an error may still have been stored (its acknowledgement was lost): send it again.
        """
        if not records:
            return []
        try:
            producer = self._connected()
        except SecretUnavailable as error:
            return [KafkaError(KafkaError._AUTHENTICATION, error.detail)] * len(records)
        producer.poll(0)  # tokens and sockets are stale after a function was frozen: callbacks first
        unreported = KafkaError(KafkaError._TIMED_OUT, "no delivery report in time")
        reports: list[KafkaError | None] = [unreported] * len(records)
        for index, record in enumerate(records):
            self._produce(producer, record, reports, index)
        if producer.flush(_REPORT_TIMEOUT_S) and unreported in reports:
            self._forget(producer)
        if any(error is not None and _is_over(error) for error in reports):
            self._forget(producer)
        return reports

    def close(self) -> None:
        """Let go of the connections. What was sent has its report; the next send connects anew."""
        if self._producer is not None:
            self._forget(self._producer)

    @staticmethod
    def _produce(producer: Producer, record: OutgoingRecord, reports: list[KafkaError | None], index: int) -> None:
        report = partial(_note, reports, index)
        while True:
            try:
                producer.produce(
                    record.topic,
                    key=record.key,
                    value=record.value,
                    headers=list(record.headers),
                    on_delivery=report,
                )
                return
            except BufferError:
                producer.poll(0.05)  # the local queue is full: let reports make room; they come within the time-out
            except KafkaException as error:
                reports[index] = error.args[0]
                return

    def _connected(self) -> Producer:
        with self._lock:
            if self._producer is None:
                given = self._client_config() if callable(self._client_config) else self._client_config
                config = {**given, **self._own_config}
                self._producer = Producer(config)
                tie(self._producer, config)
            return self._producer

    def _forget(self, producer: Producer) -> None:
        """Drop a producer that can no longer be used; the next send makes another."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
        producer.purge()


def _note(reports: list[KafkaError | None], index: int, error: KafkaError | None, _message: object) -> None:
    reports[index] = error
