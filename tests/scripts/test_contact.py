"""A contact is kept for who is in the sale, apart from all that becomes an event, and goes when it should."""

import json

import pytest

from chalicelib.errors import Refused
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.model import SaleSettings
from tests.scripts.sales import Sales

CONTACT = json.dumps({"email": "ann@buyers.example", "language": "ko"})


@pytest.mark.parametrize("where", ["waiting", "active", "holding", "lapsed"])
def test_whoever_the_sale_knows_may_leave_one(sales: Sales, where: str) -> None:
    sale = sales.create(payment="required", max_active=0 if where == "waiting" else 9)
    if where == "holding":
        sales.holding(sale, "ann")
    else:
        sales.store.enter_queue(sale, "ann")
    if where == "lapsed":
        sales.lapse(sale)
        sales.store.promote(sale)
    sales.store.put_contact(sale, "ann", CONTACT)
    assert sales.reader.contact(sale, "ann") == CONTACT
    sales.store.put_contact(sale, "ann", "{}")
    assert sales.reader.contact(sale, "ann") == "{}"


def test_a_stranger_may_not_and_nothing_is_kept(sales: Sales) -> None:
    sale = sales.create()
    with pytest.raises(Refused, match="not in this sale"):
        sales.store.put_contact(sale, "ann", CONTACT)
    assert sales.reader.contact(sale, "ann") is None


def test_it_never_becomes_part_of_an_event_or_a_record(sales: Sales) -> None:
    sale = sales.create(payment="required")
    sales.store.enter_queue(sale, "ann")
    sales.store.put_contact(sale, "ann", CONTACT)
    made = sales.store.reserve(sale, "ann", 1).reservation
    assert made is not None
    sales.store.confirm(sale, "ann", made.reservation_id, "pay-1")
    sales.store.cancel(sale, "ann")
    keys = sale_keys(sale)
    kept = sales.link.command("XRANGE", keys.outbox, "-", "+") + sales.link.command("HGETALL", keys.orders)
    assert "buyers.example" not in repr(kept)


def test_an_archived_sale_forgets_them_and_takes_no_more(sales: Sales) -> None:
    sale = sales.create()
    keys = sale_keys(sale)
    for user in ("ann", "bob"):
        sales.store.enter_queue(sale, user)
    sales.store.put_contact(sale, "ann", CONTACT)
    sales.store.configure_sale(sale, {"closed": "1"})
    sales.link.command("XTRIM", keys.outbox, "MAXLEN", 0)
    sales.store.archive_sale(sale)
    assert sales.link.command("PTTL", keys.contacts) > 0
    assert sales.reader.erase_contact(sale, "ann")
    with pytest.raises(Refused, match="no sale"):  # it would make a key that lives for ever
        sales.store.put_contact(sale, "bob", CONTACT)
    assert sales.link.command("EXISTS", keys.contacts) == 0


def test_the_name_of_a_sale_is_told_where_it_has_one(sales: Sales) -> None:
    assert sales.reader.name(sales.create(name="봄")) == "봄"
    assert sales.reader.name(sales.create()) == SaleSettings().name
    assert sales.reader.name("nowhere") == ""
