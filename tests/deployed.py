"""Handlers in a process of their own, called as Lambda calls them: event and answer as JSON, a context with a clock.

The process stays for the next call, as Lambda's does: connections and caches are kept.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_LOOP = """
import importlib, json, os, sys, time
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a function prints is its log
class Context:
    function_name, aws_request_id = "tests", "r-1"
    def __init__(self, remaining_ms):
        self._ends_at_s = time.monotonic() + remaining_ms / 1000
    def get_remaining_time_in_millis(self):
        return max(0, int((self._ends_at_s - time.monotonic()) * 1000))
for line in sys.stdin:
    handler, event, remaining_ms = json.loads(line)
    module, _, name = handler.rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
        context = Context(remaining_ms)
        answer = {"answer": function(event, context), "leftMs": context.get_remaining_time_in_millis()}
    except Exception as error:
        answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
    print(json.dumps(answer), file=answers, flush=True)
"""


class FunctionError(Exception):
    """What a handler raised; the name of its class first."""


class Functions:
    """Calls handlers by the names that the template gives them."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.left_ms = 0  # of the last call's time, when it returned

    def call(self, handler: str, event: object, remaining_ms: int = 60_000) -> Any:
        """Return a handler's answer. Raises FunctionError for what it raises."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([handler, event, remaining_ms]) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if "answer" not in told:
            raise FunctionError(f"{told['errorType']}: {told['errorMessage']}")
        self.left_ms = told["leftMs"]
        return told["answer"]


@contextmanager
def functions(settings: Mapping[str, str], log: Path) -> Iterator[Functions]:
    """Keep a process in which handlers run with these settings."""
    command, env = [sys.executable, "-c", _LOOP], {**os.environ, **settings}
    with (
        log.open("ab") as written,
        subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written, text=True
        ) as process,
    ):
        yield Functions(process)
        assert process.stdin is not None
        process.stdin.close()
