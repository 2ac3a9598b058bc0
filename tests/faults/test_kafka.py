"""Kafka fails while a sale runs: it goes on until the outbox is as long as it may be, and then drains."""

import time
from collections.abc import Callable

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from chalicelib.config import settings
from chalicelib.wiring import reader
from functions.kafka_client import client_config
from functions.producer import OutgoingRecord, ReliableProducer
from functions.topics import DEAD_LETTER_MAX_BYTES
from ops.local.stack import Stack
from tests.faults.conftest import Recovered
from tests.faults.servers import Deliveries, Server
from tests.faults.trade import Trade, wait_for

POISON = (b"?", b'{"schema":99}', b"\xff")
MAX_OUTBOX, PLACES = 30, 5
MOST_EVENTS_OF_ONE = 3  # who is active may still reserve and pay, and a hold may lapse


def test_kafka_is_stopped(
    trade: Trade, deliveries: Deliveries, server: Callable[[str], Server], recovered: Recovered
) -> None:
    server("kafka").stop()
    trade.sell(40)
    assert trade.outbox >= 40
    recovered(trade.recovered_s(server("kafka").start()))
    assert deliveries.letters == 0


def test_kafka_is_killed_and_admission_stops_when_the_outbox_is_full(
    faulty: Stack, deliveries: Deliveries, server: Callable[[str], Server], recovered: Recovered
) -> None:
    trade = Trade(faulty, maxOutbox=MAX_OUTBOX, maxActive=PLACES)
    trade.sell(5)
    server("kafka").stop(kill=True)
    wait_for(lambda: trade.outbox >= MAX_OUTBOX, "the outbox is as long as it may be")
    admitted = reader().sale(trade.sale_id).counters["admitted"]
    waiting = reader().sale(trade.sale_id).waiting
    wait_for(lambda: reader().sale(trade.sale_id).waiting >= waiting + 20, "20 more wait")
    assert reader().sale(trade.sale_id).counters["admitted"] == admitted
    assert trade.outbox <= MAX_OUTBOX + PLACES * MOST_EVENTS_OF_ONE

    back_at_s = server("kafka").start()

    sold = trade.sold
    recovered(trade.recovered_s(back_at_s))
    wait_for(lambda: trade.sold > sold + 20, "the sale goes on")
    assert deliveries.letters == 0
    trade.close()


def test_the_dead_letter_topic_refuses_writes_while_poison_arrives(
    trade: Trade, deliveries: Deliveries, recovered: Recovered
) -> None:
    _take_at_most(64)
    producer = ReliableProducer(client_config(settings()))
    poison = [OutgoingRecord(settings().kafka_topic, b"nobody:%d" % n, value) for n, value in enumerate(POISON)]
    assert producer.send(poison) == [None] * len(POISON)
    producer.close()
    deliveries.fail(5)
    trade.sell(10)
    assert deliveries.letters == 0

    _take_at_most(DEAD_LETTER_MAX_BYTES)

    recovered(trade.recovered_s(time.monotonic()))
    wait_for(lambda: deliveries.letters >= len(POISON), "the poison is quarantined")


def _take_at_most(size: int) -> None:
    """Let the dead-letter topic take no larger batch than this."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, settings().kafka_dlq_topic, incremental_configs=[entry])
    admin = AdminClient(client_config(settings()))
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(30)
