"""A rehearsal in words: figures, checks, what was planned, what matters first. For the page and for the console."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ops.rehearse.record import Check, Rehearsal
from ops.rehearse.scales import known


def figure(value: float | None) -> str:
    """Return a figure as a person reads it: three digits that matter, no false precision."""
    if value is None or math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "beyond measure"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}" if abs(value) < 1 else f"{value:.2f}"


def measured(check: Check) -> str:
    """Return what a check found."""
    if check.value is None or isinstance(check.value, str):
        return check.value or "unknown"
    return f"{figure(check.value)} {check.unit}".rstrip()


def allowed(check: Check) -> str:
    """Return what a check allows."""
    if check.threshold == 0:
        return "none"
    limit = check.threshold if isinstance(check.threshold, str) else f"{figure(check.threshold)} {check.unit}".rstrip()
    return limit if check.comparison == "exactly" else f"{check.comparison} {limit}"


def sentence(check: Check) -> str:
    """Say what a broken check found."""
    return f"{check.name}: {measured(check)}, allowed: {allowed(check)}{because(check)}"


def because(check: Check) -> str:
    """Return a check's detail as the end of a sentence."""
    return f" ({check.detail})" if check.detail else ""


def planned(rehearsal: Rehearsal) -> str:
    """Return what was rehearsed, in one or two sentences."""
    plan = rehearsal.plan
    goods = f"{plan['stock']:,} {'seats' if plan['seated'] else 'tickets'}"
    if plan["durationSeconds"] is None:
        came = f"{plan['buyers']:,} buyers came within {span(plan['arriveSeconds'])} for {goods}"
    else:
        came = f"For {span(plan['durationSeconds'])} {plan['buyers']:,} buyers bought {goods} and cancelled them again"
    habits = "; ".join(_habits(plan))
    limits = f"{plan['maxActive']:,} may buy at a time"
    if raised := plan["raiseMaxActive"]:
        limits += f" ({raised['maxActive']:,} when {raised['soldShare']:.0%} was sold)"
    limits += f", {plan['admitPerSecond']:,g} a second are admitted" if plan["admitPerSecond"] else ""
    return f"{came}{'; ' + habits if habits else ''}. {limits}; at most {plan['inFlight']:,} requests in flight."


def _habits(plan: Any) -> Iterator[str]:
    if plan["pay"] < 1:
        yield f"{plan['pay']:.0%} paid, after {span(plan['paySeconds'])}, the others walked away from what they held"
    elif plan["paySeconds"]:
        yield f"all paid, after {span(plan['paySeconds'])}"
    if plan["abandon"]:
        yield f"{plan['abandon']:.0%} went away while they waited"


def span(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 120:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min" + (f" {rest} s" if rest else "")


def steady(rehearsal: Rehearsal) -> str:
    """Return what a soak was, in a sentence."""
    soak = rehearsal.soak
    if soak is None:
        return ""
    counts = [(soak.bought, "bought"), (soak.cancelled, "cancelled")]
    told = " and ".join(f"{count:,} {word}" for count, word in counts if count is not None)
    part = f"Compared are the first and the last fifth of seconds {soak.from_second:g} to {soak.to_second:g}."
    return f"{told}. {part}" if told else part


def moment(iso: str) -> str:
    """Return a moment as people write it; what is none stays as it is."""
    try:
        return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return iso


def headline(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    """Return the figures that a person asks for first, with their names."""
    proof, sale = rehearsal.proof, rehearsal.sale
    requests = sum(each.requests for each in rehearsal.endpoints)
    busiest = max(known(rehearsal.timeline.series.get("requests", ())), default=None)
    found = [
        ("sold", "unknown" if proof.tickets is None else f"{proof.tickets:,} of {rehearsal.plan['stock']:,}"),
        ("sold twice", _count(proof.oversold)),
        ("lost", _count(proof.lost)),
        ("ledger", rehearsal.ledger["state"] if rehearsal.ledger else "unknown"),
        ("sold out", _after(sale.sold_out_after_seconds)),
        ("in MySQL", _after(sale.in_mysql_after_seconds)),
        ("write-behind p99", _ms(sale.write_behind_ms.p99)),
        ("requests", f"{requests:,}"),
        ("in the busiest second", f"{busiest:,.0f}" if busiest else "unknown"),
    ]
    return [row for row in found if not (rehearsal.soak and row[0] in ("sold out", "in MySQL", "sold"))]


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _after(value: float | None) -> str:
    return "unknown" if value is None else f"after {value:,.1f} s"


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{figure(value)} ms"
