"""The figures in the documents, written from a recorded run: none of them is typed by hand.

    python -m ops.bench.guide [RUN]     the newest run of bench/results, or the one of that name

A block lies between two comments, and the first names the run that it was made of. So a test can make it again from
that file and compare, and a run that somebody records changes no document until somebody says so.
"""

import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from ops.bench import report, sizing
from ops.bench.figures import Figure
from ops.bench.runs import PROJECT, RESULTS, Run, read, recorded
from ops.documents import Unreadable

DOCUMENTS = (PROJECT / "docs" / "performance.md", PROJECT / "README.md")
_BLOCK = re.compile(r"<!-- bench (?P<kind>[a-z]+) from (?P<run>\S+) -->\n(?P<text>.*?)<!-- end of bench -->", re.DOTALL)


def _table(run: Run) -> str:
    lines = [textwrap.fill(f"Run `{run.name}`: {_where(run)}.", 120), "", "```console", "$ make bench", "…"]
    return "\n".join([*lines, _plain(run.figures), "", *report.notes(run.figures), "```"])


def _targets(run: Run) -> str:
    wanted = [each for each in run.figures if each.target is not None]
    lines = ["```console", "$ make bench", "…", _plain(wanted), "…", "```", "", textwrap.fill(f"{_where(run)}.", 120)]
    return "\n".join(lines)


def _plain(figures: Sequence[Figure]) -> str:
    return click.unstyle(report.as_table(figures))


def _capacities(run: Run) -> str:
    rows = [f"| {what} | {much} | {source} |" for what, much, source in sizing.capacities(run)]
    return "\n".join(["| what | how much | from the figure |", "| --- | --- | --- |", *rows])


def _worked(run: Run) -> str:
    lines: list[str] = []
    for occasion in sizing.OCCASIONS:
        lines += [
            textwrap.fill(f"**{occasion.name}**: {_assumed(occasion)}.", 120),
            "",
            "| what | how much |",
            "| --- | --- |",
        ]
        lines += [f"| {what} | {much} |" for what, much in sizing.worked(occasion, run)]
        lines.append("")
    return "\n".join(lines[:-1])


def _where(run: Run) -> str:
    versions = run.versions
    names = ("python", "redis-server", "mysql", "kafka")
    known = ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
    busy = "; it was busy with other work, so that only ratios say something" if run.machine.is_busy else ""
    return f"{run.machine.told()}, {run.machine.os}; {known}{busy}"


def _assumed(it: sizing.Occasion) -> str:
    return (
        f"they come within {it.arrive_s:g} s, choose for {it.stay_s:g} s, and {it.paying:.0%} pay; `--max-active"
        f" {it.max_active} --admit-per-second {it.admit_per_second:g} --hold-seconds {it.hold_s:g}`"
    )


_KINDS: dict[str, Callable[[Run], str]] = {
    "table": _table,
    "targets": _targets,
    "capacities": _capacities,
    "worked": _worked,
}


def rewritten(text: str, run_for: Callable[[str], Run]) -> str:
    """Return a document with its blocks made anew, each of the run that `run_for` has for the name in it."""

    def block(found: re.Match[str]) -> str:
        run = run_for(found["run"])
        made = _KINDS[found["kind"]](run)
        return f"<!-- bench {found['kind']} from {run.name} -->\n{made}\n<!-- end of bench -->"

    return _BLOCK.sub(block, text)


def named(name: str, folder: Path = RESULTS) -> Run:
    """Return the run of that name. Raises Unreadable."""
    return read(folder / f"{name}.json")


def main() -> None:
    """Write the documents anew."""
    try:
        runs = [named(sys.argv[1])] if len(sys.argv) > 1 else recorded()[0]
        if not runs:
            sys.exit("there is no recorded run in bench/results: make bench")
        run = runs[-1]
        for path in DOCUMENTS:
            text = path.read_text(encoding="utf-8")
            path.write_text(rewritten(text, lambda _: run), encoding="utf-8")
    except (Unreadable, sizing.MissingFigureError) as error:
        sys.exit(str(error))
    print(f"written from {run.told()}")  # noqa: T201


if __name__ == "__main__":
    main()
