"""Events get from the outbox to Kafka: each at least once, unchanged, and none can hold up the others."""

import json
import random
from collections.abc import Sequence
from itertools import count

import pytest
from confluent_kafka import KafkaError

from chalicelib.config import Settings
from chalicelib.errors import StoreUnavailable
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.outbox import GROUP, Outbox, OutboxEntry
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.store import SaleStore
from functions.dead_letter_queue import DeadLetterQueue
from functions.kafka_client import client_config
from functions.mysql import Database
from functions.outbox_relay import Pass, Relay
from functions.persist import Batch
from functions.producer import OutgoingRecord, ReliableProducer
from tests.functions.batches import Letters, ReadTopic, Tables, a_batch

_numbers = count(1)


@pytest.fixture
def link(redis_url: str) -> RedisLink:
    """A link to Redis."""
    return open_link(redis_url, cluster=False, connect_timeout_s=10, read_timeout_s=10)


@pytest.fixture
def sale_id(link: RedisLink) -> str:
    """An open sale of 500 units that is paid for; its outbox holds SALE_CREATED."""
    made = f"relay-{next(_numbers)}"
    SaleStore(link).create_sale(SalePlan(made, SaleSettings(payment="required", admit_per_second=0), 500))
    return made


def _reserve(link: RedisLink, sale_id: str, *users: str) -> None:
    for user in users:
        SaleStore(link).enter_queue(sale_id, user)
        SaleStore(link).reserve(sale_id, user, 1)


class MakeRelay:
    """Makes relays on the same Redis and topics, each with the name and the producer it is to have."""

    def __init__(
        self, link: RedisLink, settings: Settings, letters: DeadLetterQueue, producer: ReliableProducer
    ) -> None:
        self._link = link
        self._settings = settings
        self._letters = letters
        self._producer = producer

    def __call__(
        self,
        consumer: str = "relay-0",
        producer: ReliableProducer | None = None,
        outbox: Outbox | None = None,
        letters: DeadLetterQueue | None = None,
    ) -> Relay:
        return Relay(
            outbox or Outbox(self._link),
            producer or self._producer,
            letters or self._letters,
            self._settings.kafka_topic,
            consumer,
            clock_s=count(0, 10).__next__,  # every pass looks for the entries of dead relays
        )


@pytest.fixture
def make_relay(link: RedisLink, kafka_settings: Settings, letters: Letters, producer: ReliableProducer) -> MakeRelay:
    """Make relays."""
    return MakeRelay(link, kafka_settings, letters, producer)


def _idle(link: RedisLink, sale_id: str, consumer: str, ms: int = 60_000) -> None:
    """Let all that a relay was given seem to lie there for a while."""
    key = sale_keys(sale_id).outbox
    for entry_id, *_ in link.command("XPENDING", key, GROUP, "-", "+", 1000, consumer):
        link.command("XCLAIM", key, GROUP, consumer, 0, entry_id, "IDLE", ms, "JUSTID")


def test_an_event_is_on_kafka_byte_for_byte_with_its_key_and_headers(
    link: RedisLink, sale_id: str, make_relay: MakeRelay, kafka_settings: Settings, read_topic: ReadTopic
) -> None:
    _reserve(link, sale_id, "auth0|5f01")
    created, reserved = Outbox(link).entries(sale_id)

    assert make_relay().relay_once([sale_id]) == Pass(sent=2, dead=0, unsent=0)

    found = {message.value(): message for message in read_topic(kafka_settings.kafka_topic)}
    assert found.keys() == {created.value, reserved.value}
    assert found[created.value].key() == f"{sale_id}:".encode()
    assert found[reserved.value].key() == f"{sale_id}:auth0|5f01".encode()
    assert found[reserved.value].headers() == [
        ("sale", sale_id.encode()),
        ("epoch", str(reserved.epoch).encode()),
        ("version", str(reserved.version).encode()),
    ]
    event = json.loads(reserved.value)
    assert (event["type"], event["userId"], event["version"]) == ("RESERVED", "auth0|5f01", reserved.version)
    assert Outbox(link).length(sale_id) == 0
    assert link.command("XPENDING", sale_keys(sale_id).outbox, GROUP)[0] == 0


def test_a_sale_without_events_and_one_that_does_not_exist_cost_nothing(make_relay: MakeRelay, sale_id: str) -> None:
    relay = make_relay()
    relay.relay_once([sale_id])

    assert relay.relay_once([sale_id, "no-such-sale"]) == Pass(0, 0, 0)


