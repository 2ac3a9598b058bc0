"""`onsale rehearse` as a person runs it, on a stack that runs: a verdict, a true report, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from ops.local.program import StartFailed
from ops.local.stack import Stack

STOCK, BUYERS = 20, 150
COMMAND = [sys.executable, "-m", "ops.cli", "rehearse", "--stock", f"{STOCK}", "--buyers", f"{BUYERS}", "--seats"]
COMMAND += ["--in-flight", "20", "--claim-seconds", "3", "--pay", "0.8", "--pay-seconds", "0.3", "--hold-seconds", "2"]


@pytest.fixture
def environment(stack: Stack, tmp_path: Path) -> dict[str, str]:
    """A shell in which this stack is the one of `onsale up`; its other settings name servers that are not there."""
    foreign = {"REDIS_URL": "redis://127.0.0.1:1", "MYSQL_URL": "mysql://x@127.0.0.1:1/x", "ONSALE_PORT": "1"}
    return {**os.environ, **foreign, "ONSALE_HOME": str(stack.home.path), "TMPDIR": str(tmp_path)}


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    """The stack's Redis."""
    with Redis.from_url(stack.env["REDIS_URL"], decode_responses=True) as client:
        yield client


def left_behind(folder: Path) -> list[str]:
    """Return the processes that were started with this folder for temporary files, those of the stack aside."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.environ()
            if words.get("TMPDIR") == str(folder) and "ONSALE_PROCESS" not in words and process.status() != "zombie":
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def known(series: list[float | None]) -> list[float]:
    """Return what was seen of a series."""
    return [each for each in series if each is not None]


def test_a_small_rehearsal_with_a_killed_relay_is_go_and_its_report_agrees_with_the_ledger(
    stack: Stack, redis: Redis, environment: dict[str, str], tmp_path: Path
) -> None:
    relay = stack.pid("relay")
    told = [*COMMAND, "--arrive", "3s", "--fault", "relay-kill@1s+1s", "--report", str(tmp_path / "report"), "--json"]
    log = tmp_path / "stderr"  # a file, so that it is there also where the command takes too long
    with log.open("w") as errors:
        code = subprocess.run(told, env=environment, stdout=errors, stderr=errors, timeout=150, check=False).returncode
    assert code == 0, log.read_text()
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["verdict"], report["exitCode"]) == ("GO", 0)
    assert all(each["holds"] for each in report["checks"])
    _agrees_with_the_ledger(report)
    _shows_the_fault(report)
    assert stack.pid("relay") != relay
    assert set(report["processes"]) >= {"gateway", "redis", "kafka", "mysql", "relay"}
    assert "<svg" in (tmp_path / "report" / "report.html").read_text()
    assert not redis.sismember("sales", report["saleId"])
    assert left_behind(tmp_path) == []


def _agrees_with_the_ledger(report: dict[str, Any]) -> None:
    ledger, series = report["ledger"], report["timeline"]["series"]
    sold = next(row for row in ledger["rows"] if row["what"] == "sold")
    assert ledger["state"] == "balanced"
    assert sold["redis"] == sold["mysql"] == report["outcomes"]["bought"] == report["proof"]["tickets"] == STOCK
    assert (report["proof"]["oversold"], report["proof"]["lost"], report["proof"]["untold"]) == (0, 0, 0)
    assert sum(report["outcomes"].values()) == BUYERS
    assert sum(known(series["arrivals"])) == BUYERS
    assert known(series["confirmed"])[-1] == known(series["mysqlRows"])[-1] == STOCK
    assert {len(each) for each in series.values()} == {len(report["timeline"]["seconds"])}


def _shows_the_fault(report: dict[str, Any]) -> None:
    (fault,) = report["faults"]
    assert (fault["kind"], fault["process"], fault["error"]) == ("relay-kill", "relay", None)
    assert fault["fromSecond"] >= 1.0
    assert fault["toSecond"] >= fault["fromSecond"] + 1.0


def test_an_interrupt_stops_the_crowd_brings_everything_back_and_gives_no_verdict(
    stack: Stack, redis: Redis, environment: dict[str, str], tmp_path: Path
) -> None:
    told = [*COMMAND, "--arrive", "10m", "--fault", "relay-kill@1s+1h", "--report", str(tmp_path / "report")]
    with subprocess.Popen(told, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "relay away" in line:
                break
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, output + errors
    assert output == ""
    assert "Traceback" not in errors
    assert list(tmp_path.rglob("report.*")) == []
    assert all(each.healthy for each in stack.status())
    left = [str(sale) for sale in redis.smembers("sales") if str(sale).startswith("rehearsal-")]
    assert all(redis.hget(f"{{sale:{sale}}}:config", "closed") == "1" for sale in left)  # a ticket is still held there
    assert left_behind(tmp_path) == []


def test_only_a_process_of_the_stack_is_started_and_one_that_runs_is_left_alone(stack: Stack) -> None:
    stack.start("relay")  # which another `up`, with settings of its own, may have started
    relay = stack.pid("relay")
    stack.start("relay")
    assert stack.pid("relay") == relay
    with pytest.raises(StartFailed, match="nobody is no process of this stack"):
        stack.start("nobody")
