"""EventBridge's event into the scheduled handlers, as deployed: they do their work, and end when they are told to."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from chalicelib.config import Settings
from chalicelib.sale.keys import SALES
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.outbox import Outbox
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.store import SaleStore
from functions.relay import _TIME_TO_FINISH_MS
from functions.topics import create_topics
from tests.deployed import FunctionError, Functions, functions

EVENT = Path(__file__).parents[1] / "events" / "scheduled.json"
PROMOTE, RELAY = "app.promote", "functions.relay.handler"  # as the template names them
# Of these the handlers have a second and a half left for their work.
REMAINING_MS = {PROMOTE: 2_500, RELAY: _TIME_TO_FINISH_MS + 1_500}
_numbers = count(1)


def scheduled() -> dict[str, Any]:
    """Return what EventBridge sends. Source: EventBridge User Guide, events of scheduled rules."""
    event: dict[str, Any] = json.loads(EVENT.read_text())
    return event


class Stage:
    """The two functions in their process, on a Redis in which nobody else does anything."""

    def __init__(self, running: Functions, link: RedisLink, settings: Settings) -> None:
        self.running, self.store, self.outbox = running, SaleStore(link), Outbox(link)
        self._settings = settings

    def sale(self, **chosen: Any) -> str:
        """Make a sale and return its id."""
        made = f"scheduled-{next(_numbers)}"
        self.store.create_sale(SalePlan(made, SaleSettings(**chosen), 5))
        return made

    def run(self, handler: str, event: object, remaining_ms: int = 0) -> Any:
        """Return a run's answer."""
        return self.running.call(handler, event, remaining_ms or REMAINING_MS[handler])

    def on_kafka(self, sale_id: str) -> list[dict[str, Any]]:
        """Return the events of a sale that have arrived."""
        consumer = Consumer({"bootstrap.servers": self._settings.kafka_bootstrap_servers, "group.id": "looking"})
        topic, found = self._settings.kafka_topic, []
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
        consumer.assign([TopicPartition(topic, 0, 0)])
        for _ in range(end):
            message = consumer.poll(30)
            assert message is not None
            assert message.error() is None
            found.append(json.loads(message.value() or b""))
        consumer.close()
        return [each for each in found if each["saleId"] == sale_id]


@pytest.fixture(scope="module")
def own_redis(redis_url: str) -> str:
    """A database of the session's Redis that only these tests use: others' open sales would keep runs going."""
    return f"{redis_url}{'&' if '?' in redis_url else '?'}db=7"


@pytest.fixture(scope="module")
def settings(kafka: str) -> Settings:
    """Topics of our own."""
    own = replace(
        Settings(),
        kafka_bootstrap_servers=kafka,
        kafka_topic="scheduled",
        kafka_dlq_topic="scheduled-dlq",
        kafka_notify_dlq_topic="scheduled-notify-dlq",
    )
    create_topics(1, 1, own)
    return own


@pytest.fixture(scope="module")
def running(own_redis: str, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    """The process in which both handlers run."""
    env = {
        "REDIS_URL": own_redis,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "KAFKA_TOPIC": settings.kafka_topic,
        "KAFKA_DLQ_TOPIC": settings.kafka_dlq_topic,
    }
    with functions(env, tmp_path_factory.mktemp("functions") / "log") as process:
        yield process


@pytest.fixture
def stage(running: Functions, own_redis: str, settings: Settings) -> Stage:
    """A stage without a sale."""
    link = open_link(own_redis, cluster=False, connect_timeout_s=10, read_timeout_s=10)
    link.command("DEL", SALES)
    return Stage(running, link, settings)


def test_the_file_has_what_a_scheduled_rule_sends() -> None:
    event = scheduled()
    assert set(event) == {
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"
    }  # fmt: skip
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert len(event["resources"]) == 1
    assert ":rule/" in event["resources"][0]


def test_promote_admits_who_waits(stage: Stage) -> None:
    sale_id = stage.sale(paused=True)
    for user in ("ann", "bob"):
        assert stage.store.enter_queue(sale_id, user).state == "WAITING"
    stage.store.configure_sale(sale_id, {"paused": "0"})

    done = stage.run(PROMOTE, scheduled())

    assert (done["admitted"], done["failures"]) == (2, 0)
    assert [stage.store.queue_status(sale_id, user).state for user in ("ann", "bob")] == ["ACTIVE", "ACTIVE"]


def test_relay_brings_an_event_to_kafka_and_empties_the_outbox(stage: Stage) -> None:
    sale_id = stage.sale()
    stage.store.enter_queue(sale_id, "ann")
    stage.store.reserve(sale_id, "ann", 1, ())
    assert stage.outbox.length(sale_id) == 2

    done = stage.run(RELAY, scheduled())

    assert (done["sent"], done["dead"], done["failures"]) == (2, 0, 0)
    assert stage.outbox.length(sale_id) == 0
    assert [each["type"] for each in stage.on_kafka(sale_id)] == ["SALE_CREATED", "CONFIRMED"]


@pytest.mark.parametrize("handler", [PROMOTE, RELAY])
def test_a_run_goes_on_while_a_sale_is_open_and_ends_before_its_time_does(stage: Stage, handler: str) -> None:
    stage.sale()

    done = stage.run(handler, scheduled())

    assert done.get("ticks", done.get("passes")) > 1
    assert 0 < stage.running.left_ms < REMAINING_MS[handler] - 1_000


@pytest.mark.parametrize("handler", [PROMOTE, RELAY])
def test_a_run_returns_at_once_where_there_is_nothing_to_do(stage: Stage, handler: str) -> None:
    done = stage.run(handler, scheduled(), 90_000)

    assert done.get("ticks", done.get("passes")) == 1
    assert done["failures"] == 0


@pytest.mark.parametrize("handler", [PROMOTE, RELAY])
def test_a_run_without_time_begins_nothing_that_it_could_not_end(stage: Stage, handler: str) -> None:
    sale_id = stage.sale()

    done = stage.run(handler, scheduled(), 1)

    assert done.get("ticks", 0) + done.get("passes", 0) <= 1
    assert stage.outbox.length(sale_id) == 1  # for the next run


@pytest.mark.parametrize("event", [{}, [], None, "tick", {"detail-type": "Scheduled Event"}], ids=repr)
def test_relay_takes_no_notice_of_what_an_event_says(stage: Stage, event: object) -> None:
    sale_id = stage.sale()
    stage.store.configure_sale(sale_id, {"closed": "1"})

    assert stage.run(RELAY, event)["failures"] == 0

    assert stage.outbox.length(sale_id) == 0


@pytest.mark.parametrize("event", [{}, [], None, "tick", {"detail-type": "Scheduled Event"}], ids=repr)
def test_promote_refuses_what_is_no_event_and_the_next_run_does_all_of_it(stage: Stage, event: object) -> None:
    sale_id = stage.sale(paused=True)
    stage.store.enter_queue(sale_id, "ann")
    stage.store.configure_sale(sale_id, {"paused": "0"})

    with pytest.raises(FunctionError, match=r"KeyError|TypeError"):
        stage.run(PROMOTE, event)

    assert stage.run(PROMOTE, scheduled(), 1)["admitted"] == 1