def test_events_of_several_sales_go_out_together(
    link: RedisLink, make_relay: MakeRelay, kafka_settings: Settings, read_topic: ReadTopic
) -> None:
    sales = [f"relay-many-{next(_numbers)}" for _ in range(3)]
    for sale in sales:
        SaleStore(link).create_sale(SalePlan(sale, SaleSettings(), 1))

    assert make_relay().relay_once(sales).sent == 3

    keys = {message.key() for message in read_topic(kafka_settings.kafka_topic)}
    assert keys == {f"{sale}:".encode() for sale in sales}


class CrashingOutbox(Outbox):
    """Dies, or loses Redis, when it should forget."""

    def __init__(self, link: RedisLink, error: type[BaseException], times: int = 1) -> None:
        super().__init__(link)
        self._error = error
        self._times = times

    def forget(self, sale_id: str, entry_ids: Sequence[str]) -> None:
        self._times -= 1
        if self._times >= 0:
            raise self._error("gone")
        super().forget(sale_id, entry_ids)


def test_a_relay_that_dies_before_it_forgets_leaves_only_harmless_duplicates(
    link: RedisLink,
    sale_id: str,
    make_relay: MakeRelay,
    kafka_settings: Settings,
    read_topic: ReadTopic,
    database: Database,
    tables: Tables,
    letters: Letters,
) -> None:
    _reserve(link, sale_id, *(f"u{n}" for n in range(20)))
    with pytest.raises(SystemExit):
        make_relay("relay-0", outbox=CrashingOutbox(link, SystemExit)).relay_once([sale_id])
    assert make_relay("relay-1").relay_once([sale_id]) == Pass(0, 0, 0)  # it may still be alive

    _idle(link, sale_id, "relay-0")
    assert make_relay("relay-1").relay_once([sale_id]).sent == 21

    values = [message.value() for message in read_topic(kafka_settings.kafka_topic)]
    assert len(values) == 42
    assert len(set(values)) == 21
    assert Outbox(link).length(sale_id) == 0
    assert Batch(database, letters).write(a_batch(*[value for value in values if isinstance(value, bytes)])) == []
    assert letters.kept == []
    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(20,)]
    assert tables.rows("SELECT COUNT(*) FROM sale_events") == [(21,)]


def test_a_relay_of_the_same_name_takes_up_what_its_dead_namesake_was_given(
    link: RedisLink, sale_id: str, make_relay: MakeRelay
) -> None:
    Outbox(link).read(sale_id, "relay-0", 10)
    _idle(link, sale_id, "relay-0")

    assert make_relay("relay-0").relay_once([sale_id]).sent == 1
    assert Outbox(link).length(sale_id) == 0


def test_what_could_not_be_forgotten_is_forgotten_later_and_not_sent_again(
    link: RedisLink, sale_id: str, make_relay: MakeRelay, kafka_settings: Settings, read_topic: ReadTopic
) -> None:
    relay = make_relay(outbox=CrashingOutbox(link, StoreUnavailable))
    with pytest.raises(StoreUnavailable):
        relay.relay_once([sale_id])
    assert Outbox(link).length(sale_id) == 1

    assert relay.relay_once([sale_id]) == Pass(0, 0, 0)

    assert Outbox(link).length(sale_id) == 0
    assert len(read_topic(kafka_settings.kafka_topic)) == 1


class HalfAway(Outbox):
    """Cannot reach the outbox of one sale, as while its node of a cluster fails over."""

    def __init__(self, link: RedisLink, away: str) -> None:
        super().__init__(link)
        self._away = away

    def read(self, sale_id: str, consumer: str, count: int) -> list[OutboxEntry]:
        if sale_id == self._away:
            raise StoreUnavailable("failing over")
        return super().read(sale_id, consumer, count)


def test_a_sale_whose_node_is_away_does_not_hold_up_the_others(
    link: RedisLink, sale_id: str, make_relay: MakeRelay, kafka_settings: Settings, read_topic: ReadTopic
) -> None:
    other = f"relay-{next(_numbers)}"
    SaleStore(link).create_sale(SalePlan(other, SaleSettings(), 5))

    with pytest.raises(StoreUnavailable, match=f"{sale_id}: failing over"):
        make_relay(outbox=HalfAway(link, sale_id)).relay_once([sale_id, other])

    assert [message.key() for message in read_topic(kafka_settings.kafka_topic)] == [f"{other}:".encode()]
    assert (Outbox(link).length(sale_id), Outbox(link).length(other)) == (1, 0)


class FailingProducer(ReliableProducer):
    """Has no Kafka for its first calls."""

    def __init__(self, settings: Settings, failures: int) -> None:
        super().__init__(client_config(settings))
        self.failures = failures

    def send(self, records: Sequence[OutgoingRecord]) -> list[KafkaError | None]:
        if records and self.failures:
            self.failures -= 1
            return [KafkaError(KafkaError._MSG_TIMED_OUT)] * len(records)
        return super().send(records)


