"""A scrape ends in time whatever a source does, and many at once cost as much as one."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from ops.metrics.exporter import Exporter
from ops.metrics.source import Source
from tests.conftest import LATE_S, Eventually

Samples = dict[tuple[str, str], float]


class Well:
    """A source that answers, hangs or fails, and counts how often it was read."""

    def __init__(self) -> None:
        self.reads = 0
        self.fault: Exception | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self) -> Iterable[Metric]:
        self.reads += 1
        self.goes_on.wait(30)
        if self.fault:
            raise self.fault
        return [GaugeMetricFamily("depth", "how deep", value=self.reads)]


@contextmanager
def hanging(well: Well) -> Iterator[None]:
    well.goes_on.clear()
    try:
        yield
    finally:
        well.goes_on.set()  # a thread that hangs would hold up the end of the tests


def samples(exporter: Exporter) -> Samples:
    families = text_string_to_metric_families(exporter.text().decode())
    return {(each.name, each.labels.get("source", "")): each.value for family in families for each in family.samples}


def unhurried(well: Callable[[], Iterable[Metric]]) -> Source:
    """A source that may be read at any time, as its clock stands still."""
    return Source("well", well, clock_s=lambda: 0.0)


def test_what_a_source_has_is_told_with_its_state() -> None:
    told = samples(Exporter([Source("well", Well())]))
    assert told["depth", ""] == 1
    assert told["onsale_source_up", "well"] == 1
    assert told["onsale_scrape_seconds", "well"] >= 0
    assert told["onsale_source_age_seconds", "well"] >= 0


def test_a_source_that_fails_has_no_figures_until_it_is_back_and_the_others_have() -> None:
    broken, well = Well(), Well()
    broken.fault = ConnectionError("nobody there")
    exporter = Exporter([Source("broken", broken, clock_s=lambda: 0.0), Source("well", well)])
    told = samples(exporter)
    assert (told["onsale_source_up", "broken"], told["onsale_source_up", "well"]) == (0, 1)
    assert ("onsale_source_age_seconds", "broken") not in told
    assert told["depth", ""] == 1

    broken.fault = None
    told = samples(exporter)
    assert told["onsale_source_up", "broken"] == 1


def test_a_source_that_hangs_holds_up_nobody_and_is_not_read_twice_at_once(eventually: Eventually) -> None:
    stuck, well = Well(), Well()
    exporter = Exporter([Source("stuck", stuck, clock_s=lambda: 0.0), unhurried(well)], within_s=0.1)
    with hanging(stuck):
        for _ in range(3):
            began_s = time.monotonic()
            told = samples(exporter)
            assert time.monotonic() - began_s < LATE_S
            assert (told["onsale_source_up", "stuck"], told["onsale_source_up", "well"]) == (0, 1)
        assert stuck.reads == 1
        assert well.reads == 3
    eventually(lambda: samples(exporter)["onsale_source_up", "stuck"] == 1)


def test_figures_may_stand_in_for_a_reading_that_takes_long() -> None:
    slow = Well()
    exporter = Exporter([Source("slow", slow, kept_s=10, clock_s=lambda: 0.0)], within_s=0.05)
    assert samples(exporter)["depth", ""] == 1
    with hanging(slow):
        told = samples(exporter)
    assert (told["depth", ""], told["onsale_source_up", "slow"]) == (1, 1)


def test_a_source_rests_four_times_as_long_as_it_was_read() -> None:
    now_s = [100.0]
    well = Well()

    def read() -> Iterable[Metric]:
        now_s[0] += 2.0
        return well()

    exporter = Exporter([Source("well", read, clock_s=lambda: now_s[0])])
    assert samples(exporter)["depth", ""] == 1
    now_s[0] += 7.9
    assert samples(exporter)["depth", ""] == 1
    now_s[0] += 0.2
    assert samples(exporter)["depth", ""] == 2


def test_scrapes_that_come_at_once_share_one(eventually: Eventually) -> None:
    well = Well()
    exporter = Exporter([unhurried(well)], within_s=30)
    found: list[bytes] = []
    with hanging(well):
        scrapes = [threading.Thread(target=lambda: found.append(exporter.text())) for _ in range(8)]
        for each in scrapes:
            each.start()
        eventually(lambda: well.reads == 1)
    for each in scrapes:
        each.join(30)
    assert len(found) == 8
    assert well.reads <= 2  # one of them may have come when the first was over
