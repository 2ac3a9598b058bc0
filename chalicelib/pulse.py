"""What a scheduled loop tells while it runs, so that its silence, its slowness and its failures can be told apart.

Each round that does its work is a pulse. A loop with something to do has hundreds of them a minute. One that ends at
once because nothing can happen in the next minute misses none by that: it is worth a minute's. So the sum of a minute
is high where all is well, idle or not, and low where the loop is not run, cannot work, or does not keep up.
"""

import time
from collections.abc import Callable, Mapping

from chalicelib import emf

PULSES_OF_A_QUIET_RUN = 300  # of a minute of ticks every 200 ms
EVERY_S = 10.0  # runs overlap: what were told only at their end would stand in now this minute, now the next


class Pulse:
    """One run of a loop; `totals` are what it has counted since its start, by name."""

    def __init__(self, function: str, gauge: Callable[[], Mapping[str, float]] = dict) -> None:
        """`gauge` is asked for what is measured, not counted, whenever something is told."""
        self._function, self._gauge = function, gauge
        self._pulses = 0
        self._told: Mapping[str, int] = {}
        self._due_s = time.monotonic() + EVERY_S

    def beat(self, totals: Mapping[str, int], *, well: bool) -> None:
        """A round is done; tell of it every few seconds."""
        self._pulses += well
        if time.monotonic() >= self._due_s:
            self._tell(totals)

    def end(self, totals: Mapping[str, int], *, quiet: bool) -> None:
        """Tell the rest; `quiet` where the run ended early because nothing can happen before the next one."""
        if quiet:
            self._pulses += PULSES_OF_A_QUIET_RUN
        self._tell(totals)

    def _tell(self, totals: Mapping[str, int]) -> None:
        if emf.is_heard():
            fresh = {name: value - self._told.get(name, 0) for name, value in totals.items()}
            emf.publish(self._function, pulses=self._pulses, **fresh, **self._gauge())
        self._told, self._pulses = dict(totals), 0
        self._due_s = time.monotonic() + EVERY_S
