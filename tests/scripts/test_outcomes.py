"""Every outcome of every script, twice, on a plain server and on a cluster, the second time after SCRIPT FLUSH."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.sale.keys import sale_keys
from chalicelib.sale.model import SaleSettings
from chalicelib.sale.settings_codec import to_map
from tests.scripts.sales import Argument, Sales, new_sale_id
from tests.unit.test_lua_headers import SCRIPTS, returned

Call = tuple[Argument, ...]  # the sale's id, then the script's arguments
Arrange = Callable[[Sales], Call]
PAID = {"payment": "required"}
SEATS = ("A-1", "A-2", "A-3")
FAR_MS = 9_000_000_000_000
# What a repeat says where it is another word; all else of the answer stays.
REPEATS = {
    ("create_sale", "CREATED"): "REPEATED",
    ("configure_sale", "CHANGED"): "UNCHANGED",
    ("leave_queue", "LEFT"): "NOT_IN_LINE",
    ("reserve", "RESERVED"): "REPEATED",
    ("confirm", "PAID"): "REPEATED",
    ("cancel", "CANCELLED"): "ENDED",
}


def nowhere(*arguments: Argument) -> Arrange:
    """A call about a sale that is not there."""
    return lambda sales: (new_sale_id(), *arguments)


def fresh(*arguments: Argument, active: str = "", **settings: Any) -> Arrange:
    """A call about a new sale, seated where a limit above 1 is set, maybe with one active buyer."""

    def arrange(sales: Sales) -> Call:
        seats = SEATS if "limit_per_buyer" in settings else ()
        sale = sales.create(seats=seats, **settings)
        if active:
            sales.active(sale, active)
        return sale, *arguments

    return arrange


def evicting(arrange: Arrange) -> Arrange:
    """The same call while Redis may evict any key; the memory it has is not short."""

    def forgetful(sales: Sales) -> Call:
        call = arrange(sales)
        sales.link.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        return call

    return forgetful


def after(what: str, *arguments: Argument, **settings: Any) -> Arrange:
    """A call about a sale of one seat that ann has: `what` became of it; R stands for ann's reservation."""

    def arrange(sales: Sales) -> Call:
        sale = sales.create(seats=("A-1",), max_active=9, overbook=5, **{**PAID, **settings})
        if "bob" in what:
            sales.active(sale, "bob")
        made = sales.holding(sale, "ann")
        for step in what.split():
            if step == "paid":
                sales.store.confirm(sale, "ann", made, "pay-1")
            elif step == "cancelled":
                sales.store.cancel(sale, "ann")
            elif step == "expired":
                sales.lapse(sale, "ann")
                sales.store.promote(sale)
            elif step == "closed":
                sales.store.configure_sale(sale, {"closed": "1"})
            elif step == "grown":
                sales.store.configure_sale(sale, {}, seat_ids=("A-2",))
            elif step == "taken":
                sales.holding(sale, "cy")
        return sale, *(made if each == "R" else each for each in arguments)

    return arrange


def lapsed(sales: Sales) -> Call:
    """A buyer who missed the turn."""
    sale = sales.create()
    sales.active(sale, "ann")
    sales.lapse(sale)
    return sale, "ann"


def plan(*seats: str, of: int = 0, offset: int = 0, name: str = "plan", before: bool = False) -> Arrange:
    """A chunk of a seat plan, or none; `before` runs another definition of the sale first."""
    words = [word for pair in to_map(SaleSettings()).items() for word in pair]
    head: Call = (of or len(seats) or 5, int(bool(seats)), offset, len(words), *words, *seats)

    def arrange(sales: Sales) -> Call:
        sale = new_sale_id()
        if before:
            sales.raw("create_sale", sale, name + " before", *head)
        return sale, name, *head

    return arrange


def repeated(arrange: Arrange, script: str) -> Arrange:
    """A call that has been made once."""

    def arrange_and_call(sales: Sales) -> Call:
        call = arrange(sales)
        sales.raw(script, str(call[0]), *call[1:])
        return call

    return arrange_and_call


def archived(sales: Sales) -> Call:
    """A finished sale whose events have gone."""
    sale = sales.create(closed=True)
    sales.link.command("XTRIM", sale_keys(sale).outbox, "MAXLEN", 0)
    return sale, "", 60_000, 0


def too_small(sales: Sales) -> Call:
    """A capacity below what is held."""
    sale = sales.create()
    sales.holding(sale, "ann")
    return sale, 0, "", 0


