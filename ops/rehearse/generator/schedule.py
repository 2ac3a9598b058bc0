"""What is to be done next: arrivals in their order, and the next steps of those who have come. Knows no clock."""

import heapq
import itertools
from collections.abc import Callable, Iterator

from ops.rehearse.generator.visitor import Visitor


class Schedule:
    """Steps by the time they are due; of those due at the same time the first to be planned comes first."""

    def __init__(self, arrivals: Iterator[tuple[float, int]], arrive: Callable[[int, float], Visitor | None]) -> None:
        """`arrivals` yields (due, number), earliest first; `arrive(number, now)` makes the buyer, or None."""
        self._arrivals, self._arrive = arrivals, arrive
        self._next_arrival = next(arrivals, None)
        self._steps: list[tuple[float, int, Visitor]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        """Return how many have come and wait for their next step."""
        return len(self._steps)

    @property
    def all_have_come(self) -> bool:
        """Whether nobody is still to come."""
        return self._next_arrival is None

    def plan(self, due_s: float, visitor: Visitor) -> None:
        """Plan a buyer's next step."""
        heapq.heappush(self._steps, (due_s, next(self._order), visitor))

    def next_due_s(self) -> float | None:
        """Return when the next step is due; None when there is none."""
        step = self._steps[0][0] if self._steps else None
        arrival = self._next_arrival[0] if self._next_arrival else None
        return min((due for due in (step, arrival) if due is not None), default=None)

    def take(self, now_s: float) -> tuple[float, Visitor] | None:
        """Take the earliest step that is due: (when it was due, whose it is)."""
        while True:
            arrival = self._next_arrival
            is_step_first = self._steps and (arrival is None or self._steps[0][0] <= arrival[0])
            if is_step_first:
                if self._steps[0][0] > now_s:
                    return None
                due_s, _, visitor = heapq.heappop(self._steps)
                return due_s, visitor
            if arrival is None or arrival[0] > now_s:
                return None
            self._next_arrival = next(self._arrivals, None)
            newcomer = self._arrive(arrival[1], now_s)
            if newcomer is not None:
                return arrival[0], newcomer

    def overdue(self, now_s: float) -> int:
        """Return how many who have come wait for a step that is due."""
        return sum(1 for due_s, _, _ in self._steps if due_s <= now_s)

    def remaining(self) -> list[Visitor]:
        """Return those who have come and are not done."""
        return [visitor for _, _, visitor in self._steps]
