"""The local event source when Kafka's client is of no more use: it takes another, and loses nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from ops.local.event_source import consumer as consumer_module
from ops.local.event_source import membership, starting_position
from ops.local.event_source.poller import Poller
from tests.conftest import Eventually
from tests.functions.event_sources import Source, Toy, raising
from tests.functions.forgetful_broker import ForgetfulBroker, forgetful_broker


@pytest.fixture
def broker(source: Source) -> Iterator[ForgetfulBroker]:
    """The broker of the source's pollers, who learn every half second which brokers there are."""
    with forgetful_broker(source.settings.kafka_bootstrap_servers, source.settings.kafka_topic) as between:
        source.client_settings = {
            "bootstrap.servers": between.address,
            "topic.metadata.refresh.interval.ms": 500,
        }
        yield between
        between.forgets = False
        source.stop()


def _deafen(poller: Poller, broker: ForgetfulBroker, eventually: Eventually) -> None:
    """Let the poller's client forget all brokers. It asks some more times, and then nobody any more."""
    broker.forgets = True
    eventually(lambda: not _is_connected(poller))
    broker.forgets = False


def _is_connected(poller: Poller) -> bool:
    try:
        poller._member.consumer.list_topics(timeout=2)
    except KafkaException:
        return False
    return True


def test_a_poller_whose_client_has_forgotten_all_brokers_goes_on(
    source: Source, broker: ForgetfulBroker, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    source.produce(b"1")
    toy = Toy()
    poller = source.start(toy)
    eventually(lambda: source.committed() == {0: 1})

    _deafen(poller, broker, eventually)
    source.produce(b"2")
    eventually(lambda: source.committed() == {0: 2})

    assert toy.seen == {(0, 0): 1, (0, 1): 1}
    assert "it is replaced" in caplog.text


def test_what_failed_before_is_delivered_again_after_and_nothing_is_committed_past_it(
    source: Source, broker: ForgetfulBroker, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    source.produce(*[b"x"] * 3)
    toy = Toy()
    toy.answer = lambda batch: raising(ValueError("no"))
    poller = source.start(toy)
    eventually(lambda: len(toy.batches) >= 2)

    _deafen(poller, broker, eventually)
    eventually(lambda: "it is replaced" in caplog.text)
    tries = len(toy.batches)
    eventually(lambda: len(toy.batches) > tries)
    assert source.committed() == {}
    toy.answer = lambda batch: None
    eventually(lambda: source.committed() == {0: 3})


def test_a_poller_that_has_nothing_to_read_keeps_its_client(
    source: Source, broker: ForgetfulBroker, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "_SILENCE_S", 0.0)  # it looks at each turn
    toy = Toy()
    poller = source.start(toy)
    first = poller._member.consumer

    source.produce(b"1")
    eventually(lambda: source.committed() == {0: 1})

    assert poller._member.consumer is first


def test_a_session_that_the_broker_calls_too_short_becomes_longer(
    source: Source, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(consumer_module, "SESSION_MS", 2_000)
    source.produce(b"1")
    toy = Toy()

    source.start(toy)
    eventually(lambda: source.committed() == {0: 1})

    assert toy.seen == {(0, 0): 1}
    assert "session timeout" in caplog.text


def test_a_client_that_goes_deaf_while_it_looks_for_where_to_start_is_replaced(
    source: Source, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.produce(b"old")
    starts, deaf = starting_position._starts, iter([True])

    def away_at_first(*given: Any) -> list[TopicPartition]:
        monkeypatch.setattr(starting_position, "_starts", starts)
        monkeypatch.setattr(membership, "_SILENCE_S", 0.0)
        monkeypatch.setattr(membership.Membership, "_is_deaf", lambda self: next(deaf, False))
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(starting_position, "_starts", away_at_first)
    toy = Toy()
    source.start(toy, starting_position="LATEST")
    assert next(deaf, None) is None
    source.produce(b"new")
    eventually(lambda: source.committed() == {0: 2})

    assert toy.offsets == [[1]]
