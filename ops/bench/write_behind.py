"""A whole sale at full speed, and how far MySQL is behind it: 1,000 tickets, 20,000 buyers, 300 requests in flight."""

import asyncio
import time
from statistics import median

from functions.mysql import Database
from ops import environment
from ops.bench.figures import Figure
from ops.demo.buyer import Buyer, Habits
from ops.demo.client import SaleClient
from ops.demo.figures import Figures
from ops.demo.outcome import Ending
from ops.local.stack import private_stack
from ops.local.topology import EVERYTHING
from ops.operation import operate

_SALE = "bench"
_TICKETS, _BUYERS, _IN_FLIGHT = 1_000, 20_000, 300
_WAIT_S = 30.0


def measure() -> list[Figure]:
    """Sell out, wait for MySQL, and compare each event's time with the time its row was written."""
    with private_stack(only=tuple(name for name in EVERYTHING if name != "sale")) as stack:
        environment.point_at(stack.env)
        # Who waits asks every 10 s at least, a third of the claim time: the end of the sale is soon known to all.
        operate("sale.create", saleId=_SALE, capacity=_TICKETS, maxActive=100, admitPerSecond=0, claimSeconds=30)
        took_s, seen = asyncio.run(_sell(stack.env["ONSALE_URL"]))
        database = Database(stack.env["MYSQL_URL"])
        last_ms, worst_ms, median_ms, sold_out_s = _delays(database)
        database.close()
    return [
        Figure("last sold ticket until its row", last_ms / 1000, "s", target=1.0, at_most=True),
        Figure("any sold ticket until its row, at worst", worst_ms / 1000, "s"),
        Figure("a sold ticket until its row, in the median", median_ms / 1000, "s"),
        Figure("1,000 tickets sold out after", sold_out_s, "s"),
        Figure("20,000 buyers served after", took_s, "s", note=f"{seen.requests / took_s:,.0f} requests a second"),
        *_latencies(seen),
    ]


def _latencies(seen: Figures) -> list[Figure]:
    """Return median and 99th percentile of what the crowd itself saw, Python's client and its one loop included."""
    by_name = {each.endpoint: each for each in seen.endpoints()}
    return [
        Figure(f"{name} with {_IN_FLIGHT} in flight, {rank}", value, "ms")
        for name in ("enter", "status", "reserve")
        for rank, value in (("p50", by_name[name].p50_ms), ("p99", by_name[name].p99_ms))
    ]


async def _sell(url: str) -> tuple[float, Figures]:
    figures = Figures()
    client = SaleClient(url, _SALE, figures, connections=_IN_FLIGHT)
    started_s = time.monotonic()
    try:
        buyers = [Buyer(client, f"buyer-{n}", Habits(picks_seats=False), figures) for n in range(_BUYERS)]
        outcomes = await asyncio.gather(*(buyer.visit() for buyer in buyers))
    finally:
        await client.close()
    took_s = time.monotonic() - started_s
    with_ticket = sum(each.ending is Ending.TICKET for each in outcomes)
    if with_ticket != _TICKETS:
        raise RuntimeError(f"{with_ticket} buyers went home with one of {_TICKETS} tickets")
    return took_s, figures


def _delays(database: Database) -> tuple[float, float, float, float]:
    """Return ms from event to row: of the last sold ticket, the worst, the median; and the seconds of selling."""
    give_up_s = time.monotonic() + _WAIT_S
    while True:
        with database.transaction() as cursor:
            cursor.execute(
                "SELECT ROUND(UNIX_TIMESTAMP(CONVERT_TZ(written_at, '+00:00', @@session.time_zone)) * 1000) - at_ms,"
                " at_ms FROM purchases WHERE sale_id = %s AND status = 'CONFIRMED' ORDER BY at_ms, version",
                (_SALE,),
            )
            rows = cursor.fetchall()
        delays = [float(row[0]) for row in rows]
        if len(delays) == _TICKETS:
            return delays[-1], max(delays), median(delays), (rows[-1][1] - rows[0][1]) / 1000
        if time.monotonic() > give_up_s:
            raise RuntimeError(f"{len(delays)} of {_TICKETS} tickets in MySQL {_WAIT_S:g} s after the sale")
        time.sleep(0.1)
