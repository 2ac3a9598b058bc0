"""A batch on its way to the function: what is left of it after an answer, and when that is tried again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ops.local.event_source.lambda_event import Message, Place

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0  # so that a function is served again soon after what it needs is back


@dataclass(frozen=True, slots=True)
class Delivery:
    """Messages that go to the function together, in the order of their offsets within each partition."""

    messages: tuple[Message, ...]
    attempts: int = 0  # deliveries that have failed
    due_at_s: float = 0.0

    @property
    def places(self) -> set[Place]:
        """The partitions it holds up until it is done."""
        return {message.place for message in self.messages}

    def done_offsets(self, failed: Mapping[Place, int]) -> dict[Place, int]:
        """Return, for each partition of which something is done, the offset that is next to be delivered."""
        ends: dict[Place, int] = {}
        begins: dict[Place, int] = {}
        for message in self.messages:
            begins.setdefault(message.place, message.offset)
            ends[message.place] = message.offset + 1
        nexts = {place: failed.get(place, end) for place, end in ends.items()}
        return {place: offset for place, offset in nexts.items() if offset > begins[place]}

    def all_failed(self) -> dict[Place, int]:
        """Return the failures of a batch that failed as a whole."""
        first: dict[Place, int] = {}
        for message in self.messages:
            first.setdefault(message.place, message.offset)
        return first

    def retry(self, failed: Mapping[Place, int], now_s: float) -> "Delivery | None":
        """Return what must be delivered again: of each partition everything from its first failure on; or None."""
        left = tuple(m for m in self.messages if m.place in failed and m.offset >= failed[m.place])
        if not left:
            return None
        # Progress is a fresh start: the next pause is long only when nothing of it could be done.
        attempts = self.attempts + 1 if len(left) == len(self.messages) else 1
        return Delivery(left, attempts, now_s + min(_FIRST_PAUSE_S * 2 ** (attempts - 1), _LONGEST_PAUSE_S))

    def without(self, places: Iterable[Place]) -> "Delivery | None":
        """Return what is left when partitions belong to somebody else now."""
        gone = set(places)
        left = tuple(message for message in self.messages if message.place not in gone)
        return Delivery(left, self.attempts, self.due_at_s) if left else None
