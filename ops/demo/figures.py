"""What the simulated buyers saw: every request's endpoint, answer and time, and every wait against its ETA."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EndpointFigures:
    """One endpoint's requests and latencies; a request that was sent again counts each time."""

    endpoint: str
    requests: int
    p50_ms: float
    p99_ms: float


class Figures:
    """Collects while buyers buy; one event loop writes, so nothing is locked."""

    def __init__(self) -> None:
        self._latencies_ms: defaultdict[str, list[float]] = defaultdict(list)
        self.refusals: Counter[str] = Counter()  # problem code → answers
        self.failures: Counter[str] = Counter()  # why a request was sent again → times
        self.waits: list[tuple[float, float]] = []  # (ETA when first told, actual wait), seconds

    def answered(self, endpoint: str, took_s: float, status: int, code: str) -> None:
        """Count one answer."""
        self._latencies_ms[endpoint].append(took_s * 1000)
        if status >= 400:
            self.refusals[code] += 1

    def failed(self, reason: str) -> None:
        """Count one request that got no usable answer."""
        self.failures[reason] += 1

    def waited(self, eta_s: float, actual_s: float) -> None:
        """Remember how long somebody really waited who had been told an ETA."""
        self.waits.append((eta_s, actual_s))

    @property
    def requests(self) -> int:
        """All answers so far."""
        return sum(map(len, self._latencies_ms.values()))

    def endpoints(self) -> list[EndpointFigures]:
        """Return the figures per endpoint, the busiest first."""
        rows = [
            EndpointFigures(endpoint, len(values), percentile(values, 50), percentile(values, 99))
            for endpoint, values in self._latencies_ms.items()
        ]
        return sorted(rows, key=lambda row: -row.requests)

    def median_eta_error_s(self) -> float | None:
        """Return the median |ETA - actual wait|; None when nobody was told an ETA and then admitted."""
        errors = [abs(eta - actual) for eta, actual in self.waits]
        return percentile(errors, 50) if errors else None


def percentile(values: Sequence[float], rank: float) -> float:
    """Return the smallest value with `rank` percent of all values at or below it (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(rank / 100 * len(ordered)) - 1)]
