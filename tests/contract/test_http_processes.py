"""The gateway as processes: its port, its end, its workers."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from ops.local.ports import free_ports
from ops.local.program import PROJECT
from tests.contract.http_client import Api

Eventually = Callable[[Callable[[], object]], None]


@contextmanager
def gateway(*arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], Api]]:
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [sys.executable, "-m", "ops.local.gateway", "--port", str(port), "--workers", "2", *arguments],
        cwd=PROJECT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    api = Api("gateway", port, is_onsale="--app" not in arguments)
    try:
        yield process, api
    finally:
        process.kill()
        process.communicate()


def _answers(api: Api) -> bool:
    try:
        return api.send("GET", "/nowhere").status == 404
    except OSError:
        return False


def _workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def test_sigterm_ends_the_gateway_and_its_workers_cleanly(eventually: Eventually) -> None:
    with gateway() as (process, api):
        eventually(lambda: _answers(api))
        workers = _workers(process)
        assert len(workers) == 2
        with socket.create_connection(("127.0.0.1", api.port)):  # a client that stays connected does not hold it up
            process.terminate()
            assert process.wait(timeout=30) == 0
        assert not any(worker.is_running() for worker in workers)


def test_workers_do_not_outlive_a_gateway_that_is_killed(eventually: Eventually) -> None:
    with gateway() as (process, api):
        eventually(lambda: _answers(api))
        workers = _workers(process)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        eventually(lambda: not any(_runs(worker) for worker in workers))


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_worker_that_dies_is_replaced(eventually: Eventually) -> None:
    with gateway() as (process, api):
        eventually(lambda: _answers(api))
        first = _workers(process)[0]
        first.kill()
        eventually(lambda: first.pid not in [each.pid for each in _workers(process)] and len(_workers(process)) == 2)
        eventually(lambda: _answers(api))
        assert process.poll() is None


def test_a_taken_port_is_a_clear_error_and_not_shared() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "ops.local.gateway", "--port", str(port)]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in ended.stderr


def test_a_second_gateway_does_not_share_the_port_of_the_first(eventually: Eventually) -> None:
    with gateway() as (_, api):
        eventually(lambda: _answers(api))
        command = [sys.executable, "-m", "ops.local.gateway", "--port", str(api.port)]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "is taken" in ended.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (("--app", "no_such_module:app"), {}, "no_such_module"),
        (("--app", "app:no_such_name"), {}, "no_such_name"),
        (("--app", "app:__doc__"), {}, "neither a Chalice app nor a WSGI application"),
        ((), {"MAX_BODY_BYTES": "huge", "REDIS_READ_TIMEOUT_S": "-1"}, "REDIS_READ_TIMEOUT_S"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_listens(
    arguments: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    with gateway(*arguments, **env) as (process, _):
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert said in output
        assert "Traceback" not in output


def test_any_wsgi_application_can_be_served(eventually: Eventually) -> None:
    with gateway("--app", "wsgiref.simple_server:demo_app") as (_, api):
        eventually(lambda: _listens(api))
        answer = api.send("GET", "/x")
        assert (answer.status, answer.text.split("\n")[0]) == (200, "Hello world!")


def _listens(api: Api) -> bool:
    try:
        api.send("GET", "/")
    except OSError:
        return False
    return True


def test_a_thousand_idle_connections_keep_nobody_out(eventually: Eventually) -> None:
    with gateway() as (_, api):
        eventually(lambda: _answers(api))
        idle = [socket.create_connection(("127.0.0.1", api.port), timeout=60) for _ in range(1_000)]
        try:
            for connection in idle:
                connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(12) == b"HTTP/1.1 404"
            assert all(_answers(api) for _ in range(20))  # each waits for a minute at most
        finally:
            for connection in idle:
                connection.close()


def test_ids_of_requests_differ_between_workers(eventually: Eventually) -> None:
    with gateway() as (_, api):
        eventually(lambda: _answers(api))
        ids: list[str] = []

        def both_have_answered() -> bool:
            ids.append(api.send("GET", "/nowhere").headers["x-request-id"])
            return len({identifier[:23] for identifier in ids}) == 2

        eventually(both_have_answered)
        ids += [api.send("GET", "/nowhere").headers["x-request-id"] for _ in range(60)]
        assert len(set(ids)) == len(ids)
