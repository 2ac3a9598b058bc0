"""Writes .tools/kafka/classes.jsa: what a broker loads, ready for the starts to come. Run once by `make setup`.

Java's shared archive of classes (JEP 350): a broker then starts in half of the time. Without it, or where another Java
finds it unfit, nothing is different but that.
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from ops.console import say
from ops.local import kafka
from ops.local.ports import free_ports
from ops.local.program import StartFailed, spawn, stop_child, wait_until_it_answers

_STOP_S = 60.0  # the archive is written then


def main() -> int:
    """Start a broker, end it, keep what it had loaded. Returns 1 where that did not succeed."""
    kafka.ARCHIVE.unlink(missing_ok=True)  # a broker cannot use one and write one
    made = kafka.ARCHIVE.with_suffix(".new")
    made.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="onsale-kafka-") as name:
        try:
            _run(Path(name), made)
        except StartFailed as error:
            say(f"no archive of Kafka's classes: {error}")
    if not made.exists():
        return 1
    made.replace(kafka.ARCHIVE)
    return 0


def _run(folder: Path, made: Path) -> None:
    port, controller_port = free_ports(2)
    broker = kafka.program(folder / "data", folder, port, controller_port)
    broker.prepare(os.environ)
    java, *rest = broker.command
    command = (java, f"-XX:ArchiveClassesAtExit={made}", *rest)
    child = spawn(
        replace(broker, command=command, stop_within_s=_STOP_S), log=folder / "log", env=os.environ, tied=True
    )
    try:
        wait_until_it_answers(child)
    finally:
        stop_child(child)


if __name__ == "__main__":
    sys.exit(main())
