"""`onsale demo` as a person runs it: it proves its points, disturbs nobody, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

COMMAND = [sys.executable, "-m", "ops.cli", "demo", "--rows", "2", "--seats-per-row", "5", "--buyers", "60"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demonstration keeps its private files; short, because sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="d-") as name:
        yield Path(name)


def _environment(folder: Path) -> dict[str, str]:
    # The shell's own servers, which the demonstration must not touch: nothing answers there.
    foreign = {"REDIS_URL": "redis://127.0.0.1:1", "MYSQL_URL": "mysql://x@127.0.0.1:1/x", "ONSALE_PORT": "1"}
    return {**os.environ, **foreign, "TMPDIR": str(folder)}


def _left_behind(folder: Path) -> list[str]:
    """Return the processes that were started with this folder for temporary files."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_a_small_demonstration_sells_each_seat_once_and_leaves_nothing(folder: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--arrive", "1", "--json"],
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["ok"]
    assert answer["endings"]["ticket"] == 10
    assert answer["endings"]["failed"] == 0
    assert sum(answer["endings"].values()) == 60
    assert answer["ledger"]["state"] == "balanced"
    assert "sold" in done.stderr
    assert _left_behind(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_in_the_middle_of_the_sale_leaves_nothing(folder: Path, number: int) -> None:
    with subprocess.Popen(
        [*COMMAND, "--arrive", "60"],
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        before = []
        for told in process.stderr:
            before.append(told)
            if told.lstrip().startswith("1."):  # the first second of the sale
                break
        process.send_signal(number)
        output, errors = process.communicate(timeout=180)
    assert process.returncode == 130, "".join(before) + output + errors
    assert output == ""
    assert "Traceback" not in errors
    assert _left_behind(folder) == []
    assert list(folder.iterdir()) == []
