"""The rules of a sale that only its scripts can keep; test_mutants shows that each test fails without its rule."""

from typing import Any

import pytest

from chalicelib.errors import Refused
from chalicelib.sale.keys import sale_keys
from tests.scripts.sales import Sales

PAID: dict[str, Any] = {"payment": "required"}


def test_who_holds_or_bought_is_never_told_sold_out_or_closed(sales: Sales) -> None:
    sale = sales.create(1)
    sales.holding(sale, "ann")
    sales.store.configure_sale(sale, {"closed": "1"})
    assert sales.store.enter_queue(sale, "ann").state == "CONFIRMED"
    assert sales.store.queue_status(sale, "ann").state == "CONFIRMED"
    assert sales.store.reserve(sale, "ann", 1).repeated


def test_the_deadline_of_a_place_is_set_once_and_polling_does_not_extend_it(sales: Sales) -> None:
    sale = sales.create()
    sales.active(sale, "ann")
    early_ms = sales.now_ms() + 5_000
    sales.link.command("ZADD", sale_keys(sale).active, f"{early_ms}.5", "ann")
    assert sales.store.queue_status(sale, "ann").deadline_ms == early_ms
    assert sales.store.enter_queue(sale, "ann").deadline_ms == early_ms


def test_an_admitted_place_gets_its_time_when_its_buyer_shows_up(sales: Sales) -> None:
    sale = sales.create(max_active=0, claim_ms=9_000, active_ms=100_000)
    sales.store.enter_queue(sale, "ann")
    sales.store.configure_sale(sale, {"max_active": "1"})
    assert sales.store.promote(sale).admitted == 1
    unclaimed_ms = sales.scores(sale_keys(sale).active)["ann"]
    assert sales.store.queue_status(sale, "ann").deadline_ms > unclaimed_ms + 80_000


def test_a_missed_claim_and_a_used_up_time_are_told_apart(sales: Sales) -> None:
    sale = sales.create(max_active=1)
    sales.active(sale, "ann")
    sales.store.enter_queue(sale, "bob")
    sales.lapse(sale)
    assert sales.store.promote(sale).admitted == 1
    sales.lapse(sale)
    sales.store.promote(sale)
    assert sales.store.queue_status(sale, "ann").reason == "time-up"
    assert sales.store.queue_status(sale, "bob").reason == "claim-missed"


def test_admission_is_never_below_zero(sales: Sales) -> None:
    sale = sales.create(10)
    sales.active(sale, "ann", "bob")
    sales.store.configure_sale(sale, {"max_active": "1"})
    sales.store.enter_queue(sale, "cy")
    assert (sales.store.promote(sale).admitted, sales.sale(sale).waiting) == (0, 1)


def test_no_more_are_admitted_than_find_a_ticket(sales: Sales) -> None:
    sale = sales.create(2)
    sales.active(sale, "ann", "bob")
    assert sales.store.enter_queue(sale, "cy").state == "WAITING"


def test_the_bucket_starts_full_holds_one_second_and_is_spent(sales: Sales) -> None:
    sale = sales.create(100, max_active=0, admit_per_second=3)
    for number in range(10):
        sales.store.enter_queue(sale, f"u{number}")
    sales.store.configure_sale(sale, {"max_active": "99"})
    assert sales.store.promote(sale).admitted == 3
    sales.put(sale, tokens=0, tokens_at_ms=sales.now_ms() - 3_600_000)
    assert sales.store.promote(sale).admitted == 3


def test_a_clock_that_went_back_takes_no_tokens(sales: Sales) -> None:
    sale = sales.create(admit_per_second=1)
    sales.put(sale, tokens=1, tokens_at_ms=sales.now_ms() + 3_600_000)
    assert sales.store.enter_queue(sale, "ann").state == "ACTIVE"


def test_zero_per_second_means_unlimited(sales: Sales) -> None:
    sale = sales.create(admit_per_second=0)
    sales.active(sale, *(f"u{number}" for number in range(10)))


def test_nobody_is_admitted_while_the_outbox_is_long(sales: Sales) -> None:
    sale = sales.create(max_outbox=1)
    assert sales.store.enter_queue(sale, "ann").state == "WAITING"


def test_a_paused_sale_queues_and_admits_nobody(sales: Sales) -> None:
    sale = sales.create(paused=True)
    assert sales.store.enter_queue(sale, "ann").state == "WAITING"
    assert sales.store.promote(sale).admitted == 0


def test_reentering_keeps_the_number(sales: Sales) -> None:
    sale = sales.create(max_active=0)
    first = sales.store.enter_queue(sale, "ann").queue_number
    assert sales.store.enter_queue(sale, "ann").queue_number == first


def test_holds_lapse_in_a_closed_sale(sales: Sales) -> None:
    sale = sales.create(1, **PAID)
    sales.holding(sale, "ann")
    sales.store.configure_sale(sale, {"closed": "1"})
    sales.lapse(sale)
    assert sales.store.promote(sale).expired == 1
    assert sales.sale(sale).held == 0


def test_without_a_scheduler_a_buyer_s_call_settles_five_lapsed_holds_at_most(sales: Sales) -> None:
    sale = sales.create(9, **PAID)
    for number in range(9):
        sales.holding(sale, f"u{number}")
    sales.lapse(sale)
    assert sales.store.enter_queue(sale, "zoe").state == "ACTIVE"
    assert sales.sale(sale).held == 4


