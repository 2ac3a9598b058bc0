"""Counts that a process keeps where the exporter reads them: files in a folder that all processes of a stack share.

prometheus_client names such a file by its process, so that they pile up where processes come and go, and what they
counted would be lost with the file. Here a process takes a place, by a lock that ends with it, and goes on in the file
of whoever had the place before: there are as many files as there ever were processes at a time, and no counter goes
backwards.

Nothing is kept, and prometheus_client not even loaded, where the folder is not set: in tests, benchmarks and deployed.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ops.metrics.names import FOLDER, FOLDER_VARIABLE

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_place: tuple[int, int, int] | None = None  # pid, number, and the descriptor whose lock keeps the place


def prepare(run: Path, *, anew: bool) -> None:
    """Make the folder of a stack; `anew` without what an earlier run of it has counted: nothing of it runs any more."""
    where = run / FOLDER
    if anew:
        shutil.rmtree(where, ignore_errors=True)
    where.mkdir(mode=0o700, exist_ok=True)


def folder() -> Path | None:
    """Return the folder that this process is to count in, None where it is to count nothing."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named and Path(named).is_dir() else None


def keep_counts() -> None:
    """Let metrics made from now on be kept in the folder, under this process' place. Safe to repeat."""
    from prometheus_client import values

    if getattr(values.ValueClass, "__onsale__", False):
        return
    values.ValueClass = values.MultiProcessValue(process_identifier=_number)  # type: ignore[no-untyped-call]
    values.ValueClass.__onsale__ = True


def _number() -> int:
    """Return the number of this process' place; a child that was forked takes one of its own."""
    global _place
    pid = os.getpid()
    if _place is None or _place[0] != pid:
        number, descriptor = take_place(Path(os.environ[FOLDER_VARIABLE]))
        _place = (pid, number, descriptor)
    return _place[1]


def take_place(where: Path) -> tuple[int, int]:
    """Take the first free place of a folder. Returns its number, and the descriptor that holds it while it is open."""
    for number in count():
        descriptor = os.open(where / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return number, descriptor
    raise AssertionError("numbers do not end")


def added(where: Path) -> Iterable["Metric"]:
    """Return what all processes have counted, ended ones included, added up."""
    from prometheus_client.multiprocess import MultiProcessCollector

    # One whose process was killed as it began the file is empty.
    files = [str(path) for path in sorted(where.glob("*.db")) if path.stat().st_size]
    found: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
    return found
