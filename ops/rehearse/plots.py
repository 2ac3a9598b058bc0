"""Plots over time as inline SVG: lines with gaps, fault bands, a limit, a legend that does not rely on colour.

Colours, dashes and sizes of letters are classes of page.css, so that one drawing serves light, dark, phone and paper.
It knows nothing of a rehearsal: figures and words come in, text is escaped here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.rehearse.markup import text
from ops.rehearse.plot_field import LARGE, SMALL, Field, Size, grid
from ops.rehearse.record import Series
from ops.rehearse.scales import Point, TimeAxis, decades, known, lines, short, top

_LETTER = 6.5  # the width of one, about
STYLES = 6  # classes s1 to s6 in page.css: a colour and a dash each; more lines begin again


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a plot."""

    name: str
    values: Series


@dataclass(frozen=True, slots=True)
class Limit:
    """A value that should not be crossed, or that ends the scale."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time with a name; both ends may be the same moment."""

    name: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Some series in one unit. `filled` shades what is between the first two lines."""

    name: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    note: str = ""
    limit: Limit | None = None
    is_log: bool = False
    filled: bool = False
    highest: float | None = None  # where the scale ends at least, so that plots can be compared


def svg(plot: Plot, seconds: Sequence[float], axis: TimeAxis, bands: Sequence[Band], size: Size = LARGE) -> str:
    """Return the drawing; `plot.name` makes its ids, so it must be the only one of that name on a page."""
    field = _field(plot, axis, size)
    parts = [
        f'<svg class="{"small" if size is SMALL else "plot"}" viewBox="0 0 {size.width} {size.height}" role="img"'
        f' aria-labelledby="{text(plot.name)}-t {text(plot.name)}-d" preserveAspectRatio="xMidYMid meet">',
        f'<title id="{text(plot.name)}-t">{text(plot.title)}, {text(plot.unit)}</title>',
        f'<desc id="{text(plot.name)}-d">{text(_description(plot, seconds, bands))}</desc>',
        *(_shade(field, band) for band in bands),
        grid(field),
        *_limit(field, plot.limit),
        *_filling(field, plot, seconds),
        *(_line(field, number, line, seconds) for number, line in enumerate(plot.lines)),
        *(_label(field, number, band) for number, band in enumerate(bands)),
        "</svg>",
    ]
    return "".join(parts)


def style(number: int) -> str:
    """Return the class of the line of this number, from 0."""
    return f"s{number % STYLES + 1}"


def legend(plot: Plot) -> str:
    """Return the lines' names, each beside a piece of its line."""
    items = [
        f'<li><svg class="swatch" viewBox="0 0 36 8" aria-hidden="true"><path class="line {style(number)}"'
        f' d="M1 4H35"/></svg>{text(line.name)}</li>'
        for number, line in enumerate(plot.lines)
    ]
    if plot.limit is not None:
        swatch = '<svg class="swatch" viewBox="0 0 36 8" aria-hidden="true"><path class="limit" d="M1 4H35"/></svg>'
        items.append(f"<li>{swatch}{text(plot.limit.name)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'


def _field(plot: Plot, axis: TimeAxis, size: Size) -> Field:
    values = [value for line in plot.lines for value in known(line.values)]
    if plot.limit is not None:
        values.append(plot.limit.value)
    if plot.is_log:
        positive = [value for value in values if value > 0] or [1.0]
        low, high = decades(min(positive), max(positive))
        return Field(size, axis, low, high, True)
    return Field(size, axis, 0.0, top(max([*values, plot.highest or 0.0], default=0.0)), False)


def _shade(field: Field, band: Band) -> str:
    left, right = field.x(band.from_s), field.x(band.to_s)
    size = field.size
    return (
        f'<rect class="fault" x="{left:.1f}" y="{size.top}" width="{max(1.5, right - left):.1f}"'
        f' height="{size.inner_height}"/>'
    )


def _label(field: Field, number: int, band: Band) -> str:
    """Name a band: right of its beginning, or left where it would leave the drawing; the next one lower."""
    size = field.size
    x, y = field.x(band.from_s), size.top + 11 + number % 3 * 13
    is_late = x + _LETTER * len(band.name) > size.width - size.right
    place = f'x="{x + (-3 if is_late else 3):.1f}" y="{y}" text-anchor="{"end" if is_late else "start"}"'
    return f'<text class="fault-name" {place}>{text(band.name)}</text>'


def _limit(field: Field, limit: Limit | None) -> list[str]:
    if limit is None:
        return []
    y, size = field.y(limit.value), field.size
    return [f'<path class="limit" d="M{size.left} {y:.1f}H{size.left + size.inner_width}"/>']


def _line(field: Field, number: int, line: Line, seconds: Sequence[float]) -> str:
    drawn, dots = "", ""
    for run in lines(seconds, line.values):
        if len(run) > 1:
            drawn += f"M{_places(field, run)}"
        else:  # a path of one point would not be seen
            (second, value) = run[0]
            dots += f'<circle class="dot {style(number)}" cx="{field.x(second):.1f}" cy="{field.y(value):.1f}" r="2"/>'
    return (f'<path class="line {style(number)}" d="{drawn}"/>' if drawn else "") + dots


def _filling(field: Field, plot: Plot, seconds: Sequence[float]) -> list[str]:
    """Shade between the first two lines, wherever both are known."""
    if not plot.filled or len(plot.lines) < 2:
        return []
    upper, lower = (line.values for line in plot.lines[:2])
    both = [None if a is None or b is None else a for a, b in zip(upper, lower, strict=False)]
    below = [None if a is None or b is None else b for a, b in zip(upper, lower, strict=False)]
    pieces = zip(lines(seconds, tuple(both)), lines(seconds, tuple(below)), strict=False)
    return [
        f'<path class="gap" d="M{_places(field, above)}L{_places(field, list(reversed(under)))}Z"/>'
        for above, under in pieces
    ]


def _places(field: Field, points: Sequence[Point]) -> str:
    return "L".join(f"{field.x(second):.1f} {field.y(value):.1f}" for second, value in points)


def _description(plot: Plot, seconds: Sequence[float], bands: Sequence[Band]) -> str:
    sentences = []
    for line in plot.lines:
        found = [(value, second) for second, value in zip(seconds, line.values, strict=False) if value is not None]
        if not found:
            sentences.append(f"{line.name}: not known.")
            continue
        highest, when = max(found, key=lambda each: each[0])
        last = found[-1][0]
        sentences.append(f"{line.name}: highest {short(highest)} at second {when:g}, {short(last)} at the end.")
    if plot.limit is not None:
        sentences.append(f"{plot.limit.name}: {short(plot.limit.value)}.")
    sentences += [f"Fault {band.name} from second {band.from_s:g} to {band.to_s:g}." for band in bands]
    return " ".join(sentences)
