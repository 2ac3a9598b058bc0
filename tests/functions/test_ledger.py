"""The ledger on real servers: balanced when all is well, and every kind of trouble named with its place."""

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from chalicelib import wiring
from chalicelib.config import settings
from chalicelib.errors import Refused
from chalicelib.sale.keys import sale_keys
from functions import buyers, purchases, sale_minutes, sales
from functions.dead_letter_queue import dead_letter_queue
from functions.kafka_batch import records
from functions.kafka_client import client_config, group_of
from functions.ledger import ledger
from functions.mysql import database
from functions.operate import handler
from functions.outbox_relay import Relay
from functions.persist import Batch
from functions.producer import OutgoingRecord, ReliableProducer
from functions.topics import create_topics
from ops import environment
from tests.conftest import PATIENT

_numbers = count(1)


class Pipes:
    """The way of an event, one step at a time, so that a test can look in between."""

    def __init__(self) -> None:
        self.topic = settings().kafka_topic
        self.producer = ReliableProducer(client_config(settings()))
        self._relay = Relay(wiring.outbox(), self.producer, dead_letter_queue("relay"), self.topic, "relay-0")
        self._consumer = Consumer(
            {
                **client_config(settings()),
                "group.id": group_of(settings(), "persist"),
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
            }
        )

    def relay(self, sale_id: str) -> None:
        """Move what is in the outbox to Kafka."""
        self._relay.relay_once([sale_id])

    def persist(self) -> None:
        """Write what is on Kafka to MySQL and commit, as the event source does."""
        consumer = self._consumer
        partitions = consumer.list_topics(self.topic, 10).topics[self.topic].partitions
        places = consumer.committed([TopicPartition(self.topic, each) for each in partitions], 10)
        delivered: dict[str, list[dict[str, Any]]] = {}
        for place in places:
            start, end = consumer.get_watermark_offsets(place, 10)
            next_offset = max(start, place.offset)
            consumer.assign([TopicPartition(self.topic, place.partition, next_offset)])
            while next_offset < end:
                message = consumer.poll(30)
                assert message is not None
                assert message.error() is None
                delivered.setdefault(f"{self.topic}-{place.partition}", []).append(_delivered(message))
                next_offset = (message.offset() or 0) + 1
            place.offset = end
        event = {"eventSource": "SelfManagedKafka", "records": delivered}
        assert Batch(database(), dead_letter_queue("persist")).write(records(event)) == []
        consumer.unassign()
        consumer.commit(offsets=places, asynchronous=False)

    def close(self) -> None:
        """End what is connected."""
        self._consumer.close()
        self.producer.close()

    def flow(self, sale_id: str) -> None:
        """Move everything to its end."""
        self.relay(sale_id)
        self.persist()


def _delivered(message: Message) -> dict[str, Any]:
    headers = [{name: list(value)} for name, value in message.headers() or ()]  # type: ignore[arg-type, str-unpack]
    record: dict[str, Any] = {"topic": message.topic(), "partition": message.partition()}
    value = message.value()
    assert isinstance(value, bytes)
    record |= {"offset": message.offset(), "value": b64encode(value).decode(), "headers": headers}
    return record | ({"key": b64encode(key).decode()} if isinstance(key := message.key(), bytes) else {})


@contextmanager
def pipes_between(settings: Mapping[str, str]) -> Iterator[Pipes]:
    """Pipes between these servers, over topics that are made; the process' settings point there meanwhile."""
    before = dict(os.environ)
    environment.point_at({**PATIENT, **settings})
    dead_letter_queue.cache_clear()
    create_topics(2)
    opened = Pipes()
    yield opened
    opened.close()
    database().close()
    dead_letter_queue.cache_clear()
    environment.point_at({})
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def pipes(redis_url: str, own_database: str, kafka: str) -> Iterator[Pipes]:
    """Pipes for all tests of this file; each takes a sale id of its own."""
    servers = {"REDIS_URL": redis_url, "MYSQL_URL": own_database, "KAFKA_BOOTSTRAP_SERVERS": kafka}
    with pipes_between({**servers, "KAFKA_TOPIC": "ledger", "KAFKA_DLQ_TOPIC": "ledger-dlq"}) as opened:
        yield opened


