"""What one sees while a demonstration runs: a picture that moves on a terminal, a line a second elsewhere."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ops.console import say

if TYPE_CHECKING:
    from rich.text import Text

_HEAD = "   time  arrived  waiting  active  held  sold  in MySQL"
_BAR_WIDTH = 30
_MOST_ROWS, _MOST_COLUMNS = 20, 40
_STYLES = {"FREE": ("·", "dim"), "HELD": ("▒", "yellow"), "CONFIRMED": ("█", "green")}


@dataclass(frozen=True, slots=True)
class Moment:
    """The sale at one moment, seen from outside."""

    elapsed_s: float
    buyers: int
    arrived: int
    capacity: int
    waiting: int
    active: int
    held: int
    sold: int
    in_mysql: int
    seats: Mapping[str, str] = field(default_factory=dict)  # seat → state, in plan order


class Progress:
    """Shows moments. Off a terminal one line a second, which a log keeps."""

    def __init__(self, *, is_live: bool | None = None) -> None:
        self._is_live = sys.stderr.isatty() if is_live is None else is_live
        self._next_line_s = 1.0
        self._has_head = False
        self._update: Callable[[Text], None] = lambda text: None

    def running(self) -> AbstractContextManager[object]:
        """Show while the block runs."""
        if not self._is_live:
            return nullcontext()
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        live = Live(Text(), console=Console(stderr=True), refresh_per_second=10)
        self._update = live.update
        return live

    def show(self, moment: Moment, *, is_last: bool = False) -> None:
        """Show a moment."""
        if self._is_live:
            self._update(picture(moment))
        elif is_last or moment.elapsed_s >= self._next_line_s:
            self._next_line_s = int(moment.elapsed_s) + 1.0
            if not self._has_head:
                say(_HEAD)
                self._has_head = True
            say(line(moment))


def line(moment: Moment) -> str:
    """Return a moment as one line under the heading."""
    return (
        f"{moment.elapsed_s:5.1f} s  {moment.arrived:7,}  {moment.waiting:7,}  {moment.active:6,}"
        f"  {moment.held:4,}  {moment.sold:4,}  {moment.in_mysql:8,}  {_bar(moment)}"
    )


def _bar(moment: Moment) -> str:
    capacity = max(1, moment.capacity)
    sold = _BAR_WIDTH * moment.sold // capacity
    taken = _BAR_WIDTH * (moment.sold + moment.held) // capacity
    return "█" * sold + "▒" * (taken - sold) + "·" * (_BAR_WIDTH - taken)


def picture(moment: Moment) -> "Text":
    """Return a moment as a picture: the seats, if there are not too many, beside the numbers."""
    from rich.text import Text

    numbers = [
        ("arrived", f"{moment.arrived:,} of {moment.buyers:,}", "white"),
        ("waiting", f"{moment.waiting:,}", "cyan"),
        ("active", f"{moment.active:,}", "cyan"),
        ("held", f"{moment.held:,}", "yellow"),
        ("sold", f"{moment.sold:,} of {moment.capacity:,}", "green"),
        ("in MySQL", f"{moment.in_mysql:,}", "magenta"),
    ]
    right = [Text.assemble((f"{name:>10}  ", "dim"), (value, f"bold {style}")) for name, value, style in numbers]
    right.insert(0, Text.assemble(("   elapsed  ", "dim"), (f"{moment.elapsed_s:.1f} s", "bold")))
    left = _seat_rows(moment)
    if not left:
        left = [Text(_bar(moment).ljust(_BAR_WIDTH), style="green")]
    blank = Text(" " * len(left[0].plain))
    picture = Text()
    for number in range(max(len(left), len(right))):
        picture.append("  ")
        picture.append_text(left[number] if number < len(left) else blank)
        if number < len(right):
            picture.append("   ").append_text(right[number])
        picture.append("\n")
    return picture


def _seat_rows(moment: Moment) -> "list[Text]":
    from rich.text import Text

    rows: dict[str, list[str]] = {}
    for seat, state in moment.seats.items():
        rows.setdefault(seat.rpartition("-")[0], []).append(state)
    if not rows or len(rows) > _MOST_ROWS or max(map(len, rows.values())) > _MOST_COLUMNS:
        return []
    width = max(map(len, rows.values()))
    drawn = []
    for name, states in rows.items():
        text = Text(f"{name:>3} ", style="dim")
        for state in states:
            mark, style = _STYLES[state]
            text.append(mark * 2, style=style)
        text.append("  " * (width - len(states)))
        drawn.append(text)
    return drawn
