"""What a poller has read and not done yet, and how far each partition may be committed because of it.

The one rule: a partition is committed up to the first of its records that waits here, else up to the last one read.
"""

from collections.abc import Iterable, Mapping

from ops.local.event_source.delivery import Delivery
from ops.local.event_source.lambda_event import Place


class Backlog:
    """Deliveries in the order of their offsets. One that shares a partition with an earlier one waits for it."""

    def __init__(self) -> None:
        self._waiting: list[Delivery] = []
        self._read: dict[Place, int] = {}  # the offset behind the last record read
        self._committed: dict[Place, int] = {}

    def read(self, place: Place, offset: int) -> None:
        """Note that a record was read; without a delivery that has it, it counts as done."""
        self._committed.setdefault(place, offset)
        self._read[place] = offset + 1

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Queue deliveries behind those that wait."""
        self._waiting += deliveries

    def replace(self, delivery: Delivery, parts: Iterable[Delivery]) -> None:
        """Put parts in the place of a delivery; without parts, it is done."""
        index = next(number for number, each in enumerate(self._waiting) if each is delivery)
        self._waiting[index : index + 1] = parts

    def due(self, now_s: float) -> Delivery | None:
        """Return the first delivery whose turn and time have come. It stays here until it is replaced."""
        return next((each for each in self._heads() if each.due_at_s <= now_s), None)

    def next_due_s(self) -> float:
        """Return when the next delivery is due: infinity when none waits."""
        return min((each.due_at_s for each in self._heads()), default=float("inf"))

    def held(self) -> set[Place]:
        """Return the partitions of which no more may be read now."""
        return {place for each in self._waiting for place in each.places}

    def commits(self) -> dict[Place, int]:
        """Return the offsets to commit, where that is more than before."""
        safe = dict(self._read)
        for each in reversed(self._waiting):
            for message in reversed(each.messages):
                safe[message.place] = min(message.offset, safe[message.place])
        return {place: offset for place, offset in safe.items() if offset > self._committed[place]}

    def committed(self, offsets: Mapping[Place, int]) -> None:
        """Note what was committed."""
        self._committed.update(offsets)

    def drop(self, places: Iterable[Place]) -> None:
        """Forget partitions that belong to somebody else now."""
        gone = set(places)
        self._waiting = [left for each in self._waiting if (left := each.without(gone))]
        for place in gone:
            self._read.pop(place, None)
            self._committed.pop(place, None)

    def _heads(self) -> list[Delivery]:
        heads, taken = [], set[Place]()
        for each in self._waiting:
            places = each.places
            if not places & taken:
                heads.append(each)
            taken |= places
        return heads
