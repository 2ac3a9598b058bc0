"""A figure with its limit and its target. Measures nothing and lays nothing out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. `limit` is what it is compared with, in the same unit; `at_most` turns the target round.

    Its name is its own in a whole run: by it the next run is compared with this one.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_name: str = ""
    target: float | None = None  # of value / limit, or of the value itself where there is no limit
    at_most: bool = False
    note: str = ""
    of_value: bool = False  # the target is of the value although there is a limit

    @property
    def ratio(self) -> float | None:
        """Value over limit; None where there is no limit."""
        return None if not self.limit else self.value / self.limit

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        compared = self.value if self.limit is None or self.of_value else self.ratio or 0.0
        return compared <= self.target if self.at_most else compared >= self.target


def in_turn(
    rounds: int, *measurements: Callable[[], float], of_all: Callable[[Sequence[float]], float] = median
) -> list[float]:
    """Run the measurements A B A B … and return each one's median, so that a drifting machine drifts for all."""
    seen = [[measure() for measure in measurements] for _ in range(rounds)]
    return [of_all(values) for values in zip(*seen, strict=True)]
