"""What a /metrics page says, and what two of them say about the time between: rates and quantiles.

Reads any exporter in Prometheus' text format. Knows no metric's name; `ops.watch` and the rehearsal do.
"""

import http.client
import math
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from chalicelib.errors import OnsaleError

READ_WITHIN_S = 5.0
_MOST_BYTES = 32 * 1024 * 1024
Labels = tuple[tuple[str, str], ...]  # sorted by name


class ExporterAway(OnsaleError):
    """The page could not be read, or is none."""

    def __init__(self, detail: str) -> None:
        super().__init__("exporter-away", detail)


@dataclass(frozen=True, slots=True)
class Exposition:
    """All samples of one look: name → labels → value. A figure that the page does not have is None, never 0.

    `at_s` is this process' monotonic clock. Where a method takes `since`, an earlier look, it counts what came between;
    a counter that is lower than before began anew, so that all it has is new.
    """

    at_s: float
    samples: Mapping[str, Mapping[Labels, float]]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one sample that has exactly these labels."""
        return self.samples.get(name, {}).get(tuple(sorted(labels.items())))

    def sum(self, name: str, **labels: str) -> float | None:
        """Return the sum of all samples of a name with these labels, whatever else they are labelled."""
        return _total(value for _, value in self._matching(name, labels))

    def series(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Return a sum for each value of a label."""
        found: dict[str, float] = {}
        for has, value in self._matching(name, labels):
            if label in has:
                found[has[label]] = found.get(has[label], 0.0) + value
        return found

    def label(self, name: str, label: str, **labels: str) -> str | None:
        """Return what a label says on the sample whose value is not 0: the way a state is told."""
        return next((has[label] for has, value in self._matching(name, labels) if value and label in has), None)

    def increase(self, name: str, since: "Exposition", **labels: str) -> float | None:
        """Return by how much counters have grown. A new one began at 0, unless nothing of the name was seen then."""
        if name not in since.samples:
            return None
        before = since.samples[name]
        return _total(_grown(value, before.get(key, 0.0)) for key, value in self._keyed(name, labels))

    def rate(self, name: str, since: "Exposition", **labels: str) -> float | None:
        """Return the increase per second."""
        return _per_second(self.increase(name, since, **labels), self.at_s - since.at_s)

    def rates(self, name: str, label: str, since: "Exposition", **labels: str) -> dict[str, float]:
        """Return a rate for each value of a label."""
        each = ((key, self.rate(name, since, **{**labels, label: key})) for key in self.series(name, label, **labels))
        return {key: rate for key, rate in each if rate is not None}

    def quantile(self, name: str, q: float, since: "Exposition | None" = None, **labels: str) -> float | None:
        """Return a quantile of a histogram (`name` without `_bucket`), by linear interpolation within its bucket.

        As Prometheus' histogram_quantile: beyond the last finite bound that bound is the answer. None without
        observations.
        """
        return quantile(q, self.buckets(name, since, **labels))

    def buckets(self, name: str, since: "Exposition | None" = None, **labels: str) -> dict[float, float]:
        """Return how many observations were at most each bound, over all series of a histogram with these labels."""
        bucket = f"{name}_bucket"
        if since is not None and bucket not in since.samples:
            return {}
        before = since.samples[bucket] if since is not None else {}
        found: dict[float, float] = {}
        for key, value in self._keyed(bucket, labels):
            bound = _number(dict(key).get("le", ""))
            if not math.isnan(bound):
                found[bound] = found.get(bound, 0.0) + _grown(value, before.get(key, 0.0))
        return found

    def _matching(self, name: str, labels: Mapping[str, str]) -> Iterator[tuple[dict[str, str], float]]:
        return ((dict(key), value) for key, value in self._keyed(name, labels))

    def _keyed(self, name: str, labels: Mapping[str, str]) -> Iterator[tuple[Labels, float]]:
        wanted = set(labels.items())
        for key, value in self.samples.get(name, {}).items():
            if wanted <= set(key):
                yield key, value


def read(url: str, timeout_s: float = READ_WITHIN_S) -> Exposition:
    """Look once. Raises ExporterAway where nothing answers in time, or what answers is no such page."""
    address = urllib.parse.urlsplit(url)
    if address.scheme != "http" or not address.hostname:
        raise ExporterAway(f"{url} is no address of metrics")
    # No proxy between, whatever the environment says: the exporter is on this machine.
    connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=timeout_s)
    try:
        connection.request("GET", address.path or "/")
        answer = connection.getresponse()
        text = answer.read(_MOST_BYTES).decode()
        if answer.status != http.HTTPStatus.OK:
            raise ExporterAway(f"{url} answers {answer.status}")
        return parse(text, time.monotonic())
    except (OSError, http.client.HTTPException) as error:
        raise ExporterAway(f"{url} does not answer ({getattr(error, 'strerror', None) or error})") from error
    except ValueError as error:
        raise ExporterAway(f"{url} answers what is no page of metrics: {error}") from error
    finally:
        connection.close()


def parse(text: str, at_s: float) -> Exposition:
    """Return what a page says. Raises ValueError for a text that is none."""
    from prometheus_client.parser import text_string_to_metric_families

    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not math.isnan(sample.value):  # which nothing could be done with
                samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = float(sample.value)
    return Exposition(at_s, samples)


def quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """Return a quantile of cumulative buckets (bound → how many were at most that); +Inf must be among them."""
    bounds = sorted(buckets)
    if len(bounds) < 2 or bounds[-1] != math.inf or buckets[math.inf] <= 0:
        return None
    counts: list[float] = []
    for bound in bounds:  # series that were read a moment apart can contradict each other by a little
        counts.append(max(buckets[bound], counts[-1] if counts else 0.0))
    rank = q * counts[-1]
    found = next(place for place, count in enumerate(counts) if count >= rank)
    if bounds[found] == math.inf:
        return bounds[-2]
    if found == 0 and bounds[0] <= 0:
        return bounds[0]
    below_bound, below = (bounds[found - 1], counts[found - 1]) if found else (0.0, 0.0)
    within = counts[found] - below
    return below_bound + (bounds[found] - below_bound) * ((rank - below) / within if within else 0.0)


def _grown(now: float, before: float) -> float:
    return now - before if now >= before else now


def _total(values: Iterable[float]) -> float | None:
    found = list(values)
    return math.fsum(found) if found else None


def _per_second(amount: float | None, elapsed_s: float) -> float | None:
    return amount / elapsed_s if amount is not None and elapsed_s > 0 else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
