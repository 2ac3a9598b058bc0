"""What one look at a sale says: its figures, and the same as a document. None is what could not be seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the API since the look before; its quantiles over the last seconds."""

    method: str
    route: str
    per_second: float
    failed_per_second: float  # answers of 5xx
    p50_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the stack, its children with it. `cpu` is in cores: 1.0 is one core all the time."""

    name: str
    up: bool
    cpu: float | None
    memory_bytes: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """A sale at one moment, and what is below it. Everything per second is since the look before."""

    sale_id: str
    state: str | None = None
    capacity: float | None = None
    free: float | None = None
    held: float | None = None
    sold: float | None = None
    waiting: float | None = None
    active: float | None = None
    admitted_per_s: float | None = None
    drain_s: float | None = None  # until the line is empty, at the pace of the last seconds
    sold_per_s: float | None = None
    refused_per_s: Mapping[str, float] = field(default_factory=dict)  # by code
    lapses: Mapping[str, float] = field(default_factory=dict)  # by reason, ever
    payments: Mapping[str, float] = field(default_factory=dict)  # by fate, ever
    refunds_due: float | None = None
    outbox: float | None = None
    outbox_age_s: float | None = None
    most_outbox: float | None = None  # from there on nobody is admitted
    pulses_per_s: Mapping[str, float] = field(default_factory=dict)  # of promote and relay, over the last minute
    lag: Mapping[str, float] = field(default_factory=dict)  # records, by consumer group
    recorded: Mapping[str, float] = field(default_factory=dict)  # tickets in MySQL, by status
    behind: float | None = None  # events that MySQL has not
    written_p50_s: float | None = None  # from event to row, over the last minute
    written_p99_s: float | None = None
    dead: float | None = None  # open letters
    dead_of_no_sale: float | None = None  # whose sale cannot be read
    requests_per_s: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    routes: tuple[Route, ...] = ()
    processes: tuple[Process, ...] = ()
    sources: Mapping[str, bool] = field(default_factory=dict)

    @property
    def away(self) -> tuple[str, ...]:
        """Return the sources that did not answer."""
        return tuple(name for name, is_up in self.sources.items() if not is_up)

    @property
    def failed_per_s(self) -> float:
        """Return the answers of 5xx a second."""
        return sum(each.failed_per_second for each in self.routes)

    def document(self) -> dict[str, Any]:
        """Return everything for programs; names as `onsale sale show --json` has them, times in seconds."""
        return {
            "saleId": self.sale_id,
            "state": self.state,
            "capacity": _whole(self.capacity),
            "remaining": _whole(self.free),
            "held": _whole(self.held),
            "confirmed": _whole(self.sold),
            "waiting": _whole(self.waiting),
            "active": _whole(self.active),
            "admittedPerSecond": _rounded(self.admitted_per_s),
            "drainSeconds": _rounded(self.drain_s),
            "soldPerSecond": _rounded(self.sold_per_s),
            "refusedPerSecond": {code: _rounded(rate) for code, rate in self.refused_per_s.items()},
            "lapses": _counts(self.lapses),
            "payments": _counts(self.payments),
            "refundsDue": _whole(self.refunds_due),
            "outbox": _whole(self.outbox),
            "outboxOldestSeconds": _rounded(self.outbox_age_s),
            "maxOutbox": _whole(self.most_outbox),
            "pulsesPerSecond": {name: _rounded(rate) for name, rate in self.pulses_per_s.items()},
            "kafkaLag": _counts(self.lag),
            "mysql": {
                "tickets": _counts(self.recorded),
                "eventsBehind": _whole(self.behind),
                "writtenAfterSeconds": {"p50": _rounded(self.written_p50_s), "p99": _rounded(self.written_p99_s)},
            },
            "openDeadLetters": _whole(self.dead),
            "openDeadLettersOfNoSale": _whole(self.dead_of_no_sale),
            "http": {
                "perSecond": _rounded(self.requests_per_s),
                "p50Seconds": _rounded(self.p50_s),
                "p99Seconds": _rounded(self.p99_s),
                "routes": [_route(each) for each in self.routes],
            },
            "processes": [_process(each) for each in self.processes],
            "sources": dict(self.sources),
        }


def _route(route: Route) -> dict[str, Any]:
    return {
        "method": route.method,
        "route": route.route,
        "perSecond": _rounded(route.per_second),
        "failedPerSecond": _rounded(route.failed_per_second),
        "p50Seconds": _rounded(route.p50_s),
        "p99Seconds": _rounded(route.p99_s),
    }


def _process(process: Process) -> dict[str, Any]:
    memory = _whole(process.memory_bytes)
    return {"name": process.name, "up": process.up, "cpuCores": _rounded(process.cpu), "memoryBytes": memory}


def _counts(counts: Mapping[str, float]) -> dict[str, int | None]:
    return {name: _whole(count) for name, count in counts.items()}


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
