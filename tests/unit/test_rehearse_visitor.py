"""One simulated buyer: fed with answers, asked what comes next."""

import random
from typing import Any

import pytest

from ops.demo.answer import Answer
from ops.demo.outcome import Ending
from ops.rehearse.generator.asks import Ask
from ops.rehearse.generator.book import Book
from ops.rehearse.generator.scene import Scene
from ops.rehearse.generator.visitor import Visitor
from ops.rehearse.plan import RehearsalPlan

WAITING = {"state": "WAITING", "queueNumber": 8, "pollAfterSeconds": 2.0, "etaSeconds": 5.0}


class Visit:
    """A visitor with its scene, and a clock that goes on to when its next step is due."""

    def __init__(self, *, pays: bool = True, patience: int = 0, names_buyers: bool = True, **plan: Any) -> None:
        self.book = Book(1)
        self.scene = Scene(RehearsalPlan(**plan), self.book, 100.0, random.Random(1), names_buyers=names_buyers)
        self.visitor = Visitor(self.scene, 1, pays=pays, patience=patience)
        self.now_s: float = 100.0
        self.is_over = False

    def ask(self) -> Ask:
        ask = self.visitor.ask(self.now_s)
        assert ask is not None
        return ask

    def hears(self, status: int, body: dict[str, Any], told_s: float = 0.0) -> float:
        """Ask, take the answer, and go on to the next step; returns the seconds until then, -1 when there is none."""
        self.ask()
        return self._go_on(self.visitor.hear(Answer(status, body), self.now_s, told_s))

    def misses(self) -> float:
        self.ask()
        return self._go_on(self.visitor.missed("ECONNREFUSED", self.now_s))

    def _go_on(self, due_s: float | None) -> float:
        if due_s is None:
            self.is_over = True
            return -1
        waited_s, self.now_s = due_s - self.now_s, due_s
        return waited_s

    @property
    def endings(self) -> dict[str, int]:
        return dict(self.book.end.endings)


def active(**more: Any) -> dict[str, Any]:
    return {"state": "ACTIVE", **more}


def held(status: str = "HELD", **more: Any) -> dict[str, Any]:
    return {"state": status, "reservation": {"reservationId": "7-1", "status": status, **more}}


def refusal(code: str) -> dict[str, Any]:
    return {"code": code}


def page(*seats: str, version: str = "v1") -> dict[str, Any]:
    return {"version": version, "next": None, "seats": [{"seatId": seat, "state": "FREE"} for seat in seats]}


def test_a_buyer_enters_waits_as_told_reserves_and_pays() -> None:
    visit = Visit(pay_s=3)
    assert visit.ask() == Ask("enter", "POST", "/queue/enter", {"userId": "buyer-000001"})

    assert 2.0 <= visit.hears(202, WAITING) <= 2.4
    assert visit.ask() == Ask("status", "GET", "/queue/status?userId=buyer-000001")
    assert visit.hears(200, active()) == 0
    assert visit.ask().body == {"userId": "buyer-000001", "quantity": 1}
    assert visit.hears(201, held()) == 3
    assert visit.ask().body == {"userId": "buyer-000001", "reservationId": "7-1", "paymentId": "pay-7-1"}
    visit.hears(200, held("CONFIRMED"))

    assert visit.is_over
    assert visit.endings == {Ending.TICKET: 1}
    assert visit.book.end.tickets == {"buyer-000001": []}
    assert visit.book.end.last_ticket_at_s == pytest.approx(visit.now_s - 100, abs=0.001)


def test_the_wait_is_held_against_the_first_eta_that_was_told() -> None:
    visit = Visit()
    visit.hears(202, WAITING)
    visit.hears(200, {**WAITING, "etaSeconds": 1.0})
    waited_s = visit.now_s - 100

    visit.hears(200, active())

    assert visit.book.end.eta_errors.count == 1
    assert visit.book.end.eta_errors.max_ms == pytest.approx(abs(5 - waited_s) * 1000)
    assert visit.book.second.moves["admitted"] == 1


