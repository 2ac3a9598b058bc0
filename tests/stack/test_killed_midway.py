"""kill -9 of whatever runs, in the middle of a sale, and `up` again: nothing is sold twice and the ledger balances."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from ops.demo.client import SaleClient
from ops.demo.crowd import Crowd, CrowdPlan, tickets
from ops.demo.figures import Figures
from ops.demo.outcome import Ending
from ops.local.stack import Stack, private_stack
from ops.local.topology import EVERYTHING
from ops.operation import operate
from tests.client import client_of
from tests.conftest import PATIENT, Eventually

SALE = "midway"
VICTIMS = ("gateway", "relay", "event-source-persist", "event-source-statistics", "scheduler")


@pytest.fixture
def running() -> Iterator[Stack]:
    """A stack of its own, and this process its client."""
    with private_stack(PATIENT, only=tuple(name for name in EVERYTHING if name != "sale")) as stack, client_of(stack):
        yield stack


async def sell(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Send a crowd to the sale; kill and restart everything but the servers once a third of the seats are gone."""
    figures = Figures()
    client = SaleClient(stack.env["ONSALE_URL"], SALE, figures, connections=40)
    crowd = Crowd(CrowdPlan(buyers=150, arrive_within_s=1, pay_percent=90), client, figures)
    try:
        visit = asyncio.ensure_future(crowd.visit())
        while crowd.endings[Ending.TICKET] < 15:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(kill_and_restart, stack)
        outcomes = await visit
    finally:
        await client.close()
    failed = [each for each in outcomes if each.ending is Ending.FAILED]
    assert failed == []
    return tickets(outcomes)


def kill_and_restart(stack: Stack) -> None:
    victims = [psutil.Process(stack.pid(name)) for name in VICTIMS]
    for victim in victims:
        victim.kill()
    psutil.wait_procs(victims, timeout=60)  # a process that is still dying would count as running
    stack.up()
    assert not {stack.pid(name) for name in VICTIMS} & {victim.pid for victim in victims}


def test_a_sale_survives_the_death_of_every_process_of_ours(running: Stack, eventually: Eventually) -> None:
    sale: dict[str, Any] = {"rows": 5, "seatsPerRow": 9, "payment": "required", "maxActive": 12}
    operate("sale.create", saleId=SALE, **sale, holdSeconds=2, claimSeconds=3, activeSeconds=10, admitPerSecond=15)
    threads_before = threading.active_count()
    sold = asyncio.run(sell(running))
    assert len(sold) == 45
    assert len({seat for seats in sold.values() for seat in seats}) == 45
    ledger = operate("ledger", saleId=SALE, waitSeconds=30)
    assert ledger["state"] == "balanced", ledger
    eventually(lambda: _rows().get("statistics") == ledger["version"])  # killed before its first batch, it is not named
    assert threading.active_count() < threads_before + 50


def _rows() -> dict[str, int]:
    return {row["what"]: row["mysql"] for row in operate("ledger", saleId=SALE)["rows"]}
