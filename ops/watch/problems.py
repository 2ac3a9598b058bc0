"""What is wrong with figures, how badly, and which command tells more or helps."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from ops.watch.figures import Figures
from ops.watch.wording import count, rate, share, span

Severity = Literal["bad", "warn"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `figure` is the row of the dashboard that it colours."""

    severity: Severity
    figure: str
    says: str
    command: str

    def document(self) -> dict[str, str]:
        """Return it for programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Limit:
    """From where on a figure is a warning, and from where on it is bad."""

    figure: str
    value: Callable[[Figures], float | None]
    warn: float
    bad: float
    says: Callable[[float], str]
    command: str  # {} is the sale


# The bad ones of outbox and lag are those of the deployed alarms: ops/package/observation.py.
_LIMITS = (
    _Limit(
        "outbox", lambda f: f.outbox, 1_000, 5_000, lambda n: f"events that wait for Kafka: {count(n)}", "onsale status"
    ),
    _Limit(
        "outbox",
        lambda f: f.outbox_age_s,
        5,
        30,
        lambda s: f"an event waits for Kafka since {span(s)}",
        "onsale status",
    ),
    _Limit(
        "kafka",
        lambda f: max(f.lag.values(), default=None),
        1_000,
        10_000,
        lambda n: f"a consumer is {count(n)} records behind",
        "onsale ledger {}",
    ),
    _Limit(
        "mysql",
        lambda f: f.written_p99_s,
        1,
        10,
        lambda s: f"a row in a hundred is written {span(s)} late or later",
        "onsale ledger {}",
    ),
    _Limit("mysql", lambda f: f.behind, 1_000, 10_000, lambda n: f"MySQL misses {count(n)} events", "onsale ledger {}"),
    _Limit(
        "http",
        lambda f: f.p99_s,
        0.25,
        1,
        lambda s: f"one answer in a hundred takes {span(s)} or more",
        "onsale status",
    ),
    _Limit(
        "processes",
        lambda f: next((each.cpu for each in f.processes if each.name == "redis"), None),
        0.8,
        0.95,
        lambda n: f"Redis takes {share(n)} of its one core: let fewer in at a time",
        "onsale sale configure {} --max-active N",
    ),
    _Limit(
        "payments",
        lambda f: f.refunds_due,
        1,
        float("inf"),
        lambda n: f"payments that have to go back: {count(n)}",
        "onsale refunds list {} --state DUE",
    ),
)


_LEAST_PULSES = 200 / 60  # a second, as in the deployed alarm


def problems(figures: Figures) -> tuple[Problem, ...]:
    """Return what is wrong, the worst first; of one figure the same thing once."""
    found = [*_broken(figures), *_beyond(figures), *_of_the_sale(figures)]
    return tuple(sorted(found, key=lambda each: each.severity != "bad"))


def worst(found: tuple[Problem, ...], figure: str) -> Severity | None:
    """Return how badly a row of the dashboard stands."""
    return next((each.severity for each in found if each.figure == figure), None)


def _broken(figures: Figures) -> Iterator[Problem]:
    for source in figures.away:
        yield Problem("bad", "sources", f"{source} does not answer; its figures are not known", "onsale status")
    for process in figures.processes:
        if not process.up:
            yield Problem("bad", "processes", f"the process {process.name} does not run", "onsale status")
    for function, pulses in figures.pulses_per_s.items():
        if pulses < _LEAST_PULSES:
            says = f"{function} does its work {rate(pulses)}: about 5 would be right"
            yield Problem("warn" if pulses else "bad", "processes", says, "onsale status")
    if figures.failed_per_s:
        yield Problem("bad", "http", f"{rate(figures.failed_per_s)} answers are 5xx", "onsale status")
    if figures.dead:
        letters = f"records that could not be written: {count(figures.dead)}"
        yield Problem("bad", "dead", letters, f"onsale dlq list --sale {figures.sale_id}")
    if figures.dead_of_no_sale:
        letters = f"records that could not be read, of no known sale: {count(figures.dead_of_no_sale)}"
        yield Problem("bad", "dead", letters, "onsale dlq list")


def _beyond(figures: Figures) -> Iterator[Problem]:
    for limit in _LIMITS:
        value = limit.value(figures)
        if value is not None and value >= limit.warn:
            severity: Severity = "bad" if value >= limit.bad else "warn"
            yield Problem(severity, limit.figure, limit.says(value), limit.command.format(figures.sale_id))


def _of_the_sale(figures: Figures) -> Iterator[Problem]:
    taken, capacity = (figures.sold or 0) + (figures.held or 0), figures.capacity
    if capacity is not None and taken > capacity:
        says = f"{count(taken - capacity)} more are sold and held than there are; close it, then ask the ledger"
        yield Problem("bad", "stock", says, f"onsale sale close {figures.sale_id}")
    if figures.state is None and "redis" not in figures.away:
        yield Problem("bad", "stock", "the sale is not there any more", "onsale sale list")
    if figures.outbox and figures.most_outbox and figures.outbox >= figures.most_outbox:
        says = f"nobody is let in while {count(figures.most_outbox)} events or more wait for Kafka"
        yield Problem("bad", "line", says, "onsale status")
    if figures.state == "PAUSED":
        yield Problem("warn", "line", "paused: nobody is let in", f"onsale sale resume {figures.sale_id}")
    waits = figures.waiting and figures.free and figures.state == "OPEN"
    if waits and not figures.active and not figures.held and figures.drain_s is None and figures.admitted_per_s == 0:
        yield Problem("warn", "line", "tickets are free, buyers wait, and nobody is let in", "onsale status")
