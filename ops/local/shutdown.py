"""Stop processes: those that use the servers first, then the servers; what does not go in time is killed."""

import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

import psutil

from ops.local.addresses import SERVERS
from ops.local.program import reap
from ops.local.records import runs

_LONGER_S = {"mysql": 15.0, "kafka": 8.0}  # from SIGTERM to SIGKILL
WITHIN_S = 5.0
_POLL_S = 0.01


def stop(processes: Mapping[str, psutil.Process], *, kill: bool = False) -> None:
    """End the processes, given by name, and return when none is left. `kill`: at once, for data nobody keeps."""
    servers = {name: process for name, process in processes.items() if name in SERVERS}
    others = {name: process for name, process in processes.items() if name not in servers}
    for wave in (others, servers):
        if wave:
            _stop_together(wave, kill=kill)


def _stop_together(processes: Mapping[str, psutil.Process], *, kill: bool) -> None:
    for process in processes.values():
        with suppress(psutil.NoSuchProcess):
            process.kill() if kill else process.terminate()
    left = _wait(processes.values(), max(_LONGER_S.get(name, WITHIN_S) for name in processes))
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(left, WITHIN_S)
    reap()


def _wait(processes: Iterable[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Wait for processes to end and return those that have not.

    Not psutil's own: to that a zombie lives, and whoever inherited the process may be slow to reap it.
    """
    deadline_s = time.monotonic() + within_s
    left = list(processes)
    while True:
        left = [process for process in left if runs(process)]
        if not left or time.monotonic() > deadline_s:
            return left
        time.sleep(_POLL_S)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no Ctrl-C or SIGTERM cut the block short; only the main thread gets any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, signal.SIG_IGN) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
