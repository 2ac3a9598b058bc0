"""When buyers come, in which order their steps are taken, and what a soak does."""

import random
from typing import Any

import pytest

from ops.demo.answer import Answer
from ops.demo.outcome import Ending
from ops.rehearse.generator.book import Book
from ops.rehearse.generator.crowd import Crowd
from ops.rehearse.generator.scene import Scene
from ops.rehearse.generator.schedule import Schedule
from ops.rehearse.generator.visitor import Visitor
from ops.rehearse.plan import RehearsalPlan

LONG_AFTER_S = 1e9


def _scene(**plan: Any) -> Scene:
    return Scene(RehearsalPlan(**plan), Book(1), 0.0, random.Random(1))


def _crowds(processes: int, **plan: Any) -> list[tuple[Crowd, Scene]]:
    scenes = [_scene(**plan) for _ in range(processes)]
    return [(Crowd(scene, process, processes), scene) for process, scene in enumerate(scenes, 1)]


def _arrivals(crowd: Crowd) -> list[tuple[float, int]]:
    taken = []
    while step := crowd.schedule.take(LONG_AFTER_S):
        taken.append((step[0], step[1].number))
    return taken


def test_the_earliest_step_comes_first_be_it_an_arrival_or_a_next_step() -> None:
    scene = _scene()
    schedule = Schedule(iter([(1.0, 1), (3.0, 2)]), lambda number, _: Visitor(scene, number))
    schedule.plan(2.0, Visitor(scene, 7))
    schedule.plan(2.0, Visitor(scene, 8))
    schedule.plan(9.0, Visitor(scene, 9))

    steps = [schedule.take(5.0) for _ in range(5)]

    assert [step and (step[0], step[1].number) for step in steps] == [(1, 1), (2, 7), (2, 8), (3, 2), None]
    assert schedule.next_due_s() == 9
    assert schedule.overdue(10) == 1


def test_nothing_is_taken_before_it_is_due() -> None:
    scene = _scene()
    schedule = Schedule(iter([(1.0, 1)]), lambda number, _: Visitor(scene, number))

    assert schedule.take(0.999) is None
    assert schedule.take(1.0) is not None
    assert schedule.all_have_come
    assert schedule.next_due_s() is None


def test_buyers_come_evenly_each_in_their_own_slot() -> None:
    ((crowd, _),) = _crowds(1, buyers=1_000, arrive_s=10)

    arrivals = _arrivals(crowd)

    assert [number for _, number in arrivals] == list(range(1, 1_001))
    assert all((number - 1) * 0.01 <= due <= number * 0.01 for due, number in arrivals)


def test_several_processes_bring_every_buyer_once() -> None:
    crowds = _crowds(3, buyers=100, arrive_s=1)

    numbers = [number for crowd, _ in crowds for _, number in _arrivals(crowd)]

    assert sorted(numbers) == list(range(1, 101))


def test_the_same_share_pays_and_leaves_however_many_processes_there_are() -> None:
    def habits(processes: int) -> set[tuple[int, bool, bool]]:
        found = set()
        for crowd, _ in _crowds(processes, buyers=100, pay=0.7, abandon=0.2):
            while step := crowd.schedule.take(LONG_AFTER_S):
                visitor = step[1]
                found.add((visitor.number, visitor._pays, visitor._patience > 0))
        return found

    alone = habits(1)

    assert sum(pays for _, pays, _ in alone) == 70
    assert sum(leaves for *_, leaves in alone) == 20
    assert habits(3) == alone


def test_a_crowd_is_done_when_the_last_one_has_gone() -> None:
    ((crowd, scene),) = _crowds(1, buyers=2, arrive_s=0)
    visitors = [step[1] for step in (crowd.schedule.take(0.5), crowd.schedule.take(0.5)) if step]
    crowd.gone(visitors[0])
    assert not crowd.is_done

    crowd.gone(visitors[1])

    assert crowd.is_done
    assert scene.book.end.arrived_after_s == 0.5


def test_who_is_still_in_the_sale_at_the_end_counts_as_failed() -> None:
    ((crowd, scene),) = _crowds(1, buyers=2, arrive_s=10)
    crowd.schedule.take(5)

    crowd.stop()

    assert scene.book.end.endings == {Ending.FAILED: 1}
    assert scene.book.end.why == {"buyer-000001": "still at enter"}
    assert scene.book.end.arrived_after_s is None, "one has not come"


def test_a_soak_sends_visits_at_its_rate_for_its_time() -> None:
    crowds = _crowds(2, buyers=1_000, duration_s=10, rate=20)

    due = sorted(due for crowd, _ in crowds for due, _ in _arrivals(crowd))

    assert len(due) == 200
    assert all(number / 20 <= each <= (number + 1) / 20 for number, each in enumerate(due))


def test_a_soak_sends_whoever_is_at_home_for_longest_and_says_when_nobody_is() -> None:
    ((crowd, scene),) = _crowds(1, buyers=2, duration_s=4, rate=1)
    first, second = crowd.schedule.take(2), crowd.schedule.take(2)
    assert first is not None
    assert second is not None
    assert (first[1].number, second[1].number) == (1, 2)
    assert crowd.schedule.take(3) is None
    assert scene.book.second.moves["skipped"] == 1
    crowd.gone(second[1])

    last = crowd.schedule.take(4)

    assert last is not None
    assert last[1].number == 2


def test_a_soak_is_complete_with_tickets_given_back_only() -> None:
    ((crowd, scene),) = _crowds(1, buyers=1, duration_s=1, rate=1)
    step = crowd.schedule.take(1)
    assert step is not None
    visitor, now_s = step[1], 1.0
    body = {"state": "CONFIRMED", "reservation": {"reservationId": "7-1", "status": "CONFIRMED"}}
    for answer in (body, body):
        visitor.ask(now_s)
        due_s = visitor.hear(Answer(200, answer), now_s)

    assert due_s is None
    assert scene.book.end.tickets == {}
    crowd.gone(visitor)
    assert crowd.is_done


@pytest.mark.parametrize("buyers", [2_000])
def test_a_buyer_is_a_small_record(buyers: int) -> None:
    import tracemalloc

    ((crowd, _),) = _crowds(1, buyers=buyers, arrive_s=1)
    tracemalloc.start()
    try:
        while step := crowd.schedule.take(LONG_AFTER_S):
            crowd.schedule.plan(2 * LONG_AFTER_S, step[1])
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert used / buyers < 1_000
