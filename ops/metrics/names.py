"""The names by which the processes of a stack find what the exporter reads. Nothing else: it is imported by all."""

from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name
LISTENER_VARIABLE = "ONSALE_LISTENER"  # module:function that a function's process calls before it loads the function
LISTENER = "ops.metrics.functions:listen"
FOLDER = "metrics"  # in the home's `run`


def environment(run: Path) -> dict[str, str]:
    """Return by what the workers of a stack know where to count, and that somebody listens to functions."""
    return {FOLDER_VARIABLE: str(run / FOLDER), LISTENER_VARIABLE: LISTENER}
