"""What several processes count is added up, and a process that dies takes nothing along and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram

from ops.metrics import shared
from ops.metrics.histograms import Tally
from ops.metrics.names import FOLDER, FOLDER_VARIABLE

# Counts what it is told to on each line, and says when that is done; the second word of a line is how long it took.
COUNTING = """
import os, sys
from ops.metrics import shared
shared.keep_counts()
shared.keep_counts()
from prometheus_client import CollectorRegistry, Counter, Histogram
registry = CollectorRegistry()
counter = Counter("things_total", "things", ["kind"], registry=registry)
histogram = Histogram("span_seconds", "spans", registry=registry, buckets=[1, 2])
print("ready", flush=True)
for line in sys.stdin:
    number, took_s = map(float, line.split())
    counter.labels("a").inc(number)
    histogram.observe(took_s)
    if number == 100 and os.fork() == 0:
        counter.labels("a").inc(1000)
        os._exit(0)
    if number == 100:
        os.wait()
    print("done", flush=True)
"""


class Counting:
    """A process that counts."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COUNTING],
            env={**os.environ, FOLDER_VARIABLE: str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._said() == "ready"

    def count(self, number: int, took_s: float = 0.5) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{number} {took_s}\n")
        self.process.stdin.flush()
        assert self._said() == "done"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def _said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[Counting]]:
    """Two processes that count in one folder."""
    made = [Counting(tmp_path), Counting(tmp_path)]
    yield made
    for each in made:
        each.kill()


def counted(folder: Path) -> dict[str, float]:
    """Return the samples of the folder, by name and bucket."""
    return {
        each.name + each.labels.get("le", ""): each.value for metric in shared.added(folder) for each in metric.samples
    }


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.db")}


def test_counters_and_histograms_of_several_processes_are_added(tmp_path: Path, processes: list[Counting]) -> None:
    processes[0].count(3, 0.5)
    processes[1].count(4, 1.5)
    processes[1].count(5, 9.0)
    told = counted(tmp_path)
    assert told["things_total"] == 12
    assert (told["span_seconds_bucket1.0"], told["span_seconds_bucket2.0"]) == (1, 2)
    assert (told["span_seconds_bucket+Inf"], told["span_seconds_count"], told["span_seconds_sum"]) == (3, 3, 11.0)


def test_a_process_goes_on_in_the_file_of_one_that_was_killed(tmp_path: Path, processes: list[Counting]) -> None:
    processes[0].count(3)
    processes[1].count(4)
    before = files(tmp_path)
    for _ in range(3):
        processes[1].kill()
        assert counted(tmp_path)["things_total"] >= 7  # what it counted is not lost
        processes[1] = Counting(tmp_path)
        processes[1].count(1)
    assert counted(tmp_path)["things_total"] == 10
    assert files(tmp_path) == before
    processes[0].count(1)
    assert counted(tmp_path)["things_total"] == 11


def test_a_child_that_was_forked_counts_in_a_file_of_its_own(tmp_path: Path, processes: list[Counting]) -> None:
    processes[0].count(100)
    assert counted(tmp_path)["things_total"] == 1100
    processes[0].count(1)
    assert counted(tmp_path)["things_total"] == 1101


def test_a_file_that_was_only_just_begun_is_no_fault(tmp_path: Path, processes: list[Counting]) -> None:
    processes[0].count(2)
    (tmp_path / "counter_7.db").touch()
    assert counted(tmp_path)["things_total"] == 2


def test_where_nobody_asks_nothing_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert shared.folder() is None
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "gone"))
    assert shared.folder() is None
    assert list(shared.added(tmp_path / "gone")) == []


def test_the_folder_is_emptied_only_for_a_new_start(tmp_path: Path) -> None:
    shared.prepare(tmp_path, anew=True)
    kept = tmp_path / FOLDER / "counter_0.db"
    kept.touch()
    shared.prepare(tmp_path, anew=False)
    assert kept.exists()
    shared.prepare(tmp_path, anew=True)
    assert not kept.exists()
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700


def test_many_observations_at_once_are_those_observed_one_by_one() -> None:
    values = [0.0, 0.5, 1.0, 1.5, 2.0, 2.1, 99.0]
    one, other = (Histogram("x_seconds", "x", registry=CollectorRegistry(), buckets=[1, 2]) for _ in range(2))
    tally = Tally(one)
    for value in values:
        tally.add(value)
        other.observe(value)
    tally.flush()
    tally.flush()  # again nothing

    assert [s.value for s in one._child_samples() if s.name != "_created"] == [
        s.value for s in other._child_samples() if s.name != "_created"
    ]
