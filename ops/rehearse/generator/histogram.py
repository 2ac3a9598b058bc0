"""Latencies in buckets 4 % apart: small, mergeable over processes and seconds, and exact in count and maximum."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

_GROWTH = math.log(1.04)
_LEAST_MS = 0.01


class Histogram:
    """Counts of milliseconds. A percentile is off by 2 % at most, and never beyond the greatest value."""

    __slots__ = ("_counts", "count", "max_ms")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0
        self.max_ms = 0.0

    def add(self, value_ms: float) -> None:
        """Count one value; what is below a hundredth of a millisecond counts as that."""
        self._counts[int(math.log(value_ms / _LEAST_MS) / _GROWTH) if value_ms > _LEAST_MS else 0] += 1
        self.count += 1
        self.max_ms = max(self.max_ms, value_ms)

    def percentile_ms(self, rank: float) -> float | None:
        """Return the value that `rank` percent do not exceed; None without values."""
        wanted = max(1, math.ceil(rank / 100 * self.count))
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return min(_LEAST_MS * math.exp(_GROWTH * (bucket + 0.5)), self.max_ms)
        return None

    def above(self, limit_ms: float) -> int:
        """Return how many values are greater, within the width of a bucket."""
        first = int(math.log(limit_ms / _LEAST_MS) / _GROWTH) + 1
        return sum(times for bucket, times in self._counts.items() if bucket >= first)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"max": round(self.max_ms, 3), "counts": {str(bucket): n for bucket, n in self._counts.items()}}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Histogram":
        """Return what `document` wrote."""
        histogram = cls()
        histogram._counts.update({int(bucket): n for bucket, n in document["counts"].items()})
        histogram.count, histogram.max_ms = histogram._counts.total(), document["max"]
        return histogram

    @classmethod
    def merged(cls, histograms: Iterable["Histogram"]) -> "Histogram":
        """Return all of them as one."""
        whole = cls()
        for each in histograms:
            whole._counts.update(each._counts)
            whole.count += each.count
            whole.max_ms = max(whole.max_ms, each.max_ms)
        return whole
