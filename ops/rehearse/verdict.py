"""GO, NO-GO or INVALID: a rehearsal held against its thresholds.

In this order:
  1. what no generator excuses (sold twice, lost, unbalanced, out of line, grown in a soak) is broken: NO-GO
  2. the generator was the bottleneck, or a planned fault did not happen: INVALID, the rest means nothing then
  3. anything else is broken: NO-GO
  4. a figure is not known: INVALID; unknown is not "held"
  5. GO
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ops.console import DIFFERENT, IN_FLIGHT, OK
from ops.rehearse.expectation import fault_seconds, sell_out
from ops.rehearse.record import GO, INVALID, NO_GO, Check, GeneratorHealth, Growth, Rehearsal
from ops.rehearse.thresholds import ENDPOINTS, Thresholds
from ops.rehearse.words import because, figure, sentence

AT_MOST, EXACTLY = "at most", "exactly"
EXIT_CODES = {GO: OK, NO_GO: DIFFERENT, INVALID: IN_FLIGHT}

_MB = 1_000_000
_ADVICE = {
    "cpu": "give the crowd another machine, or more --processes where cores are idle",
    "schedule": "let the buyers come over a longer --arrive, or give the crowd another machine",
    "connections": "allow more --in-flight",
}


def judged(rehearsal: Rehearsal, thresholds: Thresholds) -> Rehearsal:
    """Return the rehearsal with its checks, its verdict, the reasons and the exit code."""
    held = tuple(checks(rehearsal, thresholds))
    word, reasons = verdict(held, rehearsal.generator, _faults_missed(rehearsal), _busy(rehearsal))
    return replace(rehearsal, checks=held, verdict=word, reasons=reasons, exit_code=EXIT_CODES[word])


def verdict(
    held: Sequence[Check], generator: GeneratorHealth, missed: Sequence[str] = (), remarks: Sequence[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """Return the verdict and its reasons.

    `missed` says which planned faults did not happen, `remarks` what else a reader of a bad verdict should know.
    """
    broken = [each for each in held if each.holds is False]
    remarks = (*(() if generator.bottleneck else generator.reasons), *remarks)
    excuses = [*_bottleneck(generator), *missed]
    unknown = tuple(f"{each.name} is not known" + because(each) for each in held if each.holds is None)
    if any(not each.needs_generator for each in broken):
        return NO_GO, (*map(sentence, broken), *excuses, *remarks)
    if excuses:
        return INVALID, (*excuses, *map(sentence, broken), *remarks)
    if broken:
        return NO_GO, (*map(sentence, broken), *remarks)
    if unknown:
        return INVALID, (*unknown, *remarks)
    return GO, (f"all {len(held)} checks hold",)


def checks(rehearsal: Rehearsal, thresholds: Thresholds) -> Iterator[Check]:
    """Return every check that applies to this rehearsal, those first that nothing excuses."""
    yield from _sold(rehearsal, thresholds)
    yield from _soak(rehearsal, thresholds)
    yield from _served(rehearsal, thresholds)
    yield from _times(rehearsal, thresholds)
    yield from _latencies(rehearsal, thresholds)


def _sold(rehearsal: Rehearsal, thresholds: Thresholds) -> Iterator[Check]:
    proof = rehearsal.proof
    is_one = bool(proof.oversold) != bool(proof.lost)  # the examples do not say which of the two they are of
    example = f"for instance {proof.examples[0]}" if proof.examples and is_one else ""
    yield _at_most(
        "oversold", proof.oversold, "tickets", thresholds.oversold_tickets, example if proof.oversold else ""
    )
    yield _at_most("lost", proof.lost, "tickets", thresholds.lost_tickets, example if proof.lost else "")
    state = rehearsal.ledger["state"] if rehearsal.ledger is not None else None
    holds = None if state is None else state == "balanced"
    yield Check("ledger", state, "", "balanced", EXACTLY, holds, "Redis, outbox, Kafka and MySQL side by side")
    if proof.out_of_order is not None:  # where the crowd cannot see it nobody can
        yield _at_most("admitted out of order", proof.out_of_order, "buyers", thresholds.admitted_out_of_order)


def _soak(rehearsal: Rehearsal, thresholds: Thresholds) -> Iterator[Check]:
    if rehearsal.soak is None:
        return
    growth = rehearsal.soak.growth
    if (share := thresholds.soak_memory_growth) is not None:
        grown = {name: _grown(each.memory_bytes_start, each.memory_bytes_end) for name, each in growth.items()}
        beyond = {name: _beyond(each, share) for name, each in growth.items()}
        worst, value = _worst(beyond)
        worst = worst if value else _worst(grown)[0]  # where none is beyond, who grew most is still worth a word
        detail = f"beyond {share:.0%} of its start; {worst} grew most" if worst else "no process was measured"
        if worst and (all_of_it := grown[worst]) is not None:
            detail += f", by {figure(all_of_it / _MB)} MB in all"
        value = None if value is None else value / _MB
        yield _at_most("memory growth", value, "MB", thresholds.soak_memory_slack_mb, detail)
    if thresholds.soak_descriptors is not None:
        worst, value = _worst({name: _grown(each.fds_start, each.fds_end) for name, each in growth.items()})
        detail = f"{worst} grew most" if worst else "no process was measured"
        yield _at_most("descriptor growth", value, "descriptors", thresholds.soak_descriptors, detail)


def _beyond(growth: Growth, share: float) -> float | None:
    grown = _grown(growth.memory_bytes_start, growth.memory_bytes_end)
    return None if grown is None else max(0.0, grown - share * (growth.memory_bytes_start or 0))


def _grown(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)


def _worst(figures: dict[str, float | None]) -> tuple[str, float | None]:
    known = {name: value for name, value in figures.items() if value is not None}
    worst = max(known, key=lambda name: known[name], default="")
    return worst, known.get(worst)


def _served(rehearsal: Rehearsal, thresholds: Thresholds) -> Iterator[Check]:
    if (most := thresholds.unserved_buyers) is not None:
        detail = "who got no ticket, no “sold out” and no other end"
        yield _at_most("unserved", rehearsal.proof.unserved, "buyers", most, detail, needs_generator=True)
    if (share := thresholds.error_share) is not None:
        requests = sum(each.requests for each in rehearsal.endpoints)
        failures = sum(each.failures for each in rehearsal.endpoints)
        value = 100 * failures / requests if requests else None
        detail = f"{failures:,} of {requests:,} requests: 5xx, or no answer"
        yield _at_most("errors", value, "%", 100 * share, detail, needs_generator=True)


def _times(rehearsal: Rehearsal, thresholds: Thresholds) -> Iterator[Check]:
    if expected := sell_out(rehearsal, thresholds):
        yield _sold_out(rehearsal, expected.at_most, expected.detail)
    if (most := thresholds.write_behind_p99_ms) is not None:
        faults_s = fault_seconds(rehearsal)
        detail = f"{faults_s:,.1f} s of faults are allowed for" if faults_s else "from a sale to its row in MySQL"
        value = rehearsal.sale.write_behind_ms.p99
        yield _at_most("write-behind p99", value, "ms", most + 1000 * faults_s, detail, needs_generator=True)


def _sold_out(rehearsal: Rehearsal, at_most: float, detail: str) -> Check:
    took, sold, stock = rehearsal.sale.sold_out_after_seconds, rehearsal.proof.tickets, rehearsal.plan["stock"]
    if took is None and sold is not None and sold < stock:
        never = f"only {sold:,} of {stock:,} were sold; {detail}"
        return Check("sold out", "never", "", round(at_most, 1), AT_MOST, False, never, needs_generator=True)
    return _at_most("sold out", took, "s", round(at_most, 1), detail, needs_generator=True)


def _latencies(rehearsal: Rehearsal, thresholds: Thresholds) -> Iterator[Check]:
    by_name = {each.name: each for each in rehearsal.endpoints if each.requests}
    for name in ENDPOINTS:
        most = thresholds.p99_ms(name)
        if most is None or (name not in by_name and name != "enter"):  # what nobody asked for took no time
            continue
        asked = by_name.get(name)
        detail = f"{asked.requests:,} requests" if asked else "nobody entered"
        value = asked.p99_ms if asked else None
        yield _at_most(f"{name} p99", value, "ms", most, detail, needs_generator=True)


def _at_most(
    name: str, value: float | None, unit: str, threshold: float, detail: str = "", *, needs_generator: bool = False
) -> Check:
    value = None if value is None or math.isnan(value) else value
    holds = None if value is None else value <= threshold
    return Check(name, value, unit, threshold, AT_MOST, holds, detail, needs_generator)


def _bottleneck(generator: GeneratorHealth) -> Iterator[str]:
    if generator.bottleneck is None:
        return
    why = "; ".join(generator.reasons)
    advice = _ADVICE.get(generator.bottleneck, "give the crowd another machine")
    yield f"the generator was the bottleneck, by its {generator.bottleneck}" + (f": {why}" if why else "")
    yield f"so its figures say little of the sale; {advice}"


def _busy(rehearsal: Rehearsal) -> list[str]:
    here = rehearsal.machine
    if not here.load_average or not here.cores or here.load_average[0] <= here.cores:
        return []
    return [f"the machine was busy before it began: a load of {figure(here.load_average[0])} on {here.cores} cores"]


def _faults_missed(rehearsal: Rehearsal) -> list[str]:
    return [f"the fault {each.kind} could not be done: {each.error}" for each in rehearsal.faults if each.error]
