"""Faults come when they are due, one at a time per process, and whatever happens, everything is back at the end."""

import threading
import time
from collections.abc import Callable
from unittest.mock import ANY

import pytest

from chalicelib.errors import InvalidRequest
from ops.local.program import StartFailed
from ops.rehearse.fault_plan import Fault, FaultKind
from ops.rehearse.faults import VICTIMS, Faults, check

Eventually = Callable[[Callable[[], object]], None]
RUNNING = {victim.process: "running" for victim in VICTIMS.values()}


class Stage:
    """Processes that are only names; the first so many starts fail."""

    def __init__(self, failing_starts: int = 0) -> None:
        self.away: set[str] = set()
        self.ended: list[tuple[str, bool]] = []
        self.started: list[str] = []
        self._failing = failing_starts
        self._lock = threading.Lock()

    def end(self, name: str, *, kill: bool = False) -> None:
        with self._lock:
            self.ended.append((name, kill))
            self.away.add(name)

    def start(self, name: str) -> None:
        with self._lock:
            if self._failing:
                self._failing -= 1
                raise StartFailed(name, "ended while starting")
            self.started.append(name)
            self.away.discard(name)


def of(*specs: str) -> tuple[Fault, ...]:
    return tuple(map(Fault.parse, specs))


def test_every_kind_of_fault_has_its_victim() -> None:
    assert set(VICTIMS) == set(FaultKind)


def test_a_server_is_stopped_and_a_worker_is_killed_and_both_come_back(eventually: Eventually) -> None:
    stage = Stage()
    faults = Faults(of("kafka-stop@0s+50ms", "relay-kill@10ms"), stage)
    faults.begin(time.monotonic())
    eventually(lambda: sorted(stage.started) == ["kafka", "relay"])
    records = faults.end()
    assert sorted(stage.ended) == [("kafka", False), ("relay", True)]
    assert [(each.kind, each.process, each.error) for each in records] == [
        ("kafka-stop", "kafka", None),
        ("relay-kill", "relay", None),
    ]
    kafka, relay = records
    assert relay.from_second >= 0.01
    assert kafka.to_second is not None
    assert kafka.to_second - kafka.from_second > 0.048  # both are rounded
    assert faults.under_way == ()


def test_what_is_away_when_the_rehearsal_ends_is_brought_back_at_once(eventually: Eventually) -> None:
    stage = Stage()
    faults = Faults(of("mysql-stop@0s+1h", "gateway-kill@2h"), stage)
    faults.begin(time.monotonic())
    eventually(lambda: stage.away == {"mysql"})
    assert faults.under_way == ("mysql",)
    records = faults.end()
    assert stage.away == set()
    assert records[0].to_second is not None
    assert (records[1].to_second, records[1].error) == (None, "the rehearsal ended before it")
    assert stage.ended == [("mysql", False)]


def test_two_faults_of_one_process_keep_it_away_until_the_later_one_is_over(eventually: Eventually) -> None:
    stage = Stage()
    faults = Faults(of("kafka-stop@0s+1h", "kafka-stop@0s+10ms"), stage)
    faults.begin(time.monotonic())
    eventually(lambda: len(stage.ended) == 2)
    assert stage.started == []
    faults.end()
    assert stage.started == ["kafka"]


def test_a_start_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.rehearse.faults._PAUSE_S", 0.0)
    stage = Stage(failing_starts=2)
    faults = Faults(of("redis-restart@0s"), stage)
    faults.begin(time.monotonic() - 1.0)
    (record,) = faults.end() if _came(stage) else ()
    assert stage.away == set()
    assert record.to_second is not None


def test_what_never_comes_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.rehearse.faults._PAUSE_S", 0.0)
    stage = Stage(failing_starts=100)
    faults = Faults(of("redis-restart@0s"), stage)
    faults.begin(time.monotonic() - 1.0)
    (record,) = faults.end() if _came(stage) else ()
    assert record.to_second is None
    assert record.error == "did not come back: redis ended while starting"


def test_where_the_whole_stack_is_about_to_go_nothing_is_brought_back(eventually: Eventually) -> None:
    stage = Stage()
    faults = Faults(of("kafka-stop@0s+1h"), stage)
    faults.begin(time.monotonic())
    eventually(lambda: stage.ended)
    (record,) = faults.end(restore=False)
    assert stage.started == []
    assert record.error == "the rehearsal was interrupted"


def _came(stage: Stage) -> bool:
    deadline_s = time.monotonic() + 15
    while not stage.ended:
        assert time.monotonic() < deadline_s
    return True


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("given", "kafka is the one that KAFKA_BOOTSTRAP_SERVERS names"),
        ("container", "kafka runs in a container"),
        (None, "this stack has no process kafka"),
    ],
)
def test_a_process_that_is_not_ours_is_refused_before_anything_starts(condition: str | None, told: str) -> None:
    conditions = {**RUNNING, **({"kafka": condition} if condition else {})}
    if condition is None:
        del conditions["kafka"]
    with pytest.raises(InvalidRequest) as refused:
        check(of("kafka-stop@1s+1s", "relay-kill@1s"), conditions)
    assert refused.value.members["errors"] == [{"field": "--fault", "detail": ANY}]
    assert told in refused.value.detail


def test_nothing_of_a_deployed_stage_can_be_taken_away() -> None:
    check((), None)
    with pytest.raises(InvalidRequest, match="only a local stack"):
        check(of("relay-kill@1s"), None)
