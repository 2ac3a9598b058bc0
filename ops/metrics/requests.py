"""What a gateway worker counts of its requests: by route template, method and status. Knows neither RSGI nor Chalice.

Labels are bounded by the table of routes. A request costs a few steps in memory; four times a second they are brought
to the file, so that a worker that is killed loses a quarter of a second's.
"""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from ops.metrics.catalogue import METRICS
from ops.metrics.histograms import Tally

UNKNOWN = "unknown"  # the route of whatever the table does not have
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
OTHER = "other"
FLUSH_S = 0.25
BUCKETS_S = (
    *(0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05),
    *(0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0),
)
Key = tuple[str, str, int]
Later = Callable[[float, Callable[[], None]], object]


def _in_this_loop(delay_s: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(delay_s, call)


class RequestCounts:
    """The counts of one worker. Of its event loop, not for several threads."""

    def __init__(self, later: Later = _in_this_loop, registry: CollectorRegistry | None = None) -> None:
        """`later` brings about a call after a time, by default in the running loop."""
        self._later = later
        requests, duration = METRICS["onsale_http_requests_total"], METRICS["onsale_http_request_duration_seconds"]
        registry = registry or CollectorRegistry()
        self._requests = Counter("onsale_http_requests_total", requests.help, requests.labels, registry=registry)
        self._durations = Histogram(
            "onsale_http_request_duration_seconds",
            duration.help,
            duration.labels,
            registry=registry,
            buckets=BUCKETS_S,
        )
        self._fresh: dict[Key, int] = {}
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._counters: dict[Key, Counter] = {}
        self._is_due = False

    def add(self, route: str | None, method: str, status: int, took_s: float) -> None:
        """Count a request that was answered; `route` is its template, None where there is none."""
        place = (route or UNKNOWN, method if method in METHODS else OTHER)
        key = (*place, status)
        self._fresh[key] = self._fresh.get(key, 0) + 1
        tally = self._tallies.get(place)
        if tally is None:
            tally = self._tallies[place] = Tally(self._durations.labels(*place))
        tally.add(took_s)
        if not self._is_due:
            self._is_due = True
            self._later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Bring what was counted to the file."""
        self._is_due = False
        fresh, self._fresh = self._fresh, {}
        for key, number in fresh.items():
            counter = self._counters.get(key)
            if counter is None:
                counter = self._counters[key] = self._requests.labels(key[0], key[1], str(key[2]))
            counter.inc(number)
        for place in {key[:2] for key in fresh}:
            self._tallies[place].flush()
