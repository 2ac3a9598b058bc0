"""A run of the relay: how long it goes on, when it ends early, and that an outage does not end it."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from chalicelib import config, wiring
from chalicelib.config import Settings
from chalicelib.errors import StoreUnavailable
from chalicelib.sale.keys import SALES
from chalicelib.sale.model import SalePlan, SaleSettings
from functions import dead_letter_queue, relay
from tests.functions.batches import ReadTopic

_numbers = count(1)


class Clock:
    """A Lambda context whose time is up when it was asked often enough."""

    def __init__(self, questions: int) -> None:
        self.asked = 0
        self._questions = questions

    def get_remaining_time_in_millis(self) -> int:
        self.asked += 1
        return 90_000 if self.asked < self._questions else 0


@pytest.fixture
def process(redis_url: str, kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A fresh process of the function: its settings from the environment, nothing cached."""
    cached: tuple[Any, ...] = (
        config.settings,
        wiring.link,
        wiring.store,
        wiring.reader,
        wiring.outbox,
        relay._producer,
        dead_letter_queue.dead_letter_queue,
    )
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_settings.kafka_bootstrap_servers)
    monkeypatch.setenv("KAFKA_TOPIC", kafka_settings.kafka_topic)
    monkeypatch.setenv("KAFKA_DLQ_TOPIC", kafka_settings.kafka_dlq_topic)
    for each in cached:
        each.cache_clear()
    wiring.link().command("DEL", SALES)  # others' sales may be open, and would keep a run going
    yield
    relay._producer().close()
    for each in cached:
        each.cache_clear()


@pytest.fixture
def sale_id(process: None) -> str:
    """A sale, the only one; its outbox holds SALE_CREATED."""
    made = f"run-{next(_numbers)}"
    wiring.store().create_sale(SalePlan(made, SaleSettings(), 5))
    return made


def test_a_run_without_sales_returns_at_once(process: None) -> None:
    assert relay.handler({}, Clock(1_000)) == {"passes": 1, "sent": 0, "dead": 0, "failures": 0}


def test_a_run_serves_a_closed_sale_until_its_outbox_is_empty_and_returns(
    sale_id: str, kafka_settings: Settings, read_topic: ReadTopic
) -> None:
    wiring.store().configure_sale(sale_id, {"closed": "1"})

    done = relay.handler({}, Clock(1_000))

    assert (done["sent"], done["failures"]) == (2, 0)
    assert wiring.outbox().length(sale_id) == 0
    assert len(read_topic(kafka_settings.kafka_topic)) == 2


def test_a_run_goes_on_while_a_sale_is_open_and_ends_in_time(sale_id: str) -> None:
    clock = Clock(30)

    done = relay.handler({}, clock)

    assert clock.asked == 30
    assert done["passes"] == 29
    assert done["sent"] == 1


def test_a_run_ends_after_65_seconds_so_that_it_overlaps_the_next_but_one(
    sale_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = count(0, 20)
    monkeypatch.setattr(relay.time, "monotonic", lambda: float(next(seconds)))  # type: ignore[attr-defined]

    relay.handler({}, Clock(1_000_000))

    assert next(seconds) < 300


def test_a_run_lasts_through_an_outage_of_redis(sale_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_AFTER_FAILURE_S", 0.001)
    answers = iter([StoreUnavailable("gone"), StoreUnavailable("gone")])
    real = wiring.reader().sale_ids

    def sale_ids() -> list[str]:
        if error := next(answers, None):
            raise error
        return real()

    monkeypatch.setattr(wiring.reader(), "sale_ids", sale_ids)

    done = relay.handler({}, Clock(10))

    assert (done["failures"], done["sent"]) == (2, 1)


@pytest.mark.parametrize(("minute", "name"), [(0, "relay-0"), (1, "relay-1"), (2, "relay-0")])
def test_runs_take_two_names_in_turn(
    process: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, minute: int, name: str
) -> None:
    caplog.set_level("INFO", "onsale.relay")
    monkeypatch.setattr(relay.time, "time", lambda: minute * 60 + 59.0)  # type: ignore[attr-defined]

    relay.handler({}, Clock(3))

    assert vars(caplog.records[-1])["consumer"] == name
