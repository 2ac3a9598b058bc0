"""One watch of a sale: looks at its source, keeps the history, and says what a page or a line is made of."""

import time
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.errors import OnsaleError
from ops.watch.figures import Figures
from ops.watch.history import History
from ops.watch.page import View
from ops.watch.problems import Problem, problems
from ops.watch.reading import figures, points
from ops.watch.sources import Source, refuse_unknown_sale
from ops.watch.wording import span


@dataclass(slots=True)
class Watching:
    """What was seen so far. A source that goes away is said, and watched for until it is back."""

    source: Source
    sale_id: str
    every_s: float
    figures: Figures = field(init=False)
    problems: tuple[Problem, ...] = ()
    history: History = field(default_factory=History)
    clock: str = ""
    away: str = ""  # why the source does not answer; empty while it does
    _away_since_s: float = 0.0

    def begin(self) -> None:
        """Look for the first time. Raises OnsaleError where there is nothing to look at, or no such sale."""
        look = self.source.look()
        refuse_unknown_sale(look, self.sale_id)
        self.figures = Figures(self.sale_id)
        self._take(figures(look, self.history, self.sale_id))
        self.history.add(look, points(self.figures))

    def look(self) -> None:
        """Look again. What was seen last stays while the source is away."""
        try:
            look = self.source.look()
        except OnsaleError as error:
            self._away_since_s = self._away_since_s if self.away else time.monotonic()
            self.away = error.detail
            return
        self.away = ""
        self._take(figures(look, self.history, self.sale_id))
        self.history.add(look, points(self.figures))

    def view(self, ends: str = "") -> View:
        """Return what a page shows now."""
        notice = ""
        if self.away:
            silent = span(time.monotonic() - self._away_since_s)
            notice = f"no answer for {silent}: {self.source.helps}  ({self.away})"
        return View(
            figures=self.figures,
            problems=self.problems,
            history=self.history,
            every_s=self.every_s,
            clock=self.clock,
            ends=ends,
            notice=notice,
            unseen=self.source.unseen,
        )

    def _take(self, seen: Figures) -> None:
        self.figures, self.problems = seen, problems(seen)
        self.clock = datetime.now().astimezone().strftime("%H:%M:%S")
