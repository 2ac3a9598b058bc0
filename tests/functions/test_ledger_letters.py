"""The ledger and dead letters: what is open or discarded explains what is missing, what was replayed has to arrive."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from chalicelib import wiring
from chalicelib.config import settings
from functions import dead_letter_table, ledger_topics, sales
from functions.dead_letter_name import spelled
from functions.kafka_client import client_config, group_of
from functions.ledger import ledger
from functions.mysql import database
from functions.operate import handler
from functions.producer import OutgoingRecord
from ops.commands.ledger_report import ledger_report
from ops.commands.sale_report import sale_report
from tests.functions.batches import ReadTopic, Tables
from tests.functions.deliveries import keep_all
from tests.functions.test_ledger import Pipes, pipes_between

_numbers = count(1)


@pytest.fixture
def pipes(redis_url: str, own_database: str, tables: Tables, kafka: str) -> Iterator[Pipes]:
    """Pipes with topics of their own, the tables empty."""
    name = f"explained-{next(_numbers)}"
    servers = {"REDIS_URL": redis_url, "MYSQL_URL": own_database, "KAFKA_BOOTSTRAP_SERVERS": kafka}
    with pipes_between({**servers, "KAFKA_TOPIC": name, "KAFKA_DLQ_TOPIC": f"{name}-dlq"}) as opened:
        yield opened


class Broken:
    """A sale of which one event could not be written; its letter is in MySQL unless told otherwise."""

    def __init__(self, pipes: Pipes, read_topic: ReadTopic) -> None:
        self.sale_id = f"broken-{next(_numbers)}"
        self._pipes = pipes
        self._read = read_topic
        sales.create({"saleId": self.sale_id, "capacity": 5})
        pipes.flow(self.sale_id)
        wiring.store().enter_queue(self.sale_id, "ann")
        wiring.store().reserve(self.sale_id, "ann", 1)
        (entry,) = wiring.outbox().entries(self.sale_id)
        self.event, self.version = entry.value, entry.version
        self._headers = tuple(
            (name, str(value).encode())
            for name, value in (("sale", self.sale_id), ("epoch", entry.epoch), ("version", entry.version))
        )
        self.send(b"{broken")
        wiring.outbox().forget(self.sale_id, [entry.entry_id])
        pipes.persist()

    def send(self, value: bytes) -> None:
        """Put a record of this event on the topic."""
        key = f"{self.sale_id}:ann".encode()
        assert self._pipes.producer.send([OutgoingRecord(self._pipes.topic, key, value, self._headers)]) == [None]

    def keep(self) -> str:
        """Have dead_letters take what is on its topic; returns the name of the letter that came last."""
        keep_all(database(), self._read(f"{self._pipes.topic}-dlq"))
        _commit(f"{self._pipes.topic}-dlq")
        return str(self.act("list", saleId=self.sale_id)["letters"][-1]["letterId"])

    def act(self, action: str, **arguments: Any) -> dict[str, Any]:
        """Run an operator's action."""
        answer = handler({"action": f"dlq.{action}", "arguments": arguments, "actor": "ann"}, None)
        result: dict[str, Any] = answer["result"]
        return result

    def ledger(self) -> dict[str, Any]:
        """Return the ledger."""
        return ledger({"saleId": self.sale_id})

    def state(self) -> tuple[str, dict[str, int]]:
        """Return the ledger's verdict and its count of letters."""
        answer = self.ledger()
        return answer["state"], answer["deadLetters"]


def _commit(topic: str) -> None:
    """Commit the end of the dead-letter topic for the group of dead_letters, as its event source does."""
    consumer = Consumer(
        {**client_config(settings()), "group.id": group_of(settings(), "dead-letters"), "enable.auto.commit": False}
    )
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), 10)
    consumer.commit(offsets=[TopicPartition(topic, 0, end)], asynchronous=False)
    consumer.close()


@pytest.fixture
def broken(pipes: Pipes, read_topic: ReadTopic) -> Broken:
    """A sale with a dead letter on its topic."""
    return Broken(pipes, read_topic)


def test_a_letter_explains_on_its_topic_and_in_mysql_and_is_counted_once(broken: Broken) -> None:
    assert broken.state() == ("balanced", {"open": 0, "replayed": 0, "discarded": 0, "onTopic": 1})

    name = broken.keep()

    answer = broken.ledger()
    assert (answer["state"], answer["counts"]["explained"]) == ("balanced", 2)
    assert answer["deadLetters"] == {"open": 1, "replayed": 0, "discarded": 0, "onTopic": 0}
    assert answer["rows"][0]["dlq"] == 1
    assert {each["where"] for each in answer["findings"]} == {f"dead letter {name} (not-json)"}
    assert "dead letters: 1 open (onsale dlq list" in ledger_report(answer)


