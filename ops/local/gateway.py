"""The local gateway: a Chalice app, or any WSGI application, served by Granian in one process per core.

    python -m ops.local.gateway [--app MODULE:ATTRIBUTE] [--port N] [--workers N]

A worker runs many requests of a Chalice app side by side, all in one thread: one goes on where another waits for Redis,
over the one connection that they share. Nothing in the app needs to know. The server's own code is the same for every
app, which is what lets a benchmark compare them.
"""

import ctypes
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import click
from chalice.app import Chalice
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from chalicelib import wiring
from chalicelib.config import settings
from chalicelib.errors import BadSetting
from ops.local import local_identity, ports, shared_link
from ops.local.api_gateway import ApiGateway
from ops.metrics import shared

BACKLOG = 4096
_OBJECTS_BEFORE_COLLECTION = 20_000  # Python's own is 700; a request makes about 50 that the collector watches
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

Application = Callable[..., Any]


class NotServableError(Exception):
    """What `--app` names does not exist or cannot be served."""


def load(target: str) -> Chalice | Application:
    """Return the Chalice app or the WSGI application that `module:attribute` names. Raises NotServableError."""
    module_name, _, attribute = target.partition(":")
    try:
        found: object = getattr(importlib.import_module(module_name), attribute or "app")
    except (ImportError, AttributeError) as error:
        raise NotServableError(f"{target}: {error}") from error
    if not callable(found):
        raise NotServableError(f"{target} is neither a Chalice app nor a WSGI application")
    return found


def _in_worker(served: Chalice | Application, parent_pid: int) -> Application:
    """Run in each worker before it serves: it must not outlive the gateway, however that dies.

    By SIGKILL: Granian may swallow a SIGTERM that comes early in a worker's life. An orderly stop ends workers first.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(1)
    if not isinstance(served, Chalice):
        return served
    wiring.open_links_by(shared_link.open_link)
    application = _application(served)
    _collect_garbage_rarely()
    return application


def _application(app: Chalice) -> Application:
    gateway = ApiGateway(app)
    if shared.folder() is None:
        return gateway.__rsgi__
    from ops.metrics.requests import RequestCounts  # only where a stack asks for it

    shared.keep_counts()
    return gateway.counted(RequestCounts().add)


def _collect_garbage_rarely() -> None:
    """Look for cycles less often, and never again in what is loaded by now.

    The objects of requests that wait outlive the collector's first generation, which makes it walk through all others.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION, 20, 20)


def serve(served: Chalice | Application, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT. A worker that dies is replaced."""
    server = Server(
        "onsale",  # only a name here: the application comes from the loader
        address=ports.HOST,
        port=port,
        interface=Interfaces.RSGI if isinstance(served, Chalice) else Interfaces.WSGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        workers=workers,
        blocking_threads=1,
        runtime_threads=1,
        backlog=BACKLOG,
        backpressure=BACKLOG,  # connections, idle ones too; how many requests run is bounded by MAX_IN_FLIGHT
        http1_settings=HTTP1Settings(header_read_timeout=60_000),
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=1,  # for clients that stay connected; a request takes less
    )
    server.serve(target_loader=partial(_in_worker, served, os.getpid()), wrap_loader=False)


@click.command(help=__doc__)
@click.option("--app", "target", default="app:app", show_default=True, help="MODULE:ATTRIBUTE to serve.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1.  [default: ONSALE_PORT]")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes.  [default: ONSALE_GATEWAY_WORKERS, or cores]")
def main(target: str, port: int | None, workers: int | None) -> None:
    """Serve an app on this machine."""
    try:
        chosen = settings()
        local_identity.check(chosen)
        served = load(target)
    except (BadSetting, NotServableError) as error:
        raise click.ClickException(str(error)) from error
    port, workers = port or chosen.port, workers or chosen.gateway_workers or os.cpu_count() or 1
    if not ports.is_free(port):  # Granian would share it (SO_REUSEPORT) and say nothing
        raise click.ClickException(f"port {port} of {ports.HOST} is taken: stop what listens there, or choose another")
    click.echo(f"{target} on http://{ports.HOST}:{port}, {workers} workers")
    serve(served, port, workers)


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main()
