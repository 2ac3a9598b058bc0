"""A client's copy of the seat map: read whole once, then only what changed."""

from collections.abc import Mapping
from typing import Any

from ops.demo.client import GaveUp, SaleClient
from ops.demo.seat_copy import SeatCopy


class SeatMap:
    """One buyer's copy."""

    def __init__(self, client: SaleClient) -> None:
        self._client = client
        self._copy = SeatCopy()

    @property
    def states(self) -> Mapping[str, str]:
        """Seat → FREE, HELD or CONFIRMED, in plan order."""
        return self._copy.states

    async def free(self) -> list[str]:
        """Bring the copy up to date; return the free seats in plan order."""
        query: Mapping[str, str] | None = self._copy.first()
        while query is not None:
            query = self._copy.take(await self._page(query))
        return self._copy.free()

    async def _page(self, query: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self._client.seats(query)
        if not answer.ok:
            raise GaveUp(f"the seat map: {answer.code}")
        return answer.body