def test_a_held_reservation_is_bought_whatever_the_clock_says(sales: Sales) -> None:
    sale = sales.create(1, **PAID)
    made = sales.holding(sale, "ann")
    sales.lapse(sale)
    assert sales.store.confirm(sale, "ann", made, "pay-1").state == "CONFIRMED"
    assert sales.event_types(sale) == ["RESERVED", "CONFIRMED"]


def test_a_payment_has_one_fate(sales: Sales) -> None:
    sale = sales.create(2, **PAID)
    ann, bob = sales.holding(sale, "ann"), sales.holding(sale, "bob")
    sales.store.confirm(sale, "ann", ann, "pay-1")
    assert sales.code(sales.store.confirm, sale, "bob", bob, "pay-1") == "payment-used"
    assert sales.store.queue_status(sale, "bob").state == "HELD"


def test_a_refund_is_due_once(sales: Sales) -> None:
    sale = sales.create(1, **PAID)
    made = sales.holding(sale, "ann")
    sales.store.cancel(sale, "ann")
    for _ in range(3):
        assert sales.code(sales.store.confirm, sale, "ann", made, "pay-1") == "reservation-ended"
    assert sales.event_types(sale).count("REFUND_DUE") == 1


def test_a_cancelled_reservation_is_never_granted_again(sales: Sales) -> None:
    sale = sales.create(5, **PAID)
    made = sales.holding(sale, "ann")
    sales.store.cancel(sale, "ann")
    assert sales.code(sales.store.confirm, sale, "ann", made, "pay-1") == "reservation-ended"
    assert sales.sale(sale).confirmed == 0


def test_an_expired_reservation_is_granted_again_and_its_buyer_leaves_the_line(sales: Sales) -> None:
    sale = sales.create(1, max_active=1, **PAID)
    made = sales.holding(sale, "ann")
    sales.lapse(sale)
    sales.store.promote(sale)
    assert sales.store.enter_queue(sale, "ann").state == "ACTIVE"
    assert sales.store.confirm(sale, "ann", made, "pay-1").state == "CONFIRMED"
    assert (sales.sale(sale).active, sales.sale(sale).confirmed) == (0, 1)


def test_who_is_granted_again_leaves_the_waiting_too(sales: Sales) -> None:
    sale = sales.create(2, max_active=1, **PAID)
    made = sales.holding(sale, "ann")
    sales.lapse(sale)
    sales.active(sale, "bob")
    assert sales.store.enter_queue(sale, "ann").state == "WAITING"
    assert sales.store.confirm(sale, "ann", made, "pay-1").state == "CONFIRMED"
    assert sales.sale(sale).waiting == 0


def test_nothing_is_granted_again_in_a_closed_sale(sales: Sales) -> None:
    for how in ({"closed": "1"}, {"closes_at_ms": "1"}):
        sale = sales.create(2, **PAID)
        made = sales.holding(sale, "ann")
        sales.lapse(sale)
        sales.store.promote(sale)
        sales.store.configure_sale(sale, how)
        assert sales.code(sales.store.confirm, sale, "ann", made, "pay-1") == "hold-expired"
        assert sales.event_types(sale)[-1] == "REFUND_DUE"


def test_who_asks_only_when_told_to_has_the_turn_even_if_admitted_right_after_asking(sales: Sales) -> None:
    for paused in (False, True):
        sale = sales.create(50, max_active=0, claim_ms=9_000, paused=paused, admit_per_second=0)
        for number in range(20):
            told = sales.store.enter_queue(sale, f"u{number}")
        sales.store.configure_sale(sale, {"max_active": "50", "paused": "0"})
        assert sales.store.promote(sale).admitted == 20
        sales.age(sale, int(told.poll_after_ms * 1.2))  # the jitter of clients, at its longest
        sales.store.promote(sale)
        assert sales.store.queue_status(sale, "u19").state == "ACTIVE"


def test_cancelling_what_was_paid_makes_a_refund_due(sales: Sales) -> None:
    sale = sales.create(1, **PAID)
    made = sales.holding(sale, "ann")
    sales.store.confirm(sale, "ann", made, "pay-1")
    sales.store.cancel(sale, "ann", made)
    assert sales.event_types(sale) == ["RESERVED", "CONFIRMED", "CANCELLED", "REFUND_DUE"]


def test_the_line_is_unlinked_when_all_is_sold_unless_there_is_standby(sales: Sales) -> None:
    for standby, left in ((False, 0), (True, 1)):
        sale = sales.create(1, max_active=1, standby=standby)
        sales.active(sale, "ann")
        sales.store.enter_queue(sale, "bob")
        sales.store.reserve(sale, "ann", 1)
        sales.store.promote(sale)
        assert sales.sale(sale).waiting == left


def test_the_line_stays_while_something_is_held(sales: Sales) -> None:
    sale = sales.create(1, max_active=1, **PAID)
    sales.active(sale, "ann")
    sales.store.enter_queue(sale, "bob")
    sales.store.reserve(sale, "ann", 1)
    assert sales.store.promote(sale).waiting == 1


def test_seats_are_all_or_nothing(sales: Sales) -> None:
    sale = sales.create(seats=("A-1", "A-2", "A-3"), limit_per_buyer=2)
    sales.holding(sale, "ann", 1, ("A-2",))
    sales.active(sale, "bob")
    before = sales.dump(sale)
    with pytest.raises(Refused) as refused:
        sales.store.reserve(sale, "bob", 2, ("A-1", "A-2"))
    assert refused.value.members == {"seatIds": ["A-2"]}
    assert sales.dump(sale) == before
