"""Every branch of the payment rules as a table: what has happened, who calls then, and what must come of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from chalicelib.errors import Refused
from tests.scripts.sales import Sales

SEATS = ("A-1", "A-2", "A-3", "A-4")
ANN_S = ("A-1", "A-2")  # what ann reserves: two of four
NOTHING: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Case:
    """`story` are the steps before the call `confirm USER RESERVATION PAYMENT` or `cancel USER RESERVATION`.

    `answer` is the state told or the refusal's code, `events` what the call appends, `refunds` are all that are due in
    the end with their reasons, `status` is what becomes of ann's latest reservation.
    """

    story: str
    call: str
    answer: str
    events: tuple[str, ...] = ()
    refunds: dict[str, str] = field(default_factory=dict)
    status: str = "CONFIRMED"

    def __str__(self) -> str:
        return f"{self.story} then {self.call}".replace(" ", "-")


ENDED, EXPIRED, TWICE, CANCELLED = "reservation-ended", "hold-expired", "already-paid", "cancelled"
CASES = (
    # HELD: it is bought, whatever the clock says and whether or not the sale is closed.
    Case("held", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held overdue", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held closed", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held overdue closed", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    # EXPIRED: granted again where it is the latest, the sale is open and all of it is free; else the money goes back.
    Case("held expired", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired waiting", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired active", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired missed", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired paused", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired closed reopened", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired taken given-back", "confirm ann R1 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired taken rival-overdue", "confirm ann R1 p1", "CONFIRMED", ("EXPIRED", "CONFIRMED")),
    Case("held expired closed", "confirm ann R1 p1", EXPIRED, ("REFUND_DUE",), {"p1": EXPIRED}, "EXPIRED"),
    Case("held expired past-its-end", "confirm ann R1 p1", EXPIRED, ("REFUND_DUE",), {"p1": EXPIRED}, "EXPIRED"),
    Case("held expired taken", "confirm ann R1 p1", EXPIRED, ("REFUND_DUE",), {"p1": EXPIRED}, "EXPIRED"),
    Case("held expired taken waiting", "confirm ann R1 p1", EXPIRED, ("REFUND_DUE",), {"p1": EXPIRED}, "EXPIRED"),
    # Refused once, and free later: another payment is granted, the refused one stays refused.
    Case("held expired taken pay-p1 given-back", "confirm ann R1 p1", EXPIRED, (), {"p1": EXPIRED}, "EXPIRED"),
    Case("held expired taken pay-p1 given-back", "confirm ann R1 p2", "CONFIRMED", ("CONFIRMED",), {"p1": EXPIRED}),
    # CANCELLED: never granted again.
    Case("held cancelled", "confirm ann R1 p1", ENDED, ("REFUND_DUE",), {"p1": ENDED}, "CANCELLED"),
    Case("held cancelled active", "confirm ann R1 p1", ENDED, ("REFUND_DUE",), {"p1": ENDED}, "CANCELLED"),
    Case("held cancelled missed", "confirm ann R1 p1", ENDED, ("REFUND_DUE",), {"p1": ENDED}, "CANCELLED"),
    Case("held cancelled closed", "confirm ann R1 p1", ENDED, ("REFUND_DUE",), {"p1": ENDED}, "CANCELLED"),
    # Any other reservation than the latest.
    Case("held expired again", "confirm ann R1 p1", ENDED, ("REFUND_DUE",), {"p1": ENDED}, "HELD"),
    Case("held cancelled again", "confirm ann R1 p1", ENDED, ("REFUND_DUE",), {"p1": ENDED}, "HELD"),
    Case("held expired again", "confirm ann R2 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired again overdue", "confirm ann R2 p1", "CONFIRMED", ("CONFIRMED",)),
    Case("held expired again pay-p2", "confirm ann R1 p1", ENDED, ("REFUND_DUE",), {"p1": ENDED}),
    Case("held", "confirm ann 9999999999-9 p1", "no-reservation", (), NOTHING, "HELD"),
    Case("held", "confirm cy R1 p1", "no-reservation", (), NOTHING, "HELD"),
    # A second payment, a payment used for something else.
    Case("held pay-p1", "confirm ann R1 p1", "CONFIRMED"),
    Case("held pay-p1", "confirm ann R1 p2", TWICE, ("REFUND_DUE",), {"p2": TWICE}),
    Case("held expired pay-p1", "confirm ann R1 p2", TWICE, ("REFUND_DUE",), {"p2": TWICE}),
    Case("held pay-p1 closed", "confirm ann R1 p2", TWICE, ("REFUND_DUE",), {"p2": TWICE}),
    Case("held bob-paid-p1", "confirm ann R1 p1", "payment-used", (), NOTHING, "HELD"),
    Case("bob-paid-p1 held overdue", "confirm ann R1 p1", "payment-used", (), NOTHING, "HELD"),
    Case("held cancelled pay-p1 again", "confirm ann R2 p1", "payment-used", (), {"p1": ENDED}, "HELD"),
    # Cancelling.
    Case("held", "cancel ann R1", "CANCELLED", ("CANCELLED",), NOTHING, "CANCELLED"),
    Case("held overdue", "cancel ann R1", "CANCELLED", ("CANCELLED",), NOTHING, "CANCELLED"),
    Case("held overdue closed", "cancel ann R1", "CANCELLED", ("CANCELLED",), NOTHING, "CANCELLED"),
    Case("held expired", "cancel ann R1", "EXPIRED", (), NOTHING, "EXPIRED"),
    Case("held pay-p1", "cancel ann R1", "CANCELLED", ("CANCELLED", "REFUND_DUE"), {"p1": CANCELLED}, "CANCELLED"),
    Case(
        "held expired pay-p1", "cancel ann R1", "CANCELLED", ("CANCELLED", "REFUND_DUE"), {"p1": CANCELLED}, "CANCELLED"
    ),
    Case(
        "held pay-p1 pay-p2",
        "cancel ann R1",
        "CANCELLED",
        ("CANCELLED", "REFUND_DUE"),
        {"p1": CANCELLED, "p2": TWICE},
        "CANCELLED",
    ),
    Case("held expired taken pay-p1", "cancel ann R1", "EXPIRED", (), {"p1": EXPIRED}, "EXPIRED"),
    Case("held cancelled pay-p1", "cancel ann R1", "CANCELLED", (), {"p1": ENDED}, "CANCELLED"),
    # After a paid purchase was cancelled, its payment buys nothing any more, and a new one is too late.
    Case("held pay-p1 cancelled", "confirm ann R1 p1", ENDED, (), {"p1": CANCELLED}, "CANCELLED"),
    Case(
        "held pay-p1 cancelled",
        "confirm ann R1 p2",
        ENDED,
        ("REFUND_DUE",),
        {"p1": CANCELLED, "p2": ENDED},
        "CANCELLED",
    ),
    Case("held pay-p1 cancelled again", "confirm ann R2 p1", "payment-used", (), {"p1": CANCELLED}, "HELD"),
    Case("held pay-p1 cancelled again", "confirm ann R2 p2", "CONFIRMED", ("CONFIRMED",), {"p1": CANCELLED}),
)

TWO_WAYS = ("held overdue", "held overdue closed", "held expired again overdue")  # expiry may come before the call


class Scene:
    """One sale of four, counted or seated, in which a story is played."""

    def __init__(self, sales: Sales, *, seated: bool) -> None:
        self.sales, self._seated = sales, seated
        terms: dict[str, Any] = {"payment": "required", "limit_per_buyer": 4, "admit_per_second": 0.0}
        self.sale_id = sales.create(4, SEATS if seated else (), max_active=3, overbook=9.0, standby=True, **terms)
        self._made: dict[str, str] = {}

    def play(self, story: str) -> None:
        """Do the steps of a story."""
        for step in story.split():
            self._do(step)

    def act(self, call: str) -> Callable[[], str]:
        """Return a call, ready to be made; it returns the state told or the code of the refusal."""
        what, user, reservation, *payment = call.split()
        do = getattr(self.sales.store, what)
        return partial(self._answer, do, user, self._made.get(reservation, reservation), *payment)

    def refunds(self) -> dict[str, str]:
        """Return the refunds that the outbox tells of, nothing having left it: payment to reason."""
        due = [line.split(" ") for line in self.sales.events(self.sale_id) if line.startswith("REFUND_DUE ")]
        assert len({words[6] for words in due}) == len(due), "a refund is due twice"
        return {words[6]: words[7] for words in due}

    def refunds_due(self) -> dict[str, str]:
        """Return the refunds by the fates of the payments; a relay may run."""
        payments = self.sales.reader.snapshot(self.sale_id).payments
        return {each: fate.lower().replace("_", "-") for each, (fate, *_) in payments.items() if fate != "PAID"}

    def status(self) -> str:
        """Return what became of ann's latest reservation."""
        reservation = self.sales.reader.snapshot(self.sale_id).buyers["ann"].reservation
        return reservation.status if reservation else ""

    def _answer(self, do: Callable[..., Any], *words: str) -> str:
        try:
            return str(do(self.sale_id, *words).reservation.status)
        except Refused as refused:
            return refused.code

    def _do(self, step: str) -> None:
        sales, store, sale_id = self.sales, self.sales.store, self.sale_id
        if step in ("held", "again"):
            made = sales.holding(sale_id, "ann", 2, ANN_S if self._seated else ())
            self._made["R2" if step == "again" else "R1"] = made
        elif step == "overdue":
            sales.lapse(sale_id, "ann")
        elif step == "expired":
            sales.lapse(sale_id, "ann")
            assert store.promote(sale_id).expired == 2
        elif step == "cancelled":
            assert store.cancel(sale_id, "ann", self._made["R1"]).state == "CANCELLED"
        elif step == "taken":  # of a seated sale just one of ann's seats, so that there are enough others
            sales.holding(sale_id, "bob", 1 if self._seated else 3, ("A-2",) if self._seated else ())
        elif step == "given-back":
            assert store.cancel(sale_id, "bob").state == "CANCELLED"
        elif step == "rival-overdue":
            sales.lapse(sale_id, "bob")
        elif step in ("pay-p1", "pay-p2"):
            self.act(f"confirm ann {'R2' if 'R2' in self._made else 'R1'} {step.removeprefix('pay-')}")()
        elif step == "bob-paid-p1":
            made = sales.holding(sale_id, "bob", 1, ("A-4",) if self._seated else ())
            assert store.confirm(sale_id, "bob", made, "p1").state == "CONFIRMED"
        else:
            self._stand(step)

    def _stand(self, step: str) -> None:
        """Change the sale's state, or let ann enter again."""
        sales, store, sale_id = self.sales, self.sales.store, self.sale_id
        if step in ("closed", "reopened"):
            store.configure_sale(sale_id, {"closed": str(int(step == "closed"))})
        elif step == "past-its-end":
            store.configure_sale(sale_id, {"closes_at_ms": "1"})
        elif step == "paused":
            store.configure_sale(sale_id, {"paused": "1"})
        elif step == "waiting":
            store.configure_sale(sale_id, {"max_active": "0"})
            assert store.enter_queue(sale_id, "ann").state == "WAITING"
        elif step == "active":
            sales.active(sale_id, "ann")
        elif step == "missed":
            sales.active(sale_id, "ann")
            sales.lapse(sale_id, "ann")
            assert store.promote(sale_id).lapsed == 1
        else:
            raise ValueError(step)
