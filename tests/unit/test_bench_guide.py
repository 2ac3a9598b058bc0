"""The figures in the documents are those of the recorded run that they name, and nobody's typing."""

import re
from pathlib import Path

import pytest

from ops.bench import guide, sizing
from ops.bench.figures import Figure
from ops.bench.http import PUBLIC, STATUS
from ops.bench.machine import Machine
from ops.bench.runs import RESULTS, Run, recorded
from ops.bench.sizing import MissingFigureError, polls_per_s, waves

CALLS = ("enter", STATUS, "reserve")
NAMED = re.compile(r"<!-- bench (\w+) from (\S+) -->")


@pytest.mark.parametrize("path", guide.DOCUMENTS, ids=lambda path: path.name)
def test_a_document_has_what_its_run_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert NAMED.search(text)
    assert guide.rewritten(text, guide.named) == text, "python -m ops.bench.guide writes it anew"


def test_every_kind_of_block_is_in_a_document_and_all_are_of_one_run() -> None:
    found = [pair for path in guide.DOCUMENTS for pair in NAMED.findall(path.read_text(encoding="utf-8"))]
    assert {kind for kind, _ in found} == {"table", "targets", "capacities", "worked"}
    assert len({run for _, run in found}) == 1


def test_every_recorded_run_can_be_read_and_is_named_for_what_it_says() -> None:
    found, complaints = recorded()
    assert complaints == []
    assert found
    assert {f"{run.name}.json" for run in found} == {path.name for path in RESULTS.glob("*.json")}


def test_who_waits_asks_twice_a_minute_and_ten_times_in_the_last_one() -> None:
    assert polls_per_s(30_000, 0) == 1_000
    assert polls_per_s(30_000, 50) == 1_500
    assert polls_per_s(30_000, 0, claim_s=30) == 3_000


def test_unpaid_holds_come_back_in_waves_that_get_smaller() -> None:
    assert waves(1_000, 0.8) == 5  # 1,000, 200, 40, 8, 1.6
    assert waves(1_000, 1.0) == 1


def test_a_run_without_a_figure_that_is_needed_is_refused_by_its_name() -> None:
    bare = Run("2026-11-21T10:00:00+00:00", 1, Machine("x", 2, 1, "y"), ())
    with pytest.raises(MissingFigureError, match="2026-11-21-100000-x-2c has no figure"):
        sizing.capacities(bare)


def a_run_with(value: float) -> Run:
    """A run in which all that plans are made of has the same value."""
    memory = ("a waiting buyer", "an active buyer", "a buyer who holds", "a buyer who bought")
    names = [f"{where}' CPU, {call}" for where in ("Redis", "the workers") for call in (*CALLS, PUBLIC)]
    names += [f"{what}, of 100,000 buyers" for what in memory]
    names += [
        "a free seat, of 100,000",
        "an event in the outbox, of 100,000",
        "relay",
        "persist behind its event source",
    ]
    names += [f"persist behind its event source, {number} pollers" for number in (2, 4)]
    figures = tuple(Figure(name, value, "x") for name in names)
    return Run("2026-11-21T10:00:00+00:00", 1, Machine("x", 2, 1, "y"), figures)


def test_capacities_are_what_fills_a_core() -> None:
    rows = {what: much for what, much, _ in sizing.capacities(a_run_with(20))}
    assert rows["`enter` that fill one core of Redis"] == "50,000/s"
    assert rows["Redis, 100,000 of: a waiting buyer"] == "2.0 MB"
    assert rows["`persist`, 1 poller"] == "7 events/s"


def test_what_is_planned_follows_from_the_run_and_the_settings() -> None:
    small, large = (dict(sizing.worked(each, a_run_with(20))) for each in sizing.OCCASIONS)
    assert small["`enter` while they arrive"] == "50,000 ÷ 60 s = 833/s"
    assert small["admitted"] == "min(100, 200 ÷ 15 s) = 13.3/s"
    assert large["admitted"] == "min(100, 6,000 ÷ 60 s) = 100/s"
    assert large["Redis' one core, where everybody polls `status`"] == "75%"
    assert large["pollers of `persist`, with half to spare"] == "60"
    assert large["everything held for the first time after"] == "60,000 ÷ 100 = 10 min"
