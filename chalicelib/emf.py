"""Metrics in CloudWatch's embedded format (EMF): one line of JSON on stdout, where Lambda picks it up.

Written by hand, because the HTTP functions, beside which `promote` is packaged, have no library that could.
Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
"""

import json
import sys
import time

from chalicelib.config import settings

SERVICE = NAMESPACE = "onsale"
DIMENSIONS = ("service", "stage", "function")


def publish(function: str, **values: float) -> None:
    """Write values of a function as one line: `…_ms` are milliseconds, everything else counts.

    Where there is no CloudWatch they would only be in the way: they are written by deployed functions, or where
    POWERTOOLS_METRICS_DISABLED is `false`.
    """
    if not settings().publishes_metrics:
        return
    metrics = [{"Name": name, "Unit": "Milliseconds" if name.endswith("_ms") else "Count"} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(DIMENSIONS)], "Metrics": metrics}
    line = {
        "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]},
        **dict(zip(DIMENSIONS, (SERVICE, settings().stage, function), strict=True)),
        **{name: [value] for name, value in values.items()},
    }
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")  # in one piece: other threads write too
    sys.stdout.flush()
