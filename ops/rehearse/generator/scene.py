"""What all visitors of one process share: the plan, the book, the copy of the seat map, and one source of chance."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.demo.seat_copy import SeatCopy
from ops.rehearse.generator.book import Book
from ops.rehearse.plan import RehearsalPlan

_FRESH_S = 1.0  # what a cache in front of the seat map may keep, too


class SharedSeats:
    """A copy of the seat map that many use, as they would use a cache; one of them at a time brings it up to date."""

    def __init__(self, chance: random.Random) -> None:
        self._copy = SeatCopy()
        self._chance = chance
        self._free: list[str] = []
        self._fresh_until_s = -math.inf
        self._reader: int | None = None  # whose turn it is to read
        self._query: Mapping[str, str] | None = None  # of the page that is being read

    def is_fresh(self, now_s: float) -> bool:
        """Whether nobody needs to look again yet."""
        return now_s < self._fresh_until_s

    def page_for(self, number: int) -> Mapping[str, str] | None:
        """Return the query of the page that this visitor is to read; None while another one reads."""
        if self._reader not in (None, number):
            return None
        if self._query is None:
            self._reader, self._query = number, self._copy.first()
        return self._query

    def take(self, page: Mapping[str, Any], now_s: float) -> bool:
        """Apply the page that was read; True when it was the last one."""
        self._query = self._copy.take(page)
        if self._query is not None:
            return False
        self._reader = None
        self._free = self._copy.free()
        self._fresh_until_s = now_s + _FRESH_S
        return True

    def release(self, number: int) -> None:
        """Let others read; for a visitor that goes away while it reads."""
        if self._reader == number:
            self._reader = self._query = None

    def pick(self) -> str:
        """Return a seat by chance that was free and that no other visitor here was given; "" when there is none."""
        if not self._free:
            return ""
        at = self._chance.randrange(len(self._free))
        self._free[at], self._free[-1] = self._free[-1], self._free[at]
        return self._free.pop()


@dataclass(slots=True)
class Scene:
    """One process's part of the rehearsal. Times on the monotonic clock."""

    plan: RehearsalPlan
    book: Book
    opened_s: float  # when the doors opened
    chance: random.Random
    admitted: int = 0  # the highest queue number that anybody here had when told that it was their turn
    names_buyers: bool = True  # requests say who the caller is; False where tokens do
    seats: SharedSeats = field(init=False)

    def __post_init__(self) -> None:
        self.seats = SharedSeats(self.chance)

    @property
    def patience_s(self) -> float:
        """How long a buyer repeats what gets no usable answer: a planned fault, and a minute more."""
        return 60.0 + max((fault.for_s for fault in self.plan.faults), default=0.0)