@pytest.fixture
def sale_id(pipes: Pipes) -> str:
    """A seated sale of six, in which ann holds A-1, bob paid for A-2 and A-3, and eve is owed a refund."""
    sale_id = f"ledger-{next(_numbers)}"
    sales.create({"saleId": sale_id, "rows": 2, "seatsPerRow": 3, "limitPerBuyer": 2, "payment": "required"})
    _reserve(sale_id, "ann", "A-1")
    bob = _reserve(sale_id, "bob", "A-2", "A-3")
    eve = _reserve(sale_id, "eve", "B-1")
    wiring.store().confirm(sale_id, "bob", bob, "pay-bob")
    wiring.store().confirm(sale_id, "eve", eve, "pay-eve")
    wiring.store().cancel(sale_id, "eve", eve)
    return sale_id


def _reserve(sale_id: str, user_id: str, *seats: str) -> str:
    wiring.store().enter_queue(sale_id, user_id)
    reservation = wiring.store().reserve(sale_id, user_id, len(seats), seats).reservation
    assert reservation is not None
    return reservation.reservation_id


def _row(answer: dict[str, Any], what: str) -> dict[str, Any]:
    return next(row for row in answer["rows"] if row["what"] == what)


def _kinds(answer: dict[str, Any], verdict: str = "different") -> list[str]:
    return [each["kind"] for each in answer["findings"] if each["verdict"] == verdict]


def test_a_sale_whose_events_all_arrived_balances(pipes: Pipes, sale_id: str) -> None:
    pipes.flow(sale_id)
    answer = ledger({"saleId": sale_id})
    assert (answer["state"], answer["findings"]) == ("balanced", [])
    assert _row(answer, "events") == {"what": "events", "redis": 8, "outbox": 0, "kafka": 0, "dlq": 0, "mysql": 8}
    for what, units in (("held", 1), ("sold", 2), ("buyers", 2), ("taken seats", 3), ("refunds due", 1)):
        assert (_row(answer, what)["redis"], _row(answer, what)["mysql"]) == (units, units), what


def test_events_in_the_outbox_are_in_flight_and_named(pipes: Pipes, sale_id: str) -> None:
    answer = ledger({"saleId": sale_id})
    assert answer["state"] == "in-flight"
    assert _row(answer, "events")["outbox"] == 8
    ann = [each for each in answer["findings"] if each.get("userId") == "ann" and each["kind"] == "purchase"]
    assert [each["where"] for each in ann] == ["outbox"]


def test_events_on_kafka_are_in_flight_and_named(pipes: Pipes, sale_id: str) -> None:
    pipes.relay(sale_id)
    answer = ledger({"saleId": sale_id})
    assert answer["state"] == "in-flight"
    assert (_row(answer, "events")["outbox"], _row(answer, "events")["kafka"]) == (0, 8)
    assert all(each["where"].startswith(pipes.topic) for each in answer["findings"] if each["kind"] == "version")


def test_another_sale_on_its_way_does_not_disturb(pipes: Pipes, sale_id: str) -> None:
    pipes.flow(sale_id)
    other = f"other-{next(_numbers)}"
    sales.create({"saleId": other, "capacity": 1})
    pipes.relay(other)
    assert ledger({"saleId": sale_id})["state"] == "balanced"


def test_waiting_ends_when_everything_has_arrived_and_gives_up_in_time(pipes: Pipes, sale_id: str) -> None:
    assert ledger({"saleId": sale_id, "waitSeconds": 0.3})["state"] == "in-flight"
    pipes.flow(sale_id)
    assert ledger({"saleId": sale_id, "waitSeconds": 60})["state"] == "balanced"