def test_while_kafka_is_away_nothing_is_lost_and_afterwards_the_outbox_drains_in_order(
    link: RedisLink, sale_id: str, make_relay: MakeRelay, kafka_settings: Settings, read_topic: ReadTopic
) -> None:
    relay = make_relay(producer=FailingProducer(kafka_settings, failures=2))
    _reserve(link, sale_id, "ann")
    assert relay.relay_once([sale_id]) == Pass(0, 0, unsent=2)
    SaleStore(link).cancel(sale_id, "ann")
    _reserve(link, sale_id, "bob")
    assert relay.relay_once([sale_id]) == Pass(0, 0, unsent=2)
    assert Outbox(link).length(sale_id) == 4

    assert relay.relay_once([sale_id]).sent == 2
    assert relay.relay_once([sale_id]).sent == 2

    events = [json.loads(message.value() or b"") for message in read_topic(kafka_settings.kafka_topic)]
    assert [event["type"] for event in events if event.get("userId") == "ann"] == ["RESERVED", "CANCELLED"]
    assert sorted(event["version"] for event in events) == [1, 2, 3, 4]
    assert Outbox(link).length(sale_id) == 0


def test_a_real_broker_that_is_away_fails_the_pass_within_the_delivery_time_out(
    sale_id: str, link: RedisLink, make_relay: MakeRelay
) -> None:
    nowhere = ReliableProducer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})

    assert make_relay(producer=nowhere).relay_once([sale_id]) == Pass(0, 0, unsent=1)

    assert Outbox(link).length(sale_id) == 1
    nowhere.close()


def _append(link: RedisLink, sale_id: str, version: int, reason: str, user: str = "bob") -> None:
    line = f"CANCELLED 1000 {user} 1-1 1   {reason} "
    link.command("XADD", sale_keys(sale_id).outbox, f"9999999999-{version}", "e", line)


def _noise(length: int) -> str:
    """Return text that zstd cannot make much smaller."""
    return random.Random(length).randbytes(length // 2).hex()


@pytest.fixture
def broker_letters(kafka_settings: Settings, producer: ReliableProducer) -> DeadLetterQueue:
    """The real dead-letter topic."""
    return DeadLetterQueue(producer, kafka_settings.kafka_dlq_topic, "relay")


def test_an_event_that_kafka_refuses_goes_to_the_dead_letters_and_holds_up_nobody(
    link: RedisLink,
    sale_id: str,
    make_relay: MakeRelay,
    broker_letters: DeadLetterQueue,
    kafka_settings: Settings,
    read_topic: ReadTopic,
) -> None:
    _reserve(link, sale_id, "ann")
    _append(link, sale_id, 5, _noise(2_600_000))  # over 1 MB even when compressed
    _append(link, sale_id, 6, "late", user="eve")

    done = make_relay(letters=broker_letters).relay_once([sale_id])

    assert done == Pass(sent=3, dead=1, unsent=0)
    assert len(read_topic(kafka_settings.kafka_topic)) == 3
    (dead,) = read_topic(kafka_settings.kafka_dlq_topic)
    assert dead.key() == f"{sale_id}:bob".encode()
    headers = dict(dead.headers() or [])
    assert (headers["sale"], headers["version"]) == (sale_id.encode(), b"5")
    assert headers["dlq-reason"] == b"refused-by-kafka"
    assert headers["dlq-source"] == f"outbox:{sale_id}-9999999999-5".encode()
    assert headers["dlq-function"] == b"relay"
    assert Outbox(link).length(sale_id) == 0


def test_what_not_even_the_dead_letters_take_stays_in_the_outbox_and_the_others_go_on(
    link: RedisLink, sale_id: str, make_relay: MakeRelay, letters: Letters
) -> None:
    letters.away = True
    _append(link, sale_id, 5, _noise(2_600_000))
    relay = make_relay()
    assert relay.relay_once([sale_id]) == Pass(sent=1, dead=0, unsent=1)

    _append(link, sale_id, 6, "late", user="eve")
    assert relay.relay_once([sale_id]).sent == 1
    assert Outbox(link).length(sale_id) == 1

    letters.away = False
    assert relay.relay_once([sale_id]).dead == 1
    assert Outbox(link).length(sale_id) == 0
    assert [letter.source for letter in letters.kept] == [f"outbox:{sale_id}-9999999999-5"]


def test_a_group_that_was_lost_is_made_again(link: RedisLink, sale_id: str, make_relay: MakeRelay) -> None:
    relay = make_relay()
    link.command("XGROUP", "DESTROY", sale_keys(sale_id).outbox, GROUP)

    assert relay.relay_once([sale_id]).sent == 1
    assert Outbox(link).length(sale_id) == 0
