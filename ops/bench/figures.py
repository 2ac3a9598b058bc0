"""A figure with its limit and its target, and the table of all of them. Measures nothing."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from ops.console import table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. `limit` is what it is compared with, in the same unit; `at_most` turns the target round."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_name: str = ""
    target: float | None = None  # of value / limit, or of the value itself where there is no limit
    at_most: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value over limit; None where there is no limit."""
        return None if not self.limit else self.value / self.limit

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        compared = self.value if self.limit is None else self.ratio or 0.0
        return compared <= self.target if self.at_most else compared >= self.target

    def document(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def in_turn(
    rounds: int, *measurements: Callable[[], float], of_all: Callable[[Sequence[float]], float] = median
) -> list[float]:
    """Run the measurements A B A B … and return each one's median, so that a drifting machine drifts for all."""
    seen = [[measure() for measure in measurements] for _ in range(rounds)]
    return [of_all(values) for values in zip(*seen, strict=True)]


def as_table(figures: Sequence[Figure]) -> str:
    """Lay the figures out for a person."""
    rows = [
        (
            each.name,
            _number(each.value),
            each.unit,
            _number(each.limit),
            each.limit_name,
            "" if each.ratio is None else f"{each.ratio:.2f}",
            "" if each.target is None else f"{'≤' if each.at_most else '≥'} {each.target:g}",
            {True: "met", False: "MISSED", None: ""}[each.met],
        )
        for each in figures
    ]
    notes = [f"{each.name}: {each.note}" for each in figures if each.note]
    head = ("figure", "value", "unit", "limit", "of", "ratio", "target", "")
    return "\n".join([table(rows, head, empty=""), "", *notes])


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