def test_a_lost_event_is_named_by_version_and_its_buyer_differs(pipes: Pipes, sale_id: str) -> None:
    pipes.flow(sale_id)
    wiring.store().cancel(sale_id, "ann")
    outbox = wiring.outbox()
    outbox.forget(sale_id, [each.entry_id for each in outbox.entries(sale_id)])
    answer = ledger({"saleId": sale_id})
    assert answer["state"] == "differences"
    assert _kinds(answer) == ["purchase", "seat", "version"] or set(_kinds(answer)) == {"purchase", "seat", "version"}
    lost = next(each for each in answer["findings"] if each["kind"] == "version")
    assert (lost["version"], "neither" in lost["where"]) == (9, True)
    purchase = next(each for each in answer["findings"] if each["kind"] == "purchase")
    assert (purchase["userId"], purchase["detail"]) == ("ann", "Redis has nothing live, MySQL has HELD A-1")


def test_a_dead_letter_explains_what_is_missing(pipes: Pipes, sale_id: str) -> None:
    pipes.flow(sale_id)
    wiring.store().cancel(sale_id, "ann")
    (entry,) = wiring.outbox().entries(sale_id)
    headers = tuple(
        (name, str(value).encode()) for name, value in (("sale", sale_id), ("epoch", entry.epoch), ("version", 9))
    )
    broken = OutgoingRecord(pipes.topic, f"{sale_id}:ann".encode(), b"{not json", headers)
    assert pipes.producer.send([broken]) == [None]
    wiring.outbox().forget(sale_id, [entry.entry_id])
    pipes.persist()
    answer = ledger({"saleId": sale_id})
    assert answer["state"] == "balanced"
    assert _row(answer, "events")["dlq"] == 1
    assert answer["counts"] == {"different": 0, "in-flight": 0, "explained": 3}
    assert {each["userId"] for each in answer["findings"]} == {"ann"}
    assert all("(not-json)" in each["where"] for each in answer["findings"])
    repaired = OutgoingRecord(pipes.topic, broken.key, entry.value, headers)
    assert pipes.producer.send([repaired]) == [None]
    pipes.persist()
    after = ledger({"saleId": sale_id})
    assert (after["state"], _row(after, "events")["dlq"], after["findings"]) == ("balanced", 0, [])


def test_a_dead_letter_without_a_name_is_counted(pipes: Pipes, sale_id: str) -> None:
    pipes.flow(sale_id)
    before = ledger({"saleId": sale_id})["unnamedDeadLetters"]
    pipes.producer.send([OutgoingRecord(pipes.topic, None, b"\xff", (("epoch", b"\xff"),))])
    pipes.persist()
    answer = ledger({"saleId": sale_id})
    assert (answer["state"], answer["unnamedDeadLetters"]) == ("balanced", before + 1)


