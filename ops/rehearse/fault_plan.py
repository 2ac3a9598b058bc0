"""Faults that a rehearsal plans: what fails, when, and for how long. Knows texts only; `faults` carries them out."""

import re
from dataclasses import dataclass
from enum import StrEnum

from ops.rehearse.duration import duration_s

_SPEC = re.compile(r"(?P<kind>[a-z-]+)@(?P<at>[^+]+)(\+(?P<for>.+))?")


class FaultKind(StrEnum):
    """What can be made to fail in a local stack."""

    KAFKA_STOP = "kafka-stop"
    MYSQL_STOP = "mysql-stop"
    REDIS_RESTART = "redis-restart"
    RELAY_KILL = "relay-kill"
    GATEWAY_KILL = "gateway-kill"


_NEEDS_AN_END = (FaultKind.KAFKA_STOP, FaultKind.MYSQL_STOP)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: seconds since the first buyer could come, and how long it lasts; 0 is back at once."""

    kind: FaultKind
    at_s: float
    for_s: float = 0.0

    @classmethod
    def parse(cls, spec: str) -> "Fault":
        """Read `kafka-stop@10s+5s`: at ten seconds, for five. Raises ValueError saying what is wrong."""
        parts = _SPEC.fullmatch(spec)
        if not parts:
            raise ValueError(f"must look like kafka-stop@10s+5s, not {spec!r}")
        kinds = [each.value for each in FaultKind]
        if parts["kind"] not in kinds:
            raise ValueError(f"{parts['kind']} is none of {', '.join(kinds)}")
        kind = FaultKind(parts["kind"])
        if parts["for"] is None and kind in _NEEDS_AN_END:
            raise ValueError(f"{spec} does not say for how long, as in {spec}+5s")
        return cls(kind, duration_s(parts["at"]), duration_s(parts["for"]) if parts["for"] else 0.0)

    def __str__(self) -> str:
        return f"{self.kind}@{self.at_s:g}s" + (f"+{self.for_s:g}s" if self.for_s else "")
