"""The function as Lambda runs it: its handler in this process, a context, a time-out; and what its answer means."""

import importlib
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ops.local.event_source.lambda_event import Message, Place
from ops.local.event_source.mapping import FunctionSpec


class BadAnswer(ValueError):
    """The answer names no record of the batch, or not in Lambda's form: the whole batch counts as failed."""


class TimedOut(BaseException):
    """The function's time is over. Not an Exception: the function must not catch it."""


class Context:
    """What Lambda hands to a handler beside the event. Source: Lambda Developer Guide, "context object in Python"."""

    def __init__(self, spec: FunctionSpec) -> None:
        self.function_name = spec.logical_id
        self.function_version = "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{spec.logical_id}"
        self.memory_limit_in_mb = str(spec.memory_mb)
        self.aws_request_id = str(uuid.uuid4())
        self.log_group_name = f"/aws/lambda/{spec.logical_id}"
        self.log_stream_name = "local"
        self.identity = None
        self.client_context = None
        self._ends_at_s = time.monotonic() + spec.timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """Return the ms until the function is ended."""
        return max(0, int((self._ends_at_s - time.monotonic()) * 1000))


class Function:
    """A handler that can be invoked."""

    def __init__(self, spec: FunctionSpec, handler: Callable[[dict[str, Any], Context], Any]) -> None:
        self.spec = spec
        self._handler = handler

    @classmethod
    def load(cls, spec: FunctionSpec) -> "Function":
        """Import the handler from the function's folder. Raises ImportError or AttributeError."""
        if str(spec.code_folder) not in sys.path:
            sys.path.insert(0, str(spec.code_folder))
        module, _, name = spec.handler.replace("/", ".").rpartition(".")
        return cls(spec, getattr(importlib.import_module(module), name))

    def __call__(self, event: dict[str, Any]) -> Any:
        """Invoke the handler and return its answer. Raises what it raises, and TimedOut."""
        with _ended_after(self.spec.timeout_s):
            return self._handler(event, Context(self.spec))


@contextmanager
def _ended_after(timeout_s: float) -> Iterator[None]:
    """Raise TimedOut inside the block when it takes too long. Signals reach the main thread only; elsewhere: never."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_signal: int, _frame: object) -> None:
        raise TimedOut(f"timed out after {timeout_s:g} s")

    previous = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def failed_offsets(answer: Any, messages: Sequence[Message]) -> Mapping[Place, int]:
    """Return the lowest failed offset per partition that an answer with batchItemFailures names. Raises BadAnswer.

    Nothing, null, {} and an empty list mean that all is done.
    """
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else answer
    lowest: dict[Place, int] = {}
    names = {f"{message.topic}-{message.partition}": message.place for message in messages}
    offsets = {(message.place, message.offset) for message in messages}
    if failures is not None and not isinstance(failures, list):
        raise BadAnswer(f"batchItemFailures is not a list: {failures!r}")
    for failure in failures or []:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, dict):
            raise BadAnswer(f"no itemIdentifier in {failure!r}")
        place, offset = names.get(str(identifier.get("partition"))), identifier.get("offset")
        if place is None or not isinstance(offset, int) or (place, offset) not in offsets:
            raise BadAnswer(f"{identifier!r} is not a record of this batch")
        lowest[place] = min(offset, lowest.get(place, offset))
    return lowest
