"""What a cold start imports: the HTTP functions beside the libraries that they cannot do without."""

import subprocess
import sys
import time
from collections.abc import Callable

from ops.bench.figures import Figure, in_turn

_ROUNDS = 12
# Name, ours, the least without which it cannot be, and the target.
_CASES = (
    ("the HTTP functions", "import app", "import redis, chalice", 1.5),
    ("the authorizer", "import chalicelib.authorizer, chalicelib.tokens", "import chalice, jwt", None),
    (
        "persist",
        "import functions.persist",
        "import pymysql, confluent_kafka\nfrom aws_lambda_powertools import Logger, Metrics",
        None,
    ),
)


def measure() -> list[Figure]:
    """Return the shortest import times, fresh processes in turn, the interpreter's own start taken off.

    The shortest: an import does the same each time, and all that makes it longer is somebody else's.
    """
    codes = ["pass", *(code for _, ours, least, _ in _CASES for code in (ours, least))]
    nothing, *took = in_turn(_ROUNDS, *(_taking(code) for code in codes), of_all=min)
    return [
        Figure(
            f"cold import of {name}",
            (ours - nothing) * 1000,
            "ms",
            (least - nothing) * 1000,
            code if "\n" not in code else "its bare libraries",
            target,
            at_most=True,
        )
        for (name, _, code, target), ours, least in zip(_CASES, took[::2], took[1::2], strict=True)
    ]


def _taking(code: str) -> Callable[[], float]:
    def measure() -> float:
        started_s = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started_s

    return measure
