"""A stack on somebody's clusters, and this process as its client."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ops import environment
from ops.local.stack import Stack, private_stack
from tests.faults.conftest import NEEDED


@contextmanager
def stack_on(servers: Mapping[str, str]) -> Iterator[Stack]:
    """Run a stack with these servers instead of its own; another stack may be this process' before and after."""
    before = dict(os.environ)
    with private_stack(servers, only=NEEDED) as stack:
        environment.point_at(stack.env)
        try:
            yield stack
        finally:
            environment.point_at({})
            os.environ.clear()
            os.environ.update(before)
