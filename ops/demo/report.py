"""The summary of a demonstration: for a person, and as one JSON document."""

from typing import Any

import click

from ops.commands.ledger_report import ledger_report
from ops.console import table
from ops.demo.figures import percentile
from ops.demo.outcome import Ending
from ops.demo.run import DemoResult
from ops.demo.verdict import Check


def report(result: DemoResult, points: list[Check]) -> str:
    """Return the summary, the ledger and the verdict."""
    return "\n".join(
        [
            table(_summary(result)),
            "",
            table(
                (
                    (e.endpoint, e.requests, f"{e.p50_ms:.1f} ms", f"{e.p99_ms:.1f} ms")
                    for e in result.figures.endpoints()
                ),
                ("endpoint", "requests", "p50", "p99"),
            ),
            "",
            ledger_report(dict(result.ledger)),
            "",
            *map(_point, points),
        ]
    )


def _summary(result: DemoResult) -> list[tuple[str, str]]:
    figures, durable = result.figures, result.durable
    endings = {ending: sum(each.ending is ending for each in result.outcomes) for ending in Ending}
    rate = figures.requests / result.took_s
    rows = [
        ("sold out", f"{result.sold_out_after_s:.1f} s after the doors opened"),
        ("in MySQL", f"the last purchase {_last_written(result)}; {_written(durable.written_after_ms)}"),
        (
            "buyers",
            f"{endings[Ending.TICKET]:,} with a ticket, {endings[Ending.WALKED_AWAY]:,} walked away,"
            f" {endings[Ending.SOLD_OUT]:,} told sold out",
        ),
        ("requests", f"{figures.requests:,} in {result.took_s:.1f} s, {rate:,.0f} a second"),
        ("refusals", ", ".join(f"{count:,} {code}" for code, count in figures.refusals.most_common()) or "none"),
    ]
    if endings[Ending.FAILED]:
        rows.insert(3, ("failed", f"{endings[Ending.FAILED]:,} buyers"))
    if figures.failures:
        rows.append(("sent again", ", ".join(f"{n:,} {why}" for why, n in figures.failures.most_common())))
    error_s = figures.median_eta_error_s()
    if error_s is not None:
        rows.append(("ETA", f"wrong by {error_s:.1f} s in the median, over {len(figures.waits):,} waits"))
    return rows


def _last_written(result: DemoResult) -> str:
    return f"after {result.in_mysql_after_s:.1f} s"


def _written(after_ms: tuple[int, ...]) -> str:
    if not after_ms:
        return "nothing was written"
    median, worst = percentile(after_ms, 50), max(after_ms)
    return f"written {median:.0f} ms after the sale in the median, {worst:.0f} ms at worst"


def _point(check: Check) -> str:
    if check.holds:
        return f"{click.style('✓', fg='green', bold=True)} {check.claim}"
    return f"{click.style('✗', fg='red', bold=True)} {check.claim}: {check.but}"


def as_json(result: DemoResult, points: list[Check]) -> dict[str, Any]:
    """Return everything as one document."""
    figures = result.figures
    return {
        "ok": all(point.holds for point in points),
        "checks": [{"claim": p.claim, "holds": p.holds, **({} if p.holds else {"but": p.but})} for p in points],
        "soldOutAfterSeconds": round(result.sold_out_after_s, 3),
        "inMysqlAfterSeconds": round(result.in_mysql_after_s, 3),
        "writtenAfterMs": {
            "p50": percentile(result.durable.written_after_ms, 50) if result.durable.written_after_ms else None,
            "max": max(result.durable.written_after_ms, default=None),
        },
        "tookSeconds": round(result.took_s, 3),
        "endings": {e.value: sum(each.ending is e for each in result.outcomes) for e in Ending},
        "requests": figures.requests,
        "endpoints": [
            {"endpoint": e.endpoint, "requests": e.requests, "p50Ms": round(e.p50_ms, 3), "p99Ms": round(e.p99_ms, 3)}
            for e in figures.endpoints()
        ],
        "refusals": dict(figures.refusals),
        "sentAgain": dict(figures.failures),
        "medianEtaErrorSeconds": figures.median_eta_error_s(),
        "waitsWithEta": len(figures.waits),
        "ledger": dict(result.ledger),
    }
