"""A small real sale that goes on until told to stop: buyers come at a steady rate over HTTP, pay or walk away."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from typing import Any

from chalicelib.wiring import outbox, reader
from functions.mysql import Database
from functions.mysql_errors import DatabaseAway
from ops.demo.buyer import Buyer, Habits
from ops.demo.client import SaleClient
from ops.demo.crowd import tickets
from ops.demo.figures import Figures
from ops.demo.outcome import Ending, Outcome
from ops.local.stack import Stack
from ops.operation import operate

EVERY_S = 0.07  # a buyer comes
WAIT_S = 60.0
_POLL_S = 0.02
_numbers = count(1)


class Trade:
    """One sale and its buyers, who live in a thread of their own. Every ninth walks away: that hold must lapse."""

    def __init__(self, stack: Stack, sale_id: str = "", **settings: Any) -> None:
        self.sale_id = sale_id or f"trade-{next(_numbers)}"
        self.figures = Figures()
        self._url, self._database = stack.env["ONSALE_URL"], Database(stack.env["MYSQL_URL"])
        self._outcomes: list[Outcome] = []
        self._closing = threading.Event()
        plan: dict[str, Any] = {"rows": 40, "seatsPerRow": 50, "payment": "required", "holdSeconds": 2}
        operate("sale.create", saleId=self.sale_id, **{**plan, "claimSeconds": 6, "admitPerSecond": 0, **settings})
        self._done: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def sold(self) -> int:
        """Tickets that buyers have been told are theirs."""
        return sum(each.ending is Ending.TICKET for each in tuple(self._outcomes))

    @property
    def outbox(self) -> int:
        """Events that Kafka does not have yet."""
        return outbox().length(self.sale_id)

    @property
    def version(self) -> int:
        """The version of the sale's latest event."""
        return reader().sale(self.sale_id).version

    def written(self) -> int:
        """Return how many events MySQL has; -1 when it cannot be asked."""
        try:
            with self._database.transaction() as cursor:
                cursor.execute("SELECT COUNT(*) FROM sale_events WHERE sale_id = %s", (self.sale_id,))
                row = cursor.fetchone()
        except DatabaseAway:
            return -1
        return int(row[0]) if row else 0

    def sell(self, more: int) -> None:
        """Wait until so many more tickets are sold."""
        wanted = self.sold + more
        wait_for(lambda: self.sold >= wanted, f"{more} more tickets sold")

    def recovered_s(self, back_at_s: float) -> float:
        """Wait until MySQL has every event up to now, and return the seconds since what was away is back."""
        version = self.version
        wait_for(lambda: self.written() >= version, f"version {version} of {self.sale_id} in MySQL")
        return time.monotonic() - back_at_s

    def end(self) -> dict[str, tuple[str, ...]]:
        """Let nobody else in and wait for those inside; returns who went home with which seats."""
        self._closing.set()
        self._done.result(WAIT_S)
        failed = [each for each in self._outcomes if each.ending is Ending.FAILED]
        assert failed == []
        return tickets(self._outcomes)

    def close(self) -> None:
        """Let nobody else in, wait for those inside, and check that everything agrees with what buyers were told."""
        told = self.end()
        wait_for(lambda: reader().sale(self.sale_id).held == 0, "every hold that was not paid has lapsed")
        ledger = operate("ledger", saleId=self.sale_id, waitSeconds=WAIT_S)
        assert ledger["state"] == "balanced", ledger
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT user_id, seat_ids FROM purchases WHERE sale_id = %s AND status = 'CONFIRMED'", (self.sale_id,)
            )
            record = {user: tuple(seats.split(",")) for user, seats in cursor.fetchall()}
        assert record == told
        self._database.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._let_buyers_come())
            self._done.set_result(None)
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            self._done.set_exception(error)

    async def _let_buyers_come(self) -> None:
        client = SaleClient(self._url, self.sale_id, self.figures, connections=40)
        visits: list[asyncio.Task[None]] = []
        try:
            for number in count(1):
                if self._closing.is_set():
                    break
                visits.append(asyncio.ensure_future(self._visit(client, number)))
                await asyncio.sleep(EVERY_S)
            await asyncio.gather(*visits)
        finally:
            await client.close()

    async def _visit(self, client: SaleClient, number: int) -> None:
        habits = Habits(pays=number % 9 != 0, pays_after_s=0.1, picks_seats=False)
        self._outcomes.append(await Buyer(client, f"buyer-{number:04}", habits, self.figures).visit())


def wait_for(condition: Callable[[], object], what: str, within_s: float = WAIT_S) -> None:
    """Return when a condition holds; fails, naming it, when that takes too long."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}"
        time.sleep(_POLL_S)