@pytest.mark.parametrize(
    ("statement", "kind", "about"),
    [
        ("UPDATE purchases SET payment_id = 'other' WHERE sale_id = %s AND user_id = 'bob'", "purchase", "bob"),
        ("UPDATE purchases SET seat_ids = 'A-2' WHERE sale_id = %s AND user_id = 'bob'", "purchase", "bob"),
        ("DELETE FROM purchases WHERE sale_id = %s AND user_id = 'ann'", "purchase", "ann"),
        ("UPDATE seats SET user_id = 'zoe' WHERE sale_id = %s AND seat_id = 'A-1'", "seat", "ann"),
        ("DELETE FROM refunds WHERE sale_id = %s", "refund", "eve"),
        ("DELETE FROM sale_events WHERE sale_id = %s AND version = 3", "version", None),
        ("UPDATE sales SET capacity = 7 WHERE sale_id = %s", "capacity", None),
        (
            "INSERT INTO sale_events SELECT sale_id, epoch, 99, type, user_id, at_ms, event, written_at"
            " FROM sale_events WHERE sale_id = %s AND version = 3",
            "lost-tail",
            None,
        ),
        (
            "INSERT INTO sale_events SELECT sale_id, epoch + 1, 1, type, user_id, at_ms, event, written_at"
            " FROM sale_events WHERE sale_id = %s AND version = 3",
            "epoch",
            None,
        ),
    ],
)
def test_a_changed_record_is_a_difference(
    statement: str, kind: str, about: str | None, pipes: Pipes, sale_id: str
) -> None:
    pipes.flow(sale_id)
    with database().transaction() as cursor:
        assert cursor.execute(statement, (sale_id,)) == 1
    answer = ledger({"saleId": sale_id})
    assert answer["state"] == "differences"
    assert _kinds(answer) == [kind]
    assert answer["findings"][0].get("userId") == about


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (("HINCRBY", "sale", "held", "1"), {"held-sum", "seats-count", "free-count"}),
        (("HINCRBY", "sale", "confirmed", "-1"), {"confirmed-sum", "seats-count", "free-count"}),
        (("ZADD", "holds", "1", "ghost"), {"holds-count"}),
        (("ZREM", "free", "B-2"), {"free-count"}),
        (("HSET", "seats", "B-2", "HELD 5 ghost"), {"seats-count", "seat-owner", "seat"}),
        (("HSET", "payments", "pay-bob", "HOLD_EXPIRED bob 1-1"), {"refund"}),
    ],
)
def test_redis_at_odds_with_itself_is_a_difference(
    words: tuple[str, ...], kinds: set[str], pipes: Pipes, sale_id: str
) -> None:
    pipes.flow(sale_id)
    command, key, *rest = words
    wiring.link().command(command, getattr(sale_keys(sale_id), key), *rest)
    answer = ledger({"saleId": sale_id})
    assert answer["state"] == "differences"
    assert set(_kinds(answer)) == kinds


def test_a_counted_sale_balances(pipes: Pipes) -> None:
    sale_id = f"counted-{next(_numbers)}"
    sales.create({"saleId": sale_id, "capacity": 5, "limitPerBuyer": 3})
    wiring.store().enter_queue(sale_id, "ann")
    wiring.store().reserve(sale_id, "ann", 3)
    pipes.flow(sale_id)
    answer = ledger({"saleId": sale_id})
    assert answer["state"] == "balanced"
    assert _row(answer, "sold")["mysql"] == 3
    assert "taken seats" not in [row["what"] for row in answer["rows"]]


def test_a_ledger_of_no_sale_is_refused(pipes: Pipes) -> None:
    assert handler({"action": "ledger", "arguments": {"saleId": "nope"}}, None)["error"]["code"] == "no-such-sale"


def test_a_sale_that_only_mysql_knows_is_not_created_again(pipes: Pipes, sale_id: str) -> None:
    pipes.flow(sale_id)
    keys = sale_keys(sale_id)
    for name in keys.__slots__:
        wiring.link().command("DEL", getattr(keys, name))
    with pytest.raises(Refused, match="does not know") as caught:
        sales.create({"saleId": sale_id, "capacity": 6})
    assert caught.value.code == "sale-on-record"


def test_purchases_come_in_pages_with_what_ended(pipes: Pipes, sale_id: str) -> None:
    pipes.flow(sale_id)
    first = purchases.page({"saleId": sale_id, "limit": 2})
    assert [each["userId"] for each in first["purchases"]] == ["ann", "bob"]
    assert first["purchases"][1]["seatIds"] == ["A-2", "A-3"]
    rest = purchases.page({"saleId": sale_id, "limit": 2, "after": first["next"]})
    assert [(each["userId"], each["status"]) for each in rest["purchases"]] == [("eve", "CANCELLED")]
    assert rest["next"] is None
    only = purchases.page({"saleId": sale_id, "status": "CONFIRMED"})
    assert [each["userId"] for each in only["purchases"]] == ["bob"]


