"""Was it the generator that was too slow? Three ways it can be, looked for in this order:

  cpu          a process used more than 0.9 of a core in one busy second of twenty; or it wanted so much, did not get it
               as other programs had the cores, and steps began late
  connections  this machine refused connections (file descriptors, ports); or steps began late as every connection was
               busy, and answers took hardly longer than at rest (three times at most, or 5 ms): more connections would
               have brought more load
  schedule     steps began late although a connection was free; or buyers came late and nothing says why; or a process
               died

Late is: more than a second after it was due, and one step in a hundred was; of the last buyer: a tenth and a second
past the time planned. Busy seconds are those with a quarter of the requests of the busiest one.

Connections that are all busy because answers take long are the system's slowness, not the generator's: more of them
would wait in the system's line instead of in this one. Latencies count from when a buyer wanted to ask, so the wait for
a connection is in them, and the run counts. How long answers take then is what is left by Little's law: connections
through answers a second, so that a system that does not answer at all counts too.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ops.demo.figures import percentile
from ops.rehearse.generator.histogram import Histogram
from ops.rehearse.generator.second import Second
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.record import GeneratorHealth

if TYPE_CHECKING:
    from ops.rehearse.generator.generated import End

MOST_CPU = 0.9  # of a core: an event loop is one thread
MOST_LATE_MS = 1_000.0
MOST_LATE = 0.01  # of the steps
MOST_OWN_ERRORS = 0.001  # of the requests
MOST_SKIPPED = 0.01  # of a soak's visits
SLOW_FACTOR, SLOW_LEAST_MS = 3.0, 5.0  # slow is so many times the answer at rest, and so long at least
_BUSY = 0.25


def diagnose(plan: RehearsalPlan, processes: int, seconds: Sequence[Second], ends: "Sequence[End]") -> GeneratorHealth:
    """Return how the generator was doing, and its bottleneck if it was one."""
    look = _Look(plan, processes, seconds, ends)
    findings = list(look.findings())
    bottleneck = next((name for name, _ in findings if name), None)
    late = look.lateness.percentile_ms(99)
    return GeneratorHealth(
        processes=processes,
        bottleneck=bottleneck,
        reasons=tuple(sentence for _, sentence in findings),
        cpu_p95=tuple(round(look.cpu_p95(process), 3) for process in range(1, processes + 1)),
        lateness_p99_ms=None if late is None else round(late, 1),
        in_flight_max=max((second.in_flight for second in seconds), default=None),
        in_flight_limit=plan.in_flight,
        saturated_share=round(look.saturated_share, 3),
    )


class _Look:
    def __init__(self, plan: RehearsalPlan, processes: int, seconds: Sequence[Second], ends: "Sequence[End]") -> None:
        self._plan, self._processes, self._seconds, self._ends = plan, processes, seconds, ends
        busiest = max((second.requests for second in seconds), default=0)
        self._busy = [second for second in seconds if second.requests >= max(1, _BUSY * busiest)]
        self.lateness = Histogram.merged(second.lateness for second in seconds)
        shares = [second.saturated_share for second in self._busy]
        self.saturated_share = sum(shares) / len(shares) if shares else 0.0

    def findings(self) -> Iterator[tuple[str, str]]:
        """Yield (bottleneck or "", sentence), the weightiest first."""
        lagging, waiting, coming = list(self._lagging()), list(self._waiting()), list(self._coming())
        yield from self._cpu(bool(lagging or waiting or coming))
        yield from self._own_errors()
        yield from waiting
        yield from lagging
        is_explained = bool(waiting) and self._is_slow
        yield from (("" if is_explained else "schedule", sentence) for sentence in coming)
        yield from self._skipped()
        yield from self._broken()

    def cpu_p95(self, process: int) -> float:
        """Return what share of a core a process used in its busiest busy seconds."""
        values = [second.cpu[process] for second in self._busy if process in second.cpu]
        return percentile(values, 95) if values else 0.0

    def _wanted_p95(self, process: int) -> float:
        values = [second.wanted[process] for second in self._busy if process in second.wanted]
        return percentile(values, 95) if values else 0.0

    def _cpu(self, is_late: bool) -> Iterator[tuple[str, str]]:
        for process in range(1, self._processes + 1):
            used, wanted = self.cpu_p95(process), self._wanted_p95(process)
            if used > MOST_CPU:
                yield "cpu", f"process {process} of the generator used {used:.0%} of a core while it was busy"
            elif is_late and wanted > MOST_CPU:
                yield (
                    "cpu",
                    f"process {process} of the generator wanted {wanted:.0%} of a core and got {used:.0%}:"
                    " other programs had the rest",
                )

    def _own_errors(self) -> Iterator[tuple[str, str]]:
        requests = sum(second.requests for second in self._seconds)
        for name in sorted({name for second in self._seconds for name in second.own_errors}):
            times = sum(second.own_errors[name] for second in self._seconds)
            if times > MOST_OWN_ERRORS * requests:
                yield "connections", f"this machine refused the generator {times:,} connections: {name}"

    def _lagging(self) -> Iterator[tuple[str, str]]:
        times = sum(second.lag.above(MOST_LATE_MS) for second in self._seconds)
        if times > MOST_LATE * self.lateness.count:
            yield "schedule", f"{times:,} steps began more than a second late although a connection was free"

    def _waiting(self) -> Iterator[tuple[str, str]]:
        lagging = sum(second.lag.above(MOST_LATE_MS) for second in self._seconds)
        times = self.lateness.above(MOST_LATE_MS) - lagging
        if times <= MOST_LATE * self.lateness.count:
            return
        late = f"{times:,} steps began more than a second late as all {self._plan.in_flight:,} connections were busy"
        took = f"an answer took {self._loaded_ms:,.1f} ms then, {self._rest_ms:,.1f} ms at rest"
        if self._is_slow:
            yield "", f"{late}: {took}, so the system was the slower one, and the wait is in its latencies"
        else:
            yield "connections", f"{late}, although {took}: raise --in-flight"

    @property
    def _rest_ms(self) -> float:
        told = sorted(end.rest_ms for end in self._ends if end.rest_ms is not None)
        return told[len(told) // 2] if told else 0.0

    @property
    def _loaded_ms(self) -> float:
        busy = sum(second.saturated_share * self._plan.in_flight for second in self._seconds)
        return 1000 * busy / max(1.0, sum(second.saturated_share * second.requests for second in self._seconds))

    @property
    def _is_slow(self) -> bool:
        return self._loaded_ms > max(SLOW_LEAST_MS, SLOW_FACTOR * self._rest_ms)

    def _coming(self) -> Iterator[str]:
        planned_s = self._plan.duration_s or self._plan.arrive_s
        for end in self._ends:
            if end.arrived_after_s is None:
                yield f"not all buyers of process {end.process} came before it was stopped"
            elif end.arrived_after_s > 1.1 * planned_s + MOST_LATE_MS / 1000:
                yield f"the last buyer came after {end.arrived_after_s:,.1f} s instead of {planned_s:g} s"

    def _skipped(self) -> Iterator[tuple[str, str]]:
        times = sum(second.moves["skipped"] for second in self._seconds)
        visits = times + sum(second.moves["arrived"] for second in self._seconds)
        if times > MOST_SKIPPED * visits:
            sentence = f"for {times:,} of {visits:,} visits no buyer was at home: more --buyers, or a lower --rate"
            yield "schedule", sentence

    def _broken(self) -> Iterator[tuple[str, str]]:
        gone = set(range(1, self._processes + 1)) - {end.process for end in self._ends}
        for process in sorted(gone):
            yield "schedule", f"process {process} of the generator ended before its buyers did"
