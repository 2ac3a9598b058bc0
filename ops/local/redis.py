"""A Redis server of our own: loopback and a unix socket, AOF every second, never evicting."""

import shutil
import time
from pathlib import Path

from ops.local import health
from ops.local.ports import HOST
from ops.local.program import Program, StartFailed

SOCKET_PATH_LIMIT_BYTES = 100  # the kernel's is 107; a longer path goes over TCP


def installed() -> bool:
    """Say whether redis-server (or Valkey's) is on this machine."""
    return _executable() is not None


def _executable() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")


def _socket(run: Path) -> Path | None:
    path = run / "redis.sock"
    return path if len(str(path).encode()) <= SOCKET_PATH_LIMIT_BYTES else None


def url(run: Path, port: int, *, cluster: bool = False) -> str:
    """Return where its clients should connect: the socket where its path is short enough."""
    path = None if cluster else _socket(run)
    return f"unix://{path}" if path else f"redis://{HOST}:{port}/0"


def program(data: Path, run: Path, port: int, *, cluster_port: int = 0) -> Program:
    """Describe the server. With `cluster_port` it is a cluster node; see `take_all_slots`."""
    executable = _executable()
    if executable is None:
        raise StartFailed("redis", "is missing: no redis-server on this machine (`make setup` installs it)")
    options = {
        "bind": HOST,
        "port": str(port),
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "latency-tracking": "no",  # a histogram entry for every command of a script costs about 3 % of the script
        # A retitled process loses its environment in /proc, which is how a stack knows its own processes.
        "set-proc-title": "no",
    }
    path = _socket(run)
    if path and not cluster_port:
        options |= {"unixsocket": str(path), "unixsocketperm": "700"}
    if cluster_port:
        options |= {"cluster-enabled": "yes", "cluster-port": str(cluster_port)}
    command = [executable]
    for name, value in options.items():
        command += [f"--{name}", value]
    return Program(
        name="redis",
        command=tuple(command),
        port=port,
        start_within_s=120.0,  # it loads its data first
        prepare=lambda _: data.mkdir(parents=True, exist_ok=True),
        answers=lambda: health.port_open(port) and health.redis_answers(f"redis://{HOST}:{port}/0"),
    )


def take_all_slots(port: int) -> None:
    """Make a lone cluster node serve all 16,384 slots, and wait until it does: about two seconds."""
    import redis

    with redis.Redis(host=HOST, port=port) as node:
        node.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        deadline_s = time.monotonic() + 15
        while node.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            if time.monotonic() > deadline_s:
                raise StartFailed("redis", "did not become a cluster of one node within 15 s")
            time.sleep(0.02)
