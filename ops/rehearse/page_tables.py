"""The tables of a rehearsal's page: what was checked, asked, sold, set, and on which machine."""

from collections.abc import Mapping
from typing import Any

from ops.rehearse.markup import Markup, pairs, table, text
from ops.rehearse.plots import Plot
from ops.rehearse.record import Check, Rehearsal
from ops.rehearse.scales import every
from ops.rehearse.words import allowed, figure, measured, steady

_MOST_ROWS = 60  # of the numbers behind a plot
_MOST_FINDINGS = 20
_HOLDS = {True: ("good", "✓ holds"), False: ("bad", "✗ broken"), None: ("doubt", "? unknown")}


def checks_table(rehearsal: Rehearsal) -> str:
    """Return every check, in the order in which they count."""
    rows = [
        (Markup(f"<strong>{text(each.name)}</strong>"), measured(each), allowed(each), _holds(each), each.detail)
        for each in rehearsal.checks
    ]
    return table(("Check", "Measured", "Allowed", "", "How"), rows, numbers=(1, 2), kind="checks")


def _holds(check: Check) -> Markup:
    kind, word = _HOLDS[check.holds]
    return Markup(f'<span class="mark {kind}">{word}</span>')


def endpoints_table(rehearsal: Rehearsal) -> str:
    """Return requests, failures, latencies and refusals of each endpoint."""
    rows = [
        (
            each.name,
            each.requests,
            each.failures,
            *(
                None if value is None else figure(value)
                for value in (each.p50_ms, each.p90_ms, each.p99_ms, each.max_ms)
            ),
            ", ".join(f"{count:,} {code}" for code, count in sorted(each.refusals.items(), key=lambda item: -item[1])),
        )
        for each in rehearsal.endpoints
    ]
    head = ("Endpoint", "Requests", "Failures", "p50 ms", "p90 ms", "p99 ms", "Worst ms", "Refusals")
    return table(head, rows, numbers=range(1, 7))


def outcomes_table(rehearsal: Rehearsal) -> str:
    """Return how the buyers ended, and what they were told against what is on record."""
    of, proof, sale = rehearsal.outcomes, rehearsal.proof, rehearsal.sale
    eta = sale.eta_error_seconds
    return pairs(
        [
            ("bought a ticket", of.bought),
            ("told “sold out”", of.told_sold_out),
            ("reserved and walked away", of.walked_away),
            ("lost their turn", of.lapsed),
            ("left the line", of.left),
            ("gave up without an answer", of.gave_up),
            ("tickets by what buyers were told", proof.tickets),
            ("of them beyond the stock, or sold twice", proof.oversold),
            ("of them not so in MySQL", proof.lost),
            ("in MySQL, and nobody was told", proof.untold),
            ("last ticket sold", _seconds(sale.sold_out_after_seconds)),
            ("last row in MySQL", _seconds(sale.in_mysql_after_seconds)),
            ("from sale to row", _spread(rehearsal)),
            ("ETA off by (median)", None if eta.median is None else f"{eta.median:.1f} s, over {eta.waits:,} waits"),
        ]
    )


def examples_list(rehearsal: Rehearsal) -> str:
    """Return a few of those who have another ticket than they were told, by name."""
    items = "".join(f"<li>{text(each)}</li>" for each in rehearsal.proof.examples)
    return f"<h3>Differences, by name</h3><ul>{items}</ul>" if items else ""


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"after {value:,.1f} s"


def _spread(rehearsal: Rehearsal) -> str | None:
    of = rehearsal.sale.write_behind_ms
    known = [
        (name, value) for name, value in (("p50", of.p50), ("p99", of.p99), ("worst", of.max)) if value is not None
    ]
    return ", ".join(f"{name} {figure(value)} ms" for name, value in known) or None


def ledger_section(rehearsal: Rehearsal) -> str:
    """Return the ledger: every place side by side, then what differs."""
    ledger = rehearsal.ledger
    if ledger is None:
        return "<p>The ledger could not be read.</p>"
    columns = ("redis", "outbox", "kafka", "dlq", "mysql")
    rows = [(each.get("what"), *(_blank(each.get(column)) for column in columns)) for each in ledger.get("rows", ())]
    head = ("", "Redis", "Outbox", "Kafka", "Dead letters", "MySQL")
    findings = ledger.get("findings", ())
    items = "".join(f"<li>{text(each.get('detail', each))}</li>" for each in findings[:_MOST_FINDINGS])
    more = len(findings) - _MOST_FINDINGS
    told = f"<ul>{items}{f'<li>and {more:,} more</li>' if more > 0 else ''}</ul>" if items else ""
    return (
        f"<p>The ledger of {text(ledger.get('saleId', ''))}, epoch {text(ledger.get('epoch', ''))}, version"
        f" {text(ledger.get('version', ''))}: <strong>{text(ledger.get('state', 'unknown'))}</strong>.</p>"
        f"{table(head, rows, numbers=range(1, 6))}{told}"
    )


def _blank(value: object) -> object:
    return "" if value is None else value


def faults_table(rehearsal: Rehearsal) -> str:
    """Return what was made to fail, and when it was back."""
    rows = [
        (
            each.kind,
            each.process,
            f"{each.from_second:,.1f} s",
            "never" if each.to_second is None else f"{each.to_second:,.1f} s",
            each.error or "",
        )
        for each in rehearsal.faults
    ]
    return table(("Fault", "Process", "From", "Back", "Error"), rows, numbers=(2, 3))


def soak_table(rehearsal: Rehearsal) -> str:
    """Return how each process grew from the first to the last fifth of the steady part."""
    growth = rehearsal.soak.growth if rehearsal.soak else {}
    rows = [
        (name, _mb(of.memory_bytes_start), _mb(of.memory_bytes_end), of.fds_start, of.fds_end)
        for name, of in sorted(growth.items())
    ]
    head = ("Process", "MB first", "MB last", "Descriptors first", "last")
    return f"<p>{text(steady(rehearsal))}</p>{table(head, rows, numbers=range(1, 5))}"


def _mb(value: float | None) -> str | None:
    return None if value is None else f"{value / 1e6:,.1f}"


def machine_list(rehearsal: Rehearsal) -> str:
    """Return where it ran."""
    of = rehearsal.machine
    rows: list[tuple[str, object]] = [
        ("processor", of.model or None),
        ("cores", of.cores),
        ("memory", None if of.memory_bytes is None else f"{of.memory_bytes / 2**30:,.1f} GiB"),
        ("system", of.os or None),
        ("Python", of.python or None),
        *((name, version) for name, version in sorted(of.versions.items())),
        ("load before the start", ", ".join(f"{each:.2f}" for each in of.load_average) or None),
    ]
    return pairs(rows)


def settings_list(settings: Mapping[str, Any]) -> str:
    """Return named values as they are; nested ones as text."""
    return pairs((name, "-" if value is None or value in ("", []) else value) for name, value in settings.items())


def numbers_table(plot: Plot, seconds: tuple[float, ...]) -> str:
    """Return the plotted figures, each nth second where there are many; a gap stays empty."""
    step = every(len(seconds), _MOST_ROWS)
    rows = [
        (
            f"{second:g}",
            *("" if at >= len(line.values) else _number(line.values[at]) for line in plot.lines),
        )
        for at, second in enumerate(seconds)
        if at % step == 0
    ]
    which = f"One second in {step}; all {len(seconds):,} are in report.json." if step > 1 else ""
    return table(("Second", *(line.name for line in plot.lines)), rows, numbers=range(len(plot.lines) + 1), name=which)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
