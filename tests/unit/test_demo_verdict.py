"""A demonstration proves its points, and fails when one does not hold."""

import json
from dataclasses import replace

import pytest

from ops.demo.crowd import CrowdPlan
from ops.demo.figures import Figures
from ops.demo.outcome import Ending, Outcome
from ops.demo.progress import Moment, Progress, line, picture
from ops.demo.report import as_json, report
from ops.demo.run import DemoPlan, DemoResult
from ops.demo.verdict import checks
from ops.demo.watch import Durable

ANN = Outcome("ann", Ending.TICKET, ("A-1",), "p1")
BOB = Outcome("bob", Ending.TICKET, ("A-2",), "p2")
EVE = Outcome("eve", Ending.SOLD_OUT)
RECORD = Durable({"ann": ("A-1",), "bob": ("A-2",)}, (20, 30), 1_000)
LEDGER = {
    "saleId": "demo",
    "epoch": 1,
    "version": 5,
    "state": "balanced",
    "rows": [{"what": "events", "redis": 5, "outbox": 0, "kafka": 0, "dlq": 0, "mysql": 5}],
    "counts": {"different": 0, "in-flight": 0, "explained": 0},
    "findings": [],
    "deadLetters": {"open": 0, "replayed": 0, "discarded": 0, "onTopic": 0},
    "unnamedDeadLetters": 0,
}
RESULT = DemoResult(
    plan=DemoPlan(crowd=CrowdPlan(3, 1.0, 80.0), rows=1, seats_per_row=2),
    outcomes=(ANN, BOB, EVE),
    figures=Figures(),
    sold_out_after_s=1.0,
    in_mysql_after_s=1.1,
    took_s=1.5,
    durable=RECORD,
    ledger=LEDGER,
)


def test_a_good_run_proves_every_point() -> None:
    points = list(checks(RESULT))
    assert [each.holds for each in points] == [True] * 4
    assert "✗" not in report(RESULT, points)
    assert json.loads(json.dumps(as_json(RESULT, points)))["ok"] is True


@pytest.mark.parametrize(
    ("broken", "failing"),
    [
        (replace(RESULT, outcomes=(ANN, replace(BOB, seat_ids=("A-1",)), EVE)), [0, 2]),
        (replace(RESULT, outcomes=(ANN, EVE)), [0, 1, 2]),
        (replace(RESULT, outcomes=(ANN, BOB, replace(EVE, ending=Ending.FAILED, why="lost"))), [1]),
        (replace(RESULT, durable=replace(RECORD, seats_of={"ann": ("A-1",)})), [2]),
        (replace(RESULT, durable=replace(RECORD, seats_of={"ann": ("A-2",), "bob": ("A-1",)})), [2]),
        (replace(RESULT, ledger={**LEDGER, "state": "in-flight"}), [3]),
    ],
)
def test_a_bad_run_names_what_does_not_hold(broken: DemoResult, failing: list[int]) -> None:
    points = list(checks(broken))
    assert [number for number, each in enumerate(points) if not each.holds] == failing
    assert as_json(broken, points)["ok"] is False
    assert all(each.but for each in points if not each.holds)


def _moment(**changes: object) -> Moment:
    seats = {f"{row}-{number}": "FREE" for row in "AB" for number in (1, 2, 3)} | {"A-1": "CONFIRMED", "B-3": "HELD"}
    moment = Moment(1.5, 10, 7, 6, 4, 1, 1, 1, 1, seats)
    return replace(moment, **changes)  # type: ignore[arg-type]


def test_a_moment_is_one_line_of_at_most_100_columns() -> None:
    assert len(line(_moment(arrived=100_000, waiting=100_000))) <= 100


def test_the_picture_shows_every_seat_beside_the_numbers() -> None:
    drawn = picture(_moment()).plain
    assert drawn.count("█") == 2
    assert drawn.count("▒") == 2
    assert drawn.count("·") == 8
    assert "7 of 10" in drawn


def test_a_hall_too_large_to_draw_becomes_a_bar() -> None:
    hall = {f"{row}-1": "FREE" for row in range(500)}
    assert len(picture(_moment(seats=hall)).plain.splitlines()) < 10


def test_off_a_terminal_there_is_a_line_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(is_live=False)
    with progress.running():
        for elapsed_s in (0.1, 0.9, 1.0, 1.2, 1.9, 2.1):
            progress.show(_moment(elapsed_s=elapsed_s))
        progress.show(_moment(elapsed_s=2.2), is_last=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [text.split()[0] for text in printed.err.splitlines()] == ["time", "1.0", "2.1", "2.2"]
