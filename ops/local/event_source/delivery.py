"""A batch on its way to the function, and what is left of it after each invocation. Values only: no clock, no Kafka.

Lambda's rules, with the source of each:
* a failed batch is delivered again whole, at most MaximumRetryAttempts times ("error handling controls for Kafka
  event sources"); splitting it does not use up attempts ("Kinesis: error handling", which has the same property);
* of a partial answer everything from the first failure of a partition on is delivered again, so that order is kept;
* when the attempts are used up, records go to the on-failure destination, or nowhere: the whole batch after an error,
  but only the record that is named first after a partial answer, as nobody knows whether those behind it were done.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ops.local.event_source.invocation import MAX_PAYLOAD_BYTES
from ops.local.event_source.lambda_event import Message, Place, record_bytes

RETRIES_EXHAUSTED, TOO_OLD, TOO_LARGE = "RetriesExhausted", "EventAgeExceeded", "MaximumPayloadSizeExceeded"
_Chosen = Callable[[Message], bool]
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0  # so that a function is served again soon after what it needs is back


@dataclass(frozen=True, slots=True)
class Discard:
    """Why records are given up."""

    condition: str
    function_error: str = ""
    was_invoked: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """What a mapping says of failures. None: no limit."""

    max_retries: int | None = None
    bisects: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """Messages that go together, in the order of their offsets within each partition: to the function, or out."""

    messages: tuple[Message, ...]
    tries: Mapping[Place, int] = field(default_factory=dict)  # failed deliveries, those that count
    invocations: int = 0  # that any of it was in
    fruitless: int = 0  # in a row
    due_at_s: float = 0.0
    discard: Discard | None = None  # set: it goes to the on-failure destination

    @property
    def places(self) -> set[Place]:
        """The partitions it holds up until it is done."""
        return {message.place for message in self.messages}

    def without(self, places: Iterable[Place]) -> "Delivery | None":
        """Return what is left when partitions belong to somebody else now."""
        gone = set(places)
        left = tuple(message for message in self.messages if message.place not in gone)
        return replace(self, messages=left) if left else None

    def keeping(self, messages: tuple[Message, ...]) -> "Delivery":
        """Return it with some of its messages."""
        return replace(self, messages=messages)

    def postponed(self, now_s: float) -> "Delivery":
        """Return it for later, when nothing could be done and no attempt was made."""
        return replace(self, fruitless=self.fruitless + 1, due_at_s=now_s + _pause_s(self.fruitless + 1))

    def after_error(self, error: str, rules: Rules, now_s: float, *, splits: bool = True) -> "list[Delivery]":
        """Return what is to be done after the function failed as a whole, in this order."""
        if splits and rules.bisects and len(self.messages) > 1:
            middle = len(self.messages) // 2
            halves = (self.messages[:middle], self.messages[middle:])
            return [replace(self, messages=half, invocations=self.invocations + 1, due_at_s=0.0) for half in halves]
        tries = {place: self.tries.get(place, 0) + 1 for place in self.places}
        spent = _spent(tries, rules)
        again = self._again(lambda message: message.place not in spent, tries, self.fruitless + 1, now_s)
        out = self._out(lambda message: message.place in spent, Discard(RETRIES_EXHAUSTED, error))
        return [each for each in (out, again) if each]

    def after_answer(self, failed: Mapping[Place, int], rules: Rules, now_s: float) -> "list[Delivery]":
        """Return what is to be done after the function named the first failure of some partitions, in this order."""
        firsts = {message.place: message.offset for message in reversed(self.messages)}
        stuck = {place for place, offset in failed.items() if offset == firsts[place]}
        tries = {place: (self.tries.get(place, 0) if place in stuck else 0) + 1 for place in failed}
        spent = _spent(tries, rules)
        progress = len(stuck) < len(firsts)
        out = self._out(
            lambda message: message.place in spent and message.offset == failed[message.place],
            Discard(RETRIES_EXHAUSTED),
        )
        behind = self._again(lambda m: m.place in spent and m.offset > failed[m.place], {}, 0, 0.0)
        again = self._again(
            lambda m: m.place not in spent and m.place in failed and m.offset >= failed[m.place],
            tries,
            1 if progress else self.fruitless + 1,
            now_s,
        )
        return [each for each in (out, behind, again) if each]

    def by_age(self, oldest_ms: float) -> "list[Delivery]":
        """Return it as what is too old to be delivered and the rest; itself alone when nothing is."""
        if self.discard or all(message.timestamp_ms >= oldest_ms for message in self.messages):
            return [self]
        out = self._out(lambda m: m.timestamp_ms < oldest_ms, Discard(TOO_OLD, was_invoked=self.invocations > 0))
        live = tuple(message for message in self.messages if message.timestamp_ms >= oldest_ms)
        rest = [replace(self, messages=live)] if live else []
        return [replace(out, invocations=self.invocations), *rest] if out else rest

    def _again(self, chosen: _Chosen, tries: Mapping[Place, int], fruitless: int, now_s: float) -> "Delivery | None":
        left = tuple(message for message in self.messages if chosen(message))
        due_at_s = now_s + _pause_s(fruitless) if fruitless else 0.0
        kept = {place: tries[place] for place in {message.place for message in left} if place in tries}
        return Delivery(left, kept, self.invocations + 1, fruitless, due_at_s) if left else None

    def _out(self, chosen: _Chosen, why: Discard) -> "Delivery | None":
        left = tuple(message for message in self.messages if chosen(message))
        return Delivery(left, invocations=self.invocations + 1, discard=why) if left else None


def cut(messages: Iterable[Message], empty_bytes: int) -> list[Delivery]:
    """Return messages as batches whose events stay within Lambda's limit; one that alone exceeds it is given up."""
    batches: list[Delivery] = []
    batch: list[Message] = []
    total = empty_bytes
    for message in messages:
        size = record_bytes(message)
        if batch and total + size > MAX_PAYLOAD_BYTES:
            batches.append(Delivery(tuple(batch)))
            batch, total = [], empty_bytes
        if empty_bytes + size > MAX_PAYLOAD_BYTES:
            batches.append(Delivery((message,), discard=Discard(TOO_LARGE, was_invoked=False)))
        else:
            batch.append(message)
            total += size
    return [*batches, Delivery(tuple(batch))] if batch else batches


def _spent(tries: Mapping[Place, int], rules: Rules) -> set[Place]:
    limit = rules.max_retries
    return set() if limit is None else {place for place, count in tries.items() if count > limit}


def _pause_s(fruitless: int) -> float:
    return float(min(_FIRST_PAUSE_S * 2 ** min(fruitless - 1, 10), _LONGEST_PAUSE_S))
