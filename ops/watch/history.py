"""The looks of the last minutes: what a rate, a window or a sparkline is made of."""

from collections import deque
from dataclasses import replace

from ops.exposition import Exposition

SPAN_S = 300.0  # as far back as sparklines go
MINUTE_S = 60.0
_KEEP_EVERY_S = 4.0  # whole looks are large, and a window may begin a little early
_SOURCES = ("redis", "mysql", "kafka", "processes", "workers")
_SAME_S = 0.02  # readings that are no further apart are one


def as_read(look: Exposition, source: str) -> Exposition:
    """Return a look at the time when the exporter read a source, which may be before the look itself."""
    return replace(look, at_s=look.at_s - (look.value("onsale_source_age_seconds", source=source) or 0.0))


class History:
    """Keeps the last look, one look every few seconds of the last minute, and the main figures of the last minutes."""

    def __init__(self) -> None:
        self._last: Exposition | None = None
        self._kept: deque[Exposition] = deque()
        self._readings: dict[str, tuple[Exposition, Exposition | None]] = {}  # source → the newest, the one before
        self._points: deque[tuple[float, dict[str, float]]] = deque()

    def before(self, look: Exposition, source: str) -> Exposition | None:
        """Return the reading of a source that came before the one that a look shows.

        The exporter may tell the same reading twice; compared with itself everything would stand still.
        """
        if source not in self._readings:
            return None
        newest, older = self._readings[source]
        return newest if as_read(look, source).at_s - newest.at_s > _SAME_S else older

    def since(self, seconds: float, now_s: float) -> Exposition | None:
        """Return the look at which a window of so many seconds begins; the first one while there is none so old."""
        within = [look for look in self._kept if look.at_s >= now_s - seconds - _KEEP_EVERY_S]
        return within[0] if within else self._last

    def add(self, look: Exposition, points: dict[str, float | None]) -> None:
        """Remember a look and the main figures it gave."""
        self._last = look
        for source in _SOURCES:
            before = self.before(look, source)
            self._readings[source] = (as_read(look, source), before)
        if not self._kept or look.at_s - self._kept[-1].at_s >= _KEEP_EVERY_S:
            self._kept.append(look)
        while self._kept and self._kept[0].at_s < look.at_s - MINUTE_S - _KEEP_EVERY_S:
            self._kept.popleft()
        self._points.append((look.at_s, {name: value for name, value in points.items() if value is not None}))
        while self._points[0][0] < look.at_s - SPAN_S:
            self._points.popleft()

    def cells(self, name: str, width: int, every_s: float) -> list[float | None]:
        """Return the highest value of a figure in each of `width` cells, the last one now; None where nothing is known.

        A cell is as long as it takes to show what there is, and begins at fixed times: bars do not jump about.
        """
        if not self._points or width <= 0:
            return []
        (first_s, _), (last_s, _) = self._points[0], self._points[-1]
        cell_s = _cell_s(last_s - first_s, width, every_s)
        found: list[float | None] = [None] * width
        for at_s, values in self._points:
            place = width - 1 - int(last_s // cell_s - at_s // cell_s)
            if name in values and place >= 0:
                found[place] = max(found[place] or 0.0, values[name])
        return found


def _cell_s(elapsed_s: float, width: int, every_s: float) -> float:
    cell_s = every_s
    while cell_s * (width - 1) < min(elapsed_s, SPAN_S):
        cell_s *= 2
    return cell_s
