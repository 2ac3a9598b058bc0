"""What one process of the generator is told by the one that starts it: a file of JSON that only its owner can read."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ops.rehearse.fault_plan import Fault
from ops.rehearse.plan import RehearsalPlan

# What the buyers need to know; the sale's settings and the report are not theirs.
_OF_BUYERS = (
    "buyers",
    "stock",
    "seated",
    "arrive_s",
    "in_flight",
    "pay",
    "pay_s",
    "hold_s",
    "abandon",
    "poll",
    "duration_s",
    "rate",
)


@dataclass(frozen=True, slots=True)
class Orders:
    """One process's part of a plan. `connections` is its share of those in flight."""

    plan: RehearsalPlan
    url: str
    sale_id: str
    process: int
    processes: int
    connections: int
    records: Path  # where it writes what it did, a JSON document a line
    tokens: Path | None = None  # a line for each of its buyers, in their order
    web_port: int | None = None

    def write(self, path: Path) -> None:
        """Write the orders down."""
        plan = {name: getattr(self.plan, name) for name in _OF_BUYERS}
        document = {name: getattr(self, name) for name in ("url", "sale_id", "process", "processes", "connections")}
        document |= {"records": str(self.records), "tokens": self.tokens and str(self.tokens)}
        document |= {"plan": plan, "faults": [asdict(fault) for fault in self.plan.faults], "web_port": self.web_port}
        path.write_text(json.dumps(document))

    @classmethod
    def read(cls, path: Path) -> "Orders":
        """Return what `write` wrote."""
        told = json.loads(path.read_text())
        plan = RehearsalPlan(**told.pop("plan"), faults=tuple(Fault(**each) for each in told.pop("faults")))
        records, tokens = Path(told.pop("records")), told.pop("tokens")
        return cls(plan=plan, records=records, tokens=Path(tokens) if tokens else None, **told)
