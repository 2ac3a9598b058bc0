"""What every plot shares: one axis of time, ticks at round numbers, short figures, lines cut down to what is seen."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ops.rehearse.record import Series

Point = tuple[float, float]

_MINUTES_FROM_S, _HOURS_FROM_S = 300, 4 * 3600
_MOST_BUCKETS = 240  # of a line: a lowest and a highest point each, so that no spike is lost


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Seconds since the doors opened, from 0 to `last_s`, told in seconds, minutes or hours."""

    last_s: float

    @property
    def unit_s(self) -> int:
        """Return the seconds of the unit."""
        return 1 if self.last_s <= _MINUTES_FROM_S else 60 if self.last_s <= _HOURS_FROM_S else 3600

    @property
    def unit(self) -> str:
        """Return the unit as a word."""
        return {1: "seconds", 60: "minutes", 3600: "hours"}[self.unit_s]

    def share(self, second: float) -> float:
        """Return where a moment is: 0 at the left end, 1 at the right one, never outside."""
        return min(1.0, max(0.0, second / self.last_s))

    def ticks(self) -> list[tuple[float, str]]:
        """Return moments in seconds, with their labels."""
        return [(value * self.unit_s, f"{value:g}") for value in ticks(self.last_s / self.unit_s, 6)]


def ticks(highest: float, most: int = 5) -> list[float]:
    """Return 0 and round numbers after it, the last at most `highest`."""
    if highest <= 0:
        return [0.0]
    step = _round_step(highest / most)
    return [round(number * step, 10) for number in range(int(highest / step + 1e-9) + 1)]


def top(highest: float) -> float:
    """Return a round number at or above the highest value: where a scale from 0 ends."""
    step = _round_step(max(highest, 1e-9) / 4)
    return round(math.ceil(highest / step - 1e-9) * step, 10) or 1.0


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def decades(lowest: float, highest: float) -> tuple[float, float]:
    """Return the powers of ten around positive values: the ends of a logarithmic scale."""
    low = math.floor(math.log10(lowest))
    return 10.0**low, 10.0 ** max(low + 1, math.ceil(math.log10(highest)))


def short(value: float) -> str:
    """Return a number in few characters: 950, 1.5k, 20k, 1.2M, 0.25."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def runs(seconds: Sequence[float], values: Series) -> Iterator[list[Point]]:
    """Return the unbroken stretches of a series: None ends one, and so does its end."""
    run: list[Point] = []
    for second, value in zip(seconds, values, strict=False):
        if value is not None and math.isfinite(value):
            run.append((second, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def thinned(run: list[Point], buckets: int) -> list[Point]:
    """Return at most two points for each of so many equal stretches, the lowest and the highest, in their order."""
    if len(run) <= 2 * buckets:
        return run
    size = math.ceil(len(run) / buckets)
    kept: list[Point] = []
    for start in range(0, len(run), size):
        part = run[start : start + size]
        lowest, highest = min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])
        kept += sorted({lowest, highest})
    return kept


def lines(seconds: Sequence[float], values: Series) -> list[list[Point]]:
    """Return the stretches to draw. A line with very many gaps has short stretches, and keeps them."""
    found = list(runs(seconds, values))
    length = sum(map(len, found))
    return [thinned(run, max(2, _MOST_BUCKETS * len(run) // length)) for run in found]


def known(values: Series) -> list[float]:
    """Return the values that are there."""
    return [value for value in values if value is not None and math.isfinite(value)]


def every(rows: int, most: int) -> int:
    """Return n such that each nth of so many rows makes at most `most`."""
    return max(1, math.ceil(rows / most))


def difference(values: Series) -> Series:
    """Return how much a counter grew in each second; None where one of two neighbours is not known."""
    before: Series = (None, *values)
    return tuple(
        None if now is None or then is None or now < then else now - then
        for then, now in zip(before, values, strict=False)
    )
