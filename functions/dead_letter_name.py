"""The name of a dead letter: where its record came from, and which function gave it up.

`reservation-events-3-1234` is what persist could not write. A record that another function gave up too is another
letter, named `reservation-events-3-1234@notify`. What Kafka never took comes from `outbox:SALE-EPOCH-VERSION`.
"""

import re
from typing import NamedTuple

# Letters of these are named by their source alone: they never give up the same record.
_PLAIN = ("", "persist", "relay")
_NAME = re.compile(r"([A-Za-z0-9._:-]{1,255})-(\d{1,19})-(\d{1,19})(?:@([A-Za-z0-9._-]{1,64}))?", re.ASCII)
_MAX_WHOLE = 2**63 - 1


class LetterName(NamedTuple):
    """The key of a letter. `function` is "" where it is not known."""

    topic: str
    partition: int
    offset: int
    function: str

    @property
    def source(self) -> str:
        """Where the record came from: topic-partition-offset."""
        return f"{self.topic}-{self.partition}-{self.offset}"

    def __str__(self) -> str:
        return self.source if self.function in _PLAIN else f"{self.source}@{self.function}"


class Spelled(NamedTuple):
    """A letter's name as a person spells it; `function` None stands for any of those that are not spelled."""

    topic: str
    partition: int
    offset: int
    function: str | None

    @property
    def functions(self) -> tuple[str, ...]:
        """Whose letters it may mean."""
        return _PLAIN if self.function is None else (self.function,)


def read_source(text: str) -> tuple[str, int, int] | None:
    """Read topic-partition-offset; None where it is not that."""
    spelled = _match(text)
    return spelled[:3] if spelled and spelled.function is None else None


def read_name(value: object) -> str:
    """Read an operator's argument: the name of a letter. Raises ValueError."""
    if not isinstance(value, str) or _match(value) is None:
        raise ValueError(f"must be topic-partition-offset as `dlq list` prints it, not {value!r}")
    return value


def spelled(text: str) -> Spelled:
    """Take a name apart that `read_name` has read."""
    found = _match(text)
    if found is None:
        raise ValueError(f"{text!r} is no name of a letter")
    return found


def _match(text: str) -> Spelled | None:
    found = _NAME.fullmatch(text)
    if found is None or int(found[2]) > _MAX_WHOLE or int(found[3]) > _MAX_WHOLE:
        return None
    return Spelled(found[1], int(found[2]), int(found[3]), found[4])
