"""Looks at a sale from outside while buyers buy: its public pages over HTTP, its rows in MySQL."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import OnsaleError
from functions.mysql import Database
from ops.demo.client import GaveUp, SaleClient
from ops.demo.crowd import Crowd
from ops.demo.progress import Moment, Progress
from ops.demo.seat_map import SeatMap

_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Durable:
    """What MySQL has of the sale: who is on which seats, and how long after its event a sold ticket was written."""

    seats_of: Mapping[str, tuple[str, ...]]
    written_after_ms: tuple[int, ...]
    last_written_at_ms: int


class Watcher:
    """Feeds the progress. Its own requests are few and are not counted among the buyers'."""

    def __init__(self, client: SaleClient, database: Database, sale_id: str, progress: Progress) -> None:
        self._client, self._database, self._sale_id, self._progress = client, database, sale_id, progress
        self._seats = SeatMap(client)

    async def watch(self, crowd: Crowd, buyers: int, started_s: float) -> None:
        """Show a moment every quarter of a second, until cancelled; the last one is shown on cancellation."""
        while True:
            await self.look(crowd, buyers, started_s)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self, crowd: Crowd, buyers: int, started_s: float, *, is_last: bool = False) -> None:
        """Show how things are now. What cannot be seen just now is shown the next time."""
        try:
            sale: Any = (await self._client.sale()).body
            await self._seats.free()
            in_mysql = await asyncio.to_thread(self._rows)
        except (GaveUp, OnsaleError):
            return
        moment = Moment(
            elapsed_s=time.monotonic() - started_s,
            buyers=buyers,
            arrived=crowd.arrived,
            capacity=sale["capacity"],
            waiting=sale["waiting"],
            active=sale["active"],
            held=sale["held"],
            sold=sale["confirmed"],
            in_mysql=in_mysql,
            seats=self._seats.states,
        )
        self._progress.show(moment, is_last=is_last)

    def _rows(self) -> int:
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM purchases WHERE sale_id = %s AND status = 'CONFIRMED'", (self._sale_id,)
            )
            row = cursor.fetchone()
        return int(row[0]) if row else 0


def read_durable(database: Database, sale_id: str) -> Durable:
    """Return what MySQL has sold."""
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT user_id, seat_ids, at_ms, CAST(UNIX_TIMESTAMP(written_at) * 1000 AS UNSIGNED)"
            " FROM purchases WHERE sale_id = %s AND status = 'CONFIRMED'",
            (sale_id,),
        )
        rows = cursor.fetchall()
    return Durable(
        seats_of={user: tuple(seats.split(",")) for user, seats, _, _ in rows},
        written_after_ms=tuple(int(written) - int(at) for _, _, at, written in rows),
        last_written_at_ms=max((int(written) for *_, written in rows), default=0),
    )
