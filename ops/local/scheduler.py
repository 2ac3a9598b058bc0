"""What EventBridge does for the scheduled functions: `python -m ops.local.scheduler promote|relay`.

A run is started a minute after the last one was, or as soon as that one has returned; so runs overlap as they do when
deployed, and a function that returns early because nothing is to be done is asked again at once. Knows the functions'
names and Lambda's calling convention, nothing of what they do.
"""

import logging
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ops.local import readiness
from ops.metrics import functions

PERIOD_S = 60.0  # "rate(1 minute)"
TIMEOUT_S = 90.0  # of the functions, in template.yaml
PAUSE_S = 0.25  # between two runs that return at once
PAUSE_AFTER_ERROR_S = 1.0
STOP_WITHIN_S = 2.0  # what a run has left after SIGTERM

Handler = Callable[[dict[str, Any], Any], object]
_log = logging.getLogger("onsale.scheduler")


class Context:
    """The part of Lambda's context object that a scheduled function may use."""

    def __init__(self, function_name: str, stopping: "Stopping") -> None:
        self.function_name = function_name
        self.aws_request_id = str(uuid.uuid4())
        self._deadline_s = time.monotonic() + TIMEOUT_S
        self._stopping = stopping

    def get_remaining_time_in_millis(self) -> int:
        """Return the ms until the time-out; it drops to two seconds when the process is told to stop."""
        deadline_s = min(self._deadline_s, self._stopping.deadline_s)
        return max(0, int((deadline_s - time.monotonic()) * 1000))


class Stopping:
    """Whether this process has been told to stop, and until when its runs must have ended."""

    def __init__(self) -> None:
        self.deadline_s = float("inf")
        self.event = threading.Event()

    def tell(self, *_: object) -> None:
        """Begin to stop; fit to be a signal handler."""
        self.deadline_s = min(self.deadline_s, time.monotonic() + STOP_WITHIN_S)
        self.event.set()


class Run(threading.Thread):
    """One call of the function."""

    def __init__(self, name: str, handler: Handler, stopping: Stopping, wake: threading.Condition) -> None:
        super().__init__(name=name, daemon=True)
        self.started_s = time.monotonic()
        self.ended_s = 0.0
        self.failed = False
        self._handler, self._wake = handler, wake
        self._context = Context(name, stopping)

    def run(self) -> None:
        """Call the function; an error is logged, and ends this run only."""
        try:
            self._handler(scheduled_event(self.name), self._context)
        except Exception:  # noqa: BLE001 - whatever it is, the next run starts
            self.failed = True
            _log.exception("%s failed in run %s", self.name, self._context.aws_request_id)
        with self._wake:
            self.ended_s = time.monotonic()
            self._wake.notify()

    def next_is_due_s(self) -> float:
        """Return when the next run should start: after a short pause once this one is over, or in its minute."""
        latest_s = self.started_s + PERIOD_S
        if not self.ended_s:
            return latest_s
        return min(latest_s, self.ended_s + (PAUSE_AFTER_ERROR_S if self.failed else PAUSE_S))


def scheduled_event(rule: str) -> dict[str, Any]:
    """Return what EventBridge sends for a schedule rule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "local",
        "resources": [f"arn:aws:events:local:000000000000:rule/{rule}"],
        "detail": {},
    }


def keep_running(name: str, handler: Handler, stopping: Stopping) -> None:
    """Start run after run until told to stop, then wait for those that are under way."""
    wake = threading.Condition()
    runs: list[Run] = []
    while not stopping.event.is_set():
        run = Run(name, handler, stopping, wake)
        runs = [*(each for each in runs if each.is_alive()), run]
        run.start()
        with wake:
            while not stopping.event.is_set() and (left_s := run.next_is_due_s() - time.monotonic()) > 0:
                wake.wait(min(left_s, 0.25))  # a signal handler cannot notify
    for run in runs:
        run.join(max(0.0, stopping.deadline_s + 0.5 - time.monotonic()))


def _function(name: str) -> Handler:
    if name == "promote":
        from app import promote

        return promote  # type: ignore[no-any-return]
    from functions.relay import handler

    return handler


def main(name: str) -> None:
    """Schedule one function until SIGTERM or Ctrl-C."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    stopping = Stopping()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping.tell)
    functions.listen()
    handler = _function(name)
    readiness.announce()
    keep_running(name, handler, stopping)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("promote", "relay"):
        sys.exit("usage: python -m ops.local.scheduler promote|relay")
    main(sys.argv[1])
