"""What `make test` runs twice: few tests that failed beside others, and nothing else. On toys, with a worker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.local.program import PROJECT

FAILS = "def test_{name}():\n    assert False\n"
FAILS_ONCE = """
from pathlib import Path

def test_once():
    ran = Path(__file__).with_name("ran")
    before = ran.exists()
    ran.touch()
    assert before

def test_well():
    with Path(__file__).with_name("well").open("a") as runs:
        runs.write("x")
"""
AGAIN = "FAILED BESIDE OTHERS, and run once more, each alone:"


@pytest.fixture
def run(tmp_path: Path) -> "Run":
    """Run toys as `make test` runs the tests."""
    return Run(tmp_path)


class Run:
    """A folder of toys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")

    def __call__(self, code: str, *words: str) -> tuple[int, str]:
        """Return the exit status and what was printed."""
        (self.folder / "test_toy.py").write_text(code)
        plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist.plugin"}  # the rest takes seconds
        done = subprocess.run(
            [sys.executable, "-m", "tests.run", *(words or ("-n", "1"))],
            cwd=self.folder,
            env={**os.environ, **plugins, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        return done.returncode, done.stdout


def test_one_that_fails_beside_others_and_passes_alone_is_named_and_the_run_is_green(run: Run) -> None:
    status, told = run(FAILS_ONCE)
    assert status == 0
    assert f"{AGAIN}\n  test_toy.py::test_once\n" in told
    assert told.endswith("GREEN, BUT: failed beside others and passed alone:\n  test_toy.py::test_once\n\n")
    assert (run.folder / "well").read_text() == "x", "what passed was run again"


def test_one_that_fails_alone_too_is_red_whatever_else_passed(run: Run) -> None:
    status, told = run(FAILS_ONCE + FAILS.format(name="twice"))
    assert status == 1
    assert AGAIN in told
    assert "RED: failed beside others, and not all of them passed alone:" in told


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("".join(FAILS.format(name=number) for number in range(6)), ("-n", "1")),
        ("import no_such_module\n", ("-n", "1")),
        (FAILS_ONCE, ("-n", "1", "-x")),
        (FAILS_ONCE, ("-n", "0")),
    ],
    ids=["six failures", "no collection", "cut short at the first failure", "none ran beside others"],
)
def test_nothing_else_is_run_again(run: Run, code: str, words: tuple[str, ...]) -> None:
    status, told = run(code, *words)
    assert status != 0
    assert AGAIN not in told
