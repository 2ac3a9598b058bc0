"""Servers for a measurement: started on free ports, in a folder of their own, gone afterwards whatever happens."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ops.local import mysql, redis, topology
from ops.local.ports import free_ports
from ops.local.program import Program, spawn, stop_child, wait_until_it_answers


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder for data and logs; short, so that a socket in it has a legal name."""
    with tempfile.TemporaryDirectory(prefix="onsale-bench-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@contextmanager
def serving(program: Program, path: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a program until the block ends."""
    shell = {name: value for name, value in os.environ.items() if name not in topology.SETTINGS}
    environment = {**shell, **(env or {})}
    program.prepare(environment)
    child = spawn(program, log=path / f"{program.name}.log", env=environment, tied=True)
    try:
        wait_until_it_answers(child)
        yield
    finally:
        stop_child(child)


@contextmanager
def redis_server() -> Iterator[tuple[str, int]]:
    """Run Redis as `onsale up` does; yields (URL, TCP port)."""
    with folder() as path:
        (port,) = free_ports(1)
        with serving(redis.program(path / "data", path, port), path):
            yield redis.url(path, port), port


@contextmanager
def mysql_server() -> Iterator[str]:
    """Run MySQL as `onsale up` does, without tables; yields the URL."""
    with folder() as path:
        (port,) = free_ports(1)
        with serving(mysql.program(path / "data", path, port, "bench"), path):
            yield mysql.url(path, port, "bench")
