"""Histograms that many observations go into at once: what each costs is a step of a loop, not a write to the file."""

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client import Histogram


class Tally:
    """The observations of one child of a histogram that are not in its file yet. Not for several threads."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_sum")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._bounds: Sequence[float] = histogram._upper_bounds
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Observe a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def flush(self) -> None:
        """Bring what was added to the file, as `Histogram.observe` does for one value: first the sum, then buckets."""
        self._histogram._sum.inc(self._sum)
        for bucket, number in zip(self._histogram._buckets, self._counts, strict=True):
            if number:
                bucket.inc(number)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
