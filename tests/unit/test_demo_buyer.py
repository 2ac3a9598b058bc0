"""How a simulated buyer behaves, against an API that answers from a script."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from ops.demo.answer import Answer
from ops.demo.buyer import Buyer, Habits
from ops.demo.client import GaveUp, SaleClient
from ops.demo.figures import Figures
from ops.demo.outcome import Ending, Outcome

Script = list[tuple[str, int, dict[str, Any]]]
ACTIVE = (200, {"state": "ACTIVE"})
SEATS = (200, {"version": "1-1", "next": None, "seats": [{"seatId": "A-1", "state": "FREE"}]})
RESERVED = {"state": "HELD", "reservation": {"reservationId": "1-2", "status": "HELD", "seatIds": ["A-1"]}}


class Scripted(SaleClient):
    """Answers in the order of its script, and insists on being asked in that order."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[tuple[str, Any]] = []

    async def _send(
        self,
        method: str,
        path: str,
        endpoint: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        assert self.script, f"not expected: {endpoint}"
        expected, status, answer = self.script.pop(0)
        assert endpoint == expected
        self.asked.append((endpoint, body or query))
        if status == 0:
            raise GaveUp("nobody there")
        return Answer(status, answer)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the buyer makes, which take no time here."""
    taken: list[float] = []

    async def nap(seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", nap)
    return taken


def _visit(script: Script, habits: Habits | None = None, figures: Figures | None = None) -> tuple[Outcome, Scripted]:
    client = Scripted(script)
    outcome = asyncio.run(Buyer(client, "ann", habits or Habits(), figures or Figures()).visit())
    assert client.script == [], "the buyer went home too early"
    return outcome, client


def test_a_buyer_waits_as_told_then_picks_pays_and_has_a_ticket(naps: list[float]) -> None:
    figures = Figures()
    outcome, client = _visit(
        [
            ("enter", 202, {"state": "WAITING", "pollAfterSeconds": 2, "etaSeconds": 4}),
            ("status", 200, {"state": "WAITING", "pollAfterSeconds": 1}),
            ("status", *ACTIVE),
            ("seats", *SEATS),
            ("reserve", 201, RESERVED),
            ("confirm", 200, {"state": "CONFIRMED"}),
        ],
        figures=figures,
    )
    assert outcome == Outcome("ann", Ending.TICKET, ("A-1",), "pay-ann-1")
    assert 2 <= naps[0] <= 2.4
    assert 1 <= naps[1] <= 1.2
    assert naps[2] == 0.2
    assert client.asked[-1][1] == {"userId": "ann", "reservationId": "1-2", "paymentId": "pay-ann-1"}
    assert len(figures.waits) == 1


def test_a_buyer_who_is_too_late_for_a_seat_takes_another(naps: list[float]) -> None:
    taken = (409, {"code": "seat-taken"})
    changed = {"version": "1-5", "next": None, "reset": False, "seats": [{"seatId": "A-1", "state": "HELD"}]}
    first = {**SEATS[1], "seats": [{"seatId": seat, "state": "FREE"} for seat in ("A-1", "A-2")]}
    outcome, client = _visit(
        [
            ("enter", *ACTIVE),
            ("seats", 200, first),
            ("reserve", *taken),
            ("seats", 200, changed),
            ("reserve", 201, RESERVED),
            ("confirm", 200, {}),
        ]
    )
    assert outcome.ending is Ending.TICKET
    assert client.asked[3][1]["since"] == "1-1"
    assert client.asked[4][1]["seatIds"] == ["A-2"]


def test_a_copy_of_the_seats_that_is_of_no_use_is_read_anew(naps: list[float]) -> None:
    outcome, client = _visit(
        [
            ("enter", *ACTIVE),
            ("seats", *SEATS),
            ("reserve", 409, {"code": "seat-taken"}),
            ("seats", 200, {"version": "1-9", "next": None, "reset": True, "seats": []}),
            ("seats", *SEATS),
            ("reserve", 201, RESERVED),
            ("confirm", 200, {}),
        ]
    )
    assert outcome.ending is Ending.TICKET
    assert "since" not in client.asked[4][1]


def test_a_buyer_who_does_not_pay_just_goes(naps: list[float]) -> None:
    script: Script = [("enter", *ACTIVE), ("seats", *SEATS), ("reserve", 201, RESERVED)]
    outcome, _ = _visit(script, Habits(pays=False))
    assert outcome == Outcome("ann", Ending.WALKED_AWAY, ("A-1",))


@pytest.mark.parametrize(
    "script",
    [
        [("enter", 410, {"code": "sold-out"})],
        [("enter", 202, {"state": "WAITING", "pollAfterSeconds": 1}), ("status", 410, {"code": "sold-out"})],
        [("enter", *ACTIVE), ("seats", *SEATS), ("reserve", 410, {"code": "sold-out"})],
    ],
)
def test_whoever_is_told_sold_out_goes_home(script: Script, naps: list[float]) -> None:
    outcome, _ = _visit(list(script))
    assert outcome.ending is Ending.SOLD_OUT


@pytest.mark.parametrize(
    "missed",
    [
        [("enter", 200, {"state": "LAPSED"})],
        [("enter", *ACTIVE), ("seats", *SEATS), ("reserve", 403, {"code": "not-active"})],
        [
            ("enter", *ACTIVE),
            ("seats", *SEATS),
            ("reserve", 201, RESERVED),
            ("confirm", 409, {"code": "hold-expired", "refundDue": True}),
        ],
    ],
)
def test_a_buyer_who_missed_the_turn_or_the_hold_queues_again(missed: Script, naps: list[float]) -> None:
    outcome, _ = _visit([*missed, ("enter", 410, {"code": "sold-out"})])
    assert outcome.ending is Ending.SOLD_OUT


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([("enter", 0, {})], "nobody there"),
        ([("enter", 200, {})], "breaks the contract"),
        ([("enter", 404, {"code": "no-such-sale"})], "no-such-sale"),
    ],
)
def test_what_goes_wrong_ends_one_visit_and_says_why(script: Script, why: str, naps: list[float]) -> None:
    outcome, _ = _visit(script)
    assert outcome.ending is Ending.FAILED
    assert why in outcome.why


def test_figures_count_answers_refusals_and_the_error_of_the_eta() -> None:
    figures = Figures()
    for took_ms in range(1, 101):
        figures.answered("status", took_ms / 1000, 200, "")
    figures.answered("reserve", 0.5, 409, "seat-taken")
    for eta_s, actual_s in ((1.0, 2.0), (5.0, 5.5), (3.0, 9.0)):
        figures.waited(eta_s, actual_s)
    first = figures.endpoints()[0]
    assert (first.endpoint, first.requests, round(first.p50_ms), round(first.p99_ms)) == ("status", 100, 50, 99)
    assert figures.requests == 101
    assert figures.refusals == {"seat-taken": 1}
    assert figures.median_eta_error_s() == 1.0


def test_without_waits_there_is_no_error_of_the_eta() -> None:
    assert Figures().median_eta_error_s() is None
