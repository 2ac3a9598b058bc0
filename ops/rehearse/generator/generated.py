"""All that the generator did and saw, merged over its processes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ops.demo.outcome import Ending
from ops.rehearse.generator.health import diagnose
from ops.rehearse.generator.histogram import Histogram
from ops.rehearse.generator.second import Endpoint, Second, merged_endpoints
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.record import EndpointRecord, EtaError, GeneratorHealth, Outcomes, Series

_MOST_EXAMPLES = 20


@dataclass(slots=True)
class End:
    """The last record of one process. Times in seconds since the doors opened."""

    process: int
    endings: Counter[str] = field(default_factory=Counter)  # `Ending` → buyers, each once
    tickets: dict[str, list[str]] = field(default_factory=dict)  # buyer → seats, by what they were told
    why: dict[str, str] = field(default_factory=dict)  # a few who failed → why
    eta_errors: Histogram = field(default_factory=Histogram)  # |ETA - actual wait|, ms
    last_ticket_at_s: float | None = None
    arrived_after_s: float | None = None  # when the last one came; None: not all have
    is_complete: bool = False  # everybody has an ending
    rest_ms: float | None = None  # the median answer before the doors opened, one request at a time
    memory_bytes: int = 0  # at most

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "process": self.process,
            "endings": dict(self.endings),
            "tickets": self.tickets,
            "why": self.why,
            "etaErrors": self.eta_errors.document(),
            "lastTicketAtSeconds": self.last_ticket_at_s,
            "arrivedAfterSeconds": self.arrived_after_s,
            "isComplete": self.is_complete,
            "restMs": self.rest_ms,
            "memoryBytes": self.memory_bytes,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "End":
        """Return what `document` wrote."""
        return cls(
            process=document["process"],
            endings=Counter(document["endings"]),
            tickets=document["tickets"],
            why=document["why"],
            eta_errors=Histogram.read(document["etaErrors"]),
            last_ticket_at_s=document["lastTicketAtSeconds"],
            arrived_after_s=document["arrivedAfterSeconds"],
            is_complete=document["isComplete"],
            rest_ms=document["restMs"],
            memory_bytes=document["memoryBytes"],
        )


@dataclass(frozen=True, slots=True)
class Generated:
    """The whole run from the buyers' side. Times in seconds since the doors opened."""

    seconds: tuple[Second, ...]
    endpoints: tuple[EndpointRecord, ...]  # the busiest first
    outcomes: Outcomes
    tickets: Mapping[str, tuple[str, ...]]  # buyer → seats, by what the buyers were told
    why: Mapping[str, str]  # a few who failed → why
    eta: EtaError
    last_ticket_at_s: float | None
    is_complete: bool  # every buyer has an ending, every process told its own
    health: GeneratorHealth
    out_of_order: int  # answers by which somebody waited whom another one had been let in ahead of
    lapses: int  # turns and holds that buyers were told they had lost
    memory_bytes: tuple[int, ...]  # of each process, at most

    def series(self) -> dict[str, Series]:
        """Return per-second series from second 0 on, by the names in `record`; None where nothing was told."""
        return series(self.seconds)

    def renamed(self, names: Mapping[str, str]) -> "Generated":
        """Return the same with other names for the buyers, as the system knows them by their tokens."""
        tickets = {names[user]: seats for user, seats in self.tickets.items()}
        return replace(self, tickets=tickets, why={names[user]: why for user, why in self.why.items()})


def merge(plan: RehearsalPlan, processes: int, seconds: Sequence[Second], ends: Sequence[End]) -> Generated:
    """Return what `processes` processes did; a process without an end died, and its buyers count as failed."""
    told = sum((end.endings for end in ends), Counter[str]())
    endpoints = merged_endpoints(second.endpoints for second in seconds)
    eta_errors = Histogram.merged(end.eta_errors for end in ends)
    median_ms = eta_errors.percentile_ms(50)
    untold = 0 if plan.is_soak else max(0, plan.buyers - told.total())
    tickets = {user: tuple(seats) for end in ends for user, seats in end.tickets.items()}
    why = [each for end in ends for each in end.why.items()]
    return Generated(
        seconds=tuple(seconds),
        endpoints=_records(endpoints),
        outcomes=Outcomes(
            bought=told[Ending.TICKET],
            walked_away=told[Ending.WALKED_AWAY],
            told_sold_out=told[Ending.SOLD_OUT],
            left=told[Ending.LEFT],
            gave_up=told[Ending.FAILED] + untold,
        ),
        tickets=tickets,
        why=dict(why[:_MOST_EXAMPLES]),
        eta=EtaError(None if median_ms is None else round(median_ms / 1000, 3), eta_errors.count),
        last_ticket_at_s=max((end.last_ticket_at_s for end in ends if end.last_ticket_at_s is not None), default=None),
        is_complete=len(ends) == processes and all(end.is_complete for end in ends),
        health=diagnose(plan, processes, seconds, ends),
        out_of_order=sum(second.moves["outOfOrder"] for second in seconds),
        lapses=sum(second.moves["lapsed"] for second in seconds),
        memory_bytes=tuple(end.memory_bytes for end in sorted(ends, key=lambda end: end.process)),
    )


def series(seconds: Sequence[Second]) -> dict[str, Series]:
    """Return per-second series from second 0 on, by the names in `record`; None where nothing was told."""
    by_second = {each.second: each for each in seconds}
    whole = [by_second.get(number) for number in range(max(by_second, default=-1) + 1)]
    named: dict[str, list[float | None]] = {}
    for at, second in enumerate(whole):
        for name, value in _values(second).items() if second else ():
            named.setdefault(name, [None] * len(whole))[at] = value
    return {name: tuple(values) for name, values in named.items()}


def _values(second: Second) -> dict[str, float | None]:
    moves = second.moves
    values: dict[str, float | None] = {
        "arrivals": moves["arrived"],
        "admissions": moves["admitted"],
        "bought": moves["bought"],
        "walkedAway": moves["walkedAway"],
        "requests": second.requests,
        "inFlight": second.in_flight,
        "latenessP99Ms": _rounded(second.lateness.percentile_ms(99)),
        "connectionErrors": second.errors.total() + second.own_errors.total(),
        **{f"generatorCpu.{process}": share for process, share in second.cpu.items()},
    }
    for name, each in second.endpoints.items():
        values |= {f"latency.{name}.p{rank}Ms": _rounded(each.latency.percentile_ms(rank)) for rank in (50, 90, 99)}
        for code, times in each.refusals.items():
            values[f"refusals.{code}"] = (values.get(f"refusals.{code}") or 0) + times
    return values


def _records(endpoints: Mapping[str, Endpoint]) -> tuple[EndpointRecord, ...]:
    rows = [
        EndpointRecord(
            name=name,
            requests=each.requests,
            failures=each.failures,
            refusals=dict(each.refusals),
            p50_ms=_rounded(each.latency.percentile_ms(50)),
            p90_ms=_rounded(each.latency.percentile_ms(90)),
            p99_ms=_rounded(each.latency.percentile_ms(99)),
            max_ms=_rounded(each.latency.max_ms) if each.latency.count else None,
        )
        for name, each in endpoints.items()
    ]
    return tuple(sorted(rows, key=lambda row: -row.requests))


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms, 3)
