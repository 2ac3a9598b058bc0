"""How much of everything a sale takes, worked out from what a recorded run measured. Measures nothing itself."""

from dataclasses import dataclass
from math import ceil, log

from ops.bench.event_sources import ROWS_PER_EVENT
from ops.bench.http import PUBLIC, STATUS
from ops.bench.redis_memory import SIZES
from ops.bench.runs import Run

LONGEST_POLL_S = 30.0  # and a third of the claim time, if that is less (chalicelib/sale/scripts/outlook.lua)
_LAST_MINUTE_POLLS = 10  # half of the ETA each time, from a minute down to a quarter of a second: 2 ln(120)
MAX_OUTBOX = 10_000  # the default of a sale
_REQUEST_S = 0.02  # of a deployed function, as docs/deploy.md plans with
_EVENTS_OF_A_SALE = 2  # RESERVED and CONFIRMED
_SPARE = 2  # plan with half of what was measured: the machine was this sale's alone


class MissingFigureError(Exception):
    """The run has not what the guide needs; a run of an earlier version."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """A sale to plan. `stay_s` is how long an admitted buyer chooses, `paying` the share of holds that are paid."""

    name: str
    tickets: int
    buyers: int
    arrive_s: float
    max_active: int
    admit_per_second: float
    stay_s: float
    hold_s: float
    paying: float
    seated: bool = False


OCCASIONS = (
    Occasion("1,000 tickets, 50,000 buyers", 1_000, 50_000, 60, 200, 100, 15, 180, 0.8),
    Occasion("60,000 seats, 1,000,000 buyers", 60_000, 1_000_000, 300, 6_000, 100, 60, 300, 0.8, seated=True),
)


class Measured:
    """The figures of a run that plans are made of."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def value(self, name: str) -> float:
        """Return a figure. Raises MissingFigureError, naming it."""
        figure = self._run.figure(name)
        if figure is None:
            raise MissingFigureError(f"{self._run.name} has no figure {name!r}: measure again")
        return figure.value

    def per_redis_core(self, call: str) -> float:
        """Return the calls a second that fill the one core a sale has of Redis."""
        return 1e6 / self.value(f"Redis' CPU, {call}")

    def per_worker_core(self, call: str) -> float:
        """Return the requests a second that fill a core of the gateway's workers."""
        return 1e6 / self.value(f"the workers' CPU, {call}")

    def bytes_each(self, what: str) -> float:
        """Return the memory of one buyer, by the larger sale that was measured."""
        return self.value(f"{what}, of {SIZES[-1]:,} buyers")

    @property
    def events_per_poller(self) -> float:
        """Events a second that one poller of `persist` writes, of seated sales, which have most rows."""
        return self.value("persist behind its event source") / ROWS_PER_EVENT


def polls_per_s(waiting: float, admitted_per_s: float, claim_s: float = 90.0) -> float:
    """Return how often all who wait ask for their status, if they obey pollAfterSeconds."""
    return waiting / min(LONGEST_POLL_S, claim_s / 3) + _LAST_MINUTE_POLLS * admitted_per_s


def waves(tickets: int, paying: float) -> int:
    """Return how many times unpaid holds must lapse until less than one ticket is left over."""
    return 1 if paying >= 1 else max(1, ceil(log(tickets) / log(1 / (1 - paying))))


