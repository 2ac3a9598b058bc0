"""What `onsale rehearse` prints at its end: verdict, checks, endpoints, outcomes, ledger, and where the report is."""

from pathlib import Path

import click

from ops.commands.ledger_report import ledger_report
from ops.console import table
from ops.rehearse.record import GO, NO_GO, Check, Rehearsal
from ops.rehearse.words import allowed, figure, headline, measured, planned

_COLOURS = {GO: "green", NO_GO: "red"}
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


def summary(rehearsal: Rehearsal, page: Path | None = None) -> str:
    """Return the summary for a person; `page` is where the whole report is."""
    parts = [
        planned(rehearsal),
        table(headline(rehearsal)),
        _endpoints(rehearsal),
        _outcomes(rehearsal),
        ledger_report(dict(rehearsal.ledger)) if rehearsal.ledger else "the ledger could not be read",
        table(map(_check, rehearsal.checks), ("  check", "measured", "allowed", ""), empty=""),
        _verdict(rehearsal),
        f"the report: {page}" if page else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _verdict(rehearsal: Rehearsal) -> str:
    word = click.style(rehearsal.verdict, fg=_COLOURS.get(rehearsal.verdict, "yellow"), bold=True)
    return "\n".join([word, *(f"  {reason}" for reason in rehearsal.reasons)])


def _check(check: Check) -> tuple[str, str, str, str]:
    mark, colour = _MARKS[check.holds]
    told = {True: "", False: f"broken ({check.detail})" if check.detail else "broken", None: "unknown"}[check.holds]
    return f"{click.style(mark, fg=colour, bold=True)} {check.name}", measured(check), allowed(check), told


def _endpoints(rehearsal: Rehearsal) -> str:
    rows = [
        (each.name, each.requests, each.failures, *(_ms(value) for value in (each.p50_ms, each.p90_ms, each.p99_ms)))
        for each in rehearsal.endpoints
    ]
    return table(rows, ("endpoint", "requests", "failures", "p50", "p90", "p99")) if rows else ""


def _ms(value: float | None) -> str:
    return "" if value is None else f"{figure(value)} ms"


def _outcomes(rehearsal: Rehearsal) -> str:
    of = rehearsal.outcomes
    told = {
        "with a ticket": of.bought,
        "told sold out": of.told_sold_out,
        "walked away from what they held": of.walked_away,
        "lost their turn": of.lapsed,
        "left": of.left,
        "gave up": of.gave_up,
    }
    return "buyers: " + (", ".join(f"{count:,} {word}" for word, count in told.items() if count) or "none")