def test_who_still_waits_behind_nobody_while_a_later_one_was_let_in_is_noted() -> None:
    visit = Visit()
    later = Visitor(visit.scene, 2)
    later.hear(Answer(202, {**WAITING, "queueNumber": 9}), 100.0)
    visit.hears(202, WAITING)
    visit.ask()
    later.hear(Answer(200, active()), 101.0)
    visit._go_on(visit.visitor.hear(Answer(200, WAITING), 101.0))
    assert visit.book.second.moves["outOfOrder"] == 0, "it was asked before the other one knew"

    visit.hears(200, WAITING)

    assert visit.book.second.moves["outOfOrder"] == 1


def test_a_sale_without_payment_is_over_with_the_reservation() -> None:
    visit = Visit()
    visit.hears(200, active())

    visit.hears(201, held("CONFIRMED"))

    assert visit.is_over
    assert visit.endings == {Ending.TICKET: 1}


def test_who_does_not_pay_walks_away_silently() -> None:
    visit = Visit(pays=False, pay=0.5)
    visit.hears(200, active())

    visit.hears(201, held())

    assert visit.is_over
    assert visit.endings == {Ending.WALKED_AWAY: 1}
    assert visit.book.end.tickets == {}


def test_who_loses_patience_leaves_without_a_word() -> None:
    visit = Visit(patience=2)

    visit.hears(202, WAITING)
    visit.hears(200, WAITING)

    assert visit.is_over
    assert visit.endings == {Ending.LEFT: 1}


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_error_of_the_system_is_asked_again_later_and_later(status: int) -> None:
    visit = Visit()
    first = visit.ask()

    pauses_s = [visit.hears(status, refusal("store-unavailable")) for _ in range(6)]

    assert visit.ask() == first
    assert all(0.1 * 2**n <= pause <= 0.15 * 2**n for n, pause in enumerate(pauses_s[:4]))
    assert pauses_s[5] <= 3.0


def test_retry_after_is_obeyed_with_jitter() -> None:
    assert 7.0 <= Visit().hears(503, refusal("store-unavailable"), told_s=7.0) <= 10.5


def test_a_connection_that_fails_loses_nobody_until_patience_ends() -> None:
    visit = Visit()
    while visit.now_s < 155:
        visit.misses()
        assert not visit.is_over

    while not visit.is_over:
        visit.misses()

    assert visit.now_s > 160
    assert visit.endings == {Ending.FAILED: 1}
    assert visit.book.end.why == {"buyer-000001": "enter: ECONNREFUSED"}


def test_an_answer_in_between_makes_patience_whole_again() -> None:
    visit = Visit()
    while visit.now_s < 150:
        visit.misses()
    visit.hears(202, WAITING)
    until_s = visit.now_s + 55

    while visit.now_s < until_s:
        visit.misses()

    assert not visit.is_over


@pytest.mark.parametrize("state", ["LAPSED", "EXPIRED", "CANCELLED"])
def test_a_lost_turn_means_to_queue_again(state: str) -> None:
    visit = Visit()
    visit.hears(202, WAITING)

    visit.hears(200, {"state": state})

    assert visit.ask().endpoint == "enter"
    assert not visit.is_over


def test_a_hold_that_ran_out_before_the_payment_means_to_queue_again_and_to_pay_anew() -> None:
    visit = Visit(pay_s=1)
    visit.hears(200, active())
    visit.hears(201, held())
    visit.hears(409, refusal("hold-expired"))
    assert visit.ask().endpoint == "enter"
    visit.hears(200, active())
    again = held()
    again["reservation"]["reservationId"] = "7-2"
    visit.hears(201, again)

    body = visit.ask().body

    assert body is not None
    assert body["paymentId"] == "pay-7-2"


def test_lost_turns_without_end_are_a_failure() -> None:
    visit = Visit()
    for _ in range(200):
        if visit.is_over:
            break
        visit.hears(200, {"state": "LAPSED"})

    assert visit.endings == {Ending.FAILED: 1}


@pytest.mark.parametrize("step", ["enter", "status", "reserve"])
def test_sold_out_is_an_end_wherever_it_is_told(step: str) -> None:
    visit = Visit()
    if step != "enter":
        visit.hears(200, WAITING if step == "status" else active())
    assert visit.ask().endpoint == step

    visit.hears(410, refusal("sold-out"))

    assert visit.endings == {Ending.SOLD_OUT: 1}


def test_a_refusal_nobody_expects_is_a_failure_with_its_code() -> None:
    visit = Visit()

    visit.hears(409, refusal("sale-closed"))

    assert visit.book.end.why == {"buyer-000001": "enter: sale-closed"}


