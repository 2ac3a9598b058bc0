"""What Redis says of the sales that are not archived. Costs the same however many buyers a sale has.

A few commands for each sale, all O(1): TIME, HGETALL of the sale's own hash (settings and counters, a fixed number of
fields), ZCARD, XLEN, HLEN, XRANGE of one entry.
"""

from collections.abc import Callable, Iterable

from prometheus_client.core import Metric

from chalicelib import wiring
from chalicelib.errors import Refused
from chalicelib.sale.model import Sale
from ops.metrics.catalogue import Figures

# Refusals that the scripts count; a code is there from the first scrape on, so that a rate can be taken.
REFUSALS = (
    "sale-not-open",
    "sale-closed",
    "sold-out",
    "not-active",
    "over-limit",
    "not-enough-left",
    "no-such-seat",
    "seat-taken",
)
DUE_BACK = ("already-paid", "hold-expired", "reservation-ended")
_COUNTED = {
    "onsale_sale_queue_numbers_total": "sequence",
    "onsale_sale_admitted_total": "admitted",
    "onsale_sale_claimed_total": "claimed",
    "onsale_sale_left_total": "left",
    "onsale_sale_cancelled_tickets_total": "cancelled",
    "onsale_sale_granted_again_total": "granted_again",
}
_LAPSES = {"claim-missed": "lapsed_claim_missed", "time-up": "lapsed_time_up", "hold-expired": "expired"}


def redis_figures(seen: Callable[[tuple[str, ...]], None]) -> Iterable[Metric]:
    """Return the figures of all sales, and tell `seen` which there are. Raises StoreUnavailable."""
    figures = Figures()
    names = []
    for sale_id in wiring.reader().sale_ids():
        try:
            sale, payments = wiring.reader().sale_and_payments(sale_id)
        except Refused:
            continue  # not complete yet, or archived this moment
        names.append(sale_id)
        _add_sale(figures, sale)
        _add_counters(figures, sale, payments)
        _add_outbox(figures, sale)
    seen(tuple(names))
    return figures.families()


def _add_sale(figures: Figures, sale: Sale) -> None:
    name = sale.sale_id
    figures.add("onsale_sale_state", 1, name, sale.state)
    figures.add("onsale_sale_capacity_tickets", sale.capacity, name)
    for state, tickets in (("free", sale.remaining), ("held", sale.held), ("confirmed", sale.confirmed)):
        figures.add("onsale_sale_tickets", tickets, name, state)
    for state, buyers in (("waiting", sale.waiting), ("active", sale.active)):
        figures.add("onsale_sale_buyers", buyers, name, state)
    figures.add("onsale_sale_version", sale.version, name)


def _add_counters(figures: Figures, sale: Sale, payments: int) -> None:
    name, counters = sale.sale_id, sale.counters
    for metric, counter in _COUNTED.items():
        figures.add(metric, counters.get(counter, 0), name)
    for reason, counter in _LAPSES.items():
        figures.add("onsale_sale_lapses_total", counters.get(counter, 0), name, reason)
    refused = {
        counter.removeprefix("refused_").replace("_", "-"): count
        for counter, count in counters.items()
        if counter.startswith("refused_")
    }
    for code in sorted({*REFUSALS, *refused}):
        figures.add("onsale_sale_refusals_total", refused.get(code, 0), name, code)
    # Each payment that bought nothing, or no longer does, has made one refund due.
    figures.add("onsale_sale_payments", payments - counters.get("refunds_due", 0), name, "paid")
    for fate in DUE_BACK:
        figures.add("onsale_sale_payments", counters.get(f"payments_{fate.replace('-', '_')}", 0), name, fate)


def _add_outbox(figures: Figures, sale: Sale) -> None:
    figures.add("onsale_outbox_events", sale.outbox, sale.sale_id)
    figures.add("onsale_sale_max_outbox_events", sale.settings.max_outbox, sale.sale_id)
    oldest_ms = wiring.outbox().oldest_ms(sale.sale_id) if sale.outbox else None
    age_ms = max(0, sale.now_ms - oldest_ms) if oldest_ms is not None else 0
    figures.add("onsale_outbox_oldest_age_seconds", age_ms / 1000, sale.sale_id)
