"""What has to hold of a sale at any moment: the sums of the ledger, and that its events alone tell the same story."""

from dataclasses import dataclass, field

from chalicelib.events import decode
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.reader import Snapshot
from tests.scripts.model import Model
from tests.scripts.sales import Sales

STATUS = {"RESERVED": "HELD", "CONFIRMED": "CONFIRMED", "CANCELLED": "CANCELLED", "EXPIRED": "EXPIRED"}


@dataclass(slots=True)
class Story:
    """What somebody knows who has only read the outbox: of each buyer the latest event counts."""

    orders: dict[str, tuple[str, str, int, frozenset[str]]] = field(default_factory=dict)
    refunds: list[str] = field(default_factory=list)
    capacity: int = 0

    @property
    def seats(self) -> dict[str, tuple[str, str]]:
        """Seats that are not free: state and buyer."""
        taken: dict[str, tuple[str, str]] = {}
        for user, (status, _, _, seats) in self.orders.items():
            if status in ("HELD", "CONFIRMED"):
                assert not taken.keys() & seats, "a seat has two owners"
                taken |= dict.fromkeys(seats, (status, user))
        return taken


def read_story(sales: Sales, sale_id: str, version: int) -> Story:
    """Apply the events of the outbox; each version is there once, and none is missing."""
    story = Story()
    entries = sales.outbox.entries(sale_id)
    assert [each.version for each in entries] == list(range(1, version + 1))
    for event in (decode(each.value) for each in entries):
        if event.type in STATUS:
            what = (STATUS[event.type], event.reservation_id, event.quantity, frozenset(event.seat_ids))
            story.orders[event.user_id] = what
        elif event.type == "REFUND_DUE":
            story.refunds.append(event.payment_id)
        else:
            story.capacity = event.capacity
    return story


def assert_the_story_is_what_redis_has(sales: Sales, sale_id: str, snapshot: Snapshot) -> None:
    """The same holders, reservations, seats, refunds and capacity."""
    story = read_story(sales, sale_id, snapshot.sale.version)
    kept = {user: buyer.reservation for user, buyer in snapshot.buyers.items() if buyer.reservation}
    assert story.orders == {
        user: (each.status, each.reservation_id, each.quantity, frozenset(each.seat_ids)) for user, each in kept.items()
    }
    assert story.seats == snapshot.taken_seats
    assert story.capacity == snapshot.sale.capacity
    due = [payment for payment, (fate, *_) in snapshot.payments.items() if fate != "PAID"]
    assert sorted(story.refunds) == sorted(due)
    assert snapshot.sale.counters.get("refunds_due", 0) == len(due)
    for fate in ("ALREADY_PAID", "HOLD_EXPIRED", "RESERVATION_ENDED"):
        fated = [payment for payment, (its, *_) in snapshot.payments.items() if its == fate]
        assert snapshot.sale.counters.get(f"payments_{fate.lower()}", 0) == len(fated)


def assert_the_ledger_balances(snapshot: Snapshot) -> None:
    """The sums of what buyers have are the counters; stock is never below nothing or above capacity."""
    sale = snapshot.sale
    units = {"HELD": 0, "CONFIRMED": 0, "EXPIRED": 0, "CANCELLED": 0}
    for buyer in snapshot.buyers.values():
        if buyer.reservation:
            units[buyer.reservation.status] += buyer.reservation.quantity
    assert (sale.held, sale.confirmed) == (units["HELD"], units["CONFIRMED"])
    holders = {user for user, buyer in snapshot.buyers.items() if buyer.state == "HELD"}
    assert snapshot.holds.keys() == holders
    assert 0 <= sale.remaining <= sale.capacity
    assert sale.admitted_through <= sale.counters["sequence"]
    if sale.seated:
        assert len(snapshot.taken_seats) == sale.held + sale.confirmed
        assert snapshot.free_seats == sale.remaining


def assert_no_deadline_is_overlooked(sales: Sales, sale_id: str) -> None:
    """`next_deadline_ms` is not later than any deadline, or a buyer's call would not settle it."""
    keys = sale_keys(sale_id)
    deadlines = [*sales.scores(keys.active).values(), *sales.scores(keys.holds).values()]
    if deadlines:
        assert float(sales.hash(sale_id)["next_deadline_ms"]) <= min(deadlines)


def assert_both_are_in_the_same_state(sales: Sales, sale_id: str, snapshot: Snapshot, model: Model) -> None:
    """Redis has the model's line, places, buyers, seats and payments."""
    keys = sale_keys(sale_id)
    numbers = sales.scores(keys.waiting)
    assert list(numbers) == model.waiting
    assert len(set(numbers.values())) == len(numbers)
    assert set(sales.scores(keys.active)) == model.active
    assert {user: buyer.state for user, buyer in snapshot.buyers.items()} == {
        user: order.state for user, order in model.orders.items()
    }
    for user, order in model.orders.items():
        kept = snapshot.buyers[user].reservation
        if order.reservation_id:
            assert kept is not None
            assert (kept.reservation_id, kept.status, kept.quantity) == (
                order.reservation_id,
                order.status,
                order.quantity,
            )
            assert set(kept.seat_ids) == set(order.seats)
            assert kept.payment_id == order.payment
    assert snapshot.sale.capacity == model.capacity
    assert snapshot.taken_seats.keys() == {seat for seat, free in model.seats.items() if not free}
    payments = {payment: (_as_code(fate), *whose) for payment, (fate, *whose) in snapshot.payments.items()}
    assert payments == {payment: (_as_code(fate), *whose) for payment, (fate, *whose) in model.payments.items()}


def _as_code(word: str) -> str:
    return word.lower().replace("_", "-")