def test_an_answer_that_breaks_the_contract_is_a_failure() -> None:
    visit = Visit()

    visit.hears(202, {"state": "WAITING", "queueNumber": "eight"})

    assert visit.endings == {Ending.FAILED: 1}
    assert "breaks the contract" in visit.book.end.why["buyer-000001"]


def test_who_waits_may_ask_the_cacheable_page_until_the_own_number_is_admitted() -> None:
    visit = Visit(poll="sale")
    visit.hears(202, WAITING)
    sale = {"state": "OPEN", "admittedThrough": 3, "admitPerSecond": 2.5, "remaining": 9, "held": 0}
    assert visit.ask() == Ask("sale", "GET", "")

    assert 1.0 <= visit.hears(200, sale) <= 1.2, "five ahead at 2.5 a second: half of two seconds"
    assert visit.ask().endpoint == "sale"
    assert visit.hears(200, {**sale, "admittedThrough": 8}) == 0
    assert visit.ask().endpoint == "status"


def test_the_cacheable_page_sends_to_the_status_when_nothing_is_left() -> None:
    visit = Visit(poll="sale")
    visit.hears(202, WAITING)

    visit.hears(200, {"state": "OPEN", "admittedThrough": 3, "admitPerSecond": 1, "remaining": 0, "held": 0})

    assert visit.ask().endpoint == "status"


def test_a_seat_is_looked_up_and_reserved_and_another_one_when_it_is_taken() -> None:
    visit = Visit(seated=True)
    visit.hears(200, active())
    assert visit.ask().path == "/seats?limit=2000"
    visit.hears(200, page("A-1", "A-2"))
    first = visit.ask().body
    assert visit.misses() > 0
    assert visit.ask().body == first, "the same seat again: the answer may have been lost"

    visit.hears(409, refusal("seat-taken"))
    second = visit.ask().body

    assert first is not None
    assert second is not None
    assert {*first["seatIds"], *second["seatIds"]} == {"A-1", "A-2"}  # type: ignore[misc]
    visit.hears(201, held("CONFIRMED", seatIds=["A-2"]))
    assert visit.book.end.tickets == {"buyer-000001": ["A-2"]}


def test_without_a_free_seat_in_sight_any_seat_will_do() -> None:
    visit = Visit(seated=True)
    visit.hears(200, active())
    visit.hears(200, page())

    assert visit.ask().body == {"userId": "buyer-000001", "quantity": 1}


def test_one_visitor_at_a_time_reads_the_seat_map_and_all_use_it_for_a_second() -> None:
    visit = Visit(seated=True)
    other = Visitor(visit.scene, 2)
    other.hear(Answer(200, active()), 100.0)
    visit.hears(200, active())
    visit.ask()
    assert other.ask(100.0) is None, "somebody reads"

    visit.hears(200, page("A-1", "A-2"))

    ask = other.ask(100.5)
    assert ask is not None
    assert ask.endpoint == "reserve"
    third = Visitor(visit.scene, 3)
    third.hear(Answer(200, active()), 102.0)
    later = third.ask(102.0)
    assert later is not None
    assert later.path == "/seats?since=v1&limit=2000"


def test_a_reservation_whose_answer_was_lost_is_found_again() -> None:
    visit = Visit(pay_s=1)
    visit.hears(200, active())
    visit.hears(409, refusal("already-reserved"))
    assert visit.ask().endpoint == "status"

    visit.hears(200, held())

    assert visit.ask().endpoint == "confirm"


def test_a_soak_gives_its_ticket_back() -> None:
    visit = Visit(duration_s=60)
    visit.hears(200, active())
    assert 1 <= visit.hears(201, held("CONFIRMED")) <= 3
    assert visit.ask() == Ask(
        "cancel", "POST", "/reservations/cancel", {"userId": "buyer-000001", "reservationId": "7-1"}
    )

    visit.hears(200, held("CANCELLED"))

    assert visit.is_over
    assert visit.endings == {Ending.TICKET: 1}
    assert visit.book.end.tickets == {}
    assert visit.book.second.moves["cancelled"] == 1


def test_a_token_says_who_asks() -> None:
    visit = Visit(names_buyers=False)
    assert visit.ask() == Ask("enter", "POST", "/queue/enter", {})

    visit.hears(202, WAITING)

    assert visit.ask().path == "/queue/status"
