"""A demonstration from start to end: a stack of its own, a seated sale, a crowd, and the proof afterwards."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.mysql import Database
from ops.demo.client import SaleClient
from ops.demo.crowd import Crowd, CrowdPlan
from ops.demo.figures import Figures
from ops.demo.outcome import Outcome
from ops.demo.progress import Progress
from ops.demo.watch import Durable, Watcher, read_durable
from ops.operation import operate

SALE = "demo"
LEDGER_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """A demonstration: a plan of seats, and the crowd that wants them. Short times, so that holds do lapse."""

    crowd: CrowdPlan
    rows: int = 10
    seats_per_row: int = 10
    hold_s: float = 3.0
    claim_s: float = 3.0

    @property
    def seats(self) -> int:
        """How many tickets there are."""
        return self.rows * self.seats_per_row

    @property
    def admit_per_second(self) -> int:
        """How many are admitted a second: so many that a sale of any size takes about as long."""
        return max(20, self.seats // 5)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """All that was seen. Times in seconds since the first buyer could come."""

    plan: DemoPlan
    outcomes: tuple[Outcome, ...]
    figures: Figures
    sold_out_after_s: float
    in_mysql_after_s: float
    took_s: float
    durable: Durable
    ledger: Mapping[str, Any]


def create_sale(plan: DemoPlan) -> None:
    """Create the sale of a demonstration."""
    operate(
        "sale.create",
        saleId=SALE,
        name="The demonstration",
        rows=plan.rows,
        seatsPerRow=plan.seats_per_row,
        payment="required",
        holdSeconds=plan.hold_s,
        claimSeconds=plan.claim_s,
        activeSeconds=10,
        maxActive=max(100, plan.admit_per_second),
        admitPerSecond=plan.admit_per_second,
    )


async def sell(plan: DemoPlan, url: str, database: Database, progress: Progress) -> DemoResult:
    """Let the crowd loose on the sale, watch it until everybody has gone home, and balance the ledger."""
    figures = Figures()
    client, eye = SaleClient(url, SALE, figures), SaleClient(url, SALE, Figures(), connections=2)
    crowd = Crowd(plan.crowd, client, figures)
    watcher = Watcher(eye, database, SALE, progress)
    started_s, started_at_s = time.monotonic(), time.time()
    watching = asyncio.create_task(watcher.watch(crowd, plan.crowd.buyers, started_s))
    try:
        outcomes = await crowd.visit()
        took_s = time.monotonic() - started_s
        await _end(watching)
        ledger = await asyncio.to_thread(operate, "ledger", saleId=SALE, waitSeconds=LEDGER_WAIT_S)
        await watcher.look(crowd, plan.crowd.buyers, started_s, is_last=True)
    finally:
        await _end(watching)
        await client.close()
        await eye.close()
    durable = read_durable(database, SALE)
    return DemoResult(
        plan=plan,
        outcomes=tuple(outcomes),
        figures=figures,
        sold_out_after_s=max(0.0, crowd.last_ticket_at_s - started_s),
        in_mysql_after_s=max(0.0, durable.last_written_at_ms / 1000 - started_at_s),
        took_s=took_s,
        durable=durable,
        ledger=ledger,
    )


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
