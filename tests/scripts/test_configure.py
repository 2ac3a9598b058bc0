"""Creating, changing and archiving sales: all or nothing, and a repeat ends what died half-way."""

import pytest
from redis.exceptions import OutOfMemoryError

from chalicelib.errors import Refused, StoreUnavailable
from chalicelib.sale.keys import SaleKeys, sale_keys, script_keys
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.redis_link import RedisLink, Script
from chalicelib.sale.store import SaleStore
from tests.scripts.sales import Argument, Sales, new_sale_id

SEATS = tuple(f"S-{number}" for number in range(2_500))


class DyingLink:
    """A link that dies at the n-th script."""

    def __init__(self, link: RedisLink, at: int) -> None:
        self.link, self.left = link, at

    def command(self, *words: Argument) -> object:
        """Pass a command on."""
        return self.link.command(*words)

    def script(self, script: Script, keys: tuple[str, ...], arguments: tuple[Argument, ...]) -> object:
        """Pass a script on, unless it is the last straw."""
        self.left -= 1
        if self.left == 0:
            raise StoreUnavailable("died")
        return self.link.script(script, keys, arguments)


def dying(sales: Sales, at: int) -> SaleStore:
    """A store that dies at the n-th script."""
    return SaleStore(DyingLink(sales.link, at))  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_creation_that_died_between_chunks_is_ended_by_a_repeat(at: int, sales: Sales) -> None:
    plan = SalePlan(new_sale_id(), SaleSettings(), len(SEATS), SEATS)
    with pytest.raises(StoreUnavailable):
        dying(sales, at).create_sale(plan)
    assert plan.sale_id in sales.reader.sale_ids()
    assert sales.store.create_sale(plan)
    assert not sales.store.create_sale(plan)
    assert sales.sale(plan.sale_id).state == "OPEN"
    assert sales.reader.snapshot(plan.sale_id).free_seats == len(SEATS)
    page = sales.reader.seats(plan.sale_id, None, None, 3_000)
    assert [seat for seat, _ in page.seats] == list(SEATS)
    assert len(sales.events(plan.sale_id)) == 1


def test_a_draft_sells_nothing(sales: Sales) -> None:
    plan = SalePlan(new_sale_id(), SaleSettings(), len(SEATS), SEATS)
    with pytest.raises(StoreUnavailable):
        dying(sales, 3).create_sale(plan)
    assert sales.sale(plan.sale_id).state == "DRAFT"
    assert sales.code(sales.store.enter_queue, plan.sale_id, "ann") == "sale-not-open"
    assert sales.code(sales.store.reserve, plan.sale_id, "ann", 1) == "not-active"
    assert sales.store.promote(plan.sale_id).admitted == 0


def test_seats_added_in_chunks_are_ended_by_a_repeat(sales: Sales) -> None:
    sale = sales.create(seats=("A-1",))
    with pytest.raises(StoreUnavailable):
        dying(sales, 3).configure_sale(sale, {}, seat_ids=SEATS)
    assert sales.store.configure_sale(sale, {}, seat_ids=SEATS)
    assert not sales.store.configure_sale(sale, {}, seat_ids=SEATS)
    assert sales.sale(sale).remaining == sales.reader.snapshot(sale).free_seats == len(SEATS) + 1


def test_a_refused_change_writes_nothing(sales: Sales) -> None:
    sale = sales.create(5)
    sales.holding(sale, "ann")
    before = sales.dump(sale)
    for changes, capacity in (({"message": "x", "payment": "required"}, None), ({"message": "x"}, 0)):
        with pytest.raises(Refused):
            sales.store.configure_sale(sale, changes, capacity=capacity)
    assert sales.dump(sale) == before


def test_no_difference_makes_no_event_and_a_difference_makes_one(sales: Sales) -> None:
    sale = sales.create(5)
    assert not sales.store.configure_sale(sale, {"message": ""}, capacity=5)
    assert sales.store.configure_sale(sale, {"message": "hello"}, capacity=6)
    assert sales.event_types(sale) == ["SALE_CHANGED"]


def test_an_archiving_that_died_is_ended_by_a_repeat(sales: Sales) -> None:
    sale = sales.create(closed=True)
    sales.link.command("XTRIM", sale_keys(sale).outbox, "MAXLEN", 0)
    sales.raw("configure_sale", sale, "", 60_000, 0)
    assert sale in sales.reader.sale_ids()
    sales.store.archive_sale(sale)
    assert sale not in sales.reader.sale_ids()
    assert sales.sale(sale).state == "ARCHIVED"
    for key in script_keys(sale, "configure_sale"):
        if sales.link.command("EXISTS", key):
            assert sales.link.command("PTTL", key) > 0


def test_an_archived_sale_takes_no_event_that_nobody_would_relay(sales: Sales) -> None:
    sale = sales.create(1)
    sales.holding(sale, "ann")
    sales.store.configure_sale(sale, {"closed": "1"})
    sales.link.command("XTRIM", sale_keys(sale).outbox, "MAXLEN", 0)
    sales.store.archive_sale(sale)
    sales.code(sales.store.cancel, sale, "ann")
    assert sales.outbox.length(sale) == 0


def test_a_reservation_id_is_never_used_again(sales: Sales) -> None:
    sale = sales.create(1)
    made = set()
    for _ in range(5):
        made.add(sales.holding(sale, "ann"))
        sales.store.cancel(sale, "ann")
    assert len(made) == 5


def test_a_big_number_keeps_its_digits(sales: Sales) -> None:
    sale = sales.create(10**9, hold_ms=10**12, payment="required")
    sales.put(sale, version=10**12)
    made = sales.holding(sale, "ann")
    assert made.endswith(f"-{10**12 + 1}")
    assert sales.store.queue_status(sale, "ann").deadline_ms > 10**12
    assert sales.sale(sale).capacity == 10**9


def test_every_key_of_a_sale_is_in_one_slot() -> None:
    keys = script_keys("x", "configure_sale")
    assert {key.split(":", 2)[1] for key in keys} == {"x}"}
    assert len(keys) == len(SaleKeys.__slots__)


def test_a_sale_without_memory_refuses_before_its_first_write(sales: Sales) -> None:
    sale = sales.create()
    before = sales.dump(sale)
    sales.link.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises((StoreUnavailable, OutOfMemoryError)):
            sales.store.enter_queue(sale, "ann")
    finally:
        sales.link.command("CONFIG", "SET", "maxmemory", "0")
    assert sales.dump(sale) == before
