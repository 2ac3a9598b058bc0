"""Events become rows: once, newest first come what may, whatever the order, the batch or the number of repeats."""

import json
import logging
import random
from typing import Any

import pytest

from functions.mysql import Database
from functions.persist import Batch
from tests.functions.batches import Letters, Persist, Tables, a_batch, an_event

PURCHASE = "SELECT user_id, status, quantity, seat_ids, payment_id, deadline_ms, reason, epoch, version FROM purchases"
SEATS = "SELECT seat_id, state, user_id, version FROM seats ORDER BY seat_id"


def test_a_reservation_becomes_a_purchase_its_seats_and_an_audit_row(persist: Persist, tables: Tables) -> None:
    event = an_event(7, quantity=2, seatIds=["A-1", "A-2"])

    assert persist(event) == []

    assert tables.rows(PURCHASE) == [("bob", "HELD", 2, "A-1,A-2", "", 9000, "", 100, 7)]
    assert tables.rows(SEATS) == [("A-1", "HELD", "bob", 7), ("A-2", "HELD", "bob", 7)]
    audit = "SELECT sale_id, epoch, version, type, user_id, at_ms, event FROM sale_events"
    exact = json.dumps(event, separators=(",", ":"))
    assert tables.rows(audit) == [("s", 100, 7, "RESERVED", "bob", 1000, exact)]


def test_a_delivery_that_comes_again_changes_nothing(persist: Persist, tables: Tables) -> None:
    events = [an_event(n, user=f"u{n}", seatIds=[f"A-{n}"]) for n in range(1, 30)]
    persist(*events)
    before = tables.everything()

    assert persist(*events) == []

    assert tables.everything() == before


def _history() -> list[dict[str, Any]]:
    """What may happen to two buyers, one seat and one payment, in the order it happened."""
    return [
        an_event(1, "SALE_CREATED"),
        an_event(2, seatIds=["A-1"]),
        an_event(3, "EXPIRED", reservationId="100-2", seatIds=["A-1"], reason="time-up"),
        an_event(4, user="eve", seatIds=["A-1"]),
        an_event(5, "CONFIRMED", user="eve", reservationId="100-4", seatIds=["A-1"], paymentId="p1"),
        an_event(6, "SALE_CHANGED", capacity=11),
        an_event(7, seatIds=["A-2"]),
        an_event(8, "CANCELLED", user="eve", reservationId="100-4", seatIds=["A-1"], paymentId="p1"),
        an_event(9, "REFUND_DUE", user="eve", reservationId="100-4"),
        an_event(10, "CONFIRMED", reservationId="100-7", seatIds=["A-2"], paymentId="p2"),
        an_event(1, user="eve", epoch=101, seatIds=["A-1"]),
    ]


@pytest.mark.parametrize("seed", range(12))
def test_any_order_and_any_repeats_give_the_same_rows(persist: Persist, tables: Tables, seed: int) -> None:
    chance = random.Random(seed)
    events = _history() + chance.choices(_history(), k=5)
    chance.shuffle(events)

    while events:
        size = chance.randint(1, 4)
        assert persist(*events[:size]) == []
        del events[:size]

    assert tables.rows(f"{PURCHASE} ORDER BY user_id") == [
        ("bob", "CONFIRMED", 1, "A-2", "p2", 0, "", 100, 10),
        ("eve", "HELD", 1, "A-1", "", 9000, "", 101, 1),
    ]
    assert tables.rows(SEATS) == [("A-1", "HELD", "eve", 1), ("A-2", "CONFIRMED", "bob", 10)]
    assert tables.rows("SELECT capacity, epoch, version FROM sales") == [(11, 100, 6)]
    assert tables.rows("SELECT payment_id, user_id, reason, version FROM refunds") == [("p1", "eve", "cancelled", 9)]
    assert tables.rows("SELECT COUNT(*) FROM sale_events") == [(11,)]


def test_a_late_older_event_does_not_bring_a_ticket_back(persist: Persist, tables: Tables) -> None:
    persist(an_event(9, "CANCELLED", reservationId="100-3", seatIds=["A-1"], reason="by-buyer"))

    persist(an_event(3, seatIds=["A-1"]))

    assert tables.rows(PURCHASE) == [("bob", "CANCELLED", 1, "A-1", "", 0, "by-buyer", 100, 9)]
    assert tables.rows(SEATS) == [("A-1", "FREE", "", 9)]


def test_a_newer_epoch_outranks_any_version_of_an_older_one(persist: Persist, tables: Tables) -> None:
    persist(an_event(5_000, "CONFIRMED"))

    persist(an_event(1, epoch=101))
    persist(an_event(5_001, "CANCELLED"))

    assert tables.rows("SELECT status, epoch, version FROM purchases") == [("HELD", 101, 1)]


def test_ids_that_differ_in_case_only_are_two_buyers(persist: Persist, tables: Tables) -> None:
    persist(an_event(1, user="Bob", seatIds=["a-1"]), an_event(2, user="bob", seatIds=["A-1"]))

    assert tables.rows("SELECT user_id FROM purchases ORDER BY version") == [("Bob",), ("bob",)]
    assert tables.rows("SELECT seat_id, user_id FROM seats ORDER BY version") == [("a-1", "Bob"), ("A-1", "bob")]


