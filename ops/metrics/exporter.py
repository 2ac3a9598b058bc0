"""One scrape: all sources asked at once, what they have by a deadline, as text. Scrapes that come at once share one."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from ops.metrics.catalogue import Figures
from ops.metrics.source import Reading, Source

WITHIN_S = 1.2  # so that a scrape takes less than 1.5 s, whatever is away


class Once(Collector):
    """A collector of families that are there."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class Exporter:
    """Answers scrapes from sources."""

    def __init__(self, sources: Sequence[Source], within_s: float = WITHIN_S) -> None:
        self._sources, self._within_s = sources, within_s
        self._lock = threading.Lock()
        self._scrape: Future[bytes] | None = None

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format; a source that is away has none, and is told as such."""
        with self._lock:
            mine = self._scrape is None
            scrape = self._scrape = self._scrape or Future()
        if mine:
            try:
                scrape.set_result(self._scraped())
            except BaseException as error:
                scrape.set_exception(error)
                raise
            finally:
                with self._lock:
                    self._scrape = None
        return scrape.result()

    def _scraped(self) -> bytes:
        until_s = time.monotonic() + self._within_s
        asked = [(source, source.ask()) for source in self._sources]
        found = [(each.name, each.outcome(future, until_s - time.monotonic())) for each, future in asked]
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Once(list(_families(found))))
        return generate_latest(registry)


def _families(found: Sequence[tuple[str, Reading]]) -> Iterator[Metric]:
    about = Figures()
    now_s = time.monotonic()
    for name, reading in found:
        yield from reading.families
        about.add("onsale_source_up", reading.up, name)
        about.add("onsale_scrape_seconds", reading.took_s, name)
        if reading.up:
            about.add("onsale_source_age_seconds", now_s - reading.at_s, name)
    yield from about.families()
