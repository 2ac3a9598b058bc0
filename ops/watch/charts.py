"""A figure over the last minutes as a chart of several lines, where a terminal has room for it."""

from rich.text import Text

from ops.watch.wording import count

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_MARGIN = 9


def chart(name: str, cells: list[float | None], height: int) -> list[Text]:
    """Return a heading and `height` lines; the highest value is written at the top, 0 at the bottom."""
    most = max((value for value in cells if value is not None), default=0.0)
    lines = [Text(f" {name}", style="dim", no_wrap=True)]
    for number in range(height, 0, -1):
        mark = count(most) if number == height else "0" if number == 1 else ""
        line = Text(no_wrap=True).append(f"{mark:>{_MARGIN}} ", style="dim")
        line.append("".join(_part(value, most, number, height) for value in cells), style="cyan")
        lines.append(line)
    return lines


def _part(value: float | None, most: float, number: int, height: int) -> str:
    """Return what a column shows in one line; the line at the bottom is number 1."""
    if value is None or most <= 0:
        return " "
    eighths = round(value / most * height * 8)
    if value > 0 and number == 1:
        eighths = max(eighths, 1)
    return _EIGHTHS[max(0, min(8, eighths - (number - 1) * 8))]
