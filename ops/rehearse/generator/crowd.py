"""Who comes to one process of the generator, when, and with which habits. Knows no clock and no connection.

Buyers come evenly, each at a random moment of its own slot: `arrive_s / buyers` after one another. With `arrive_s` 0
all come at once. Process p of n has the buyers p, p + n, p + 2n, … A soak's visits come evenly too, each by whoever of
this process's buyers is at home for longest.
"""

import itertools
import random
from collections import deque
from collections.abc import Iterator

from ops.demo.outcome import Ending
from ops.rehearse.generator.scene import Scene
from ops.rehearse.generator.schedule import Schedule
from ops.rehearse.generator.visitor import Visitor

_MOST_PATIENCE = 3  # times that somebody who leaves is told to wait


class Crowd:
    """The buyers of process `process`, 1 to `processes`. The same plan brings the same crowd every time."""

    def __init__(self, scene: Scene, process: int, processes: int) -> None:
        plan = scene.plan
        self._scene = scene
        self._numbers = range(process, plan.buyers + 1, processes)
        self._at_home = deque(self._numbers if plan.is_soak else ())
        self._pays = _chosen(plan.buyers, plan.pay, "pay")
        self._leaves = _chosen(plan.buyers, plan.abandon, "leave")
        self._present: set[Visitor] = set()
        self._arrivals = random.Random(f"arrive {process}")  # noqa: S311 - the same crowd every time
        self.schedule = Schedule(self._soak() if plan.is_soak else self._once(), self._arrive)

    @property
    def is_done(self) -> bool:
        """Whether all have come and gone."""
        return self.schedule.all_have_come and not self._present

    def gone(self, visitor: Visitor) -> None:
        """Take note that a visit is over."""
        self._present.discard(visitor)
        if self._scene.plan.is_soak:
            self._at_home.append(visitor.number)

    def stop(self) -> None:
        """Give everybody who is still in the sale an ending. A soak's visits just end."""
        if not self.schedule.all_have_come:
            self._scene.book.end.arrived_after_s = None
        if not self._scene.plan.is_soak:
            for visitor in self._present:
                self._scene.book.ended(visitor.user_id, Ending.FAILED, f"still at {visitor.stage.name.lower()}")

    def _once(self) -> Iterator[tuple[float, int]]:
        plan, opened_s = self._scene.plan, self._scene.opened_s
        slot_s = plan.arrive_s / plan.buyers
        for number in self._numbers:
            yield opened_s + (number - 1 + self._arrivals.random()) * slot_s, number

    def _soak(self) -> Iterator[tuple[float, int]]:
        """Yield the due times of visits; the number is not used, as whoever is at home comes."""
        plan = self._scene.plan
        for visit in itertools.count(self._numbers.start - 1, self._numbers.step):
            after_s = (visit + self._arrivals.random()) / plan.soak_rate
            if after_s >= (plan.duration_s or 0):
                return
            yield self._scene.opened_s + after_s, 0

    def _arrive(self, number: int, now_s: float) -> Visitor | None:
        book, plan, chance = self._scene.book, self._scene.plan, self._scene.chance
        book.end.arrived_after_s = round(now_s - self._scene.opened_s, 3)
        if plan.is_soak:
            if not self._at_home:
                book.moved("skipped")
                return None
            visitor = Visitor(self._scene, self._at_home.popleft(), pays=chance.random() < plan.pay)
        else:
            patience = 1 + number % _MOST_PATIENCE if self._leaves[number - 1] else 0
            visitor = Visitor(self._scene, number, pays=bool(self._pays[number - 1]), patience=patience)
        book.moved("arrived")
        self._present.add(visitor)
        return visitor


def _chosen(buyers: int, share: float, seed: str) -> bytearray:
    """Return a 1 for each buyer who is among the share, by chance, the same ones in every process."""
    count = round(buyers * share)
    flags = bytearray([1]) * count + bytearray(buyers - count)
    if 0 < count < buyers:
        random.Random(seed).shuffle(flags)  # noqa: S311
    return flags
