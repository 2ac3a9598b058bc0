"""What a cold start imports: the HTTP functions beside the libraries that they cannot do without."""

import subprocess
import sys
import time
from collections.abc import Callable

from ops.bench.figures import Figure, in_turn

_ROUNDS = 15
_IMPORTS = ("pass", "import redis, chalice", "import app")


def measure() -> list[Figure]:
    """Return the shortest import times, fresh processes in turn, the interpreter's own start taken off.

    The shortest: an import does the same each time, and all that makes it longer is somebody else's.
    """
    nothing, least, app = in_turn(_ROUNDS, *(_taking(code) for code in _IMPORTS), of_all=min)
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
