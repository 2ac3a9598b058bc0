"""A stack on somebody's clusters, and this process as its client."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ops.local.stack import Stack, private_stack
from tests.client import client_of
from tests.conftest import PATIENT
from tests.faults.conftest import NEEDED


@contextmanager
def stack_on(servers: Mapping[str, str]) -> Iterator[Stack]:
    """Run a stack with these servers instead of its own; another stack may be this process' before and after."""
    with private_stack({**PATIENT, **servers}, only=NEEDED) as stack, client_of(stack):
        yield stack
