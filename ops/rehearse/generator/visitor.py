"""One buyer as a small record: what to ask next, and what an answer means. Sends nothing, waits for nothing.

`ask` says what to send now; `hear` takes the answer and says when the next step is due, None when the visit is over.
What gets no usable answer is asked again, unchanged (`missed`): every route may be repeated.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from ops.demo.answer import Answer
from ops.demo.outcome import Ending
from ops.rehearse.generator import asks
from ops.rehearse.generator.asks import Ask
from ops.rehearse.generator.scene import Scene

SEATS_PAUSE_S = 0.05  # while another visitor reads the seat map
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_MOST_LOST_TURNS = 50
_CANCELS_AFTER_S = (1.0, 3.0)
_LEAST_POLL_S = 0.25


class Stage(IntEnum):
    """What a visitor does next."""

    ENTER, STATUS, SALE, LOOK, RESERVE, CONFIRM, CANCEL = range(7)


class Visitor:
    """A client that only obeys: it asks again after pollAfterSeconds plus jitter and never sooner."""

    __slots__ = (
        "_admitted_before",
        "_failing_since_s",
        "_lost_turns",
        "_patience",
        "_pays",
        "_poll_s",
        "_queue_number",
        "_reservation_id",
        "_scene",
        "_told",
        "_tries",
        "_wanted",
        "number",
        "stage",
    )

    def __init__(self, scene: Scene, number: int, *, pays: bool = True, patience: int = 0) -> None:
        """`patience`: goes away silently when told to wait for that time; 0 never does."""
        self._scene, self.number, self.stage = scene, number, Stage.ENTER
        self._pays, self._patience = pays, patience
        self._failing_since_s: float | None = None
        self._tries = self._lost_turns = self._queue_number = self._admitted_before = 0
        self._poll_s = 1.0
        self._told: tuple[float, float] | None = None  # when an ETA was first told, and the ETA
        self._wanted = self._reservation_id = ""

    @property
    def user_id(self) -> str:
        """Who this is."""
        return self._scene.plan.user_id(self.number)

    def ask(self, now_s: float) -> Ask | None:
        """Return the request to send now; None: ask me again after SEATS_PAUSE_S."""
        if self.stage is Stage.LOOK:
            if not self._scene.seats.is_fresh(now_s):
                query = self._scene.seats.page_for(self.number)
                return asks.seats(query) if query else None
            self.stage = Stage.RESERVE
        self._admitted_before = self._scene.admitted
        return self._ask()

    def hear(self, answer: Answer, now_s: float, told_s: float = 0.0) -> float | None:
        """Take the answer, and `told_s` of its Retry-After; return when the next step is due, None when it is over."""
        if answer.is_to_be_repeated:
            return self.missed(f"{answer.status} {answer.code}", now_s, told_s)
        self._failing_since_s, self._tries = None, 0
        try:
            return _HEAR[self.stage](self, answer, now_s)
        except (KeyError, TypeError, ValueError) as error:
            return self._end(Ending.FAILED, f"an answer breaks the contract: {error!r}")

    def missed(self, why: str, now_s: float, told_s: float = 0.0) -> float | None:
        """Return when to send the same request again; None when this has gone on for too long."""
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        elif now_s - self._failing_since_s > self._scene.patience_s:
            return self._end(Ending.FAILED, f"{self.stage.name.lower()}: {why}")
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**self._tries)
        self._tries += 1
        return now_s + max(pause_s, told_s) * self._scene.chance.uniform(1, 1.5)

    def _ask(self) -> Ask:
        caller = {"userId": self.user_id} if self._scene.names_buyers else {}
        match self.stage:
            case Stage.ENTER:
                return asks.enter(caller)
            case Stage.SALE:
                return asks.SALE
            case Stage.RESERVE:
                if self._scene.plan.seated and not self._wanted:  # else the answer was lost: the same seat again
                    self._wanted = self._scene.seats.pick()
                return asks.reserve(caller, self._wanted)
            case Stage.CONFIRM:
                return asks.confirm(caller, self._reservation_id, f"pay-{self._reservation_id}")
            case Stage.CANCEL:
                return asks.cancel(caller, self._reservation_id)
            case _:
                return asks.status(caller)

    def _to(self, stage: Stage, due_s: float) -> float:
        self.stage = stage
        return due_s

    def _end(self, ending: Ending, why: str = "") -> float | None:
        """Note the ending; there is no next step."""
        self._scene.seats.release(self.number)
        self._scene.book.ended(self.user_id, ending, why)
        return None

    def _hear_place(self, answer: Answer, now_s: float) -> float | None:
        if not answer.ok:
            return self._refused(answer, now_s)
        state = answer.body["state"]
        if state == "WAITING":
            return self._wait(answer.body, now_s)
        if state in ("ACTIVE", "HELD", "CONFIRMED"):
            if self._queue_number or state == "ACTIVE":
                self._scene.book.admitted(self._told, now_s)
            self._scene.admitted = max(self._scene.admitted, self._queue_number)
            self._told, self._queue_number = None, 0
            if state == "ACTIVE":
                return self._to(Stage.LOOK if self._scene.plan.seated else Stage.RESERVE, now_s)
            return self._reserved(answer.body, now_s)
        if state == "CANCELLED" and self.stage is Stage.STATUS:
            return self._to(Stage.ENTER, now_s)
        return self._lost_turn(state, now_s)

    def _wait(self, body: Mapping[str, Any], now_s: float) -> float | None:
        self._poll_s = float(body["pollAfterSeconds"])
        self._queue_number = int(body["queueNumber"])
        if self._queue_number < self._admitted_before:  # before this was asked, somebody behind had been let in
            self._scene.book.moved("outOfOrder")
        eta_s = body.get("etaSeconds")
        if self._told is None and eta_s is not None:
            self._told = (now_s, float(eta_s))
        if self._patience:
            self._patience -= 1
            if not self._patience:
                return self._end(Ending.LEFT)
        return self._to(Stage.SALE if self._scene.plan.poll == "sale" else Stage.STATUS, self._next_poll_s(now_s))

    def _next_poll_s(self, now_s: float) -> float:
        return now_s + self._poll_s * self._scene.chance.uniform(1, 1.2)

    def _hear_sale(self, answer: Answer, now_s: float) -> float | None:
        """Ask for the status when the own number is admitted, or when nobody will be any more."""
        if not answer.ok:
            return self._refused(answer, now_s)
        sale = answer.body
        ahead = self._queue_number - int(sale["admittedThrough"])
        if ahead <= 0 or sale["state"] == "CLOSED" or not (sale["remaining"] or sale["held"]):
            return self._to(Stage.STATUS, now_s)
        if sale["admitPerSecond"]:  # the same rule as pollAfterSeconds has: half of what is still to wait
            self._poll_s = min(self._poll_s, max(_LEAST_POLL_S, ahead / sale["admitPerSecond"] / 2))
        return self._next_poll_s(now_s)

    def _lost_turn(self, state: str, now_s: float) -> float | None:
        self._lost_turns += 1
        self._scene.book.moved("lapsed")
        self._told = None
        if self._lost_turns > _MOST_LOST_TURNS:
            return self._end(Ending.FAILED, f"{state} again and again")
        return self._to(Stage.ENTER, now_s)

    def _hear_seats(self, answer: Answer, now_s: float) -> float | None:
        if not answer.ok:
            return self._refused(answer, now_s)
        if self._scene.seats.take(answer.body, now_s):
            self.stage = Stage.RESERVE
        return now_s

    def _hear_reserve(self, answer: Answer, now_s: float) -> float | None:
        self._wanted = ""
        if answer.ok:
            return self._reserved(answer.body, now_s)
        if answer.code == "seat-taken":
            return self._to(Stage.LOOK, now_s)
        if answer.code == "already-reserved":  # by an answer that was lost
            return self._to(Stage.STATUS, now_s)
        return self._refused(answer, now_s)

    def _reserved(self, body: Mapping[str, Any], now_s: float) -> float | None:
        reservation = body["reservation"]
        self._reservation_id = reservation["reservationId"]
        if reservation["status"] == "CONFIRMED":
            return self._has_ticket(reservation, now_s)
        if not self._pays:
            return self._end(Ending.WALKED_AWAY)
        return self._to(Stage.CONFIRM, now_s + self._scene.plan.pay_s)

    def _hear_confirm(self, answer: Answer, now_s: float) -> float | None:
        if answer.ok:
            return self._has_ticket(answer.body["reservation"], now_s)
        if answer.code in ("hold-expired", "reservation-ended"):
            return self._lost_turn(answer.code, now_s)
        return self._end(Ending.FAILED, f"confirm: {answer.code}")

    def _has_ticket(self, reservation: Mapping[str, Any], now_s: float) -> float | None:
        scene = self._scene
        scene.book.bought(self.user_id, tuple(reservation.get("seatIds", ())), now_s - scene.opened_s)
        self._end(Ending.TICKET)
        return self._to(Stage.CANCEL, now_s + scene.chance.uniform(*_CANCELS_AFTER_S)) if scene.plan.is_soak else None

    def _hear_cancel(self, answer: Answer, _: float) -> None:
        if answer.ok:
            self._scene.book.cancelled(self.user_id)
        else:
            self._scene.book.noted(self.user_id, f"cancel: {answer.code}")

    def _refused(self, answer: Answer, now_s: float) -> float | None:
        if answer.code == "sold-out":
            return self._end(Ending.SOLD_OUT)
        if answer.code in ("not-active", "not-in-sale"):
            return self._to(Stage.ENTER, now_s)
        return self._end(Ending.FAILED, f"{self.stage.name.lower()}: {answer.code}")


_HEAR: Mapping[Stage, Callable[[Visitor, Answer, float], float | None]] = {
    Stage.ENTER: Visitor._hear_place,
    Stage.STATUS: Visitor._hear_place,
    Stage.SALE: Visitor._hear_sale,
    Stage.LOOK: Visitor._hear_seats,
    Stage.RESERVE: Visitor._hear_reserve,
    Stage.CONFIRM: Visitor._hear_confirm,
    Stage.CANCEL: Visitor._hear_cancel,
}