def test_a_discarded_letter_explains_and_says_by_whom_and_why(broken: Broken) -> None:
    name = broken.keep()

    broken.act("discard", letterIds=[name], why="refunded by hand")

    answer = broken.ledger()
    assert (answer["state"], answer["deadLetters"]["discarded"]) == ("balanced", 1)
    assert "DISCARDED by ann" in answer["findings"][0]["where"]
    assert "refunded by hand" in answer["findings"][0]["where"]


def test_a_replay_is_in_flight_then_dead_again_and_the_new_letter_explains(broken: Broken, pipes: Pipes) -> None:
    name = broken.keep()
    broken.act("replay", letterIds=[name])
    assert broken.ledger()["state"] == "in-flight"

    pipes.persist()

    assert broken.state() == ("balanced", {"open": 0, "replayed": 1, "discarded": 0, "onTopic": 1})
    broken.keep()
    assert broken.state() == ("balanced", {"open": 1, "replayed": 1, "discarded": 0, "onTopic": 0})


def test_a_replayed_event_that_arrived_leaves_nothing_to_explain(broken: Broken, pipes: Pipes) -> None:
    name = broken.keep()
    with database().transaction() as cursor:  # what broke it is repaired
        cursor.execute("UPDATE dead_letters SET record_value = %s", (broken.event,))
    broken.act("replay", letterIds=[name])

    pipes.persist()

    answer = broken.ledger()
    assert (answer["state"], answer["findings"]) == ("balanced", [])


def test_a_replayed_event_that_is_nowhere_is_a_difference(broken: Broken) -> None:
    name = broken.keep()
    with database().transaction() as cursor:
        letter = dead_letter_table.find(cursor, spelled(name))
        assert letter is not None
        dead_letter_table.mark(cursor, [letter.name], "REPLAYED", "bob", "")

    answer = broken.ledger()

    assert answer["state"] == "differences"
    (lost,) = [each for each in answer["findings"] if each["kind"] == "version"]
    assert (lost["version"], lost["verdict"]) == (broken.version, "different")
    assert lost["where"].startswith(f"dead letter {name} was replayed by bob")


def test_a_letter_that_is_replayed_while_the_ledger_is_read_is_in_flight(
    broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = broken.keep()
    read = ledger_topics.Topics.read

    def read_then_replay(*arguments: Any) -> Any:
        found = read(*arguments)
        broken.act("replay", letterIds=[name])
        return found

    monkeypatch.setattr(ledger_topics.Topics, "read", read_then_replay)

    assert broken.ledger()["state"] == "in-flight"


def test_a_letter_of_notify_explains_nothing_of_the_record(broken: Broken) -> None:
    broken.keep()
    with database().transaction() as cursor:
        cursor.execute("UPDATE dead_letters SET quarantined_by = 'notify'")

    answer = broken.ledger()

    assert (answer["state"], answer["deadLetters"]["open"]) == ("differences", 1)


def test_a_letter_of_no_sale_is_counted(broken: Broken, pipes: Pipes) -> None:
    pipes.producer.send([OutgoingRecord(pipes.topic, None, b"\xff")])
    pipes.persist()
    assert broken.ledger()["unnamedDeadLetters"] == 1
    broken.keep()
    assert broken.ledger()["unnamedDeadLetters"] == 1


def test_a_sale_says_how_many_letters_are_open(broken: Broken) -> None:
    before = sales.show({"saleId": broken.sale_id})
    name = broken.keep()

    now = sales.show({"saleId": broken.sale_id})

    assert (before["openDeadLetters"], now["openDeadLetters"]) == (0, 1)
    assert "letters open" not in sale_report(before)
    assert f"letters open: 1; onsale dlq list --sale {broken.sale_id}" in sale_report(now)
    broken.act("discard", letterIds=[name], why="x")
    assert sales.show({"saleId": broken.sale_id})["openDeadLetters"] == 0


def test_a_sale_that_goes_on_while_its_ledger_is_read_is_in_flight_and_no_difference(
    pipes: Pipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale_id = f"moving-{next(_numbers)}"
    sales.create({"saleId": sale_id, "rows": 1, "seatsPerRow": 3})
    wiring.store().enter_queue(sale_id, "ann")
    wiring.store().reserve(sale_id, "ann", 1)
    pipes.flow(sale_id)
    read = ledger_topics.Topics.read

    def cancel_then_read(*arguments: Any) -> Any:
        wiring.store().cancel(sale_id, "ann")
        pipes.flow(sale_id)
        return read(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(ledger_topics.Topics, "read", cancel_then_read)
        answer = ledger({"saleId": sale_id})

    assert (answer["state"], answer["counts"]["different"]) == ("in-flight", 0)
    assert {each["where"] for each in answer["findings"]} == {"MySQL is ahead of this reading"}
    assert ledger({"saleId": sale_id})["state"] == "balanced"