def test_sales_with_the_same_buyers_do_not_mix(persist: Persist, tables: Tables) -> None:
    persist(an_event(1, saleId="one"), an_event(1, "CONFIRMED", saleId="two"))

    assert tables.rows("SELECT sale_id, status FROM purchases ORDER BY sale_id") == [
        ("one", "HELD"),
        ("two", "CONFIRMED"),
    ]


def test_a_refund_that_was_settled_stays_settled(persist: Persist, tables: Tables) -> None:
    due = an_event(1, "REFUND_DUE")
    persist(due)
    tables.rows("UPDATE refunds SET settled_at = '2026-01-01 12:00:00'")

    persist(due, an_event(2, "REFUND_DUE"))

    assert tables.rows("SELECT settled_at IS NOT NULL, version FROM refunds") == [(1, 2)]


def test_only_the_events_of_a_sale_touch_sales(persist: Persist, tables: Tables) -> None:
    persist(an_event(1), an_event(2, "REFUND_DUE"))
    assert tables.rows("SELECT * FROM sales") == []

    persist(an_event(3, "SALE_CREATED", seated=True, rows=10, seatsPerRow=12, capacity=120))

    sales = "SELECT capacity, seated, plan_rows, seats_per_row, settings, version FROM sales"
    assert tables.rows(sales) == [(120, 1, 10, 12, '{"name":"A sale"}', 3)]


def test_text_arrives_as_it_was_sent(persist: Persist, tables: Tables) -> None:
    hard = "it's \\ \"quoted\"; DROP TABLE sales; -- %s 🎫 \\' \u2028"
    persist(an_event(1, "SALE_CREATED", settings={"name": hard}), an_event(2, user="o'brien\\", reason="it's"))

    assert json.loads(tables.rows("SELECT settings FROM sales")[0][0]) == {"name": hard}
    assert tables.rows("SELECT user_id, reason FROM purchases") == [("o'brien\\", "it's")]
    assert json.loads(tables.rows("SELECT event FROM sale_events WHERE version = 2")[0][0])["userId"] == "o'brien\\"


def test_the_rows_are_stamped_with_the_time_of_writing_in_utc(persist: Persist, tables: Tables) -> None:
    persist(an_event(1))

    (late,) = tables.rows("SELECT ABS(TIMESTAMPDIFF(SECOND, written_at, UTC_TIMESTAMP(3))) FROM purchases")[0]
    assert late < 30


def test_a_batch_larger_than_one_statement_is_written_whole(persist: Persist, tables: Tables) -> None:
    long = "x" * 3_000
    events = [an_event(n, user=f"u{n:04}", note=long) for n in range(1, 1_001)]

    assert persist(*events) == []

    assert tables.rows("SELECT COUNT(*), MIN(LENGTH(event)) > 3000 FROM sale_events") == [(1_000, 1)]
    assert tables.rows("SELECT COUNT(*) FROM purchases") == [(1_000,)]


def test_one_delivery_may_mix_partitions(persist: Persist, tables: Tables) -> None:
    first = a_batch(an_event(2, "CONFIRMED"), partition=0, offset=7)
    second = a_batch(an_event(1), an_event(3, user="eve"), partition=1, offset=90)

    assert persist(*second, *first) == []

    assert tables.rows("SELECT user_id, status FROM purchases ORDER BY user_id") == [
        ("bob", "CONFIRMED"),
        ("eve", "HELD"),
    ]


@pytest.mark.parametrize("apart", [True, False], ids=["in two deliveries", "in one delivery"])
def test_another_event_under_a_version_that_is_taken_is_quarantined(
    persist: Persist, tables: Tables, letters: Letters, apart: bool
) -> None:
    first, second = an_event(1, user="bob"), an_event(1, user="eve")
    other = an_event(2, user="ann")
    deliveries: list[list[dict[str, Any]]] = [[first], [second, other]] if apart else [[first, second, other]]

    for delivery in deliveries:
        assert persist(*delivery) == []

    assert letters.reasons == ["version-conflict"]
    assert letters.kept[0].value == json.dumps(second, separators=(",", ":")).encode()
    assert "100-1" in letters.kept[0].error
    assert tables.rows("SELECT user_id FROM purchases ORDER BY user_id") == [("ann",), ("bob",)]


def test_what_repeats_beside_a_conflict_is_only_a_repeat(persist: Persist, letters: Letters) -> None:
    persist(an_event(1, user="bob"))

    persist(an_event(1, user="eve"), an_event(1, user="bob"))

    assert letters.reasons == ["version-conflict"]
    assert letters.kept[0].value is not None
    assert b"eve" in letters.kept[0].value


def test_each_batch_logs_what_was_applied_stale_and_duplicate(
    database: Database, letters: Letters, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "onsale.persist")
    Batch(database, letters).write(a_batch(an_event(5, "CANCELLED"), an_event(6, user="eve")))

    Batch(database, letters).write(a_batch(an_event(4), an_event(6, user="eve"), an_event(7, user="ann"), b"?"))

    said = vars(caplog.records[-1])
    assert {name: said[name] for name in ("records", "applied", "stale", "duplicate", "dead", "left")} == {
        "records": 4,
        "applied": 1,  # ann
        "stale": 2,  # bob is cancelled already; eve's row is there already
        "duplicate": 1,  # eve's event
        "dead": 1,
        "left": 0,
    }
