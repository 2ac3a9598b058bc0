"""What a rehearsal shall do, as one value: who comes, when, what they do, and the sale they come to.

Knows no server and no process. Presets are in `presets`, how a plan is carried out is `run`'s and `generator`'s matter.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib.errors import FieldError, InvalidRequest
from ops.rehearse.fault_plan import Fault

POLLS = ("status", "sale")
MOST_BUYERS, MOST_IN_FLIGHT, MOST_PROCESSES = 1_000_000, 20_000, 64
_LONGEST_S = 24 * 3600.0
_SOAK_VISIT_S = 4.0  # from entering to cancelling, apart from the payment; see `generator.soak`
_SOAK_RATE = 50.0


class Raise(NamedTuple):
    """When this share of the stock is sold, so many may be active."""

    sold_share: float
    max_active: int


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """One rehearsal. Shares are 0..1, times seconds. Raises InvalidRequest naming each option that makes no sense."""

    buyers: int = 1_000
    stock: int = 100
    seated: bool = False
    arrive_s: float = 10.0  # all come within it, evenly with jitter
    in_flight: int = 100  # requests under way at a time, at most: connections, spread over the processes
    pay: float = 1.0  # who pay for what they reserved; the others walk away and their hold lapses
    pay_s: float = 0.0  # how long after reserving; 0 with `pay` 1 is a sale without payment
    abandon: float = 0.0  # who go away silently while they wait
    poll: str = "status"  # what those who wait ask for; `sale`: the cacheable page, until their number is admitted
    duration_s: float | None = None  # a soak: buying and cancelling for so long, at a steady rate
    rate: float | None = None  # visits a second of a soak; None: see `soak_rate`
    max_active: int = 100
    raise_max_active: Raise | None = None
    admit_per_second: float = 100.0
    hold_s: float = 30.0
    claim_s: float = 30.0
    active_s: float = 60.0
    processes: int | None = None  # of the generator; None: as many as useful
    faults: tuple[Fault, ...] = ()
    url: str | None = None  # None: the local stack
    target: str | None = None  # where a deployed sale is created and configured, as `--target` has it
    tokens_file: Path | None = None  # a bearer token a line, where an issuer elsewhere signs them
    thresholds_file: Path | None = None
    report_dir: Path = Path("report")
    web_port: int | None = None  # Locust's own page, on 127.0.0.1
    name: str = ""  # of the preset

    def __post_init__(self) -> None:
        errors = [FieldError(option_of(name), detail) for name, detail in _mistakes(self)]
        if errors:
            raise InvalidRequest(errors)

    @property
    def payment(self) -> str:
        """The sale's setting `payment`: `none` where everybody pays at once."""
        return "none" if self.pay == 1 and self.pay_s == 0 else "required"

    @property
    def is_soak(self) -> bool:
        """Whether buyers buy and cancel for a while, instead of coming once."""
        return self.duration_s is not None

    @property
    def soak_rate(self) -> float:
        """Visits a second of a soak: as told, or so many that neither stock nor buyers run out, 50 at most."""
        if self.rate is not None:
            return self.rate
        visit_s = 2 * (self.pay_s + _SOAK_VISIT_S)
        return round(min(_SOAK_RATE, self.stock / visit_s, self.buyers / visit_s), 3)

    @property
    def is_local(self) -> bool:
        """Whether everything this plan touches is on this machine's loopback."""
        return self.url is None or is_loopback(self.url)

    @staticmethod
    def user_id(number: int) -> str:
        """Return the userId of buyer 1, 2, …"""
        return f"buyer-{number:06}"

    def document(self) -> dict[str, Any]:
        """Return the plan for a report: option names in camelCase, JSON values."""
        document: dict[str, Any] = {}
        for field in fields(self):
            first, *others = field.name.removesuffix("_s").split("_")
            name = first + "".join(map(str.capitalize, others)) + ("Seconds" if field.name.endswith("_s") else "")
            value = getattr(self, field.name)
            document[name] = str(value) if isinstance(value, Path) else value
        document["faults"] = [str(fault) for fault in self.faults]
        raising = self.raise_max_active
        document["raiseMaxActive"] = raising and {"soldShare": raising.sold_share, "maxActive": raising.max_active}
        return document


def option_of(field: str) -> str:
    """Return how the command spells a field of the plan: `pay_s` is `--pay-seconds`, `arrive_s` is `--arrive`."""
    special = {"arrive_s": "arrive", "duration_s": "duration", "seated": "seats", "faults": "fault", "name": "preset"}
    special |= {"tokens_file": "tokens", "thresholds_file": "thresholds", "report_dir": "report", "web_port": "web"}
    plain = special.get(field, field)
    return "--" + (plain.removesuffix("_s") + "-seconds" if plain.endswith("_s") else plain).replace("_", "-")


def is_loopback(url: str) -> bool:
    """Say whether a URL's host is this machine, by its name or address alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


_RANGES: dict[str, tuple[float, float]] = {
    "buyers": (1, MOST_BUYERS),
    "stock": (1, 1_000_000),
    "arrive_s": (0, _LONGEST_S),
    "in_flight": (1, MOST_IN_FLIGHT),
    "pay": (0, 1),
    "pay_s": (0, 3600),
    "abandon": (0, 1),
    "duration_s": (1, _LONGEST_S),
    "rate": (0.01, 10_000),
    "max_active": (1, 1_000_000),
    "admit_per_second": (0, 1_000_000),
    "hold_s": (1, _LONGEST_S),
    "claim_s": (1, _LONGEST_S),
    "active_s": (1, _LONGEST_S),
    "processes": (1, MOST_PROCESSES),
    "web_port": (1, 65_535),
}


def _mistakes(plan: RehearsalPlan) -> Iterator[tuple[str, str]]:
    for name, (least, most) in _RANGES.items():
        value = getattr(plan, name)
        if value is not None and not least <= value <= most:  # a NaN is in no range either
            yield name, f"must be {least:,g} to {most:,.12g}, not {value:,g}"
    if plan.poll not in POLLS:
        yield "poll", f"must be {' or '.join(POLLS)}, not {plan.poll}"
    if plan.pay_s >= plan.hold_s:
        yield "hold_s", f"must be longer than the {plan.pay_s:g} s after which buyers pay"
    if plan.processes is not None and plan.processes > plan.in_flight:
        yield "processes", f"{plan.processes:,} cannot share {plan.in_flight:,} requests in flight"
    if plan.web_port is not None and (plan.processes or 1) > 1:
        yield "web_port", "shows one process: not together with several --processes"
    if plan.rate is not None and plan.duration_s is None:
        yield "rate", "is of a soak: it needs --duration"
    if plan.raise_max_active is not None:
        yield from _mistakes_of_raise(plan.raise_max_active)
    yield from _mistakes_of_place(plan)


def _mistakes_of_raise(raising: Raise) -> Iterator[tuple[str, str]]:
    if not 0 < raising.sold_share < 1:
        yield "raise_max_active", f"the share sold must be between 0 and 1, not {raising.sold_share:g}"
    if not 1 <= raising.max_active <= 1_000_000:
        yield "raise_max_active", f"the new value must be 1 to 1,000,000, not {raising.max_active:,}"


def _mistakes_of_place(plan: RehearsalPlan) -> Iterator[tuple[str, str]]:
    if plan.url is not None:
        parts = urlsplit(plan.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            yield "url", f"must be http://… or https://…, not {plan.url}"
        elif not plan.is_local and plan.faults:
            yield "faults", f"only on a local stack: {parts.hostname} is not this machine"
    if plan.target is not None and plan.url is None:
        yield "target", "needs the --url that its buyers call"
