"""Reads a seat plan from a CSV file: one seat a row, in plan order, best first; the header is optional."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from functions.arguments import seat_id

_MOST_ERRORS = 10


def read_seats(path: Path) -> list[str]:
    """Return the seat ids. Raises click.UsageError naming the line of every bad or repeated one, or that is no CSV.

    With a header the column `seat_id` counts; without one, the first column. Empty lines are skipped.
    """
    errors: list[str] = []
    lines: dict[str, int] = {}
    column = 0
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        is_first = True
        for line, row in _rows(file, errors):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if is_first and "seat_id" in cells:
                column, is_first = cells.index("seat_id"), False
                continue
            is_first = False
            problem = _take(cells[column] if column < len(cells) else "", line, lines)
            if problem:
                errors.append(f"line {line}: {problem}")
    if not lines and not errors:
        errors.append("no seat in it")
    if errors:
        shown = errors[:_MOST_ERRORS]
        if len(errors) > len(shown):
            shown.append(f"and {len(errors) - len(shown):,} more")
        raise click.UsageError("\n  ".join([f"{path}: the seat plan cannot be used", *shown]))
    return list(lines)


def _rows(file: TextIO, errors: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its last line."""
    reader = csv.reader(file)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:  # a cell that never ends, for one
        errors.append(f"line {reader.line_num}: {error}")


def _take(text: str, line: int, lines: dict[str, int]) -> str | None:
    try:
        seat = seat_id(text)
    except ValueError as error:
        return f"a seat id {error}"
    if seat in lines:
        return f"seat {seat} is on line {lines[seat]} already"
    lines[seat] = line
    return None
