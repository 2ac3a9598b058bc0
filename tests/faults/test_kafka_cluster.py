"""Kafka is three brokers with replication 3 and min.insync 2: one may go, and two may go for a while."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from chalicelib.config import settings
from ops.local.stack import Stack
from tests.faults.clusters import stack_on
from tests.faults.conftest import Recovered
from tests.faults.kafka_nodes import KafkaNodes, kafka_nodes
from tests.faults.servers import Deliveries
from tests.faults.trade import Trade

# So long nobody can know better: the brokers' session, for which the others wait for one that says nothing, and the
# relay's time-out of a delivery that the dead one has taken.
GIVEN_UP_AFTER_S = 3.0 + 4.0


@pytest.fixture(scope="module")
def brokers() -> Iterator[KafkaNodes]:
    """Three brokers for this file."""
    with kafka_nodes() as running:
        yield running


@pytest.fixture(scope="module")
def stack(brokers: KafkaNodes) -> Iterator[Stack]:
    """A whole stack on them, which has made its topics there."""
    with stack_on({"KAFKA_BOOTSTRAP_SERVERS": brokers.bootstrap_servers}) as running:
        yield running


@pytest.fixture(scope="module")
def trade(stack: Stack) -> Iterator[Trade]:
    """A sale that runs through all tests, and balances in the end."""
    with closing(Trade(stack)) as running:
        running.sell(10)
        yield running


@pytest.fixture
def deliveries(stack: Stack) -> Deliveries:
    """What becomes of the deliveries to persist from now on."""
    return Deliveries(stack)


def test_one_broker_is_killed_then_a_second_and_both_come_back(
    brokers: KafkaNodes, trade: Trade, deliveries: Deliveries, recovered: Recovered
) -> None:
    topic = settings().kafka_topic
    brokers.recover(topic)
    first = brokers.leader_of_groups()
    assert first.node_id in brokers.leaders(topic).values()

    first.kill()

    killed_at_s = time.monotonic()
    trade.sell(20)
    recovered(trade.recovered_s(killed_at_s + GIVEN_UP_AFTER_S))
    assert first.node_id not in brokers.leaders(topic).values()

    second = brokers.others(first)[0]
    second.kill()  # what is left must take nothing alone

    trade.sell(30)
    assert trade.outbox >= 30
    first.start()
    second.start()
    first.wait()
    second.wait()
    recovered(trade.recovered_s(time.monotonic()))
    brokers.recover(topic)
    assert deliveries.letters == 0
    assert not trade.figures.failures
