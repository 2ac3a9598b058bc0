"""The scripts and the model do the same, whatever buyers, operators and time do; the sums hold after each step.

ONSALE_MODEL_EXAMPLES in the environment makes it look longer.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chalicelib.events import decode
from chalicelib.sale.keys import sale_keys
from tests.scripts.model import Model
from tests.scripts.sales import Sales

USERS = tuple("abcdefg")
SEATS = tuple(f"A-{number}" for number in range(1, 7))
users = st.sampled_from(USERS)
opened: list[Sales] = []  # Hypothesis makes the machines itself, without fixtures


class Machine(RuleBasedStateMachine):
    """Runs each step on both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.sales = opened[-1]
        self.old: list[tuple[str, str]] = []  # every reservation ever made: user, id
        self.paid = 0

    @initialize(
        seated=st.booleans(),
        payment=st.sampled_from(["none", "required"]),
        standby=st.booleans(),
        limit=st.integers(1, 4),
        overbook=st.sampled_from([1.0, 1.5]),
        max_active=st.integers(1, 4),
        capacity=st.integers(1, 6),
    )
    def create(
        self, seated: bool, payment: str, standby: bool, limit: int, overbook: float, max_active: int, capacity: int
    ) -> None:
        seats = SEATS[:capacity] if seated else ()
        self.model = Model(capacity, dict.fromkeys(seats, True), payment, standby, limit, overbook, max_active)
        self.id = self.sales.create(
            capacity,
            seats,
            payment=payment,
            standby=standby,
            limit_per_buyer=limit,
            overbook=overbook,
            max_active=max_active,
            admit_per_second=0.0,
        )

    @rule(user=users)
    def enter(self, user: str) -> None:
        assert self.told(self.sales.store.enter_queue, user) == self.model.enter(user)

    @rule(user=users)
    def status(self, user: str) -> None:
        assert self.told(self.sales.store.queue_status, user) == self.model.status(user)

    @rule(user=users)
    def leave(self, user: str) -> None:
        self.sales.store.leave_queue(self.id, user)
        self.model.leave(user)

    @rule()
    def promote(self) -> None:
        self.sales.store.promote(self.id)
        self.model.promote()

    @rule(user=users, quantity=st.integers(1, 4), named=st.booleans(), chosen=st.permutations(SEATS))
    def reserve(self, user: str, quantity: int, named: bool, chosen: list[str]) -> None:
        wanted = tuple(chosen[:quantity]) if named and self.model.seats else ()
        order = self.model.live(user)
        if order:
            same = order.quantity == quantity and (not wanted or set(wanted) == set(order.seats))
            expected = order.state if same else "already-reserved"
            assert self.told(self.sales.store.reserve, user, quantity, wanted) == expected
            return
        why = self.model.refusal(user, quantity, wanted)
        told = self.told(self.sales.store.reserve, user, quantity, wanted)
        if why:
            assert told == why
            return
        reservation = self.sales.store.queue_status(self.id, user).reservation
        assert reservation is not None
        assert not wanted or set(reservation.seat_ids) == set(wanted)
        assert told == self.model.reserve(user, quantity, reservation.seat_ids, reservation.reservation_id)
        self.old.append((user, reservation.reservation_id))

    @rule(data=st.data(), again=st.booleans())
    def confirm(self, data: st.DataObject, again: bool) -> None:
        if not self.old:
            return
        user, reservation_id = data.draw(st.sampled_from(self.old))
        self.paid += 0 if again and self.paid else 1
        payment = f"pay-{self.paid}"
        told = self.told(self.sales.store.confirm, user, reservation_id, payment)
        assert told == self.model.confirm(user, reservation_id, payment)

    @rule(user=users)
    def cancel(self, user: str) -> None:
        told = self.told(self.sales.store.cancel, user)
        expected = self.model.cancel(user)
        # A turn missed after a reservation had ended is told as LAPSED, with the reservation as it ended.
        assert told == expected

    @rule(user=users, by=st.one_of(st.none(), users))
    def time_passes_for(self, user: str, by: str | None) -> None:
        """One deadline passes; whoever comes next, or the scheduler, settles it."""
        self.sales.lapse(self.id, user)
        self.model.lapse(user)
        if by is None:
            self.promote()
        else:
            self.status(by)

    @rule(user=users)
    def a_payment_comes_after_the_deadline_before_anybody_looked(self, user: str) -> None:
        order = self.model.live(user)
        if order and order.state == "HELD":
            self.sales.lapse(self.id, user)
            self.paid += 1
            told = self.told(self.sales.store.confirm, user, order.reservation_id, f"pay-{self.paid}")
            assert told == self.model.confirm(user, order.reservation_id, f"pay-{self.paid}") == "CONFIRMED"

    @rule(paused=st.booleans())
    def pause_or_resume(self, paused: bool) -> None:
        assert self.sales.store.configure_sale(self.id, {"paused": str(int(paused))}) == (paused != self.model.paused)
        self.model.paused = paused

    @rule(closed=st.booleans())
    def close_or_reopen(self, closed: bool) -> None:
        self.sales.store.configure_sale(self.id, {"closed": str(int(closed))})
        self.model.closed = closed

    @rule(capacity=st.integers(0, 8), max_active=st.integers(0, 4))
    def configure(self, capacity: int, max_active: int) -> None:
        self.sales.store.configure_sale(self.id, {"max_active": str(max_active)})
        self.model.max_active = max_active
        if not self.model.seats:
            least = self.model.units("HELD", "CONFIRMED")
            told = self.sales.code(self.sales.store.configure_sale, self.id, {}, capacity)
            if capacity < least:
                assert told == "capacity-too-small"
            else:
                self.model.capacity = capacity

    @invariant()
    def both_sides_are_in_the_same_state(self) -> None:
        keys = sale_keys(self.id)
        assert list(self.sales.scores(keys.waiting)) == self.model.waiting
        assert set(self.sales.scores(keys.active)) == self.model.active

    @invariant()
    def the_ledger_balances(self) -> None:
        snapshot = self.sales.reader.snapshot(self.id)
        sale, buyers = snapshot.sale, snapshot.buyers.values()
        live = [each.reservation for each in buyers if each.reservation and each.state in ("HELD", "CONFIRMED")]
        held = [each for each in live if each.status == "HELD"]
        assert sale.held == sum(each.quantity for each in held) == self.model.units("HELD")
        assert sale.confirmed == sum(each.quantity for each in live) - sale.held == self.model.units("CONFIRMED")
        assert len(snapshot.holds) == len(held)
        assert 0 <= sale.remaining <= sale.capacity
        if sale.seated:
            assert len(snapshot.taken_seats) == sale.held + sale.confirmed
            assert snapshot.free_seats == sale.capacity - sale.held - sale.confirmed

    @invariant()
    def the_events_tell_the_same_story(self) -> None:
        entries = self.sales.outbox.entries(self.id)
        assert [each.version for each in entries] == list(range(1, self.sales.sale(self.id).version + 1))
        status: dict[str, str] = {}
        seats: dict[str, tuple[str, ...]] = {}
        for each in entries:
            event = decode(each.value)
            if event.type in ("RESERVED", "CONFIRMED", "CANCELLED", "EXPIRED"):
                status[event.user_id] = {"RESERVED": "HELD"}.get(event.type, event.type)
                seats[event.user_id] = event.seat_ids
        orders = {user: order for user, order in self.model.orders.items() if order.reservation_id}
        assert status == {user: order.status for user, order in orders.items()}
        assert {user: set(ids) for user, ids in seats.items()} == {
            user: set(order.seats) for user, order in orders.items()
        }

    def told(self, act: object, user: str, *arguments: object) -> str:
        """Call a method of the store for a buyer."""
        return self.sales.code(act, self.id, user, *arguments)


@pytest.fixture
def machine_on(sales: Sales) -> Iterator[type[Machine]]:
    """The machine, on a plain server."""
    opened.append(sales)
    yield Machine
    opened.pop()


def test_scripts_and_model_agree_on_every_history(machine_on: type[Machine]) -> None:
    run_state_machine_as_test(
        machine_on,
        settings=settings(
            max_examples=int(os.environ.get("ONSALE_MODEL_EXAMPLES", "60")),
            stateful_step_count=40,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
