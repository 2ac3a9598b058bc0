"""What a cold start imports: the HTTP functions beside the libraries that they cannot do without."""

import subprocess
import sys
import time
from collections.abc import Callable

from ops.bench.figures import Figure, in_turn

_ROUNDS = 9


def measure() -> list[Figure]:
    """Return the median import times, fresh processes in turn, the interpreter's own start taken off."""
    nothing, least, app = in_turn(_ROUNDS, *(_taking(code) for code in ("pass", "import redis, chalice", "import app")))
    return [
        Figure(
            "cold import of the HTTP functions",
            (app - nothing) * 1000,
            "ms",
            (least - nothing) * 1000,
            "import redis, chalice",
            1.5,
            at_most=True,
        )
    ]


def _taking(code: str) -> Callable[[], float]:
    def measure() -> float:
        started_s = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started_s

    return measure
