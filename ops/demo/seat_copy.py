"""The rules by which a client keeps a copy of the seat map, page by page. Sends nothing itself."""

from collections.abc import Mapping
from typing import Any

_PAGE = "2000"


class SeatCopy:
    """One copy; one reading of it at a time: `first` says what to ask for, `take` what next, None when it is whole."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}  # seat → FREE, HELD or CONFIRMED, in plan order
        self._version = ""
        self._start: dict[str, str] = {}
        self._first_version = ""

    def free(self) -> list[str]:
        """Return the free seats in plan order."""
        return [seat for seat, state in self.states.items() if state == "FREE"]

    def first(self) -> dict[str, str]:
        """Begin to read: all pages, or the changes since the last time. Returns the first page's query."""
        self._start = {"since": self._version} if self._version else {}
        self._first_version = ""
        if not self._start:
            self.states.clear()
        return {**self._start, "limit": _PAGE}

    def take(self, page: Mapping[str, Any]) -> dict[str, str] | None:
        """Apply a page. Returns the next one's query, None after the last."""
        if page.get("reset") and self._start:  # the server says that the copy is of no use any more
            self._version = ""
            return self.first()
        self._first_version = self._first_version or str(page["version"])
        self.states.update((each["seatId"], each["state"]) for each in page["seats"])
        if page.get("next") is None:
            # Of the first page: what changed while the others were read comes again next time.
            self._version = self._first_version
            return None
        return {**self._start, "after": str(page["next"]), "limit": _PAGE}
