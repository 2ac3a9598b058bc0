"""Which processes a stack has: one record file per process, checked against the process table.

A pid alone proves nothing, as the system uses pids again. A record is alive if the process of that pid was created
at the recorded time or carries the stack's mark in its environment. The mark also finds what has no record: a
program started by an `up` that was killed before it could write one, workers that outlived their parent.
"""

import json
import os
from collections.abc import Container
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from ops.local.home import Home
from ops.local.program import MARK


@dataclass(frozen=True, slots=True)
class Record:
    """One process that a stack started; `settings` tells whether it was started with today's settings."""

    name: str
    pid: int
    created_s: float
    port: int
    log: str
    settings: str


def mark(home: Home, name: str) -> str:
    """Return the value of the mark in the environment of a process of this name."""
    return f"{home.path}|{name}"


def write(home: Home, name: str, pid: int, *, port: int, log: Path, settings: str) -> None:
    """Record a process that was just started. One that has ended already is not recorded."""
    try:
        created_s = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return
    write_record(home, Record(name, pid, created_s, port, str(log), settings))


def write_record(home: Home, record: Record) -> None:
    """Keep a record, in place of an earlier one of that name."""
    path = _path(home, record.name)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(record)))
    fresh.replace(path)


def remove(home: Home, name: str) -> None:
    """Forget a process that has ended."""
    _path(home, name).unlink(missing_ok=True)


def _path(home: Home, name: str) -> Path:
    return home.run / f"{name}.pid"


def read(home: Home) -> dict[str, Record]:
    """Return all records by name, of living and dead."""
    found = {}
    for path in sorted(home.run.glob("*.pid")):
        try:
            record = Record(**json.loads(path.read_text()))
        except (ValueError, TypeError, OSError):  # not written by us, or cut short: no record
            continue
        found[record.name] = record
    return found


def process_of(home: Home, record: Record) -> psutil.Process | None:
    """Return the recorded process if it still runs, None if it has ended or the pid is somebody else's."""
    try:
        process = psutil.Process(record.pid)
        if not runs(process):
            return None
        if abs(process.create_time() - record.created_s) < 0.02 or _mark_of(process) == mark(home, record.name):
            return process
    except psutil.Error:
        return None
    return None


def runs(process: psutil.Process) -> bool:
    """Say whether it runs; a zombie has ended, and a process that has its pid now is another one."""
    try:
        if not process.is_running():
            return False
        # While other threads are still ending, a killed process looks like a zombie, but has its ports and files.
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def _mark_of(process: psutil.Process) -> str:
    try:
        return process.environ().get(MARK, "")
    except (psutil.Error, OSError):
        return ""


def marked(home: Home, names: Container[str]) -> list[psutil.Process]:
    """Return the processes that carry the mark of this home and one of these names, with or without a record."""
    found = []
    for process in psutil.process_iter():
        path, _, name = _mark_of(process).rpartition("|")
        if path == str(home.path) and name in names and process.pid != os.getpid():
            found.append(process)
    return found
