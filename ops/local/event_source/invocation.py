"""How a poller calls a function, wherever that runs. Those who call it in this or that way are beside this module.

BadAnswer          (answer.py) it answered, and the answer cannot be understood
FunctionFailed     it ran and failed: raised, took too long, ended its process
NotInvoked         it did not run: nobody's fault but the service's; no attempt of the record's
"""

from typing import Any, Protocol

MAX_PAYLOAD_BYTES = 6_291_556  # of an event, and of an answer: Lambda's "6 MB", as its own error message has it


class FunctionFailed(Exception):
    """An invocation that failed; `kind` is Lambda's word for it, `seen` what there is of the error for a person."""

    def __init__(self, kind: str, seen: str) -> None:
        super().__init__(f"{kind}: {seen}" if seen else kind)
        self.kind = kind


class NotInvoked(Exception):
    """The function could not be called. It is tried again for as long as it takes."""


class InvokedFunction(Protocol):
    """A function that can be invoked, by one caller at a time."""

    @property
    def request_id(self) -> str:
        """The id of the last invocation, as the function's context has it."""

    def invoke(self, event: bytes) -> Any:
        """Invoke it with an event in JSON and return its decoded answer. Raises FunctionFailed and NotInvoked."""

    def close(self) -> None:
        """Let go of what it holds."""
