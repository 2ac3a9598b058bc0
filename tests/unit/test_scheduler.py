"""The local scheduler: when runs start, what a run is given, and how it ends."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.local import scheduler
from ops.local.scheduler import Context, Handler, Stopping

Eventually = Callable[[Callable[[], object]], None]
Start = Callable[[Handler], Stopping]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Schedule a handler with short times, in a thread; stopped after the test."""
    monkeypatch.setattr(scheduler, "PERIOD_S", 0.2)
    monkeypatch.setattr(scheduler, "PAUSE_S", 0.01)
    monkeypatch.setattr(scheduler, "PAUSE_AFTER_ERROR_S", 0.01)
    monkeypatch.setattr(scheduler, "STOP_WITHIN_S", 0.3)
    stopping = Stopping()
    threads: list[threading.Thread] = []

    def run(handler: Handler) -> Stopping:
        threads.append(threading.Thread(target=scheduler.keep_running, args=("promote", handler, stopping)))
        threads[0].start()
        return stopping

    yield run
    stopping.tell()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_a_run_that_returns_early_is_followed_by_the_next_at_once(start: Start, eventually: Eventually) -> None:
    events: list[dict[str, Any]] = []
    start(lambda event, _: events.append(event))
    eventually(lambda: len(events) >= 3)
    assert len({event["id"] for event in events}) == len(events)


def test_a_run_that_takes_longer_than_the_period_is_overlapped_by_the_next(
    start: Start, eventually: Eventually
) -> None:
    release, under_way = threading.Event(), threading.Semaphore(0)

    def handler(_: object, __: object) -> None:
        under_way.release()
        release.wait(60)

    start(handler)
    eventually(lambda: under_way.acquire(blocking=False))
    second = under_way.acquire(timeout=30)  # it began while the first was waiting
    release.set()
    assert second


def test_a_run_that_fails_is_logged_and_followed_by_the_next(
    start: Start, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[object] = []

    def handler(event: object, _: object) -> None:
        calls.append(event)
        raise LookupError("no Redis here")

    start(handler)
    eventually(lambda: len(calls) >= 2)
    assert "no Redis here" in caplog.text


def test_being_told_to_stop_takes_a_runs_time_away_and_starts_no_other(start: Start, eventually: Eventually) -> None:
    remaining_ms: list[int] = []
    asked = threading.Event()

    def handler(_: object, context: Context) -> None:
        remaining_ms.append(context.get_remaining_time_in_millis())
        asked.set()
        while context.get_remaining_time_in_millis() > 25_000:
            asked.wait(0.01)
        remaining_ms.append(context.get_remaining_time_in_millis())

    stopping = start(handler)
    assert asked.wait(30)
    stopping.tell()
    eventually(lambda: len(remaining_ms) == 2)
    assert 60_000 < remaining_ms[0] <= 90_000
    assert remaining_ms[1] <= 300


def test_the_event_and_the_context_look_as_those_of_eventbridge_and_lambda() -> None:
    event = scheduler.scheduled_event("relay")
    assert list(event) == [
        *("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    ]
    assert (event["detail-type"], event["source"], event["detail"]) == ("Scheduled Event", "aws.events", {})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    context = Context("relay", Stopping())
    assert context.function_name == "relay"
    assert len(context.aws_request_id) == 36