CASES: dict[tuple[str, str], Arrange] = {
    ("create_sale", "CREATED"): plan(),
    ("create_sale", "LOADING"): plan("A-1", of=2),
    ("create_sale", "REPEATED"): repeated(plan(*SEATS), "create_sale"),
    ("create_sale", "SALE_EXISTS"): plan(before=True),
    ("create_sale", "STORE_EVICTS"): evicting(plan()),
    ("create_sale", "WRONG_CHUNK"): plan("A-2", of=2, offset=1),
    ("configure_sale", "CHANGED"): fresh(20, "", 2, "message", "hello"),
    ("configure_sale", "UNCHANGED"): fresh(10, "", 2, "message", ""),
    ("configure_sale", "ARCHIVED"): archived,
    ("configure_sale", "FIXED_ONCE_OPEN"): fresh("", "", 2, "payment", "required"),
    ("configure_sale", "CAPACITY_TOO_SMALL"): too_small,
    ("configure_sale", "NOT_COUNTED"): fresh(20, "", 0, limit_per_buyer=2),
    ("configure_sale", "NOT_SEATED"): fresh("", "", 0, "A-1"),
    ("configure_sale", "NOT_FINISHED"): fresh("", 60_000, 0),
    ("configure_sale", "NO_SUCH_SALE"): nowhere(20, "", 0),
    ("enter_queue", "WAITING"): fresh("ann", max_active=0),
    ("enter_queue", "ACTIVE"): fresh("ann"),
    ("enter_queue", "HELD"): after("held", "ann"),
    ("enter_queue", "CONFIRMED"): after("paid", "ann"),
    ("enter_queue", "NO_SUCH_SALE"): nowhere("ann"),
    ("enter_queue", "SALE_NOT_OPEN"): fresh("ann", opens_at_ms=FAR_MS),
    ("enter_queue", "SALE_CLOSED"): fresh("ann", closed=True),
    ("enter_queue", "SOLD_OUT"): after("paid", "bob"),
    ("queue_status", "WAITING"): repeated(fresh("ann", max_active=0), "enter_queue"),
    ("queue_status", "ACTIVE"): fresh("ann", active="ann"),
    ("queue_status", "HELD"): after("held", "ann"),
    ("queue_status", "CONFIRMED"): after("paid", "ann"),
    ("queue_status", "LAPSED"): lapsed,
    ("queue_status", "EXPIRED"): after("expired", "ann"),
    ("queue_status", "CANCELLED"): after("cancelled", "ann"),
    ("queue_status", "NO_SUCH_SALE"): nowhere("ann"),
    ("queue_status", "SALE_CLOSED"): fresh("ann", closed=True),
    ("queue_status", "SOLD_OUT"): after("paid", "cy"),
    ("queue_status", "NOT_IN_SALE"): fresh("ann"),
    ("leave_queue", "LEFT"): fresh("ann", active="ann"),
    ("leave_queue", "NOT_IN_LINE"): after("held", "ann"),
    ("leave_queue", "NO_SUCH_SALE"): nowhere("ann"),
    ("promote", "PROMOTED"): fresh(),
    ("promote", "NO_SUCH_SALE"): nowhere(),
    ("reserve", "RESERVED"): fresh("ann", 2, "A-1,A-3", active="ann", limit_per_buyer=2, **PAID),
    ("reserve", "REPEATED"): after("held", "ann", 1, ""),
    ("reserve", "ALREADY_RESERVED"): after("held", "ann", 2, ""),
    ("reserve", "NO_SUCH_SALE"): nowhere("ann", 1, ""),
    ("reserve", "SALE_CLOSED"): fresh("ann", 1, "", closed=True),
    ("reserve", "NOT_ACTIVE"): fresh("ann", 1, ""),
    ("reserve", "OVER_LIMIT"): fresh("ann", 2, "", active="ann"),
    ("reserve", "SOLD_OUT"): after("bob", "bob", 1, ""),
    ("reserve", "NOT_ENOUGH_LEFT"): fresh("ann", 4, "", active="ann", limit_per_buyer=9),
    ("reserve", "NO_SUCH_SEAT"): fresh("ann", 1, "Z-1", active="ann", limit_per_buyer=2),
    ("reserve", "SEAT_TAKEN"): after("bob grown", "bob", 1, "A-1"),
    ("confirm", "PAID"): after("held", "ann", "R", "pay-1"),
    ("confirm", "REPEATED"): after("paid", "ann", "R", "pay-1"),
    ("confirm", "HOLD_EXPIRED"): after("expired taken", "ann", "R", "pay-1"),
    ("confirm", "RESERVATION_ENDED"): after("cancelled", "ann", "R", "pay-1"),
    ("confirm", "ALREADY_PAID"): after("paid", "ann", "R", "pay-2"),
    ("confirm", "PAYMENT_USED"): after("paid", "bob", "R", "pay-1"),
    ("confirm", "NO_RESERVATION"): fresh("ann", "1-1", "pay-1"),
    ("confirm", "NO_SUCH_SALE"): nowhere("ann", "1-1", "pay-1"),
    ("cancel", "CANCELLED"): after("paid", "ann", "R"),
    ("cancel", "ENDED"): after("expired", "ann", "R"),
    ("cancel", "NO_RESERVATION"): fresh("ann", ""),
    ("cancel", "NO_SUCH_SALE"): nowhere("ann", ""),
    ("put_contact", "KEPT"): fresh("ann", "{}", active="ann"),
    ("put_contact", "NOT_IN_SALE"): fresh("ann", "{}"),
    ("put_contact", "NO_SUCH_SALE"): nowhere("ann", "{}"),
}


def test_the_cases_are_the_outcomes_of_the_headers() -> None:
    assert set(CASES) == {(stem, word) for stem in SCRIPTS for word in returned(stem)}


@pytest.fixture
def never_evicting(each_sales: Sales) -> Iterator[None]:
    """Let Redis keep what it has again afterwards."""
    yield
    each_sales.link.command("CONFIG", "SET", "maxmemory-policy", "noeviction")


@pytest.mark.usefixtures("never_evicting")
@pytest.mark.parametrize(("script", "word"), CASES)
def test_an_outcome_is_the_same_twice(script: str, word: str, each_sales: Sales) -> None:
    sale, *arguments = CASES[script, word](each_sales)
    first = each_sales.raw(script, str(sale), *arguments)
    changed = each_sales.dump(str(sale))
    each_sales.link.command("SCRIPT", "FLUSH")
    second = each_sales.raw(script, str(sale), *arguments)
    assert first[0] == word
    assert second[0] == REPEATS.get((script, word), word)
    assert second[2 : len(first)] == first[2:]
    assert each_sales.dump(str(sale)) == changed
