"""Who is behind the operator's action that runs now: what an action leaves in the record beside "when" and "why"."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

UNKNOWN = "unknown"
_MAX_LENGTH = 255
_actor: ContextVar[str] = ContextVar("actor", default=UNKNOWN)


def actor() -> str:
    """Return the name that the caller gave; it is the caller's word, access is guarded elsewhere."""
    return _actor.get()


@contextmanager
def acting(name: object) -> Iterator[None]:
    """Run a block as somebody. A name that is not printable text is cleaned, none is `unknown`."""
    text = "".join(each if each.isprintable() else "?" for each in str(name or UNKNOWN))[:_MAX_LENGTH]
    token = _actor.set(text)
    try:
        yield
    finally:
        _actor.reset(token)
