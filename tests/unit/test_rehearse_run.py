"""What happens second by second while a crowd is in, on stages that are only played."""

import time
from typing import Any, cast

import pytest

from chalicelib.errors import OnsaleError
from ops.rehearse import run
from ops.rehearse.faults import Faults
from ops.rehearse.generator import Generator
from ops.rehearse.generator.second import Second
from ops.rehearse.plan import Raise, RehearsalPlan
from ops.rehearse.progress import Moment, Progress, line, moment
from ops.rehearse.sampler import Look, Sampler

PLAN = RehearsalPlan(buyers=50, stock=10, raise_max_active=Raise(0.5, 200), max_active=100)


class Crowd:
    """Is in for so many ticks."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks

    @property
    def is_running(self) -> bool:
        return self.ticks > 0

    def lines(self) -> list[Second]:
        self.ticks -= 1
        return [Second(self.ticks)]

    def stop(self) -> None:
        self.ticks = 0


class Eye:
    """A sampler that sees one ticket more sold at each look."""

    def __init__(self) -> None:
        self.sold = 0.0

    @property
    def latest(self) -> Look:
        self.sold += 1
        return Look({"confirmed": self.sold})


def watched(monkeypatch: pytest.MonkeyPatch, *refusals: OnsaleError) -> list[tuple[str, dict[str, Any]]]:
    """Watch a crowd for ten ticks; return what was asked of the operator's function, refused at first so often."""
    asked: list[tuple[str, dict[str, Any]]] = []
    left = list(refusals)

    def operate(action: str, **arguments: Any) -> None:
        asked.append((action, arguments))
        if left:
            raise left.pop(0)

    monkeypatch.setattr(run, "operate", operate)
    monkeypatch.setattr(run, "_TICK_S", 0.001)
    monkeypatch.setattr(run, "_TICK_AT_S", 0.0)
    crowd, eye = cast(Generator, Crowd(10)), cast(Sampler, Eye())
    progress = Progress(PLAN.buyers, PLAN.stock, is_live=False)
    run._watch(PLAN, "rehearsal-1", crowd, eye, Faults((), None), progress, time.monotonic())
    return asked


def test_max_active_is_raised_once_when_its_share_is_sold(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch) == [("sale.configure", {"saleId": "rehearsal-1", "maxActive": 200})]


def test_a_raise_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    away = OnsaleError("store-unavailable", "Redis does not answer")
    assert len(watched(monkeypatch, away, away)) == 3


def test_a_crowd_that_never_ends_is_sent_home_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_patience_s", lambda plan: -1.0)
    crowd = Crowd(1_000_000)
    progress = Progress(PLAN.buyers, PLAN.stock, is_live=False)
    faults = Faults((), None)
    run._watch(PLAN, "r", cast(Generator, crowd), cast(Sampler, Eye()), faults, progress, time.monotonic())
    assert not crowd.is_running


def test_what_is_not_known_is_shown_as_a_dash_and_what_is_away_by_name() -> None:
    words = line(Moment(second=7, arrived=1_200, sold=3, away=("kafka",))).split()
    assert words == ["7", "s", "1,200", "-", "-", "-", "3", *["-"] * 7, "kafka", "away"]


def test_a_moment_has_the_lag_of_all_groups_and_the_rate_of_the_seconds_since() -> None:
    look = Look({"confirmed": 2.0, "kafkaLag.a": 3.0, "kafkaLag.b": 4.0, "kafkaLag.c": None})
    seen = moment(5, 9, [Second(3, cpu={1: 0.5, 2: 0.7}), Second(4, cpu={1: 0.6})], look, ())
    assert (seen.lag, seen.sold, seen.waiting, seen.requests, seen.generator_cpu) == (7.0, 2.0, None, 0.0, 0.7)
    assert moment(5, 9, [], Look({}), ()).lag is None


@pytest.mark.parametrize("second", [0, 61])
def test_off_a_terminal_a_long_rehearsal_says_something_each_second_only_at_first(
    second: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Progress(1, 1, is_live=False).show(Moment(second))
    assert bool(capsys.readouterr().err) is (second == 0)
