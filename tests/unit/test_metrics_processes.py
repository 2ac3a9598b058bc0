"""A process of a stack is told of with its children, and as down once it has ended."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local import records
from ops.local.home import Home, State
from ops.metrics.process_figures import process_figures
from tests.conftest import Eventually

# Lets a child work and end, has another that holds files, and stays.
FAMILY = """
import subprocess, sys
subprocess.run([sys.executable, "-S", "-c", "sum(i * i for i in range(3_000_000))"], check=True)
held = [open("/dev/null") for _ in range(40)]
CHILD = "import sys; f = [open('/dev/null') for _ in range(40)]; sys.stdin.read()"
subprocess.Popen([sys.executable, "-S", "-c", CHILD])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that has a process `relay`, `redis` as somebody else's, and `gateway`, which never ran."""
    made = Home(tmp_path)
    made.create()
    made.write_state(State(names=("redis", "relay", "gateway")))
    return made


@pytest.fixture
def family(home: Home) -> Iterator[subprocess.Popen[str]]:
    """The process, with children."""
    process = subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    records.write(home, "relay", process.pid, port=0, log=home.logs / "relay.log", settings="")
    yield process
    process.communicate("")


def told(home: Home) -> dict[tuple[str, str], float]:
    samples = (each for family in process_figures(home) for each in family.samples)
    return {(each.name.removeprefix("onsale_process_"), each.labels["process"]): each.value for each in samples}


def test_a_process_counts_with_its_children(home: Home, family: subprocess.Popen[str], eventually: Eventually) -> None:
    eventually(lambda: told(home)["open_fds", "relay"] > 80)  # those of the child too, which has them in a moment
    figures = told(home)
    assert figures["up", "relay"] == 1
    assert figures["cpu_seconds_total", "relay"] > 0.05  # most of it of the child that has ended
    assert figures["resident_memory_bytes", "relay"] > 5_000_000
    assert figures["open_fds", "relay"] < 200
    assert figures["open_fds_limit", "relay"] > figures["open_fds", "relay"]


def test_what_does_not_run_is_down_and_what_is_not_ours_is_left_out(home: Home) -> None:
    assert told(home) == {("up", "relay"): 0, ("up", "gateway"): 0}


def test_a_process_that_was_killed_is_down(home: Home, family: subprocess.Popen[str], eventually: Eventually) -> None:
    family.kill()
    eventually(lambda: told(home)["up", "relay"] == 0)
