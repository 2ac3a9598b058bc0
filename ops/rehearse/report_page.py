"""report.html, made of the record alone: one self-contained file without scripts, for any screen and for paper.

Its policy lets a browser load nothing at all, so not even a name that somebody made up could. It is well-formed XML.
"""

import re
from importlib.resources import files

from ops.rehearse.markup import pairs, text
from ops.rehearse.page_plots import bands, duration_s, plots, process_plots
from ops.rehearse.page_tables import (
    checks_table,
    endpoints_table,
    examples_list,
    faults_table,
    ledger_section,
    machine_list,
    numbers_table,
    outcomes_table,
    settings_list,
    soak_table,
)
from ops.rehearse.plot_field import SMALL
from ops.rehearse.plots import Band, Plot, legend, svg
from ops.rehearse.record import GO, NO_GO, GeneratorHealth, Rehearsal
from ops.rehearse.scales import TimeAxis
from ops.rehearse.words import headline, moment, planned, span

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_KINDS = {GO: ("good", "✓"), NO_GO: ("bad", "✗")}
_PROCESS_PLOTS = {
    "cpu": ("CPU of each process", "In cores; children count with their process. All on one scale."),
    "memory_bytes": ("Memory of each process", "Resident, in MB; each on a scale of its own, from 0."),
    "fds": ("Descriptors of each process", "Open files and sockets; each on a scale of its own, from 0."),
}


def page(rehearsal: Rehearsal) -> str:
    """Return the page as HTML."""
    name = f"Rehearsal {rehearsal.name}".rstrip()
    css = re.sub(r"\s*\n\s*", "\n", files(__package__).joinpath("page.css").read_text(encoding="utf-8"))
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8"/>',
            f'<meta http-equiv="Content-Security-Policy" content="{text(_POLICY)}"/>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
            f"<title>{text(rehearsal.verdict)}: {text(name)}</title>",
            f"<style>{css}</style>",
            "</head>",
            "<body>",
            "<main>",
            _verdict(rehearsal, name),
            _section("checks", "Checks", checks_table(rehearsal)),
            _over_time(rehearsal),
            *(_processes(rehearsal, kind) for kind in _PROCESS_PLOTS),
            *_tables(rehearsal),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _verdict(rehearsal: Rehearsal, name: str) -> str:
    kind, sign = _KINDS.get(rehearsal.verdict, ("doubt", "?"))
    reasons = "".join(f"<li>{text(reason)}</li>" for reason in rehearsal.reasons)
    tiles = "".join(f"<div><dt>{text(word)}</dt><dd>{text(value)}</dd></div>" for word, value in headline(rehearsal))
    return (
        f'<header><p class="over">{text(name)}</p>'
        f'<h1 class="{kind}"><span aria-hidden="true">{sign}</span> {text(rehearsal.verdict)}</h1>'
        f'<ul class="reasons">{reasons}</ul>'
        f'<p class="planned">{text(planned(rehearsal))}</p>'
        f'<p class="where">{text(moment(rehearsal.started_at))}, took {text(span(round(rehearsal.took_seconds, 1)))};'
        f" sale <code>{text(rehearsal.sale_id)}</code> at <code>{text(rehearsal.url)}</code></p>"
        f'<dl class="tiles">{tiles}</dl></header>'
    )


def _section(name: str, title: str, inside: str, note: str = "") -> str:
    told = f'<p class="note">{text(note)}</p>' if note else ""
    return f'<section id="{name}"><h2>{text(title)}</h2>{told}{inside}</section>'


def _over_time(rehearsal: Rehearsal) -> str:
    faults, axis = bands(rehearsal), TimeAxis(duration_s(rehearsal))
    drawn = "".join(_figure(plot, rehearsal.timeline.seconds, axis, faults) for plot in plots(rehearsal))
    note = "All plots share one axis of time. Where a figure is not known its line has a gap."
    note += " The shaded stretches are faults." if faults else ""
    return _section("time", "Over time", f'<div class="plots">{drawn}</div>', note) if drawn else ""


def _figure(plot: Plot, seconds: tuple[float, ...], axis: TimeAxis, faults: list[Band]) -> str:
    note = f'<p class="note">{text(plot.note)}</p>' if plot.note else ""
    return (
        f'<figure><figcaption><h3>{text(plot.title)} <span class="unit">{text(plot.unit)}</span></h3></figcaption>'
        f"{legend(plot)}{svg(plot, seconds, axis, faults)}{note}"
        f"<details><summary>Numbers</summary>{numbers_table(plot, seconds)}</details></figure>"
    )


def _processes(rehearsal: Rehearsal, kind: str) -> str:
    faults, axis = bands(rehearsal), TimeAxis(duration_s(rehearsal))
    found = process_plots(rehearsal, kind)
    if not found:
        return ""
    drawn = "".join(
        f"<figure><figcaption><h3>{text(plot.lines[0].name)}</h3></figcaption>"
        f"{svg(plot, rehearsal.timeline.seconds, axis, faults, SMALL)}</figure>"
        for plot in found
    )
    title, note = _PROCESS_PLOTS[kind]
    together = Plot(kind, title, found[0].unit, tuple(plot.lines[0] for plot in found))
    numbers = f"<details><summary>Numbers</summary>{numbers_table(together, rehearsal.timeline.seconds)}</details>"
    return _section(kind.replace("_", "-"), title, f'<div class="smalls">{drawn}</div>{numbers}', note)


def _tables(rehearsal: Rehearsal) -> list[str]:
    soak, faults = rehearsal.soak, rehearsal.faults
    generator = rehearsal.generator
    health: list[tuple[str, object]] = [
        ("processes", generator.processes),
        ("bottleneck", generator.bottleneck or "none"),
        ("CPU, 95th percentile of each", ", ".join(f"{share:.0%}" for share in generator.cpu_p95) or None),
        ("lateness p99", None if generator.lateness_p99_ms is None else f"{generator.lateness_p99_ms:,.1f} ms"),
        ("in flight at most", generator.in_flight_max),
        ("all connections busy", None if generator.saturated_share is None else f"{generator.saturated_share:.1%}"),
    ]
    found = [
        _section("faults", "Faults", faults_table(rehearsal)) if faults else "",
        _section("soak", "Soak", soak_table(rehearsal)) if soak else "",
        _section("ledger", "Ledger", ledger_section(rehearsal)),
        _section("endpoints", "Endpoints", endpoints_table(rehearsal), _LATENCY),
        _section("outcomes", "Outcomes", outcomes_table(rehearsal) + examples_list(rehearsal)),
        _section("generator", "Generator", pairs(health) + _remarks(generator)),
        _section("sale", "Settings of the sale", settings_list(rehearsal.settings)) if rehearsal.settings else "",
        _section("plan", "Plan", settings_list(rehearsal.plan)),
        _section("machine", "Machine", machine_list(rehearsal)),
        _section("again", "Again", f"<pre><code>{text(rehearsal.command)}</code></pre>") if rehearsal.command else "",
    ]
    return [each for each in found if each]


def _remarks(generator: GeneratorHealth) -> str:
    items = "".join(f"<li>{text(reason)}</li>" for reason in generator.reasons)
    return f"<ul>{items}</ul>" if items else ""


_LATENCY = "Latency counts from the moment a buyer wanted to ask, so it holds what they waited for a free connection."
