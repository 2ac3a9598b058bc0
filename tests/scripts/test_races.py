"""Many at once: whoever comes first, nothing is sold twice, nobody loses a place, and no budget is exceeded."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest

from chalicelib.errors import Refused
from chalicelib.sale.keys import sale_keys
from tests.scripts.sales import Sales

UNLIMITED: dict[str, Any] = {"admit_per_second": 0.0}


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all at the same moment, each on a connection of its own; a refusal counts by its code."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        gate.wait(60)
        try:
            return act()
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def test_20_reserves_of_one_buyer_make_one_reservation(sales: Sales) -> None:
    sale_id = sales.create(10, payment="required", **UNLIMITED)
    sales.active(sale_id, "ann")
    answers = at_once([lambda: sales.store.reserve(sale_id, "ann", 1)] * 20)
    told = [each for each in answers if not isinstance(each, str)]
    assert len(told) == 20
    assert len({each.reservation.reservation_id for each in told if each.reservation}) == 1
    assert sum(not each.repeated for each in told) == 1
    assert sales.sale(sale_id).held == 1
    assert sales.event_types(sale_id) == ["RESERVED"]


def test_of_50_buyers_10_get_the_10_tickets(sales: Sales) -> None:
    sale_id = sales.create(10, max_active=50, overbook=5.0, **UNLIMITED)
    buyers = [f"b{number}" for number in range(50)]
    sales.active(sale_id, *buyers)
    answers = at_once([partial(sales.store.reserve, sale_id, buyer, 1) for buyer in buyers])
    assert Counter(each if isinstance(each, str) else each.state for each in answers) == {
        "CONFIRMED": 10,
        "sold-out": 40,
    }
    assert sales.sale(sale_id).confirmed == 10


def test_of_50_buyers_one_gets_the_seat(sales: Sales) -> None:
    sale_id = sales.create(seats=tuple(f"A-{n}" for n in range(50)), max_active=50, payment="required", **UNLIMITED)
    buyers = [f"b{number}" for number in range(50)]
    sales.active(sale_id, *buyers)
    answers = at_once([partial(sales.store.reserve, sale_id, buyer, 1, ("A-7",)) for buyer in buyers])
    assert Counter(each if isinstance(each, str) else each.state for each in answers) == {"HELD": 1, "seat-taken": 49}
    assert list(sales.reader.snapshot(sale_id).taken_seats) == ["A-7"]


def test_buying_and_cancelling_without_end_keeps_the_stock_between_nothing_and_capacity(sales: Sales) -> None:
    sale_id = sales.create(3, max_active=8, overbook=4.0, **UNLIMITED)
    seen: list[int] = []

    def live(buyer: str) -> None:
        for _ in range(40):
            for act in (
                lambda: sales.store.enter_queue(sale_id, buyer),
                lambda: sales.store.reserve(sale_id, buyer, 1),
                lambda: sales.store.cancel(sale_id, buyer),
            ):
                sales.code(act)
                seen.append(sales.sale(sale_id).remaining)

    at_once([partial(live, f"b{number}") for number in range(8)])
    assert 0 <= min(seen) <= max(seen) <= 3
    assert min(seen) < 3
    assert sales.sale(sale_id).remaining == 3


def test_two_promoters_admit_no_more_than_the_tokens(sales: Sales) -> None:
    sale_id = sales.create(100, max_active=100, admit_per_second=20.0)
    sales.put(sale_id, tokens=0, tokens_at_ms=sales.now_ms() + 3_600_000)  # nothing is added meanwhile
    for number in range(60):
        sales.store.enter_queue(sale_id, f"b{number}")
    sales.put(sale_id, tokens=7)
    admitted = at_once([lambda: sales.store.promote(sale_id).admitted] * 6)
    assert sum(each for each in admitted if isinstance(each, int)) == 7
    assert sales.sale(sale_id).active == 7


def test_two_promoters_admit_no_more_than_the_places(sales: Sales) -> None:
    sale_id = sales.create(100, max_active=5, **UNLIMITED)
    sales.store.configure_sale(sale_id, {"paused": "1"})
    for number in range(60):
        sales.store.enter_queue(sale_id, f"b{number}")
    sales.store.configure_sale(sale_id, {"paused": "0"})
    at_once([lambda: sales.store.promote(sale_id)] * 6)
    assert sales.sale(sale_id).active == 5
    assert sales.sale(sale_id).waiting == 55


def test_entering_again_and_asking_never_change_the_place(sales: Sales) -> None:
    sale_id = sales.create(1, max_active=1, **UNLIMITED)
    buyers = [f"b{number}" for number in range(30)]
    for buyer in buyers:
        sales.store.enter_queue(sale_id, buyer)
    line = sales.scores(sale_keys(sale_id).waiting)
    acts = [partial(sales.store.enter_queue, sale_id, buyer) for buyer in reversed(buyers)]
    acts += [partial(sales.store.queue_status, sale_id, buyer) for buyer in buyers]
    at_once(acts)
    assert sales.scores(sale_keys(sale_id).waiting) == line
    assert list(line) == buyers[1:]
    assert all(a < b for a, b in pairwise(line.values()))


def test_a_lapsed_unit_is_sold_although_no_scheduler_runs(sales: Sales) -> None:
    sale_id = sales.create(1, payment="required", overbook=2.0, max_active=2, **UNLIMITED)
    sales.active(sale_id, "walks-away", "next")
    sales.store.reserve(sale_id, "walks-away", 1)
    assert sales.code(sales.store.reserve, sale_id, "next", 1) == "sold-out"
    sales.lapse(sale_id, "walks-away")
    assert sales.store.reserve(sale_id, "next", 1).state == "HELD"


@pytest.mark.parametrize("places", [2, 100])
def test_who_only_asks_when_told_to_always_gets_the_turn(places: int, sales: Sales) -> None:
    step_ms, span_ms = 250, 1_500  # a buyer takes a second and a half to choose
    sale_id = sales.create(50, max_active=places, claim_ms=9_000, paused=True, **UNLIMITED)
    buyers = [f"b{number}" for number in range(40)]
    asks_at_ms = {buyer: sales.store.enter_queue(sale_id, buyer).poll_after_ms * 1.2 for buyer in buyers}
    chooses_until_ms: dict[str, int] = {}
    for at_ms in range(0, 60_000, step_ms):
        if at_ms == 10_000:
            sales.store.configure_sale(sale_id, {"paused": "0"})
        if at_ms == 20_000:  # all at once, long before the time that the last in line were told
            sales.store.configure_sale(sale_id, {"max_active": "100"})
        sales.age(sale_id, step_ms)
        sales.store.promote(sale_id)
        for buyer in [each for each, ask_ms in asks_at_ms.items() if ask_ms <= at_ms]:
            told = sales.store.queue_status(sale_id, buyer)
            asks_at_ms[buyer] = at_ms + told.poll_after_ms * 1.2  # the API's jitter, at its longest
            if told.state != "WAITING":
                assert told.state == "ACTIVE", told
                chooses_until_ms[buyer] = at_ms + span_ms
                del asks_at_ms[buyer]
        for buyer in [each for each, until_ms in chooses_until_ms.items() if until_ms <= at_ms]:
            assert sales.store.reserve(sale_id, buyer, 1).state == "CONFIRMED"
            del chooses_until_ms[buyer]
        if not asks_at_ms and not chooses_until_ms:
            break
    sale = sales.sale(sale_id)
    assert sale.confirmed == 40
    assert not sale.counters.get("lapsed_claim_missed")


def test_a_late_payment_and_a_rival_never_both_get_the_last_ticket(sales: Sales) -> None:
    for _ in range(15):
        sale_id = sales.create(1, payment="required", overbook=2.0, max_active=2, **UNLIMITED)
        reservation_id = sales.holding(sale_id, "late")
        sales.store.enter_queue(sale_id, "rival")
        sales.lapse(sale_id, "late")
        paid, rival, _ = at_once(
            [
                partial(sales.store.confirm, sale_id, "late", reservation_id, "pay-1"),
                partial(sales.code, sales.store.reserve, sale_id, "rival", 1),
                partial(sales.store.promote, sale_id),
            ]
        )
        sale = sales.sale(sale_id)
        assert sale.held + sale.confirmed == 1
        if isinstance(paid, str):
            assert (paid, rival) == ("hold-expired", "HELD")
            assert sales.event_types(sale_id).count("REFUND_DUE") == 1
        else:
            assert sale.confirmed == 1
