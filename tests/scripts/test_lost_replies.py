"""A reply that is lost on its way changes nothing twice; a store that is away is said so within a second."""

import time
from collections.abc import Callable, Iterator

import pytest

from chalicelib.errors import StoreUnavailable
from chalicelib.sale.redis_link import open_link
from tests.scripts.proxy import Proxy, proxy_to
from tests.scripts.sales import Sales

ACTS: dict[str, Callable[[Sales, str], object]] = {
    "enter": lambda through, sale_id: through.store.enter_queue(sale_id, "new"),
    "status": lambda through, sale_id: through.store.queue_status(sale_id, "active"),
    "leave": lambda through, sale_id: through.store.leave_queue(sale_id, "waiting"),
    "reserve": lambda through, sale_id: through.store.reserve(sale_id, "active", 1),
    "confirm": lambda through, sale_id: through.store.confirm(sale_id, "holding", _reserved(through, sale_id), "pay-1"),
    "cancel": lambda through, sale_id: through.store.cancel(sale_id, "holding", _reserved(through, sale_id)),
    "promote": lambda through, sale_id: through.store.promote(sale_id),
    "configure": lambda through, sale_id: through.store.configure_sale(sale_id, {"message": "soon"}),
}
_reservations: dict[str, str] = {}


def _reserved(_: Sales, sale_id: str) -> str:
    return _reservations[sale_id]


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Proxy]:
    """A proxy in front of the plain server."""
    with proxy_to(redis_url) as running:
        yield running


def through(proxy: Proxy, read_timeout_s: float = 0.3) -> Sales:
    """Open sales behind the proxy, every script in Redis' cache."""
    return Sales(open_link(proxy.url, cluster=False, connect_timeout_s=0.3, read_timeout_s=read_timeout_s))


def busy_sale(sales: Sales) -> str:
    """Create a sale with a buyer in each state: holding, active, waiting."""
    sale_id = sales.create(5, payment="required", max_active=2, admit_per_second=0.0)
    _reservations[sale_id] = sales.holding(sale_id, "holding")
    sales.active(sale_id, "active", "other")
    assert sales.store.enter_queue(sale_id, "waiting").state == "WAITING"
    sales.store.leave_queue(sale_id, "other")
    return sale_id


@pytest.mark.parametrize("silently", [False, True], ids=["connection closed", "reply swallowed"])
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_lost_reply_changes_nothing_twice(
    sales: Sales, proxy: Proxy, act: Callable[[Sales, str], object], silently: bool
) -> None:
    calm, rough = busy_sale(sales), busy_sale(sales)
    act(sales, calm)
    behind = through(proxy)
    behind.sale(rough)  # connected
    proxy.silently, proxy.lose = silently, 1
    if silently:
        with pytest.raises(StoreUnavailable):
            act(behind, rough)
        act(behind, rough)  # the client sends again
    else:
        act(behind, rough)  # the link sends again
    assert proxy.lose == 0
    one, twice = sales.sale(calm), sales.sale(rough)
    assert (twice.version, twice.held, twice.confirmed) == (one.version, one.held, one.confirmed)
    assert (twice.waiting, twice.active, twice.counters) == (one.waiting, one.active, one.counters)
    assert sales.event_types(rough) == sales.event_types(calm)


def test_a_store_that_swallows_replies_is_unavailable_within_a_second(sales: Sales, proxy: Proxy) -> None:
    sale_id = sales.create()
    behind = through(proxy, read_timeout_s=0.5)
    behind.sale(sale_id)
    proxy.silently, proxy.lose = True, 10
    started_s = time.monotonic()
    with pytest.raises(StoreUnavailable):
        behind.store.enter_queue(sale_id, "ann")
    assert time.monotonic() - started_s < 1


def test_a_store_that_refuses_connections_is_unavailable_within_a_second(sales: Sales, proxy: Proxy) -> None:
    behind = through(proxy)
    proxy.close()
    started_s = time.monotonic()
    with pytest.raises(StoreUnavailable):
        behind.store.enter_queue(sales.create(), "ann")
    assert time.monotonic() - started_s < 1


def test_after_a_failure_the_next_call_is_in_step_again(sales: Sales, proxy: Proxy) -> None:
    sale_id = sales.create()
    behind = through(proxy)
    behind.sale(sale_id)
    proxy.silently, proxy.lose = True, 1
    with pytest.raises(StoreUnavailable):
        behind.store.enter_queue(sale_id, "ann")
    assert behind.store.enter_queue(sale_id, "bob").user_id == "bob"
    assert behind.sale(sale_id).counters["sequence"] == 2
