"""All the buyers of a demonstration: who they are, when they come, and how each went home."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ops.demo.buyer import Buyer, Habits
from ops.demo.client import SaleClient
from ops.demo.figures import Figures
from ops.demo.outcome import Ending, Outcome


@dataclass(frozen=True, slots=True)
class CrowdPlan:
    """How many come, within which time, and how many of a hundred pay for what they reserve."""

    buyers: int
    arrive_within_s: float
    pay_percent: float
    patience_s: float = 120.0  # whoever is still in the sale so long after arriving counts as failed

    @property
    def payers(self) -> int:
        """How many of them pay."""
        return round(self.buyers * self.pay_percent / 100)


class Crowd:
    """Lets the buyers live and counts them; everything in one event loop."""

    def __init__(self, plan: CrowdPlan, client: SaleClient, figures: Figures) -> None:
        self._plan, self._client, self._figures = plan, client, figures
        self._random = random.Random(plan.buyers)  # noqa: S311 - every run sees the same crowd
        self.arrived = 0
        self.endings: Counter[Ending] = Counter()
        self.last_ticket_at_s = 0.0  # on the monotonic clock

    async def visit(self) -> list[Outcome]:
        """Send everybody to the sale; returns when the last one has gone home."""
        pays = [number < self._plan.payers for number in range(self._plan.buyers)]
        self._random.shuffle(pays)
        arrivals_s = sorted(self._random.uniform(0, self._plan.arrive_within_s) for _ in pays)
        visits = [self._visit(number, *each) for number, each in enumerate(zip(arrivals_s, pays, strict=True), 1)]
        return await asyncio.gather(*visits)

    async def _visit(self, number: int, arrives_s: float, pays: bool) -> Outcome:
        await asyncio.sleep(arrives_s)
        self.arrived += 1
        buyer = Buyer(self._client, f"buyer-{number:05}", Habits(pays=pays), self._figures)
        try:
            outcome = await asyncio.wait_for(buyer.visit(), self._plan.patience_s)
        except TimeoutError:
            why = f"neither ticket nor sold out within {self._plan.patience_s:g} s"
            outcome = Outcome(buyer.user_id, Ending.FAILED, why=why)
        self.endings[outcome.ending] += 1
        if outcome.ending is Ending.TICKET:
            self.last_ticket_at_s = time.monotonic()
        return outcome


def tickets(outcomes: Sequence[Outcome]) -> dict[str, tuple[str, ...]]:
    """Return who went home with which seats."""
    return {each.user_id: each.seat_ids for each in outcomes if each.ending is Ending.TICKET}
