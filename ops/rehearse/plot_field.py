"""The field of a plot: its measures, the places of moments and values in it, and its scales as SVG."""

import math
from dataclasses import dataclass

from ops.rehearse.scales import TimeAxis, short, ticks


@dataclass(frozen=True, slots=True)
class Size:
    """A drawing's measures in units of its own; the page stretches it."""

    width: int = 480
    height: int = 250
    left: int = 54
    right: int = 12
    top: int = 14
    bottom: int = 40

    @property
    def inner_width(self) -> int:
        """The width of the field."""
        return self.width - self.left - self.right

    @property
    def inner_height(self) -> int:
        """The height of the field."""
        return self.height - self.top - self.bottom


LARGE = Size()
SMALL = Size(width=240, height=132, left=40, right=8, top=12, bottom=22)


@dataclass(frozen=True, slots=True)
class Field:
    """A plot's scales: from seconds and values to places."""

    size: Size
    axis: TimeAxis
    low: float
    high: float
    is_log: bool

    def x(self, second: float) -> float:
        """Return where a moment is."""
        return self.size.left + self.axis.share(second) * self.size.inner_width

    def y(self, value: float) -> float:
        """Return where a value is; what is beyond the scale is at its end."""
        if self.is_log:
            value = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            value = (value - self.low) / (self.high - self.low)
        return self.size.top + (1 - min(1.0, value)) * self.size.inner_height

    def ticks(self) -> list[float]:
        """Return the values to write beside the scale."""
        if not self.is_log:
            return ticks(self.high, 4)
        return [self.low * 10**power for power in range(round(math.log10(self.high / self.low)) + 1)]


def grid(field: Field) -> str:
    """Draw the scales: lines across, ticks below, labels, and the unit of time."""
    size = field.size
    right, bottom = size.left + size.inner_width, size.top + size.inner_height
    parts = []
    for value in field.ticks():
        y = field.y(value)
        parts.append(f'<path class="grid" d="M{size.left} {y:.1f}H{right}"/>')
        parts.append(f'<text class="tick" x="{size.left - 6}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>')
    moments = field.axis.ticks() if size is not SMALL else _ends(field.axis)
    for second, label in moments:
        x = field.x(second)
        parts.append(f'<path class="axis" d="M{x:.1f} {bottom}v4"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{label}</text>')
    parts.append(f'<path class="axis" d="M{size.left} {bottom}H{right}"/>')
    if size is not SMALL:
        middle = size.left + size.inner_width / 2
        words = f"{field.axis.unit} since the doors opened"
        parts.append(f'<text class="tick" x="{middle:.0f}" y="{size.height - 4}" text-anchor="middle">{words}</text>')
    return "".join(parts)


def _ends(axis: TimeAxis) -> list[tuple[float, str]]:
    moments = axis.ticks()
    return [moments[0], moments[-1]] if len(moments) > 1 else moments
