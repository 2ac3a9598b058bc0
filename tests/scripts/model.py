"""What a sale should do, in plain Python: the rules of the design without time, tokens or Redis.

Each method returns the state that the buyer is told, or the code of the refusal.
"""

from dataclasses import dataclass, field
from math import floor


@dataclass(slots=True)
class Order:
    """A buyer's latest reservation; `state` is the buyer's, `status` the reservation's."""

    state: str
    reservation_id: str
    status: str
    quantity: int
    seats: tuple[str, ...]
    payment: str = ""


@dataclass(slots=True)
class Model:
    """One sale. `seats` maps the free ones of the plan to True, the taken ones to False; empty if counted."""

    capacity: int
    seats: dict[str, bool]
    payment: str
    standby: bool
    limit: int
    overbook: float
    max_active: int
    paused: bool = False
    closed: bool = False
    waiting: list[str] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    orders: dict[str, Order] = field(default_factory=dict)
    payments: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # payment: fate, user, reservation

    def units(self, *statuses: str) -> int:
        """Return the units in reservations of these statuses."""
        return sum(order.quantity for order in self.orders.values() if order.status in statuses)

    @property
    def free(self) -> int:
        """Units neither held nor sold."""
        return self.capacity - self.units("HELD", "CONFIRMED")

    @property
    def over(self) -> bool:
        """Whether nothing is free, nothing is held, and nobody may wait."""
        return self.free == 0 and self.units("HELD") == 0 and not self.standby

    def live(self, user: str) -> Order | None:
        """Return what a buyer holds or bought."""
        order = self.orders.get(user)
        return order if order and order.state in ("HELD", "CONFIRMED") else None

    def places(self, wanted: int) -> int:
        """Return how many may come in."""
        room = min(self.max_active, floor(self.free * self.overbook + 1e-9)) - len(self.active)
        return 0 if self.paused or self.closed else max(0, min(room, wanted))

    def enter(self, user: str) -> str:
        if order := self.live(user):
            return order.state
        if self.closed:
            return "sale-closed"
        if user in self.active:
            return "ACTIVE"
        if user in self.waiting:
            return "WAITING"
        if self.over:
            return "sold-out"
        if not self.waiting and self.places(1):
            self.active.add(user)
            return "ACTIVE"
        self.waiting.append(user)
        return "WAITING"

    def status(self, user: str) -> str:
        if order := self.live(user):
            return order.state
        in_line = user in self.active or user in self.waiting
        if self.closed and (in_line or user not in self.orders):
            return "sale-closed"
        if in_line:
            return "ACTIVE" if user in self.active else "WAITING"
        if user in self.orders:
            return self.orders[user].state
        return "sold-out" if self.over else "not-in-sale"

    def leave(self, user: str) -> None:
        self.active.discard(user)
        self.waiting = [each for each in self.waiting if each != user]

    def promote(self) -> None:
        if self.free > 0:
            count = self.places(len(self.waiting))
            self.active |= set(self.waiting[:count])
            self.waiting = self.waiting[count:]
        if self.over:
            self.waiting = []

    def lapse(self, user: str) -> None:
        """End a buyer's turn or hold, whichever there is."""
        order = self.orders.get(user)
        if user in self.active:
            self.active.discard(user)
            self.orders[user] = order or Order("LAPSED", "", "", 0, ())
            self.orders[user].state = "LAPSED"
        elif order and order.state == "HELD":
            self._end(order, "EXPIRED")

    def reserve(self, user: str, quantity: int, wanted: tuple[str, ...], reservation_id: str) -> str:
        """Reserve; `wanted` are the seats, or those that the sale chose where none were named."""
        why = self.refusal(user, quantity, wanted)
        if why:
            return why
        self.active.discard(user)
        state = "CONFIRMED" if self.payment == "none" else "HELD"
        self.orders[user] = Order(state, reservation_id, state, quantity, wanted)
        self._mark(wanted, free=False)
        return state

    def refusal(self, user: str, quantity: int, wanted: tuple[str, ...]) -> str:
        """Return why a buyer who has no live reservation cannot reserve; empty if they can."""
        here = user in self.active
        if self.closed:
            return "sale-closed"
        if quantity > self.limit:
            return "over-limit"
        if self.free == 0 and (here or self.units("HELD") == 0):
            return "sold-out"
        if not here:
            return "not-active"
        if self.free < quantity:
            return "not-enough-left"
        if any(seat not in self.seats for seat in wanted):
            return "no-such-seat"
        return "" if all(self.seats[seat] for seat in wanted) else "seat-taken"

    def confirm(self, user: str, reservation_id: str, payment: str) -> str:
        if payment in self.payments:
            fate, owner, bought = self.payments[payment]
            if (owner, bought) != (user, reservation_id):
                return "payment-used"
            return "CONFIRMED" if fate == "PAID" else fate
        order = self.orders.get(user)
        if order is None or not order.reservation_id or _version(reservation_id) > _version(order.reservation_id):
            return "no-reservation"  # older ones are not remembered, and taken for the buyer's
        fate = self._fate(order, reservation_id)
        self.payments[payment] = (fate, user, reservation_id)
        if fate != "PAID":
            return fate
        order.state = order.status = "CONFIRMED"
        order.payment = payment
        self._mark(order.seats, free=False)
        self.leave(user)
        return "CONFIRMED"

    def cancel(self, user: str) -> str:
        order = self.orders.get(user)
        if order is None or not order.reservation_id:
            return "no-reservation"
        if order.status in ("HELD", "CONFIRMED"):
            if order.payment:
                self.payments[order.payment] = ("reservation-ended", user, order.reservation_id)
            self._end(order, "CANCELLED")
        return order.state

    def add_seats(self, seats: tuple[str, ...]) -> None:
        added = [seat for seat in seats if seat not in self.seats]
        self.seats |= dict.fromkeys(added, True)
        self.capacity += len(added)

    def _fate(self, order: Order, reservation_id: str) -> str:
        if order.reservation_id != reservation_id or order.status == "CANCELLED":
            return "reservation-ended"
        if order.status == "CONFIRMED":
            return "already-paid"
        if order.status == "HELD":
            return "PAID"
        there = self.free >= order.quantity and all(self.seats[seat] for seat in order.seats)
        return "PAID" if there and not self.closed else "hold-expired"

    def _end(self, order: Order, status: str) -> None:
        order.state = order.status = status
        self._mark(order.seats, free=True)

    def _mark(self, seats: tuple[str, ...], *, free: bool) -> None:
        self.seats |= dict.fromkeys(seats, free)


def _version(reservation_id: str) -> int:
    return int(reservation_id.partition("-")[2])