def test_looking_at_a_buyer_shows_both_sides_and_claims_no_place(pipes: Pipes) -> None:
    sale_id = f"look-{next(_numbers)}"
    sales.create({"saleId": sale_id, "capacity": 5, "maxActive": 1})
    for user in ("ann", "bob", "max"):
        wiring.store().enter_queue(sale_id, user)
    wiring.store().leave_queue(sale_id, "ann")
    wiring.store().promote(sale_id)
    before = wiring.link().command("ZRANGE", sale_keys(sale_id).active, 0, -1, "WITHSCORES")
    for _ in range(2):
        assert buyers.show({"saleId": sale_id, "userId": "bob"})["redis"]["state"] == "ACTIVE"
        assert buyers.show({"saleId": sale_id, "userId": "max"})["redis"]["rank"] == 1
        assert buyers.show({"saleId": sale_id, "userId": "nobody"})["redis"] is None
    assert wiring.link().command("ZRANGE", sale_keys(sale_id).active, 0, -1, "WITHSCORES") == before
    wiring.store().reserve(sale_id, "bob", 1)
    pipes.flow(sale_id)
    answer = buyers.show({"saleId": sale_id, "userId": "bob"})
    assert (answer["redis"]["status"], answer["mysql"]["status"]) == ("CONFIRMED", "CONFIRMED")
    assert [each["type"] for each in answer["events"]] == ["CONFIRMED"]


def test_cancelling_for_a_buyer_frees_the_seats_once_and_owes_the_money(pipes: Pipes, sale_id: str) -> None:
    who = {"saleId": sale_id, "userId": "bob"}
    assert "would cancel CONFIRMED A-2 A-3 of bob" in buyers.cancel({**who, "dryRun": True})["outcome"]
    done = buyers.cancel(who)
    assert done["changed"]
    assert "refund of pay-bob due" in done["outcome"]
    with pytest.raises(Refused, match="holds nothing"):
        buyers.cancel(who)
    pipes.flow(sale_id)
    answer = ledger({"saleId": sale_id})
    assert (answer["state"], _row(answer, "refunds due")["mysql"]) == ("balanced", 2)


def test_erasing_forgets_the_contact_only(pipes: Pipes, sale_id: str) -> None:
    who = {"saleId": sale_id, "userId": "bob"}
    wiring.store().put_contact(sale_id, "bob", '{"email":"bob@example.com"}')
    assert buyers.erase({**who, "dryRun": True})["changed"] is False
    assert buyers.erase(who)["changed"] is True
    assert buyers.erase(who)["changed"] is False
    assert buyers.show(who)["redis"]["status"] == "CONFIRMED"


def test_a_sale_is_archived_only_when_it_is_over_and_balances(pipes: Pipes, sale_id: str) -> None:
    def archive(**more: Any) -> dict[str, Any]:
        return handler({"action": "sale.archive", "arguments": {"saleId": sale_id, **more}}, None)

    assert archive()["error"]["code"] == "not-finished"
    wiring.store().cancel(sale_id, "ann")
    pipes.flow(sale_id)
    assert archive()["error"]["code"] == "not-finished"
    sales.close({"saleId": sale_id})
    assert archive()["error"]["code"] == "not-finished"
    pipes.flow(sale_id)
    assert archive(dryRun=True)["result"]["archived"] is False
    assert sale_id in [each["saleId"] for each in sales.list_all({})["sales"]]
    assert archive()["result"]["archived"] is True
    assert sale_id not in [each["saleId"] for each in sales.list_all({})["sales"]]
    assert int(wiring.link().command("PTTL", sale_keys(sale_id).orders)) > 0
    assert archive()["result"]["archived"] is True  # as after a crash halfway
    with database().transaction() as cursor:
        assert sale_minutes.put_away(cursor, [sale_id]) == {sale_id}
