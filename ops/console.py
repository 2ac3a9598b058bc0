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


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """Lay rows out in columns; numbers to the right, everything else to the left."""
    texts = [[_cell(value) for value in row] for row in rows]
    numeric = [all(_is_number(row[i]) for row in texts) for i in range(len(texts[0]))] if texts else []
    if head:
        texts.insert(0, list(head))
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))] if texts else []
    lines = []
    for row in texts:
        cells = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric or [False] * len(row), strict=True)
        ]
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


def _cell(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _is_number(text: str) -> bool:
    return text == "–" or text.replace(",", "").replace(".", "", 1).lstrip("-").isdigit()
