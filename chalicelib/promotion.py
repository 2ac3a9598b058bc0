"""Promotion as a scheduled function runs it: tick by tick over all sales, for one overlapping minute."""

import logging
import time
from collections.abc import Callable

from chalicelib import wiring
from chalicelib.config import settings
from chalicelib.errors import Refused, StoreUnavailable
from chalicelib.sale.model import CLOSED, DRAFT, SCHEDULED, Promotion

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
    done = {"ticks": 0, "admitted": 0, "lapsed": 0, "expired": 0, "failures": 0}
    while True:
        started = time.monotonic()
        busy = _tick(done)
        done["ticks"] += 1
        left_s = min(ends_at - time.monotonic(), remaining_ms() / 1000 - 1)
        if not busy or left_s <= tick_s:
            return done
        time.sleep(max(0.0, tick_s - (time.monotonic() - started)))


def _tick(done: dict[str, int]) -> bool:
    """Promote every sale once; True while there may be something to do in the next minute."""
    busy = False
    try:
        sale_ids = wiring.reader().sale_ids()
    except StoreUnavailable as error:
        return _failed(done, "all sales", error)
    for sale_id in sale_ids:
        try:
            busy = _promote(sale_id, done) or busy
        except Refused:
            continue  # an id without a sale: being created, or archived this moment
        except StoreUnavailable as error:
            busy = _failed(done, sale_id, error)
    return busy


def _promote(sale_id: str, done: dict[str, int]) -> bool:
    more = True
    while more:  # bounded work per call, so that buyers are served in between
        step = wiring.store().promote(sale_id)
        more = step.more
        done["admitted"] += step.admitted
        done["lapsed"] += step.lapsed
        done["expired"] += step.expired
    return _is_busy(step)


def _is_busy(step: Promotion) -> bool:
    if step.held or step.outbox:
        return True
    if step.state == SCHEDULED:
        return step.opens_in_ms <= _SOON_MS
    return step.state not in (CLOSED, DRAFT)


def _failed(done: dict[str, int], what: str, error: StoreUnavailable) -> bool:
    done["failures"] += 1
    _log.warning("promotion of %s failed: %s", what, error.detail)
    return True