def capacities(run: Run) -> list[tuple[str, str, str]]:
    """Return rows of (what, how much, measured as)."""
    of = Measured(run)
    rows = [
        (f"`{name}` that fill one core of Redis", f"{of.per_redis_core(call):,.0f}/s", f"Redis' CPU, {call}")
        for name, call in (("enter", "enter"), ("status", STATUS), ("reserve", "reserve"))
    ]
    rows += [
        (f"`{name}` that fill a core of the gateway", f"{of.per_worker_core(call):,.0f}/s", f"the workers' CPU, {call}")
        for name, call in (("enter", "enter"), ("status", STATUS), ("GET /sale", PUBLIC))
    ]
    memory = [
        (f"Redis, 100,000 of: {what}", f"{of.bytes_each(what) / 10:,.1f} MB", f"{what}, of {SIZES[-1]:,} buyers")
        for what in ("a waiting buyer", "an active buyer", "a buyer who holds", "a buyer who bought")
    ]
    for what in ("a free seat", "an event in the outbox"):
        name = f"{what}, of {SIZES[-1]:,}"
        memory.append((f"Redis, 100,000 of: {what}", f"{of.value(name) / 10:,.1f} MB", name))
    persist = [
        (f"`persist`, {pollers}", f"{of.value(name) / ROWS_PER_EVENT:,.0f} events/s", f"{name} ÷ {ROWS_PER_EVENT} rows")
        for pollers, name in (
            ("1 poller", "persist behind its event source"),
            ("2 pollers", "persist behind its event source, 2 pollers"),
            ("4 pollers", "persist behind its event source, 4 pollers"),
        )
    ]
    return [*rows, *memory, ("relay, one outbox", f"{of.value('relay'):,.0f} events/s", "relay"), *persist]


def worked(occasion: Occasion, run: Run) -> list[tuple[str, str]]:
    """Return rows of (what, how much) for one sale."""
    of, it = Measured(run), occasion
    arriving = it.buyers / it.arrive_s
    admitted = min(it.admit_per_second, it.max_active / it.stay_s)
    first_wave_s = it.tickets / admitted
    tail_s = (waves(it.tickets, it.paying) - 1) * it.hold_s
    polls = polls_per_s(it.buyers, admitted)
    redis = arriving / of.per_redis_core("enter") + polls / of.per_redis_core(STATUS)
    with_sale = (arriving + _LAST_MINUTE_POLLS * admitted) / of.per_redis_core("enter")
    events = _EVENTS_OF_A_SALE * admitted
    times = "\N{MULTIPLICATION SIGN}"
    pollers = max(1, ceil(_SPARE * events / of.events_per_poller))
    at_once = (arriving + polls) * _REQUEST_S * 2  # the API's function and the authorizer's
    last_s = first_wave_s + tail_s
    return [
        ("`enter` while they arrive", f"{it.buyers:,} ÷ {it.arrive_s:g} s = {arriving:,.0f}/s"),
        (
            "`status` while all wait",
            f"{it.buyers:,} ÷ {LONGEST_POLL_S:g} s + {_LAST_MINUTE_POLLS} {times} {admitted:.3g} = {polls:,.0f}/s",
        ),
        ("Redis' one core, where everybody polls `status`", f"{redis:.0%}"),
        ("… where they poll `/sale` at the CDN, and `status` in their last minute", f"{with_sale:.0%}"),
        ("Redis' memory", f"{_memory_mb(it, of):,.0f} MB"),
        ("functions at once, where everybody polls `status`", f"{at_once:,.0f}"),
        ("admitted", f"min({it.admit_per_second:g}, {it.max_active:,} ÷ {it.stay_s:g} s) = {admitted:.3g}/s"),
        ("everything held for the first time after", f"{it.tickets:,} ÷ {admitted:.3g} = {_span(first_wave_s)}"),
        (
            "everything sold after, at the latest",
            f"{_span(first_wave_s)} + {waves(it.tickets, it.paying) - 1} {times} {it.hold_s:g} s = {_span(last_s)}",
        ),
        ("events to Kafka and MySQL", f"{_EVENTS_OF_A_SALE} {times} {admitted:.3g} = {events:,.0f}/s"),
        ("pollers of `persist`, with half to spare", f"{pollers}"),
        ("Kafka is away: admission goes on for", f"{MAX_OUTBOX:,} ÷ {events:,.0f} = {_span(MAX_OUTBOX / events)}"),
    ]


def _memory_mb(it: Occasion, of: Measured) -> float:
    seats = it.tickets * of.value(f"a free seat, of {SIZES[-1]:,}") if it.seated else 0.0
    bought = it.tickets * of.bytes_each("a buyer who bought")
    outbox = MAX_OUTBOX * of.value(f"an event in the outbox, of {SIZES[-1]:,}")
    return (it.buyers * of.bytes_each("a waiting buyer") + bought + seats + outbox) / 1e6


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
