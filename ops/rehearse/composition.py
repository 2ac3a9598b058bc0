"""Puts a rehearsal's record together from what the crowd did, what was looked at, and what is on record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ops.demo.figures import percentile
from ops.rehearse.evidence import Evidence
from ops.rehearse.generator.generated import Generated
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.proof import MOST_EXAMPLES, Durable, Ticket, proof
from ops.rehearse.record import (
    FaultRecord,
    Machine,
    ProcessSeries,
    Proof,
    Rehearsal,
    SaleFigures,
    Series,
    Soak,
    Spread,
    Timeline,
)
from ops.rehearse.sampler import Sampler
from ops.rehearse.soak import soak


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it went. `opened_at_s` is the doors' opening as Unix time."""

    plan: RehearsalPlan
    url: str
    sale_id: str
    opened_at_s: float
    took_s: float
    generated: Generated
    evidence: Evidence
    faults: Sequence[FaultRecord]
    write_behind_ms: Spread  # by the exporter; nothing known where there is none


def compose(run: Run, sampler: Sampler, machine: Machine, command: str) -> Rehearsal:
    """Return the record, without a verdict."""
    plan, generated = run.plan, run.generated
    of_crowd = generated.series()
    last = max([sampler.last_second, *(len(each) - 1 for each in of_crowd.values())])
    processes = sampler.processes(last)
    return Rehearsal(
        name=plan.name,
        started_at=datetime.fromtimestamp(run.opened_at_s, UTC).isoformat(timespec="milliseconds"),
        took_seconds=round(run.took_s, 3),
        url=run.url,
        sale_id=run.sale_id,
        plan=plan.document(),
        command=command,
        settings=_settings(run.evidence.sale),
        machine=machine,
        generator=generated.health,
        endpoints=generated.endpoints,
        outcomes=generated.outcomes,
        sale=_figures(run),
        proof=_proof(run),
        timeline=Timeline(
            seconds=tuple(map(float, range(last + 1))),
            series={**sampler.series(last), **{name: _padded(each, last) for name, each in of_crowd.items()}},
        ),
        processes=processes,
        faults=tuple(run.faults),
        soak=_soak(run, processes),
        ledger=run.evidence.ledger,
    )


def _padded(series: Series, last: int) -> Series:
    return (*series, *[None] * (last + 1 - len(series)))


def _settings(sale: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (sale or {}).get("settings", {})
    return found


def _figures(run: Run) -> SaleFigures:
    generated, durable = run.generated, run.evidence.durable
    is_sold_out = len(generated.tickets) >= run.plan.stock and not run.plan.is_soak
    written_ms = durable.last_written_at_ms if durable else None
    in_mysql_s = None if written_ms is None else round(max(0.0, written_ms / 1000 - run.opened_at_s), 3)
    return SaleFigures(
        sold_out_after_seconds=generated.last_ticket_at_s if is_sold_out else None,
        in_mysql_after_seconds=in_mysql_s,
        write_behind_ms=_write_behind(run.write_behind_ms, durable),
        eta_error_seconds=generated.eta,
    )


def _write_behind(seen: Spread, durable: Durable | None) -> Spread:
    """Return the exporter's percentiles, of every row; else those of each buyer's last one, which MySQL still has."""
    after_ms = durable.written_after_ms if durable else ()
    if not after_ms:
        return seen
    worst = float(max(after_ms))
    if seen.p99 is None:
        return Spread(float(percentile(after_ms, 50)), float(percentile(after_ms, 99)), worst)
    return Spread(seen.p50, seen.p99, max(worst, seen.p99))


def _proof(run: Run) -> Proof:
    told = {user: Ticket(max(1, len(seats)), tuple(sorted(seats))) for user, seats in run.generated.tickets.items()}
    evidence = run.evidence
    found = proof(
        told,
        run.plan.stock,
        evidence.durable,
        evidence.confirmed,
        unserved=run.generated.outcomes.gave_up,
        out_of_order=run.generated.out_of_order,
    )
    failed = [f"{user} got no end: {why}" for user, why in run.generated.why.items()]
    return replace(found, examples=(*found.examples, *failed)[:MOST_EXAMPLES])


def _soak(run: Run, processes: Mapping[str, ProcessSeries]) -> Soak | None:
    if run.plan.duration_s is None:
        return None
    moves = [second.moves for second in run.generated.seconds]
    bought, cancelled = (sum(each[name] for each in moves) for name in ("bought", "cancelled"))
    return soak(processes, run.plan.duration_s, bought, cancelled)
