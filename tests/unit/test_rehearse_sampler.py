"""A look that fails is a gap in the series, never the end of a rehearsal; what is not known is None."""

import time
from collections.abc import Callable

import pytest

from chalicelib.errors import OnsaleError
from ops import exposition
from ops.rehearse import sampler
from ops.rehearse.sampler import ExporterEye, Look, ProcessLook, Sampler, _series_of

Eventually = Callable[[Callable[[], object]], None]

PAGE = """\
# TYPE onsale_sale_buyers gauge
onsale_sale_buyers{{sale="r",state="waiting"}} {waiting}
onsale_sale_buyers{{sale="other",state="waiting"}} 77
# TYPE onsale_kafka_lag_records gauge
onsale_kafka_lag_records{{group="onsale-persist",topic="a"}} 3
onsale_kafka_lag_records{{group="onsale-persist",topic="b"}} 4
# TYPE onsale_process_cpu_seconds_total counter
onsale_process_cpu_seconds_total{{process="gateway"}} 12.5
# TYPE onsale_process_open_fds gauge
onsale_process_open_fds{{process="gateway"}} 40
# TYPE onsale_write_behind_seconds histogram
onsale_write_behind_seconds_bucket{{le="0.1",sale="r"}} {fast}
onsale_write_behind_seconds_bucket{{le="1.0",sale="r"}} {all}
onsale_write_behind_seconds_bucket{{le="+Inf",sale="r"}} {all}
"""


class Script:
    """Sees what it is told to see; None is a look that fails."""

    def __init__(self, *looks: Look | None) -> None:
        self._looks = list(looks)
        self.asked = 0

    def __call__(self) -> Look:
        self.asked += 1
        look = self._looks.pop(0) if self._looks else None
        if look is None:
            raise OnsaleError("exporter-away", "does not answer")
        return look


def sampled(*looks: Look | None) -> Sampler:
    """Return a sampler that has looked that often, one second after the other, without waiting for any."""
    script = Script(*looks)
    found = Sampler(script)
    for second in range(len(looks)):
        found._look(second)
    assert script.asked == len(looks)
    return found


def test_a_look_that_fails_is_a_gap() -> None:
    found = sampled(Look({"waiting": 5.0}), None, Look({"waiting": 7.0, "held": 1.0}))
    assert found.series(3) == {"waiting": (5.0, None, 7.0, None), "held": (None, None, 1.0, None)}
    assert found.latest.figures == {"waiting": 7.0, "held": 1.0}


def test_nothing_seen_is_no_series_at_all() -> None:
    found = Sampler(Script())
    found.end()
    assert found.series(2) == {}
    assert found.processes(2) == {}


def test_it_looks_until_it_is_ended_and_one_last_time_then(eventually: Eventually) -> None:
    script = Script(*[Look({"waiting": 1.0})] * 100)
    found = Sampler(script)
    found.begin(time.monotonic() - 4.0)  # it begins late: the seconds before are gaps
    eventually(lambda: script.asked >= 1)
    before = script.asked
    found.end()
    found.end()
    assert script.asked == before + 1
    assert found.series(4)["waiting"] == (None, None, None, None, 1.0)


def test_the_share_of_a_core_comes_from_two_looks_and_not_across_a_restart() -> None:
    looks = [
        (10.0, ProcessLook(100.0, 1e6, 10)),
        (11.0, ProcessLook(100.5, 1e6, 10)),
        None,
        (13.0, ProcessLook(101.5, 1e6, 10)),
        (14.0, ProcessLook(0.2, 5e5, 8)),
        (15.0, None),
    ]
    series = sampler._series_of(looks)
    assert series.cpu == (None, 0.5, None, 0.5, None, None)
    assert series.memory_bytes == (1e6, 1e6, None, 1e6, 5e5, None)
    assert series.fds == (10, 10, None, 10, 8, None)


def test_the_exporter_is_read_for_the_one_sale(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = iter([PAGE.format(waiting=5, fast=90, all=100), PAGE.format(waiting=6, fast=90, all=200)])
    eye = ExporterEye("http://127.0.0.1:1/metrics", "r")
    monkeypatch.setattr(exposition, "read", lambda url, timeout_s: exposition.parse(next(pages), time.monotonic()))
    first, last = eye(), eye()
    assert first.figures["waiting"] == 5
    assert last.figures["waiting"] == 6
    assert last.figures["confirmed"] is None
    assert last.figures["kafkaLag.onsale-persist"] == 7
    assert last.processes["gateway"] == ProcessLook(12.5, None, 40)
    spread = eye.write_behind_ms()
    assert spread.p50 == 550.0  # of the hundred that came between the looks
    assert spread.max is None


def test_a_reading_that_is_told_twice_is_a_gap_and_the_next_share_is_over_the_time_between_readings() -> None:
    looks = [(10.0, ProcessLook(5.0)), (10.05, ProcessLook(5.0)), (12.0, ProcessLook(6.0))]
    assert _series_of(looks).cpu == (None, None, 0.5)
