"""The scripts and the model do the same, whatever buyers, operators and time do; the sums hold after each step.

ONSALE_MODEL_EXAMPLES in the environment makes it look longer.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.scripts import balance
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
        self.through = 0

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

    @rule(data=st.data(), again=st.booleans(), stranger=st.one_of(st.none(), users))
    def confirm(self, data: st.DataObject, again: bool, stranger: str | None) -> None:
        """Pay for any reservation that ever was, with a new payment or the last one; sometimes somebody else does."""
        if not self.old:
            return
        user, reservation_id = data.draw(st.sampled_from(self.old))
        self.pay(stranger or user, reservation_id, again=again)

    def pay(self, user: str, reservation_id: str, *, again: bool = False) -> str:
        self.paid += 0 if again and self.paid else 1
        payment = f"pay-{self.paid}"
        told = self.told(self.sales.store.confirm, user, reservation_id, payment)
        assert told == self.model.confirm(user, reservation_id, payment)
        return told

    @rule(user=users)
    def cancel(self, user: str) -> None:
        assert self.told(self.sales.store.cancel, user) == self.model.cancel(user)

    @rule(user=users, by=st.one_of(st.none(), users))
    def time_passes_for(self, user: str, by: str | None) -> None:
        """One deadline passes; whoever comes next, or the scheduler, settles it."""
        self.sales.lapse(self.id, user)
        self.model.lapse(user)
        if by is None:
            self.promote()
        else:
            self.status(by)

    @rule()
    def time_passes_for_everybody(self) -> None:
        self.sales.lapse(self.id)
        for user in USERS:
            self.model.lapse(user)
        self.promote()

    @rule(user=users)
    def a_payment_comes_after_the_deadline_before_anybody_looked(self, user: str) -> None:
        order = self.model.live(user)
        if order and order.state == "HELD":
            self.sales.lapse(self.id, user)
            assert self.pay(user, order.reservation_id) == "CONFIRMED"

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

    @rule(more=st.integers(1, 6))
    def add_seats(self, more: int) -> None:
        """Seats that the plan has already are not added twice."""
        if self.model.seats:
            self.sales.store.configure_sale(self.id, {}, seat_ids=SEATS[:more])
            self.model.add_seats(SEATS[:more])

    @invariant()
    def it_holds_together(self) -> None:
        balance.assert_both_are_in_the_same_state(self.sales, self.id, self.model)
        balance.assert_the_ledger_balances(self.sales, self.id)
        balance.assert_the_story_is_what_redis_has(self.sales, self.id)
        balance.assert_no_deadline_is_overlooked(self.sales, self.id)
        through = self.sales.sale(self.id).admitted_through
        assert self.through <= through
        self.through = through

    def told(self, act: object, user: str, *arguments: object) -> str:
        """Call a method of the store for a buyer."""
        return self.sales.code(act, self.id, user, *arguments)


def test_scripts_and_model_agree_on_every_history(sales: Sales) -> None:
    opened.append(sales)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=int(os.environ.get("ONSALE_MODEL_EXAMPLES", "100")),
            stateful_step_count=40,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
