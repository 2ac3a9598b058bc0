"""Looks at a sale and its stack once a second while the crowd is in: from the exporter, or else from the public page.

A look that fails or comes late is a gap, never an end. What is not known is absent, and becomes None in the timeline.
"""

import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from chalicelib.errors import OnsaleError
from ops import exposition
from ops.exposition import Exposition
from ops.rehearse.record import ProcessSeries, Series, Spread

_LOOK_WITHIN_S = 2.5
_SAME_S = 0.2  # of looks a second apart: readings that are no further apart are one
_SAMPLE = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class ProcessLook:
    """One process with its children. `cpu_s` counts since it began; whoever has two looks has the share of a core."""

    cpu_s: float | None = None
    memory_bytes: float | None = None
    fds: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw, by the names of `ops.rehearse.record`."""

    figures: _SAMPLE
    processes: Mapping[str, ProcessLook] = field(default_factory=dict)
    processes_age_s: float = 0.0  # how long before the look the exporter had read them


Eye = Callable[[], Look]  # raises OnsaleError or OSError where it sees nothing


class ExporterEye:
    """Sees all there is, on this machine. Keeps its first and last look: what came between is the run's."""

    def __init__(self, url: str, sale_id: str) -> None:
        self._url, self._sale_id = url, sale_id
        self._lock = threading.Lock()
        self._first: Exposition | None = None
        self._last: Exposition | None = None

    def __call__(self) -> Look:
        """Look once."""
        page = exposition.read(self._url, timeout_s=_LOOK_WITHIN_S)
        with self._lock:
            self._first, self._last = self._first or page, page
        age_s = page.value("onsale_source_age_seconds", source="processes") or 0.0
        return Look(_figures(page, self._sale_id), _processes(page), age_s)

    def write_behind_ms(self) -> Spread:
        """Return how long after its event a row was written, over all rows since the first look."""
        if self._first is None or self._last is None:
            return Spread()
        name, sale = "onsale_write_behind_seconds", self._sale_id
        # A sale that began after the first look has no series there, and all that it has now is new.
        since = self._first if f"{name}_bucket" in self._first.samples else None
        return Spread(
            p50=_ms(self._last.quantile(name, 0.5, since, sale=sale)),
            p99=_ms(self._last.quantile(name, 0.99, since, sale=sale)),
        )


class PublicEye:
    """Sees what every buyer may see: the sale's public page, which a CDN may serve."""

    def __init__(self, url: str, sale_id: str) -> None:
        self._address = urllib.parse.urlsplit(f"{url.rstrip('/')}/api/v1/sales/{sale_id}")

    def __call__(self) -> Look:
        """Look once."""
        https = self._address.scheme == "https"
        kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
        with closing(kind(self._address.hostname or "", self._address.port, timeout=_LOOK_WITHIN_S)) as connection:
            try:
                connection.request("GET", self._address.path)
                answer = connection.getresponse()
                document: Any = json.loads(answer.read())
            except (http.client.HTTPException, ValueError) as error:
                raise OSError(f"the sale's page cannot be read: {error}") from error
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"the sale's page answers {answer.status}")
        names = {
            "waiting": "waiting",
            "active": "active",
            "held": "held",
            "confirmed": "confirmed",
            "free": "remaining",
        }
        return Look({series: document.get(member) for series, member in names.items()})


