"""What a command prints, and where: answers on stdout, everything else on stderr.

With `--json` stdout carries exactly one document. Colour only on a terminal, and never under NO_COLOR.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence

import click

OK, FAILED, USAGE, DIFFERENT, IN_FLIGHT, INTERRUPTED = 0, 1, 2, 3, 4, 130


def colour_off() -> bool:
    """Say whether colour is unwanted (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def show(text: str) -> None:
    """Print the answer for a person."""
    click.echo(text, color=False if colour_off() else None)


def say(line: str = "") -> None:
    """Tell a person something that is not the answer."""
    click.echo(line, err=True, color=False if colour_off() else None)


def print_json(document: object) -> None:
    """Print the answer of a `--json` command."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = (), *, empty: str = "-") -> str:
    """Lay rows out in columns, numbers to the right, text to the left; `empty` stands for None and ""."""
    values = [list(row) for row in rows]
    if not values and not head:
        return ""
    columns = range(len(head) or len(values[0]))
    right = [all(isinstance(row[i], int | float) or row[i] in (None, "") for row in values) for i in columns]
    texts = [list(head)] if head else []
    texts += [[_cell(value, empty) for value in row] for row in values]
    widths = [max(len(row[i]) for row in texts) for i in columns]
    lines = []
    for row in texts:
        cells = [row[i].rjust(widths[i]) if right[i] else row[i].ljust(widths[i]) for i in columns]
        lines.append("  ".join(cells).rstrip())
    if head:
        lines[0] = click.style(lines[0], bold=True)
    return "\n".join(lines)


def ask(question: str, *, yes: bool) -> None:
    """Ask before something dangerous. Off a terminal only `--yes` will do; a "no" ends the command with 1."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Not on a terminal: say --yes to do it.")
    if not click.confirm(question, err=True):
        raise click.ClickException("nothing was done")


def _cell(value: object, empty: str) -> str:
    if value is None or value == "":
        return empty
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
