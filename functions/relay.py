"""The function `relay`, run every minute: empties the outboxes onto Kafka for 65 s, so that its runs overlap."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Protocol

from chalicelib import wiring
from chalicelib.config import settings
from chalicelib.errors import Refused, StoreUnavailable
from chalicelib.pulse import Pulse
from chalicelib.sale.model import CLOSED, DRAFT, SCHEDULED, Sale
from chalicelib.sale_list import SaleList
from functions.dead_letter_queue import dead_letter_queue
from functions.kafka_client import client_config
from functions.log import correlate, logger
from functions.outbox_relay import Relay
from functions.producer import DELIVERY_TIMEOUT_MS, ReliableProducer

RUN_S = 65.0
_POLL_S = 0.01  # between two looks at empty outboxes
_AFTER_FAILURE_S = 0.25
_SOON_MS = 60_000  # a sale that opens within this time keeps the run going: the next one may start late
_LOOK_AT_SALES_EVERY_S = 1.0
_TIME_TO_FINISH_MS = DELIVERY_TIMEOUT_MS + 4_000  # a pass, its reports and forgetting must fit before Lambda's time-out
_log = logger("relay")


class LambdaContext(Protocol):
    """What this function needs of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the ms until Lambda ends the function."""


@dataclass(slots=True)
class Totals:
    """What a run did."""

    passes: int = 0
    sent: int = 0
    dead: int = 0
    failures: int = 0


def handler(_event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Relay until the run is over or no sale needs it. Answers what was done."""
    correlate(_log, context)
    started_s = time.perf_counter()
    # Two names, taken in turn: runs overlap, and what a dead run was given is claimed by whoever comes next.
    consumer = f"relay-{int(time.time()) // 60 % 2}"
    relay = Relay(wiring.outbox(), _producer(), dead_letter_queue("relay"), settings().kafka_topic, consumer)
    totals = run(relay, context.get_remaining_time_in_millis)
    fields = {**asdict(totals), "duration_ms": round((time.perf_counter() - started_s) * 1000, 1)}
    _log.info("relay run over", consumer=consumer, extra=fields)
    return asdict(totals)


@cache
def _producer() -> ReliableProducer:
    made = ReliableProducer(lambda: client_config(settings()))
    made.connect()
    return made


def run(relay: Relay, remaining_ms: Callable[[], int]) -> Totals:
    """Make passes until 65 s are over, Lambda's time runs out, or there is nothing to wait for."""
    ends_at_s = time.monotonic() + RUN_S
    totals, sales, pulse = Totals(), SaleList(), Pulse("relay")
    look_at_s = 0.0
    quiet = False
    while not quiet and time.monotonic() < ends_at_s and remaining_ms() > _TIME_TO_FINISH_MS:
        pause_s, failures = _POLL_S, totals.failures
        try:
            sale_ids = sales.ids()
            done = relay.relay_once(sale_ids)
            totals.passes += 1
            totals.sent += done.sent
            totals.dead += done.dead
            if done.unsent:
                totals.failures += 1
                pause_s = _AFTER_FAILURE_S
            elif done.sent:
                pause_s = 0.0
            elif time.monotonic() >= look_at_s:
                look_at_s = time.monotonic() + _LOOK_AT_SALES_EVERY_S
                quiet = not any(_needs_relay(sale_id) for sale_id in sale_ids)
        except StoreUnavailable as error:
            totals.failures += 1
            pause_s = _AFTER_FAILURE_S
            _log.warning("outboxes cannot be read", error=error.detail)
        pulse.beat(asdict(totals), well=totals.failures == failures)
        if pause_s and not quiet:
            time.sleep(pause_s)
    pulse.end(asdict(totals), quiet=quiet)
    return totals


def _needs_relay(sale_id: str) -> bool:
    try:
        return _may_have_events(wiring.reader().sale(sale_id))
    except Refused:
        return False  # being created, or archived this moment


def _may_have_events(sale: Sale) -> bool:
    """Tell whether an event may come before the next run starts."""
    if sale.held or sale.outbox:
        return True
    if sale.state == SCHEDULED:
        return sale.settings.opens_at_ms - sale.now_ms <= _SOON_MS
    return sale.state not in (CLOSED, DRAFT)
