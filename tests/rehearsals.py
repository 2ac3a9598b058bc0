"""A rehearsal as one would end: figures of a plausible crowd, made by arithmetic alone, for the tests of its report."""

import math
from collections.abc import Mapping
from dataclasses import replace

from ops.rehearse.fault_plan import Fault
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.record import (
    EndpointRecord,
    EtaError,
    FaultRecord,
    GeneratorHealth,
    Growth,
    Machine,
    Outcomes,
    ProcessSeries,
    Proof,
    Rehearsal,
    SaleFigures,
    Series,
    Soak,
    Spread,
    Timeline,
)

LEDGER = {
    "saleId": "rehearsal",
    "epoch": 1_763_000_000,
    "version": 3_412,
    "state": "balanced",
    "rows": [
        {"what": "held", "redis": 0, "outbox": None, "kafka": None, "dlq": None, "mysql": 0},
        {"what": "confirmed", "redis": 1_000, "outbox": None, "kafka": None, "dlq": None, "mysql": 1_000},
        {"what": "events", "redis": 3_412, "outbox": 0, "kafka": 0, "dlq": 0, "mysql": 3_412},
    ],
    "counts": {"different": 0, "in-flight": 0, "explained": 0},
    "findings": [],
    "deadLetters": {"open": 0, "replayed": 0, "discarded": 0, "onTopic": 0},
    "unnamedDeadLetters": 0,
}
MACHINE = Machine(
    model="A processor",
    cores=2,
    memory_bytes=8 * 2**30,
    os="Linux 6.1",
    python="3.11.2",
    versions={"redis": "7.0.15", "kafka": "4.1.0", "mysql": "10.11.6-MariaDB"},
    load_average=(0.31, 0.42, 0.4),
)
PLAN = RehearsalPlan(name="concert", buyers=50_000, stock=1_000, in_flight=300, max_active=1_000)


def rehearsal(plan: RehearsalPlan = PLAN, seconds: int = 30) -> Rehearsal:
    """Return a run in which all went well."""
    return Rehearsal(
        name=plan.name,
        started_at="2026-05-04T18:00:00.000Z",
        took_seconds=float(seconds),
        url="http://127.0.0.1:8000",
        sale_id="rehearsal",
        plan=plan.document(),
        command="onsale rehearse --preset concert",
        settings={"capacity": plan.stock, "maxActive": plan.max_active, "payment": plan.payment, "opensAt": None},
        machine=MACHINE,
        generator=GeneratorHealth(2, None, (), (0.61, 0.58), 14.2, 300, 300, 0.08),
        endpoints=(
            EndpointRecord("status", 61_204, 0, {"sold-out": 49_000}, 4.1, 31.0, 88.0, 240.5),
            EndpointRecord("enter", plan.buyers, 0, {"sold-out": 212}, 6.2, 55.1, 210.0, 402.0),
            EndpointRecord("reserve", plan.stock, 0, {}, 3.9, 22.0, 71.0, 130.0),
        ),
        outcomes=Outcomes(bought=plan.stock, told_sold_out=plan.buyers - plan.stock),
        sale=SaleFigures(11.4, 11.9, Spread(42.0, 180.0, 240.0), EtaError(1.2, 900)),
        proof=Proof(plan.stock, 0, 0, 0, 0, 0),
        timeline=Timeline(tuple(map(float, range(seconds + 1))), timeline(plan, seconds)),
        processes={
            name: ProcessSeries(
                wave(seconds, cpu, cpu / 3),
                tuple(mb * 1e6 * (1 + 0.05 * min(1, s / seconds)) for s in range(seconds + 1)),
                tuple(float(fds) for _ in range(seconds + 1)),
            )
            for name, cpu, mb, fds in (
                ("gateway", 0.9, 120, 340),
                ("kafka", 0.25, 420, 180),
                ("mysql", 0.2, 210, 60),
                ("persist", 0.15, 70, 20),
                ("redis", 0.35, 40, 350),
                ("relay", 0.12, 60, 18),
                ("scheduler", 0.06, 60, 15),
            )
        },
        ledger=LEDGER,
    )


def timeline(plan: RehearsalPlan, seconds: int) -> Mapping[str, Series]:
    """Return a rush, a line that empties, and a write-behind that follows the sale."""
    all_s = range(seconds + 1)
    arrive_s = max(1.0, plan.arrive_s)
    sold = [min(plan.stock, plan.stock * s / max(1.0, seconds * 0.38)) for s in all_s]
    arrivals = [plan.buyers / arrive_s if s < arrive_s else 0.0 for s in all_s]
    waiting = [max(0.0, min(plan.buyers, plan.buyers * s / arrive_s) - sold[s]) for s in all_s]
    over = seconds * 0.6
    waiting = [value if s < over else 0.0 for s, value in enumerate(waiting)]
    series: dict[str, Series] = {
        "arrivals": tuple(arrivals),
        "admissions": tuple(float(b - a) for a, b in zip([0.0, *sold], sold, strict=False)),
        "requests": wave(seconds, 2_400, 700),
        "waiting": tuple(waiting),
        "active": wave(seconds, 60, 30),
        "held": wave(seconds, 20, 12),
        "confirmed": tuple(map(float, sold)),
        "mysqlRows": tuple(float(sold[max(0, s - 1)]) for s in all_s),
        "outbox": wave(seconds, 14, 12),
        "kafkaLag.persist": wave(seconds, 90, 60),
        "kafkaLag.notify": wave(seconds, 120, 90),
        "kafkaLag.statistics": wave(seconds, 60, 50),
        "deadLetters": tuple(0.0 for _ in all_s),
        "inFlight": wave(seconds, 240, 60),
        "latenessP99Ms": wave(seconds, 9, 6),
        "refusals.sold-out": tuple(0.0 if s < over else 900.0 for s in all_s),
        "refusals.not-active": wave(seconds, 4, 4),
        "generatorCpu.1": wave(seconds, 0.55, 0.2),
        "generatorCpu.2": wave(seconds, 0.5, 0.2),
    }
    for name, base in (("status", 4.0), ("enter", 6.0), ("reserve", 4.0)):
        for rank, factor in ((50, 1.0), (90, 6.0), (99, 22.0)):
            series[f"latency.{name}.p{rank}Ms"] = wave(seconds, base * factor, base * factor / 2)
    return series


def wave(seconds: int, middle: float, height: float) -> Series:
    """Return a series that goes up and down."""
    return tuple(round(middle + height * math.sin(second / 3 + middle), 3) for second in range(seconds + 1))


def with_faults(of: Rehearsal) -> Rehearsal:
    """Return the same run with two faults, and a gap in every figure while the second lasted."""
    faults = (FaultRecord("kafka-stop", "kafka", 10.0, 15.0), FaultRecord("redis-restart", "redis", 20.0, 22.5))
    gap = range(20, 23)
    series = {
        name: tuple(None if second in gap else value for second, value in enumerate(values))
        for name, values in of.timeline.series.items()
    }
    plan = {**of.plan, "faults": [str(Fault.parse("kafka-stop@10s+5s")), str(Fault.parse("redis-restart@20s"))]}
    return replace(of, faults=faults, timeline=replace(of.timeline, series=series), plan=plan)


def soaked(of: Rehearsal) -> Rehearsal:
    """Return the run as a soak whose processes stayed as they were."""
    growth = {name: Growth(100e6, 104e6, 60.0, 61.0) for name in of.processes}
    plan = {**of.plan, "durationSeconds": of.took_seconds}
    return replace(of, plan=plan, soak=Soak(6.0, of.took_seconds, 9_000, 8_990, growth))
