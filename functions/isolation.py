"""Applies a batch so that one record that can never be applied holds up nobody, and an outage loses nothing.

Knows neither Kafka nor SQL: items go to a callback that applies all of them or none.

* The callback raises `RowsRefused`: somewhere in there is poison. The batch is halved until it stands alone; alone it
  is tried three times in all before it is called poison. Everything else is applied meanwhile.
* It raises `DatabaseAway`: nobody's fault. Three quick tries with growing pauses, then what is left stays unapplied.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from functions.mysql_errors import DatabaseAway, RowsRefused

TRIES = 3
PAUSES_S = (0.1, 0.4)  # between the tries of an outage: long enough for a fail-over of a connection, not of a server

Item = TypeVar("Item")


@dataclass(slots=True)
class Isolated(Generic[Item]):
    """What became of a batch: the poison with its error, and what could not be tried because of `outage`."""

    poison: list[tuple[Item, str]] = field(default_factory=list)
    unapplied: list[Item] = field(default_factory=list)
    outage: str = ""


def apply_isolating(items: Sequence[Item], apply: Callable[[Sequence[Item]], None]) -> Isolated[Item]:
    """Apply items by `apply`, in order, bisecting where it raises RowsRefused."""
    outcome: Isolated[Item] = Isolated()
    groups = [items] if items else []
    while groups:
        group = groups.pop()
        try:
            refusal = _refusal(group, apply)
        except DatabaseAway as error:
            outcome.outage = error.detail
            outcome.unapplied = [*group, *(item for later in reversed(groups) for item in later)]
            break
        if refusal is None:
            continue
        if len(group) == 1:
            outcome.poison.append((group[0], refusal))
        else:
            half = len(group) // 2
            groups += [group[half:], group[:half]]
    return outcome


def _refusal(group: Sequence[Item], apply: Callable[[Sequence[Item]], None]) -> str | None:
    """Apply a group; returns why it was refused, or None. One that stands alone has all its tries."""
    refusal = None
    for _ in range(TRIES if len(group) == 1 else 1):
        try:
            _through_outage(group, apply)
        except RowsRefused as error:
            refusal = error.detail
        else:
            return None
    return refusal


def _through_outage(group: Sequence[Item], apply: Callable[[Sequence[Item]], None]) -> None:
    for pause_s in PAUSES_S:
        try:
            return apply(group)
        except DatabaseAway:
            time.sleep(pause_s)
    return apply(group)
