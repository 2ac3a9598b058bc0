"""What a rehearsal leaves behind: report.json, as frozen values. The page and the summary are made of this alone.

None means "not known": nothing is filled in. A series has one number or None for each of `Timeline.seconds`.

Names of series (others are kept, and drawn by nobody):
  arrivals admissions requests bought walkedAway connectionErrors     per second
  waiting active held confirmed free mysqlRows outbox deadLetters inFlight latenessP99Ms     at that second
  kafkaLag.<group>   latency.<endpoint>.p50Ms | .p90Ms | .p99Ms   refusals.<code> (per second)
  generatorCpu.<process, from 1>     share of one core
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.documents import Unreadable, from_document, to_document

SCHEMA = 1
GO, NO_GO, INVALID = "GO", "NO-GO", "INVALID"

Number = float | None
Series = tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold held against one figure. `value` None: not measured, and then `holds` is None too."""

    name: str
    value: float | str | None
    unit: str
    threshold: float | str
    comparison: str  # at most | at least | exactly
    holds: bool | None
    detail: str = ""
    needs_generator: bool = False  # means nothing where the generator fell behind


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """How the crowd itself was doing; `bottleneck` is None, "cpu", "schedule" or "connections"."""

    processes: int = 0
    bottleneck: str | None = None
    reasons: tuple[str, ...] = ()
    cpu_p95: tuple[float, ...] = ()  # of each process, as a share of one core
    lateness_p99_ms: float | None = None
    in_flight_max: int | None = None
    in_flight_limit: int | None = None
    saturated_share: float | None = None  # of the seconds in which every connection was busy


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """One endpoint, over the whole run. Refusals (4xx) are answers; failures are 5xx and answers that never came."""

    name: str
    requests: int
    failures: int = 0
    refusals: Mapping[str, int] = field(default_factory=dict)  # problem code → answers
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How the buyers ended, each counted once; `gave_up` is who never got an answer to end with."""

    bought: int = 0
    walked_away: int = 0
    told_sold_out: int = 0
    lapsed: int = 0
    left: int = 0
    gave_up: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution in milliseconds."""

    p50: float | None = None
    p99: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class EtaError:
    """How far the announced waits were off: the median of |ETA - actual wait|, over so many waits."""

    median: float | None = None
    waits: int = 0


@dataclass(frozen=True, slots=True)
class SaleFigures:
    """The sale as a whole; times count from the doors' opening."""

    sold_out_after_seconds: float | None = None
    in_mysql_after_seconds: float | None = None
    write_behind_ms: Spread = Spread()
    eta_error_seconds: EtaError = EtaError()


@dataclass(frozen=True, slots=True)
class Proof:
    """What buyers were told against what is on record; None where it could not be compared."""

    tickets: int | None = None  # by what the buyers were told
    oversold: int | None = None  # tickets beyond the stock, and seats told to two buyers
    lost: int | None = None  # tickets told to a buyer that MySQL does not have, or has otherwise
    untold: int | None = None  # tickets in MySQL that nobody was told of
    unserved: int | None = None  # buyers who got no end at all
    out_of_order: int | None = None  # admissions ahead of a lower queue number
    examples: tuple[str, ...] = ()  # a few of them by name, for a person


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran: asked, never assumed."""

    model: str = ""
    cores: int | None = None
    memory_bytes: int | None = None
    os: str = ""
    python: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)  # redis, kafka, mysql → version
    load_average: tuple[float, ...] = ()  # before the start: 1, 5, 15 minutes


@dataclass(frozen=True, slots=True)
class Timeline:
    """The seconds since the doors opened, and the series over them."""

    seconds: tuple[float, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProcessSeries:
    """One process of the stack, its children included, over the timeline's seconds."""

    cpu: Series = ()  # cores
    memory_bytes: Series = ()
    fds: Series = ()


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault as it really happened; `to_second` None: never healed, `error`: it could not be done."""

    kind: str
    process: str = ""
    from_second: float = 0.0
    to_second: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Growth:
    """One process at the two ends of a soak's steady part: medians of its first and last fifth."""

    memory_bytes_start: float | None = None
    memory_bytes_end: float | None = None
    fds_start: float | None = None
    fds_end: float | None = None


@dataclass(frozen=True, slots=True)
class Soak:
    """A soak: how long it was steady, what was bought and cancelled, and how each process grew."""

    from_second: float = 0.0
    to_second: float = 0.0
    bought: int | None = None
    cancelled: int | None = None
    growth: Mapping[str, Growth] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One run. Made without a verdict; `ops.rehearse.verdict.judged` adds checks, verdict, reasons and exit code."""

    name: str
    started_at: str  # ISO-8601, UTC
    took_seconds: float
    url: str
    sale_id: str
    plan: Mapping[str, Any]  # RehearsalPlan.document()
    command: str = ""  # what repeats it, as one would type it
    verdict: str = ""
    exit_code: int = 0
    reasons: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the sale, as the stack holds them
    machine: Machine = Machine()
    checks: tuple[Check, ...] = ()
    generator: GeneratorHealth = GeneratorHealth()
    endpoints: tuple[EndpointRecord, ...] = ()
    outcomes: Outcomes = Outcomes()
    sale: SaleFigures = SaleFigures()
    proof: Proof = Proof()
    timeline: Timeline = Timeline()
    processes: Mapping[str, ProcessSeries] = field(default_factory=dict)
    faults: tuple[FaultRecord, ...] = ()
    soak: Soak | None = None
    ledger: Mapping[str, Any] | None = None  # as `onsale ledger --json` says it

    def document(self) -> dict[str, Any]:
        """Return report.json."""
        return {"schema": SCHEMA, **to_document(self)}

    @classmethod
    def read(cls, document: object) -> "Rehearsal":
        """Return a rehearsal that was written by `document`; unknown members are ignored.

        Raises:
            Unreadable: it is no report, or one of a schema that this version does not know.
        """
        schema = document.get("schema") if isinstance(document, Mapping) else None
        if schema != SCHEMA:
            raise Unreadable(f"schema must be {SCHEMA}, not {schema!r:.60}")
        return from_document(cls, document)
