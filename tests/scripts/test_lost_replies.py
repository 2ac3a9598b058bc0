"""A reply that is lost on its way changes nothing twice; a store that is away is said so within a second."""

import time
from collections.abc import Callable, Iterator

import pytest

from chalicelib.errors import StoreUnavailable
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.model import Buyer, SalePlan, SaleSettings
from chalicelib.sale.redis_link import open_link
from tests.conftest import LATE_S
from tests.scripts.proxy import Proxy, proxy_to
from tests.scripts.sales import Sales, answered, new_sale_id
from tests.scripts.shared import outside_an_invocation

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


Through = Callable[..., Sales]


@pytest.fixture(params=["a link per thread", "a shared link"])
def through(request: pytest.FixtureRequest) -> Iterator[Through]:
    """Open sales behind a proxy, by each kind of link; every script is in Redis' cache."""
    with outside_an_invocation() as open_shared:
        opener = open_link if request.param == "a link per thread" else open_shared

        def open_sales(proxy: Proxy, *, hasty: bool = False) -> Sales:
            read_timeout_s = 0.3 if hasty else 10.0
            return Sales(opener(proxy.url, cluster=False, connect_timeout_s=10.0, read_timeout_s=read_timeout_s))

        yield open_sales


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
    sales: Sales, proxy: Proxy, through: Through, act: Callable[[Sales, str], object], silently: bool
) -> None:
    calm, rough = busy_sale(sales), busy_sale(sales)
    first = act(sales, calm)
    behind = through(proxy, hasty=silently)
    answered(lambda: behind.sale(rough))  # connected
    proxy.silently, proxy.lose = silently, 1
    again = resent(lambda: act(behind, rough), silently)
    assert proxy.lose == 0
    if isinstance(first, Buyer):
        assert outcome(again) == outcome(first)
    one, twice = sales.sale(calm), sales.sale(rough)
    assert (twice.version, twice.held, twice.confirmed) == (one.version, one.held, one.confirmed)
    assert (twice.waiting, twice.active, twice.counters) == (one.waiting, one.active, one.counters)
    assert sales.event_types(rough) == sales.event_types(calm)
    assert set(sales.dump(rough)) == set(sales.dump(calm))


@pytest.mark.parametrize("silently", [False, True], ids=["connection closed", "reply swallowed"])
@pytest.mark.parametrize("spare", range(4), ids=["the id", "chunk 1", "chunk 2", "chunk 3"])
def test_a_reply_lost_while_a_sale_is_created_loads_no_seat_twice(
    sales: Sales, proxy: Proxy, through: Through, spare: int, silently: bool
) -> None:
    seats = tuple(f"A-{number}" for number in range(2_500))
    plan = SalePlan(new_sale_id(), SaleSettings(), len(seats), seats)
    sales.create(3, ("A-1", "A-2", "A-3"))  # the script is in Redis' cache
    behind = through(proxy, hasty=silently)
    assert plan.sale_id not in answered(behind.reader.sale_ids)  # connected
    proxy.silently, proxy.spare, proxy.lose = silently, spare, 1
    resent(lambda: behind.store.create_sale(plan), silently)
    assert proxy.lose == 0
    assert sales.sale(plan.sale_id).capacity == 2_500
    assert sales.reader.snapshot(plan.sale_id).free_seats == 2_500
    assert sales.link.command("LRANGE", sale_keys(plan.sale_id).plan, 0, -1) == [seat.encode() for seat in seats]
    assert [line.split(" ")[0] for line in sales.events(plan.sale_id)] == ["SALE_CREATED"]


def resent(act: Callable[[], object], silently: bool) -> object:
    """Return an answer: the link sends again where the connection broke, the client where no answer came."""
    if silently:
        with pytest.raises(StoreUnavailable):
            act()
        return answered(act)
    return act()


def outcome(told: object) -> tuple[object, ...]:
    """Return what a buyer is told that does not depend on the time of the call."""
    assert isinstance(told, Buyer)
    bought = told.reservation
    what = (bought.status, bought.quantity, bought.payment_id) if bought else ()
    return told.state, told.queue_number, told.rank, *what


def test_a_store_that_swallows_replies_is_unavailable_within_a_second(
    sales: Sales, proxy: Proxy, through: Through
) -> None:
    sale_id = sales.create()
    behind = through(proxy, hasty=True)
    answered(lambda: behind.sale(sale_id))
    proxy.silently, proxy.lose = True, 10
    started_s = time.monotonic()
    with pytest.raises(StoreUnavailable):
        behind.store.enter_queue(sale_id, "ann")
    assert time.monotonic() - started_s < LATE_S


def test_a_store_that_refuses_connections_is_unavailable_within_a_second(
    sales: Sales, proxy: Proxy, through: Through
) -> None:
    behind = through(proxy)
    proxy.close()
    started_s = time.monotonic()
    with pytest.raises(StoreUnavailable):
        behind.store.enter_queue(sales.create(), "ann")
    assert time.monotonic() - started_s < LATE_S


def test_after_a_failure_the_next_call_is_in_step_again(sales: Sales, proxy: Proxy, through: Through) -> None:
    sale_id = sales.create()
    behind = through(proxy, hasty=True)
    answered(lambda: behind.sale(sale_id))
    proxy.silently, proxy.lose = True, 1
    with pytest.raises(StoreUnavailable):
        behind.store.enter_queue(sale_id, "ann")
    assert answered(lambda: behind.store.enter_queue(sale_id, "bob")).user_id == "bob"
    assert answered(lambda: behind.sale(sale_id)).counters["sequence"] == 2
