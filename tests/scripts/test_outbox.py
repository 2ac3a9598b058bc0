"""The outbox gives each event to one consumer until it is forgotten, and to another when that one dies."""

from chalicelib.events import decode
from chalicelib.sale.keys import sale_keys
from tests.scripts.sales import Sales, new_sale_id


def test_each_event_is_given_once_and_claimed_when_not_forgotten(each_sales: Sales) -> None:
    sale = each_sales.create()
    each_sales.holding(sale, "ann")
    given = each_sales.outbox.read(sale, "relay-0", 10)
    assert [(entry.version, entry.user_id) for entry in given] == [(1, ""), (2, "ann")]
    assert each_sales.outbox.read(sale, "relay-1", 10) == []
    assert each_sales.outbox.claim(sale, "relay-1", 60_000, 10) == []
    assert each_sales.outbox.claim(sale, "relay-1", 0, 10) == given
    each_sales.outbox.forget(sale, [entry.entry_id for entry in given])
    assert each_sales.outbox.length(sale) == 0
    assert each_sales.outbox.claim(sale, "relay-0", 0, 10) == []


def test_an_entry_s_id_is_its_epoch_and_version(sales: Sales) -> None:
    sale = sales.create()
    made = sales.holding(sale, "ann")
    entry = sales.outbox.entries(sale)[-1]
    event = decode(entry.value)
    assert entry.entry_id == made == event.reservation_id == f"{event.epoch}-{event.version}"
    assert (event.type, event.user_id, event.quantity) == ("CONFIRMED", "ann", 1)


def test_a_lost_group_is_made_again(sales: Sales) -> None:
    sale = sales.create()
    sales.link.command("XGROUP", "DESTROY", sale_keys(sale).outbox, "relay")
    assert [entry.version for entry in sales.outbox.read(sale, "relay-0", 10)] == [1]


def test_an_id_without_a_sale_has_an_empty_outbox(sales: Sales) -> None:
    sale = new_sale_id()
    assert sales.outbox.read(sale, "relay-0", 10) == []
    assert sales.outbox.claim(sale, "relay-0", 0, 10) == []
    assert not sales.link.command("EXISTS", sale_keys(sale).outbox)


def test_the_versions_of_an_epoch_have_no_gap(sales: Sales) -> None:
    sale = sales.create(3, payment="required")
    for user in ("ann", "bob", "cy"):
        sales.holding(sale, user)
    sales.lapse(sale, "ann")
    sales.store.promote(sale)
    sales.store.cancel(sale, "bob")
    entries = sales.outbox.entries(sale)
    assert [entry.version for entry in entries] == list(range(1, sales.sale(sale).version + 1))
    assert all(decode(entry.value).sale_id == sale for entry in entries)
