"""Histories of a sale, drawn by Hypothesis: each step is done by the scripts and by the model, and then compared."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.scripts import balance
from tests.scripts.model import Model
from tests.scripts.sales import Sales

USERS = tuple("abcde")
SEATS = tuple(f"A-{number}" for number in range(1, 7))
users = st.sampled_from(USERS)
told: set[tuple[str, str]] = set()  # every answer that there was: method of the store, answer


class Histories(RuleBasedStateMachine):
    """Runs each step on both sides."""

    def __init__(self, sales: Sales, seated: bool, payment: str) -> None:
        super().__init__()
        self.sales, self.seated, self.payment = sales, seated, payment
        self.old: list[tuple[str, str]] = []  # every reservation ever made: user, id
        self.paid = 0
        self.through = 0

    @initialize(
        standby=st.booleans(),
        limit=st.integers(1, 4),
        overbook=st.sampled_from([1.5, 1.0]),
        max_active=st.sampled_from([4, 3, 2, 1]),
        capacity=st.integers(1, 5),
    )
    def create(self, standby: bool, limit: int, overbook: float, max_active: int, capacity: int) -> None:
        seats = SEATS[:capacity] if self.seated else ()
        self.model = Model(capacity, dict.fromkeys(seats, True), self.payment, standby, limit, overbook, max_active)
        more = {"payment": self.payment, "standby": standby, "limit_per_buyer": limit, "overbook": overbook}
        # A hold ends before the place of whoever entered with its buyer.
        more |= {"max_active": max_active, "admit_per_second": 0.0, "hold_ms": 120_000}
        self.id = self.sales.create(capacity, seats, **more)

    @rule(user=users)
    def enter(self, user: str) -> None:
        assert self.told(self.sales.store.enter_queue, user) == self.model.enter(user)

    @rule(user=users)
    def status(self, user: str) -> None:
        assert self.told(self.sales.store.queue_status, user) == self.model.status(user)

    @rule(user=users, quantity=st.integers(1, 4), named=st.booleans(), chosen=st.permutations(SEATS))
    def come_and_reserve(self, user: str, quantity: int, named: bool, chosen: list[str]) -> None:
        """Most of what may happen needs a reservation, which steps drawn one by one would seldom make."""
        self.enter(user)
        self.promote()
        there = [seat for seat in chosen if seat in self.model.seats]
        quantity = min(quantity, self.model.limit)
        self.take(user, quantity, tuple(there[:quantity]) if named and len(there) >= quantity else ())

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
        self.take(user, quantity, tuple(chosen[:quantity]) if named and self.model.seats else ())

    def take(self, user: str, quantity: int, wanted: tuple[str, ...]) -> None:
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

    @precondition(lambda self: self.old)
    @rule(data=st.data(), again=st.booleans(), stranger=st.one_of(st.none(), users))
    def confirm(self, data: st.DataObject, again: bool, stranger: str | None) -> None:
        """Pay for any reservation that ever was, with a new payment or the last one; sometimes somebody else does."""
        user, reservation_id = data.draw(st.sampled_from(self.old[::-1]))
        self.pay(stranger or user, reservation_id, again=again)

    def pay(self, user: str, reservation_id: str, *, again: bool = False) -> str:
        self.paid += 0 if again and self.paid else 1
        payment = f"pay-{self.paid}"
        told = self.told(self.sales.store.confirm, user, reservation_id, payment)
        assert told == self.model.confirm(user, reservation_id, payment)
        return told

    @precondition(lambda self: self.old)
    @rule(data=st.data(), stranger=st.one_of(st.none(), users))
    def cancel(self, data: st.DataObject, stranger: str | None) -> None:
        user = stranger or data.draw(st.sampled_from(self.old[::-1]))[0]
        assert self.told(self.sales.store.cancel, user) == self.model.cancel(user)

    @precondition(lambda self: self.timed())
    @rule(data=st.data(), by=st.one_of(st.none(), users))
    def time_passes_for(self, data: st.DataObject, by: str | None) -> None:
        """One deadline passes; whoever comes next, or the scheduler, settles it."""
        user = data.draw(st.sampled_from(self.timed()))
        self.sales.lapse(self.id, user)
        self.model.lapse(user)
        self.status(by) if by else self.promote()

    @precondition(lambda self: self.timed())
    @rule()
    def time_passes_for_everybody(self) -> None:
        self.sales.lapse(self.id)
        for user in self.timed():
            self.model.lapse(user)
        self.promote()

    @precondition(lambda self: self.timed("HELD"))
    @rule(data=st.data())
    def a_payment_comes_after_the_deadline_before_anybody_looked(self, data: st.DataObject) -> None:
        user = data.draw(st.sampled_from(self.timed("HELD")))
        self.sales.lapse(self.id, user)
        assert self.pay(user, self.model.orders[user].reservation_id) == "CONFIRMED"

    @precondition(lambda self: self.timed("HELD"))
    @rule(data=st.data(), rival=users, quantity=st.integers(1, 4))
    def a_rival_comes_before_a_late_payment(self, data: st.DataObject, rival: str, quantity: int) -> None:
        user = data.draw(st.sampled_from(self.timed("HELD")))
        wanted = self.model.orders[user]
        self.sales.lapse(self.id, user)
        self.model.lapse(user)
        self.come_and_reserve(rival, quantity, True, list(wanted.seats))
        self.pay(user, wanted.reservation_id)

    def timed(self, *states: str) -> list[str]:
        """Return who has a deadline."""
        holding = [user for user in USERS if (order := self.model.live(user)) and order.state == "HELD"]
        return holding if states else holding + sorted(self.model.active)

    @rule(paused=st.sampled_from([False, False, True]))
    def pause_or_resume(self, paused: bool) -> None:
        assert self.sales.store.configure_sale(self.id, {"paused": str(int(paused))}) == (paused != self.model.paused)
        self.model.paused = paused

    @rule(closed=st.sampled_from([False, False, True]))
    def close_or_reopen(self, closed: bool) -> None:
        self.sales.store.configure_sale(self.id, {"closed": str(int(closed))})
        self.model.closed = closed

    @rule(capacity=st.integers(0, 8), max_active=st.sampled_from([4, 3, 2, 1, 0]))
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
        snapshot = self.sales.reader.snapshot(self.id)
        balance.assert_both_are_in_the_same_state(self.sales, self.id, snapshot, self.model)
        balance.assert_the_ledger_balances(snapshot)
        balance.assert_the_story_is_what_redis_has(self.sales, self.id, snapshot)
        balance.assert_no_deadline_is_overlooked(self.sales, self.id)
        assert self.through <= snapshot.sale.admitted_through
        self.through = snapshot.sale.admitted_through

    def told(self, act: Callable[..., object], user: str, *arguments: object) -> str:
        """Call a method of the store for a buyer."""
        answer = self.sales.code(act, self.id, user, *arguments)
        told.add((act.__name__, answer))
        return answer
