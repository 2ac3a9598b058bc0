"""A place that figures come from, read in a thread of its own, so that one that hangs holds up no other.

However often it is asked, it is read by one reader at a time, and for at most a fifth of the time: whoever asks in
between gets the figures of before, whose age is told.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotReadInTime
from dataclasses import dataclass, field

from prometheus_client.core import Metric

_REST = 4  # times as long as it was read for
_LONGEST_REST_S = 30.0
_log = logging.getLogger(__name__)

Read = Callable[[], Iterable[Metric]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading found; `at_s` is when it ended, on the monotonic clock."""

    up: bool
    took_s: float
    at_s: float
    families: tuple[Metric, ...] = field(default=())


class Source:
    """Reads by a function that raises where the source is away."""

    def __init__(
        self, name: str, read: Read, *, kept_s: float = 0.0, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`kept_s` is how long figures may stand in for a reading that takes longer than whoever asks can wait."""
        self.name = name
        self._read, self._kept_s, self._clock_s = read, kept_s, clock_s
        self._reader = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._reading: Future[Reading] | None = None
        self._last: Reading | None = None
        self._due_s = 0.0

    def ask(self) -> "Future[Reading]":
        """Return the reading under way, or the last one where it is young enough, or begin a new one."""
        with self._lock:
            if self._reading is None or (self._reading.done() and self._clock_s() >= self._due_s):
                self._reading = self._reader.submit(self._take)
            return self._reading

    def outcome(self, asked: "Future[Reading]", within_s: float) -> Reading:
        """Return a reading that was asked for. One that is not there in time counts as away."""
        try:
            return asked.result(max(0.0, within_s))
        except NotReadInTime:
            last, now_s = self._last, self._clock_s()
            if last is not None and last.up and now_s - last.at_s < self._kept_s:
                return last
            return Reading(False, max(0.0, within_s), now_s)

    def _take(self) -> Reading:
        began_s = self._clock_s()
        try:
            families, fault = tuple(self._read()), None
        except Exception as error:  # noqa: BLE001 - whatever it is, the other sources are told of
            families, fault = (), error
        now_s = self._clock_s()
        reading = Reading(fault is None, now_s - began_s, now_s, families)
        was_up = self._last is None or self._last.up
        if fault is not None and was_up:
            _log.warning("%s cannot be read: %s", self.name, fault)
        elif fault is None and not was_up:
            _log.info("%s can be read again", self.name)
        self._last = reading
        self._due_s = now_s + min(_REST * reading.took_s, _LONGEST_REST_S)
        return reading
