"""A producer that can no longer be used is replaced; what was refused by the client itself is reported."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from functions import producer
from functions.producer import OutgoingRecord, ReliableProducer, refused_for_good


class Broken:
    """Stands in for librdkafka's producer: answers each record as the test says."""

    made = 0
    answers: Callable[[Any], KafkaError | None] = staticmethod(lambda _: None)
    raises: Exception | None = None
    full = 0

    def __init__(self, _config: object) -> None:
        type(self).made += 1
        self._waiting: list[Any] = []

    def produce(self, _topic: str, value: object, on_delivery: Any, **_: object) -> None:
        if Broken.full:
            Broken.full -= 1
            raise BufferError
        if Broken.raises:
            raise Broken.raises
        self._waiting.append((value, on_delivery))

    def flush(self, _timeout_s: float) -> int:
        for value, on_delivery in self._waiting:
            on_delivery(Broken.answers(value), None)
        self._waiting = []
        return 0

    def poll(self, _timeout_s: float) -> int:
        return 0

    def purge(self) -> None:
        self._waiting = []


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> type[Broken]:
    """Take the stand-in's place in the module."""
    monkeypatch.setattr(producer, "Producer", Broken)
    for name, value in (("made", 0), ("raises", None), ("full", 0), ("answers", staticmethod(lambda _: None))):
        monkeypatch.setattr(Broken, name, value)
    return Broken


RECORD = OutgoingRecord("t", b"k", b"v")


def test_reports_come_in_the_order_of_the_records(broken: type[Broken], monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    monkeypatch.setattr(broken, "answers", staticmethod(lambda value: refusal if value == b"large" else None))

    reports = ReliableProducer({}).send([RECORD, OutgoingRecord("t", None, b"large"), RECORD])

    assert [refused_for_good(error) for error in reports] == [False, True, False]
    assert reports[0] is None


@pytest.mark.parametrize(
    "error",
    [KafkaError(KafkaError._FATAL, "fenced", True), KafkaError(KafkaError._MSG_TIMED_OUT)],
    ids=["fatal", "timed out"],
)
def test_a_producer_that_may_have_lost_its_cluster_is_replaced(
    error: KafkaError, broken: type[Broken], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broken, "answers", staticmethod(lambda _: error))
    reliable = ReliableProducer({})
    assert reliable.send([RECORD]) == [error]

    monkeypatch.setattr(broken, "answers", staticmethod(lambda _: None))

    assert reliable.send([RECORD]) == [None]
    assert broken.made == 2


def test_one_producer_serves_all_calls(broken: type[Broken]) -> None:
    reliable = ReliableProducer({})
    reliable.send([RECORD])
    reliable.send([RECORD])

    assert broken.made == 1


def test_nothing_to_send_connects_nowhere(broken: type[Broken]) -> None:
    assert ReliableProducer({}).send([]) == []
    assert broken.made == 0


def test_what_the_client_itself_refuses_is_a_report_like_any_other(
    broken: type[Broken], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broken, "raises", KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)))

    (error,) = ReliableProducer({}).send([RECORD])

    assert refused_for_good(error)


def test_a_full_local_queue_is_waited_for(broken: type[Broken], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken, "full", 2)

    assert ReliableProducer({}).send([RECORD]) == [None]


@pytest.mark.parametrize(
    "code", [KafkaError._MSG_TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError.UNKNOWN_TOPIC_OR_PART]
)
def test_a_cluster_that_is_away_has_not_refused_for_good(code: int) -> None:
    assert not refused_for_good(KafkaError(code))
