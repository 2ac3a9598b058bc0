"""What functions tell (`chalicelib.emf`), counted where the exporter reads it: for the processes they run in."""

import logging
from collections.abc import Mapping, Sequence

from chalicelib import emf
from ops.metrics import shared

_log = logging.getLogger(__name__)
_ROWS = ("applied", "stale", "duplicate")
_DELAY = "write_behind_ms"
# From a few ms, where persist keeps up, to the hours that an outage may take.
BUCKETS_S = (
    *(0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5),
    *(10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
)


def listen() -> None:
    """Count what the functions of this process tell; does nothing where there is no folder to count in."""
    if shared.folder() is None:
        return
    shared.keep_counts()
    emf.listen(FunctionCounts().told)


class FunctionCounts:
    """The counts of the functions of one process. For several threads."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        from ops.metrics.catalogue import METRICS

        def counter(name: str) -> Counter:
            return Counter(name, METRICS[name].help, METRICS[name].labels, registry=self.registry)

        self.registry = CollectorRegistry()
        self._rows = counter("onsale_persist_rows_total")
        self._records = counter("onsale_function_records_total")
        self._pulses = counter("onsale_function_pulses_total")
        name = "onsale_write_behind_seconds"
        doc = METRICS[name]
        self._delays = Histogram(name, doc.help, doc.labels, registry=self.registry, buckets=BUCKETS_S)

    def told(self, function: str, sale: str, values: Mapping[str, float | Sequence[float]]) -> None:
        """Count what a function tells. A fault here is not the function's: it is logged."""
        try:
            self._count(function, sale, values)
        except Exception:  # noqa: BLE001 - a full disk, say
            _log.exception("what %s tells could not be counted", function)

    def _count(self, function: str, sale: str, values: Mapping[str, float | Sequence[float]]) -> None:
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        if "pulses" in numbers:
            self._pulses.labels(function).inc(numbers["pulses"])
        if function == "persist":
            for outcome in _ROWS:
                if outcome in numbers:
                    self._rows.labels(outcome).inc(numbers[outcome])
        if "records" in numbers:
            self._count_records(function, numbers)
        delays = values.get(_DELAY)
        if isinstance(delays, Sequence):
            self._observe(sale, delays)

    def _count_records(self, function: str, numbers: Mapping[str, float]) -> None:
        dead, left = numbers.get("dead", 0), numbers.get("left", 0)
        done = max(0, numbers["records"] - dead - left)
        for outcome, number in (("done", done), ("dead", dead), ("left", left)):
            self._records.labels(function, outcome).inc(number)

    def _observe(self, sale: str, delays_ms: Sequence[float]) -> None:
        from ops.metrics.histograms import Tally

        tally = Tally(self._delays.labels(sale))
        for delay_ms in delays_ms:
            tally.add(delay_ms / 1000)
        tally.flush()