class Sampler:
    """Looks once a second in a thread of its own, from `begin` to `end`."""

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self._looks: dict[int, tuple[float, Look]] = {}  # second → when exactly, and what
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._began_s = 0.0
        self.latest = Look({})

    def begin(self, began_s: float) -> None:
        """Look from now on; seconds count from a moment of the monotonic clock."""
        self._began_s = began_s
        self._thread.start()

    def end(self) -> None:
        """Look one last time, and no more. Safe to repeat."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        second = 0
        while True:
            is_last = self._over.wait(self._began_s + second - time.monotonic())
            second = max(second, int(time.monotonic() - self._began_s))
            self._look(second)
            if is_last:
                return
            second = max(second, int(time.monotonic() - self._began_s)) + 1  # a slow look has missed some

    def _look(self, second: int) -> None:
        try:
            look = self._eye()
        except (OnsaleError, OSError):
            return  # a gap
        self._looks[second] = (time.monotonic(), look)
        self.latest = look

    @property
    def last_second(self) -> int:
        """Return the second of the last look, 0 before the first."""
        return max(tuple(self._looks), default=0)

    def series(self, seconds: int) -> dict[str, Series]:
        """Return each figure ever seen, over seconds 0 to `seconds`, with None for what was not seen."""
        looks = [self._looks.get(second) for second in range(seconds + 1)]
        names = dict.fromkeys(name for each in looks if each for name in each[1].figures)
        return {name: tuple(each[1].figures.get(name) if each else None for each in looks) for name in names}

    def processes(self, seconds: int) -> dict[str, ProcessSeries]:
        """Return each process ever seen, over the same seconds."""
        looks = [self._looks.get(second) for second in range(seconds + 1)]
        names = dict.fromkeys(name for each in looks if each for name in each[1].processes)
        return {
            name: _series_of([(e[0] - e[1].processes_age_s, e[1].processes.get(name)) if e else None for e in looks])
            for name in names
        }


def _series_of(looks: Sequence[tuple[float, ProcessLook | None] | None]) -> ProcessSeries:
    cpu: list[float | None] = []
    before: tuple[float, float] | None = None  # when, and CPU seconds until then
    for each in looks:
        at_s, spent_s = (each[0], each[1].cpu_s) if each and each[1] else (0.0, None)
        share = None
        if spent_s is not None:
            if before is not None and at_s - before[0] <= _SAME_S:
                cpu.append(None)  # the exporter told one reading twice
                continue
            if before is not None and spent_s >= before[1]:  # fewer: it was started anew
                share = round((spent_s - before[1]) / (at_s - before[0]), 4)
            before = (at_s, spent_s)
        cpu.append(share)
    return ProcessSeries(
        cpu=tuple(cpu),
        memory_bytes=tuple(each[1].memory_bytes if each and each[1] else None for each in looks),
        fds=tuple(each[1].fds if each and each[1] else None for each in looks),
    )


def _figures(page: Exposition, sale: str) -> dict[str, float | None]:
    figures = {
        "waiting": page.value("onsale_sale_buyers", sale=sale, state="waiting"),
        "active": page.value("onsale_sale_buyers", sale=sale, state="active"),
        "held": page.value("onsale_sale_tickets", sale=sale, state="held"),
        "confirmed": page.value("onsale_sale_tickets", sale=sale, state="confirmed"),
        "free": page.value("onsale_sale_tickets", sale=sale, state="free"),
        "admitted": page.value("onsale_sale_admitted_total", sale=sale),
        "outbox": page.value("onsale_outbox_events", sale=sale),
        "outboxAgeSeconds": page.value("onsale_outbox_oldest_age_seconds", sale=sale),
        "mysqlRows": page.value("onsale_mysql_purchases", sale=sale, status="CONFIRMED"),
        "deadLetters": page.value("onsale_dead_letters", sale=sale, state="open"),
    }
    lags = page.series("onsale_kafka_lag_records", "group")
    return {**figures, **{f"kafkaLag.{group}": records for group, records in lags.items()}}


def _processes(page: Exposition) -> dict[str, ProcessLook]:
    kinds = ("cpu_seconds_total", "resident_memory_bytes", "open_fds")
    cpu, memory, fds = (page.series(f"onsale_process_{kind}", "process") for kind in kinds)
    names = dict.fromkeys([*cpu, *memory, *fds])
    return {name: ProcessLook(cpu.get(name), memory.get(name), fds.get(name)) for name in names}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
