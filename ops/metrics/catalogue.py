"""Every metric there is: name, type, labels, what it is. README's table of metrics is compared with it by a test.

Names and units by Prometheus' conventions. Knows no source: who reads a figure adds it to `Figures` by name.
"""

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


class MetricDoc(NamedTuple):
    """What a person and Prometheus need to know of one metric."""

    kind: str
    labels: tuple[str, ...]
    help: str


_SALE = ("sale",)
METRICS: dict[str, MetricDoc] = {
    # Redis, one sale
    "onsale_sale_state": MetricDoc(GAUGE, ("sale", "state"), "1 for the state that the sale is in"),
    "onsale_sale_capacity_tickets": MetricDoc(GAUGE, _SALE, "tickets that the sale has in all"),
    "onsale_sale_tickets": MetricDoc(GAUGE, ("sale", "state"), "tickets by state: free, held, confirmed"),
    "onsale_sale_buyers": MetricDoc(GAUGE, ("sale", "state"), "buyers in line (waiting), and choosing (active)"),
    "onsale_sale_queue_numbers_total": MetricDoc(COUNTER, _SALE, "queue numbers given out"),
    "onsale_sale_admitted_total": MetricDoc(COUNTER, _SALE, "buyers admitted"),
    "onsale_sale_claimed_total": MetricDoc(COUNTER, _SALE, "admitted buyers who showed up"),
    "onsale_sale_left_total": MetricDoc(COUNTER, _SALE, "buyers who left the line or gave their turn back"),
    "onsale_sale_refusals_total": MetricDoc(
        COUNTER, ("sale", "code"), "refusals of entering and reserving, by the code of the problem"
    ),
    "onsale_sale_lapses_total": MetricDoc(
        COUNTER,
        ("sale", "reason"),
        "turns missed (claim-missed, time-up), and tickets of holds that ran out (hold-expired)",
    ),
    "onsale_sale_cancelled_tickets_total": MetricDoc(COUNTER, _SALE, "tickets given back by cancelling"),
    "onsale_sale_granted_again_total": MetricDoc(COUNTER, _SALE, "late payments that still bought what was held"),
    "onsale_sale_payments": MetricDoc(
        GAUGE,
        ("sale", "fate"),
        "payments by fate: paid; already-paid, hold-expired and reservation-ended are due back",
    ),
    "onsale_sale_version": MetricDoc(GAUGE, _SALE, "version of the latest event of the sale's epoch"),
    "onsale_outbox_events": MetricDoc(GAUGE, _SALE, "events that are not on Kafka yet"),
    "onsale_sale_max_outbox_events": MetricDoc(GAUGE, _SALE, "as many as that stop admission"),
    "onsale_outbox_oldest_age_seconds": MetricDoc(GAUGE, _SALE, "age of the oldest of them; 0 where there is none"),
    # Kafka
    "onsale_kafka_lag_records": MetricDoc(GAUGE, ("group", "topic"), "records that a consumer group has not committed"),
    # MySQL
    "onsale_mysql_purchases": MetricDoc(GAUGE, ("sale", "status"), "rows of purchases by status: one for each buyer"),
    "onsale_mysql_tickets": MetricDoc(GAUGE, ("sale", "status"), "tickets in these rows"),
    "onsale_mysql_refunds": MetricDoc(GAUGE, ("sale", "state"), "rows of refunds: due, settled"),
    "onsale_mysql_last_version": MetricDoc(GAUGE, _SALE, "greatest version recorded of the sale's latest epoch"),
    "onsale_mysql_slow_queries_total": MetricDoc(
        COUNTER, (), "statements that took MySQL longer than its long_query_time, of all its users"
    ),
    "onsale_dead_letters": MetricDoc(
        GAUGE, ("sale", "state"), "dead letters: open, replayed, discarded; of no sale where that cannot be read"
    ),
    # told by the processes themselves
    "onsale_persist_rows_total": MetricDoc(
        COUNTER,
        ("outcome",),
        "rows written (applied), not written as a newer one was there (stale), and events recorded before (duplicate)",
    ),
    "onsale_function_records_total": MetricDoc(
        COUNTER,
        ("function", "outcome"),
        "records of Kafka that a function has done, given up (dead), or left for later",
    ),
    "onsale_function_pulses_total": MetricDoc(
        COUNTER, ("function",), "rounds of promote and relay that did their work; a run with nothing to do counts 300"
    ),
    "onsale_write_behind_seconds": MetricDoc(
        HISTOGRAM, _SALE, "from an event in Redis to its row committed in MySQL, for each event recorded"
    ),
    "onsale_http_requests_total": MetricDoc(COUNTER, ("route", "method", "status"), "requests answered by the gateway"),
    "onsale_http_request_duration_seconds": MetricDoc(
        HISTOGRAM, ("route", "method"), "from a request read by the gateway to its answer handed over"
    ),
    # the processes of the stack, their children included
    "onsale_process_up": MetricDoc(GAUGE, ("process",), "1 where the process runs"),
    "onsale_process_cpu_seconds_total": MetricDoc(COUNTER, ("process",), "CPU time, of ended children too"),
    "onsale_process_resident_memory_bytes": MetricDoc(
        GAUGE, ("process",), "resident memory; what children share is counted for each"
    ),
    "onsale_process_open_fds": MetricDoc(GAUGE, ("process",), "open file descriptors"),
    "onsale_process_open_fds_limit": MetricDoc(GAUGE, ("process",), "the most that it and its children may have open"),
    # the exporter
    "onsale_source_up": MetricDoc(GAUGE, ("source",), "1 where the source of figures could be read"),
    "onsale_source_age_seconds": MetricDoc(GAUGE, ("source",), "age of its figures"),
    "onsale_scrape_seconds": MetricDoc(GAUGE, ("source",), "time that reading it took"),
}


class Figures:
    """Figures as Prometheus takes them, gathered by name: `add("onsale_sale_tickets", 5, "spring", "free")`."""

    def __init__(self) -> None:
        self._families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}

    def add(self, name: str, value: float, *labels: str) -> None:
        """Add one series; labels in the order of the catalogue. A name that is not in it is a bug (KeyError)."""
        family = self._families.get(name)
        if family is None:
            doc = METRICS[name]
            kind = CounterMetricFamily if doc.kind == COUNTER else GaugeMetricFamily
            family = self._families[name] = kind(name, doc.help, labels=doc.labels)
        family.add_metric(labels, value)

    def families(self) -> Iterable[Metric]:
        """Return the metrics with their samples."""
        return self._families.values()
