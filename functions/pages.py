"""Answers that list: as many entries as an answer of Lambda carries, and where the following page begins."""

import json
from collections.abc import Iterable
from typing import Any

MOST_BYTES = 5_000_000  # Lambda, quotas: an answer has 6 MB at most


def page(member: str, entries: Iterable[tuple[dict[str, Any], object]], *, more: bool = False) -> dict[str, Any]:
    """Return entries under `member`, and in `next` the `after` of the following page, null at the end.

    An entry comes with the place after which the others are found. `more` says that there may be others beyond these.
    """
    taken: list[dict[str, Any]] = []
    size, last = 0, None
    for entry, place in entries:
        size += len(json.dumps(entry)) + 2
        if taken and size > MOST_BYTES:
            return {member: taken, "next": last}
        taken.append(entry)
        last = place
    return {member: taken, "next": last if more else None}
