"""What Prometheus is told of a sale is what the scripts did, at a cost that does not grow with the line."""

from collections.abc import Iterator

import pytest
import redis

from chalicelib import wiring
from chalicelib.config import settings
from chalicelib.sale.keys import sale_keys
from ops.metrics.redis_figures import redis_figures
from tests.scripts.sales import Sales, open_sales

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def alone(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sales]:
    """The sales of a database of their own, which this process is a client of."""
    url = f"{redis_url}?db=1"
    made = (settings, wiring.link, wiring.reader, wiring.store, wiring.outbox)
    monkeypatch.setenv("REDIS_URL", url)
    for each in made:
        each.cache_clear()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield open_sales(url)
        client.flushdb()
    for each in made:
        each.cache_clear()


def figures() -> tuple[Samples, tuple[str, ...]]:
    """Return what a scrape finds, by name and labels (without the sale), and the sales seen."""
    seen: list[tuple[str, ...]] = []
    families = redis_figures(seen.append)
    found = {
        (each.name, *(value for label, value in each.labels.items() if label != "sale")): each.value
        for family in families
        for each in family.samples
    }
    return found, seen[0]


def test_the_figures_of_a_sale_are_what_happened_in_it(alone: Sales) -> None:
    sale_id = alone.create(6, payment="required", max_active=4, admit_per_second=0, limit_per_buyer=2, max_outbox=70)
    first, second, third = (alone.holding(sale_id, user) for user in ("ann", "bob", "cy"))
    alone.store.confirm(sale_id, "ann", first, "p1")
    assert alone.code(alone.store.confirm, sale_id, "ann", first, "p2") == "already-paid"
    alone.store.confirm(sale_id, "bob", second, "p3")
    alone.store.cancel(sale_id, "bob", second)
    alone.lapse(sale_id, "cy")
    alone.active(sale_id, "dora", "eve", "fay")
    assert alone.code(alone.store.reserve, sale_id, "dora", 3, ()) == "over-limit"
    assert alone.code(alone.store.reserve, sale_id, "nobody", 1, ()) == "not-active"
    alone.store.leave_queue(sale_id, "fay")
    alone.store.reserve(sale_id, "dora", 2, ())
    assert third

    told, seen = figures()

    assert seen == (sale_id,)
    sale = alone.sale(sale_id)
    assert told["onsale_sale_state", "OPEN"] == 1
    assert [told["onsale_sale_tickets", state] for state in ("free", "held", "confirmed")] == [3, 2, 1]
    assert told["onsale_sale_capacity_tickets",] == 6
    assert [told["onsale_sale_buyers", state] for state in ("waiting", "active")] == [0, 1]
    assert told["onsale_sale_queue_numbers_total",] == told["onsale_sale_admitted_total",] == 6
    assert told["onsale_sale_claimed_total",] == sale.counters["claimed"]
    assert told["onsale_sale_left_total",] == 1
    assert told["onsale_sale_lapses_total", "hold-expired"] == 1
    assert told["onsale_sale_cancelled_tickets_total",] == 1
    assert told["onsale_sale_refusals_total", "over-limit"] == told["onsale_sale_refusals_total", "not-active"] == 1
    assert told["onsale_sale_refusals_total", "sold-out"] == 0
    fates = {key[1]: value for key, value in told.items() if key[0] == "onsale_sale_payments"}
    assert fates == {"paid": 1, "already-paid": 1, "hold-expired": 0, "reservation-ended": 1}
    assert told["onsale_sale_version",] == sale.version
    assert told["onsale_outbox_events",] == sale.outbox == sale.version
    assert told["onsale_sale_max_outbox_events",] == 70
    assert 0 <= told["onsale_outbox_oldest_age_seconds",] < 600


def test_an_event_that_waits_has_an_age_and_none_has_none(alone: Sales) -> None:
    sale_id = alone.create()
    at_ms = alone.now_ms() - 90_000
    outbox = sale_keys(sale_id).outbox
    alone.link.command("DEL", outbox)
    assert figures()[0]["onsale_outbox_oldest_age_seconds",] == 0
    alone.link.command("XADD", outbox, "1-1", "e", f"CONFIRMED {at_ms} ann 1-1 1    ")
    assert 90 <= figures()[0]["onsale_outbox_oldest_age_seconds",] < 600


def test_an_id_whose_sale_is_not_complete_is_left_out(alone: Sales) -> None:
    sale_id = alone.create()
    alone.link.command("SADD", "sales", "half-made")
    assert figures()[1] == (sale_id,)


def test_a_scrape_asks_redis_for_the_same_with_a_thousand_waiting_as_with_a_hundred_thousand(alone: Sales) -> None:
    sale_id = alone.create(payment="required")
    commands, found = [], []
    with redis.Redis.from_url(settings().redis_url) as client:
        for waiting in (1_000, 100_000):
            for start in range(0, waiting, 10_000):
                line = {f"user-{number}": number for number in range(start, min(start + 10_000, waiting))}
                client.zadd(sale_keys(sale_id).waiting, line)
            figures()  # connects
            client.config_resetstat()
            found.append(figures()[0]["onsale_sale_buyers", "waiting"])
            stats = client.info("commandstats")
            commands.append({name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()})
    ours = {name: calls for name, calls in commands[0].items() if not name.startswith(("config", "client", "info"))}
    assert found == [1_000, 100_000]
    assert commands[0] == commands[1]
    # HGETALL is of the sale's own hash, whose fields are settings and counters; XRANGE of one entry.
    once = ("smembers", "multi", "exec", "time", "hgetall", "xlen", "hlen", "xrange")
    assert ours == dict.fromkeys(once, 1) | {"zcard": 2}
