"""Promotion as a scheduled function runs it: tick by tick over all sales, for one overlapping minute."""

import logging
import time
from collections.abc import Callable

from chalicelib import wiring
from chalicelib.config import settings
from chalicelib.errors import Refused, StoreUnavailable
from chalicelib.pulse import Pulse
from chalicelib.sale.model import CLOSED, DRAFT, SCHEDULED, Promotion
from chalicelib.sale_list import SaleList

RUN_S = 65.0  # runs start every minute and overlap, because schedules are late by seconds and a start may be cold
_SOON_MS = 60_000
_log = logging.getLogger(__name__)


def run(remaining_ms: Callable[[], int]) -> dict[str, int]:
    """Promote until the run is over or nothing is left to do; returns what was done, in total.

    A run ends early when no sale is open or opens within a minute and nothing is held, so that an idle stage costs
    next to nothing; the next scheduled run looks again.
    """
    tick_s = settings().promote_tick_ms / 1000
    ends_at = time.monotonic() + RUN_S
    rounds = _Rounds()
    pulse = Pulse("promote", rounds.waiting_events)
    while True:
        started = time.monotonic()
        busy = rounds.tick()
        pulse.beat(rounds.done, well=not rounds.failed)
        left_s = min(ends_at - time.monotonic(), remaining_ms() / 1000 - 1)
        if not busy or left_s <= tick_s:
            pulse.end(rounds.done, quiet=not busy)
            return rounds.done
        time.sleep(max(0.0, tick_s - (time.monotonic() - started)))


class _Rounds:
    """The rounds of one run over all sales: `done` in total, `failed` says of the last one whether anything did."""

    def __init__(self) -> None:
        self.done = {"ticks": 0, "admitted": 0, "lapsed": 0, "expired": 0, "failures": 0}
        self.failed = False
        self._sales = SaleList()
        self._outboxes: dict[str, int] = {}

    def tick(self) -> bool:
        """Promote every sale once; True while there may be something to do in the next minute."""
        self.done["ticks"] += 1
        self.failed = busy = False
        try:
            sale_ids = self._sales.ids()
        except StoreUnavailable as error:
            return self._note("all sales", error)
        self._outboxes = {sale_id: length for sale_id, length in self._outboxes.items() if sale_id in sale_ids}
        for sale_id in sale_ids:
            try:
                busy = self._promote(sale_id) or busy
            except Refused:
                continue  # an id without a sale: being created, or archived this moment
            except StoreUnavailable as error:
                busy = self._note(sale_id, error)
        return busy

    def waiting_events(self) -> dict[str, float]:
        """Return how many events wait in the outboxes and for how long the oldest does; nothing while Redis is away.

        It is told here because the relay, whose work they are, may be what does not run.
        """
        now_ms = time.time_ns() // 1_000_000
        ages_ms = [0]
        try:
            for sale_id, length in self._outboxes.items():
                since_ms = wiring.outbox().oldest_ms(sale_id) if length else None
                ages_ms += [] if since_ms is None else [now_ms - since_ms]
        except StoreUnavailable:
            return {}
        return {} if self.failed else {"outbox": sum(self._outboxes.values()), "outbox_age_ms": max(ages_ms)}

    def _promote(self, sale_id: str) -> bool:
        more = True
        while more:  # bounded work per call, so that buyers are served in between
            step = wiring.store().promote(sale_id)
            more = step.more
            self.done["admitted"] += step.admitted
            self.done["lapsed"] += step.lapsed
            self.done["expired"] += step.expired
        self._outboxes[sale_id] = step.outbox
        return _is_busy(step)

    def _note(self, what: str, error: StoreUnavailable) -> bool:
        self.failed = True
        self.done["failures"] += 1
        _log.warning("promotion of %s failed: %s", what, error.detail)
        return True


def _is_busy(step: Promotion) -> bool:
    if step.held or step.outbox:
        return True
    if step.state == SCHEDULED:
        return step.opens_in_ms <= _SOON_MS
    return step.state not in (CLOSED, DRAFT)
