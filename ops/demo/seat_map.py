"""A client's copy of the seat map: read whole once, then only what changed."""

from ops.demo.client import GaveUp, SaleClient

_PAGE = "2000"


class SeatMap:
    """One buyer's copy."""

    def __init__(self, client: SaleClient) -> None:
        self._client = client
        self.states: dict[str, str] = {}  # seat → FREE, HELD or CONFIRMED, in plan order
        self._version = ""

    async def free(self) -> list[str]:
        """Bring the copy up to date; return the free seats in plan order."""
        if not self._version or not await self._apply({"since": self._version}):
            self.states.clear()
            await self._apply({})
        return [seat for seat, state in self.states.items() if state == "FREE"]

    async def _apply(self, start: dict[str, str]) -> bool:
        """Read all pages from a start; False when the server says that the copy is of no use any more."""
        query, first_version = start, ""
        while True:
            answer = await self._client.seats({**query, "limit": _PAGE})
            if not answer.ok:
                raise GaveUp(f"the seat map: {answer.code}")
            if answer.body.get("reset") and "since" in start:
                return False
            first_version = first_version or str(answer.body["version"])
            self.states.update((each["seatId"], each["state"]) for each in answer.body["seats"])
            if answer.body.get("next") is None:
                # Of the first page: what changed while the others were read comes again next time.
                self._version = first_version
                return True
            query = {**start, "after": str(answer.body["next"])}
