"""This test process as the client of a stack, for a while."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ops import environment
from ops.local.stack import Stack


@contextmanager
def client_of(stack: Stack) -> Iterator[None]:
    """Make this process a client of a stack, and afterwards what it was before."""
    before = dict(os.environ)
    environment.point_at(stack.env)
    try:
        yield
    finally:
        environment.point_at({})
        os.environ.clear()
        os.environ.update(before)
