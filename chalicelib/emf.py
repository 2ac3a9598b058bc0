"""Metrics in CloudWatch's embedded format (EMF): lines of JSON on stdout, where Lambda picks them up.

Written by hand, because the HTTP functions, beside which `promote` is packaged, have no library that could. Where there
is no Lambda, the process that a function runs in may listen to what it tells.
Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from chalicelib.config import settings

SERVICE = NAMESPACE = "onsale"
DIMENSIONS = ("service", "stage", "function")
MOST_VALUES = 100  # of a metric on one line, by the specification

# Function, sale or "", values by name. Raises nothing.
Listener = Callable[[str, str, Mapping[str, float | Sequence[float]]], None]

_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Have everything that functions tell in this process told to a listener too; None ends that."""
    global _listener
    _listener = listener


def is_heard() -> bool:
    """Return whether anybody takes what is told."""
    return _listener is not None or settings().publishes_metrics


def publish(function: str, **values: float) -> None:
    """Write values of a function as one line: `…_ms` are milliseconds, everything else counts.

    Where there is no CloudWatch lines would only be in the way: they are written by deployed functions, or where
    POWERTOOLS_METRICS_DISABLED is `false`.
    """
    if _listener is not None:
        _listener(function, "", values)
    if settings().publishes_metrics:
        _write(function, {}, {name: [value] for name, value in values.items()})


def publish_many(function: str, sale: str, name: str, values: Sequence[float]) -> None:
    """Write many values of one metric, in as many lines as it takes; the sale stands on them and is no dimension."""
    if _listener is not None:
        _listener(function, sale, {name: values})
    if settings().publishes_metrics:
        for start in range(0, len(values), MOST_VALUES):
            _write(function, {"sale": sale}, {name: list(values[start : start + MOST_VALUES])})


def _write(function: str, properties: Mapping[str, str], values: Mapping[str, list[float]]) -> None:
    metrics = [{"Name": name, "Unit": "Milliseconds" if name.endswith("_ms") else "Count"} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(DIMENSIONS)], "Metrics": metrics}
    line = {
        "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]},
        **dict(zip(DIMENSIONS, (SERVICE, settings().stage, function), strict=True)),
        **properties,
        **values,
    }
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")  # in one piece: other threads write too
    sys.stdout.flush()
