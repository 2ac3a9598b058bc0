"""The dashboard as lines of text for a terminal of any size: one column from 80x24 on, two where there is room."""

from dataclasses import dataclass

from rich.text import Text

from ops.watch.charts import chart
from ops.watch.figures import Figures
from ops.watch.history import History
from ops.watch.problems import Problem, worst
from ops.watch.rows import STYLES, Row, drawn, rows, stock, title, with_bars
from ops.watch.tables import heading, http_line, problem_lines, process_columns, process_lines, route_lines
from ops.watch.wording import UNKNOWN, sparkline

TWO_COLUMNS = 120
_LEAST_ROUTES = 3
_CHARTS = {
    "waiting": "buyers waiting",
    "sold_per_s": "tickets sold a second",
    "requests_per_s": "requests a second",
    "behind": "events that MySQL has not",
}


@dataclass(frozen=True, slots=True)
class View:
    """All that a page shows. `notice` is why the figures are old, if they are; `ends` says how to leave."""

    figures: Figures
    problems: tuple[Problem, ...]
    history: History
    every_s: float
    clock: str
    ends: str = ""
    notice: str = ""
    unseen: str = UNKNOWN


def page(view: View, width: int, height: int | None = None) -> list[Text]:
    """Return the lines: at most `height` of them, none longer than `width`; without a height as many as there are."""
    top = [title(view.figures, view.clock, view.ends, width)]
    if view.notice:
        top.append(Text(f" {view.notice}", style=STYLES["bad"], no_wrap=True))
    top += stock(view.figures, width)
    tall = height or 1_000
    bottom = problem_lines(view.problems, width, max(3, (tall - 20) // 3))
    room = max(0, tall - len(top) - len(bottom))
    if width >= TWO_COLUMNS:
        half = width // 2
        left = _left(view, half - 1, room if height else 0)
        body = _beside(left, _tables(view, width - half, room), half)
    else:
        body = [*_rows(view, width), *_tables(view, width, room - len(rows(view.figures)))]
    lines = [*top, *body[:room]]
    if height and bottom:
        lines += [Text()] * (height - len(lines) - len(bottom))  # what is wrong stands at the bottom edge
    lines += bottom
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[:height]


def _rows(view: View, width: int) -> list[Text]:
    return [_drawn(view, row, width) for row in rows(view.figures)]


def _drawn(view: View, row: Row, width: int) -> Text:
    return drawn(row, view.problems, width, _bars(view, row.spark, width), view.unseen)


def _bars(view: View, series: str, width: int) -> str:
    return sparkline(view.history.cells(series, max(8, width // 4), view.every_s)) if series else ""


def _left(view: View, width: int, room: int) -> list[Text]:
    """The rows, and below them as many charts as there is room for."""
    lines = _rows(view, width)
    each = min(8, (room - len(lines)) // len(_CHARTS)) - 2
    if each >= 2:
        for series, name in _CHARTS.items():
            cells = view.history.cells(series, width - 12, view.every_s)
            lines += [Text(), *chart(name, cells, each)]
    return lines


def _tables(view: View, width: int, room: int) -> list[Text]:
    """The routes and the processes; both are cut where there is no room."""
    figures = view.figures
    style = STYLES[worst(view.problems, "http")] or "dim"
    seen = figures.requests_per_s is not None or figures.processes
    head = heading("http", http_line(figures) if seen else view.unseen, style)
    lines = [with_bars(head, _bars(view, "requests_per_s", width), width)]
    wanted = -(-len(figures.processes) // process_columns(width))
    routes = min(len(figures.routes), max(_LEAST_ROUTES, room - 1 - wanted))
    lines += route_lines(figures.routes, width, routes)
    return lines + process_lines(figures.processes, width, max(0, room - len(lines)))


def _beside(left: list[Text], right: list[Text], half: int) -> list[Text]:
    lines = []
    for number in range(max(len(left), len(right))):
        line = left[number].copy() if number < len(left) else Text()
        line.truncate(half, overflow="ellipsis", pad=True)
        lines.append(line.append_text(right[number]) if number < len(right) else line)
    return lines
