"""What a dashboard is made of, as far as one differs from another. Knows nothing of Grafana's JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["timeseries", "stat", "heatmap", "state-timeline"]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and what its series are called; `{{label}}` stands for a label's value."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: what it shows, what to do when it looks bad, and how it is drawn.

    `unit` is one of Grafana's: none, short, reqps, cps (a second), s, bytes. It turns red from `alarm_at` on, or, where
    less is worse, below `alarm_below`. `labels` names values: 0 → down.
    """

    title: str
    shows: str
    do: str
    queries: tuple[Query, ...]
    unit: str = "none"
    kind: Kind = "timeseries"
    width: int = 8  # of 24
    alarm_at: float | None = None
    alarm_below: float | None = None
    labels: tuple[tuple[float, str], ...] = ()
    stacked: bool = False
    named: bool = False  # a stat that shows the series' name in place of its value


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """What a reader chooses above the panels: a label's values, as some metric has them."""

    name: str
    metric: str
    several: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page. `uid` is its address and never changes."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    def panels(self) -> Iterator[Panel]:
        """Return every panel, in reading order."""
        for row in self.rows:
            yield from row.panels
