"""The reader tells what is; a client that follows `since` and `after` ends with the true seat map."""

import random

import pytest

from chalicelib.errors import InvalidRequest
from chalicelib.sale.keys import sale_keys, script_keys
from chalicelib.sale.redis_link import Script
from chalicelib.sale.scripts import source
from tests.scripts.sales import Sales

SEATS = tuple(f"R{row}-{seat}" for row in range(600) for seat in range(100))


def read_all(sales: Sales, sale: str, since: str | None, between: random.Random | None) -> tuple[str, dict[str, str]]:
    """Follow the pages to their end while seats change; returns the version of the first page, and the states."""
    seen: dict[str, str] = {}
    after, version = None, ""
    while True:
        page = sales.reader.seats(sale, since, after, 2_000)
        assert not page.reset
        assert len(page.seats) <= 2_000 + 20
        version = version or page.version
        seen |= dict(page.seats)
        after = page.next
        if between:
            churn(sales, sale, between)
        if after is None:
            return version, seen


def churn(sales: Sales, sale: str, dice: random.Random) -> None:
    """Some buyers come and go."""
    for _ in range(10):
        user = f"u{dice.randrange(60)}"
        if sales.store.enter_queue(sale, user).state == "ACTIVE":
            sales.store.reserve(sale, user, 4)
        elif dice.random() < 0.6:
            sales.store.cancel(sale, user)


def test_a_client_that_follows_ends_with_the_true_map_of_60_000_seats(sales: Sales) -> None:
    sale = sales.create(seats=SEATS, limit_per_buyer=4, max_active=9_999, admit_per_second=0)
    dice = random.Random(5)
    version, seats = read_all(sales, sale, None, dice)
    assert tuple(seats) == SEATS
    for _ in range(3):
        version, changed = read_all(sales, sale, version, dice)
        seats |= changed
    seats |= read_all(sales, sale, version, None)[1]
    taken = sales.reader.snapshot(sale).taken_seats
    assert {seat: state for seat, state in seats.items() if state != "FREE"} == {
        seat: state for seat, (state, _) in taken.items()
    }


def test_pages_of_changes_never_end_in_the_middle_of_a_version(sales: Sales) -> None:
    sale = sales.create(seats=SEATS[:60], limit_per_buyer=20)
    start = sales.reader.seats(sale, None, None, 1).version
    for user in ("ann", "bob", "cy"):
        sales.holding(sale, user, 20)
    seen: list[str] = []
    after = None
    while True:
        page = sales.reader.seats(sale, start, after, 7)
        seen += [seat for seat, _ in page.seats]
        after = page.next
        if after is None:
            break
    assert sorted(seen) == sorted(SEATS[:60])


def test_another_plan_or_epoch_resets_the_client(sales: Sales) -> None:
    sale = sales.create(seats=("A-1",))
    version = sales.reader.seats(sale, None, None, 10).version
    sales.store.configure_sale(sale, {}, seat_ids=("A-2",))
    assert sales.reader.seats(sale, version, None, 10).reset
    assert sales.reader.seats(sale, "1-1", None, 10).reset


@pytest.mark.parametrize("since", ["", "1", "a-b", "1-", "-1", "1-9999999999999"])
def test_a_version_that_no_sale_gave_is_refused(since: str, sales: Sales) -> None:
    sale = sales.create(seats=("A-1",))
    with pytest.raises(InvalidRequest):
        sales.reader.seats(sale, since, None, 10)


@pytest.mark.parametrize("loading", ["", "1"])
@pytest.mark.parametrize("closed", ["0", "1"])
@pytest.mark.parametrize("paused", ["0", "1"])
@pytest.mark.parametrize("closes_at_ms", ["0", "1", "9000000000000"])
@pytest.mark.parametrize("opens_at_ms", ["0", "1", "9000000000000"])
def test_the_scripts_and_the_reader_derive_the_same_state(
    loading: str, closed: str, paused: str, closes_at_ms: str, opens_at_ms: str, sales: Sales
) -> None:
    sale = sales.create()
    words = {"closed": closed, "paused": paused, "closes_at_ms": closes_at_ms, "opens_at_ms": opens_at_ms}
    sales.put(sale, **words, **({"loading": loading} if loading else {}))
    text = "#!lua\n" + source("prelude") + source("state_of") + "return {state_of(unpack(ARGV))}"
    in_order = (loading, closed, closes_at_ms, opens_at_ms, paused)
    (state,) = sales.link.script(Script(text), script_keys(sale, "promote"), in_order)
    assert sales.sale(sale).state == state.decode()


def test_promote_releases_200_units_a_call_at_most(sales: Sales) -> None:
    sale = sales.create(5_000, limit_per_buyer=20, payment="required", max_active=9_999, admit_per_second=0)
    for number in range(250):
        sales.holding(sale, f"u{number}", 20)
    sales.link.command("ZADD", sale_keys(sale).holds, *(w for n in range(250) for w in (n + 1, f"u{n}")))
    sales.put(sale, next_deadline_ms=1)
    released, more = [], True
    while more:
        step = sales.store.promote(sale)
        released.append(step.expired)
        more = step.more
    assert sum(released) == 5_000
    assert max(released) <= 200
    assert sales.sale(sale).held == 0


def test_promote_admits_1_000_people_a_call_at_most(sales: Sales) -> None:
    sale = sales.create(9_999, max_active=9_999, admit_per_second=0)
    waiting = [word for number in range(2_300) for word in (number + 1, f"u{number}")]
    sales.link.command("ZADD", sale_keys(sale).waiting, *waiting)
    steps = [sales.store.promote(sale) for _ in range(3)]
    assert [(step.admitted, step.more) for step in steps] == [(1_000, True), (1_000, True), (300, False)]
    assert sales.sale(sale).admitted_through == 2_300
