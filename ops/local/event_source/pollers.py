"""Several pollers of one mapping: a process each, ended together, replaced when one dies.

Lambda adds and removes pollers as the lag asks for it, between MinimumPollers and MaximumPollers; here their number is
fixed when they start, to the most that mapping, topic and machine allow.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ops.local.event_source.mapping import EventSourceMapping

USAGE = 2  # the exit status of a poller that will not do better the next time
_TIED = str(Path(__file__).parents[1] / "tied.py")
_LOOK_UP_S = 0.1
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_STEADY_S = 30.0  # who ran for that long had not died of how it was started
_log = logging.getLogger(__name__)


def how_many(mapping: EventSourceMapping, allowed: int, partitions: int) -> int:
    """Return the number of pollers: never more than partitions, since each of those has one reader."""
    most = min(allowed, max(1, partitions), mapping.max_pollers or allowed)
    if most < mapping.min_pollers:
        _log.warning("%s: MinimumPollers is %d, there will be %d", mapping.name, mapping.min_pollers, most)
    return max(1, most)


class Pollers:
    """Processes of one command. They die with the thread that calls `run`; `stop` may be called anywhere."""

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command = (sys.executable, "-I", "-S", _TIED, str(os.getpid()), *command)
        self._slots = [_Slot() for _ in range(count)]
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Have `run` end all pollers, each after its delivery under way, and return."""
        self._stopping.set()

    def run(self) -> int:
        """Keep the pollers running until stopped. Returns 0, or 2 when they cannot be used as they are asked for."""
        try:
            while not self._stopping.wait(_LOOK_UP_S):
                for slot in self._slots:
                    if slot.ended() == USAGE:
                        return USAGE
                    slot.start_when_due(self._command)
            return 0
        finally:
            self._end()

    def _end(self) -> None:
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait()  # whoever stops this process sees to it that it does not take too long


class _Slot:
    """The place of one poller."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._pause_s = 0.0
        self._starts_at_s = 0.0
        self._started_at_s = 0.0

    def ended(self) -> int | None:
        """Return the status of a poller that has ended since the last time."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        now_s = time.monotonic()
        steady = now_s - self._started_at_s > _STEADY_S
        self._pause_s = _FIRST_PAUSE_S if steady else min(max(self._pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._starts_at_s = now_s + self._pause_s
        _log.error("poller %d ended with status %d; another follows", self.process.pid, status)
        self.process = None
        return status

    def start_when_due(self, command: Sequence[str]) -> None:
        """Start a poller where there is none."""
        if self.process is None and time.monotonic() >= self._starts_at_s:
            self._started_at_s = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
