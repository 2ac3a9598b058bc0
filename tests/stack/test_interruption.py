"""Ctrl-C, SIGTERM and kill -9 at any moment leave no process behind, and the next `up` recovers."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.local import addresses, ports, records, topology
from ops.local.home import Home
from ops.local.stack import Stack

Eventually = Callable[[Callable[[], object]], None]

UP = "import sys; from ops.cli import main; sys.exit(main(['up']))"
PRIVATE = """
import sys
from ops.local.stack import private_stack
with private_stack(only=sys.argv[1].split(",")) as stack:
    print(stack.home.path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that no `up` has touched; whatever a test starts there is stopped after it."""
    home = Home(tmp_path / "home")
    yield home
    Stack(home).down()
    assert marked(home) == set()


def marked(home: Home) -> set[int]:
    """Return the pids of everything that was started for this home, recorded or not."""
    return {process.pid for process in records.marked(home, topology.EVERYTHING)}


@pytest.fixture
def up(home: Home) -> Iterator[subprocess.Popen[str]]:
    """A whole `onsale up` under way."""
    chosen = dict(zip(addresses.PORT_OF.values(), map(str, ports.free_ports(len(addresses.PORT_OF))), strict=True))
    env = {**os.environ, **chosen, "ONSALE_HOME": str(home.path)}
    command = [sys.executable, "-c", UP]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("reached", ["redis", "kafka"])
def test_an_interrupted_up_leaves_no_process(
    up: subprocess.Popen[str], home: Home, reached: str, number: int, eventually: Eventually
) -> None:
    eventually(lambda: reached in records.read(home) or up.poll() is not None)
    up.send_signal(number)
    output, _ = up.communicate(timeout=120)
    assert up.returncode == 130, output
    assert marked(home) == set()


def test_an_up_that_is_killed_is_made_good_by_the_next(
    up: subprocess.Popen[str], home: Home, eventually: Eventually
) -> None:
    eventually(lambda: "redis" in records.read(home) or up.poll() is not None)
    up.kill()
    up.wait()
    (home.run / "redis.pid").unlink()  # as if it had been killed between starting Redis and writing that down
    assert marked(home)
    stack = Stack(home, only=("redis", "mysql", "kafka"))
    assert all(each.healthy for each in stack.up())


def test_a_private_stack_dies_with_the_process_that_was_killed(eventually: Eventually) -> None:
    command = [sys.executable, "-c", PRIVATE, "redis,mysql,kafka,gateway,scheduler"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        home = Home(Path(owner.stdout.readline().strip()))
        processes = records.marked(home, topology.EVERYTHING)
        assert len(processes) > len(records.read(home)) == 5  # the gateway's workers too
        owner.kill()
    eventually(lambda: not any(map(records.runs, processes)))
    shutil.rmtree(home.path.parent)  # what a killed process cannot do itself


def test_a_private_stack_leaves_neither_process_nor_folder() -> None:
    command = [sys.executable, "-c", PRIVATE, "redis,scheduler"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        home = Home(Path(owner.stdout.readline().strip()))
        assert marked(home)
        owner.communicate("", timeout=120)
    assert marked(home) == set()
    assert not home.path.parent.exists()
