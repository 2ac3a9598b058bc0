"""What the generator did in one second: one process's record, or several merged. Written and read as JSON lines.

`moves` counts what became of buyers: arrived, admitted, bought, cancelled, walkedAway, soldOut, left, gaveUp, lapsed
(told LAPSED or EXPIRED; such a buyer queues again), skipped (a soak's visit for which no buyer was at home), outOfOrder
(told to wait although somebody behind had been let in before; buyers of one process are compared).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.rehearse.generator.histogram import Histogram


@dataclass(slots=True)
class Endpoint:
    """The requests to one endpoint. `latency` counts from when the buyer wanted to ask, not from the sending."""

    requests: int = 0
    failures: int = 0  # 5xx, and answers that never came
    refusals: Counter[str] = field(default_factory=Counter)  # problem code of a 4xx → answers
    latency: Histogram = field(default_factory=Histogram)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        counts = {"requests": self.requests, "failures": self.failures, "refusals": dict(self.refusals)}
        return {**counts, "latency": self.latency.document()}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Endpoint":
        """Return what `document` wrote."""
        return cls(
            requests=document["requests"],
            failures=document["failures"],
            refusals=Counter(document["refusals"]),
            latency=Histogram.read(document["latency"]),
        )

    @classmethod
    def merged(cls, endpoints: Iterable["Endpoint"]) -> "Endpoint":
        """Return all of them as one."""
        each = list(endpoints)
        return cls(
            requests=sum(one.requests for one in each),
            failures=sum(one.failures for one in each),
            refusals=sum((one.refusals for one in each), Counter()),
            latency=Histogram.merged(one.latency for one in each),
        )


@dataclass(slots=True)
class Second:
    """The second that began so many seconds after the doors opened. Shares of a core are by process, from 1."""

    second: int
    cpu: dict[int, float] = field(default_factory=dict)  # used
    wanted: dict[int, float] = field(default_factory=dict)  # used, or waited for while other programs had it
    lateness: Histogram = field(default_factory=Histogram)  # of the steps that began: how late, ms
    lag: Histogram = field(default_factory=Histogram)  # of those among them for which a connection was free
    in_flight: int = 0  # at most
    saturated_s: float = 0.0  # how long every connection was busy and steps were due, summed over the processes
    overdue: int = 0  # steps due and not begun when it ended
    moves: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)  # connections that broke or were refused, by what was raised
    own_errors: Counter[str] = field(default_factory=Counter)  # those that this machine's limits refused
    endpoints: dict[str, Endpoint] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """All requests of the second."""
        return sum(each.requests for each in self.endpoints.values())

    @property
    def saturated_share(self) -> float:
        """The share of the second in which every connection was busy and steps were due."""
        return min(1.0, self.saturated_s / max(1, len(self.cpu)))

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "second": self.second,
            "cpu": {str(process): round(share, 3) for process, share in self.cpu.items()},
            "wanted": {str(process): round(share, 3) for process, share in self.wanted.items()},
            "lateness": self.lateness.document(),
            "lag": self.lag.document(),
            "inFlight": self.in_flight,
            "saturatedSeconds": round(self.saturated_s, 3),
            "overdue": self.overdue,
            "moves": dict(self.moves),
            "errors": dict(self.errors),
            "ownErrors": dict(self.own_errors),
            "endpoints": {name: each.document() for name, each in self.endpoints.items()},
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Second":
        """Return what `document` wrote."""
        return cls(
            second=document["second"],
            cpu={int(process): share for process, share in document["cpu"].items()},
            wanted={int(process): share for process, share in document["wanted"].items()},
            lateness=Histogram.read(document["lateness"]),
            lag=Histogram.read(document["lag"]),
            in_flight=document["inFlight"],
            saturated_s=document["saturatedSeconds"],
            overdue=document["overdue"],
            moves=Counter(document["moves"]),
            errors=Counter(document["errors"]),
            own_errors=Counter(document["ownErrors"]),
            endpoints={name: Endpoint.read(each) for name, each in document["endpoints"].items()},
        )

    @classmethod
    def merged(cls, seconds: Iterable["Second"]) -> "Second":
        """Return the records of several processes for the same second as one."""
        each = list(seconds)
        return cls(
            second=each[0].second,
            cpu={process: share for one in each for process, share in one.cpu.items()},
            wanted={process: share for one in each for process, share in one.wanted.items()},
            lateness=Histogram.merged(one.lateness for one in each),
            lag=Histogram.merged(one.lag for one in each),
            in_flight=sum(one.in_flight for one in each),
            saturated_s=sum(one.saturated_s for one in each),
            overdue=sum(one.overdue for one in each),
            moves=sum((one.moves for one in each), Counter()),
            errors=sum((one.errors for one in each), Counter()),
            own_errors=sum((one.own_errors for one in each), Counter()),
            endpoints=merged_endpoints(one.endpoints for one in each),
        )


def merged_endpoints(several: Iterable[Mapping[str, Endpoint]]) -> dict[str, Endpoint]:
    """Return endpoints of the same name as one."""
    by_name: dict[str, list[Endpoint]] = {}
    for endpoints in several:
        for name, each in endpoints.items():
            by_name.setdefault(name, []).append(each)
    return {name: Endpoint.merged(each) for name, each in sorted(by_name.items())}
