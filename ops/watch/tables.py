"""The tables below the rows: routes of the API, processes of the stack, and what is wrong."""

from collections.abc import Sequence

from rich.text import Text

from ops.watch.figures import Figures, Process, Route
from ops.watch.problems import Problem
from ops.watch.rows import NAME_WIDTH, STYLES
from ops.watch.wording import UNKNOWN, memory, rate, share, span

_CELL_WIDTH = 38  # of a process
_EVENT_SOURCE = "event-source-"  # said once, above the table, rather than before most names


def http_line(figures: Figures) -> str:
    """Return what all routes do together."""
    if figures.requests_per_s is None:
        return UNKNOWN
    says = f"{rate(figures.requests_per_s)}, p50 {span(figures.p50_s)}, p99 {span(figures.p99_s)}"
    return f"{says}, {rate(figures.failed_per_s)} failed" if figures.failed_per_s else says


def route_lines(routes: Sequence[Route], width: int, most: int) -> list[Text]:
    """Return the busiest routes, one a line."""
    shown = routes[: _fitting(len(routes), most)]
    lines = []
    for each in shown:
        numbers = f"{rate(each.per_second):>9} {span(each.p50_s):>8} {span(each.p99_s):>8}"
        name = Text(f"   {each.method:<6} {each.route}", no_wrap=True)
        name.truncate(width - len(numbers) - 2, overflow="ellipsis", pad=True)
        name.append(f" {numbers}", style=STYLES["bad"] if each.failed_per_second else "")
        lines.append(name)
    return lines + _more(len(routes) - len(shown), "routes", most)


def process_columns(width: int) -> int:
    """Return how many processes stand side by side."""
    return max(1, (width - 1) // _CELL_WIDTH)


def process_lines(processes: Sequence[Process], width: int, most: int) -> list[Text]:
    """Return the processes in their order; where not all fit those that are down, then the busiest."""
    columns = process_columns(width)
    shown = list(processes)
    if len(shown) > most * columns:
        urgent = sorted(shown, key=lambda each: (each.up, -(each.cpu or 0)))[: max(0, most - 1) * columns]
        shown = [each for each in shown if each in urgent]
    lines = []
    for start in range(0, len(shown), columns):
        line = Text(" ", no_wrap=True)
        for each in shown[start : start + columns]:
            line.append_text(_cell(each))
        lines.append(line)
    return lines + _more(len(processes) - len(shown), "processes", most)


def problem_lines(found: Sequence[Problem], width: int, most: int) -> list[Text]:
    """Return what is wrong, each with the command to run, which is never cut."""
    shown = found[: _fitting(len(found), most)]
    lines = []
    for each in shown:
        command = f"  {each.command}"
        line = Text(no_wrap=True).append(f" ! {each.says}", style=STYLES[each.severity])
        line.truncate(max(4, width - len(command)), overflow="ellipsis")
        line.append(command, style="bold")
        lines.append(line)
    return lines + _more(len(found) - len(shown), "problems", most)


def heading(name: str, says: str, style: str = "dim") -> Text:
    """Return the first line of a table."""
    return Text(no_wrap=True).append(f" {name:<{NAME_WIDTH}}", style=style).append(says)


def _cell(process: Process) -> Text:
    name = Text().append(f" {process.name.removeprefix(_EVENT_SOURCE)}", style="" if process.up else STYLES["bad"])
    name.truncate(23, overflow="ellipsis", pad=True)
    if not process.up:
        return name.append(f"{'down':>5}{'':>9} ", style=STYLES["bad"])
    busy = process.cpu is not None and process.cpu >= 0.95
    name.append(f"{share(process.cpu):>5}", style=STYLES["warn"] if busy else "")
    return name.append(f"{memory(process.memory_bytes):>9} ", style="dim")


def _fitting(total: int, most: int) -> int:
    """Return how many of a list are shown in `most` lines; one of them says how many are not."""
    return total if total <= most else max(0, most - 1)


def _more(hidden: int, what: str, most: int) -> list[Text]:
    return [Text(f"   and {hidden} more {what}", style="dim", no_wrap=True)] if hidden > 0 and most > 0 else []
