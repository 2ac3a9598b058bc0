"""What `up`, a second `up` and `down` do with processes, ports and files: seen with the quick parts of the stack."""

import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import redis

from chalicelib.errors import BadSetting
from ops.local import addresses, health, ports, records, shutdown, startup, topology
from ops.local.home import Home
from ops.local.program import StartFailed
from ops.local.stack import Stack

Eventually = Callable[[Callable[[], object]], None]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that no `up` has touched; whatever a test starts there is stopped after it."""
    home = Home(tmp_path / "home")
    yield home
    Stack(home).down()
    assert processes(home) == set()


@pytest.fixture
def shell() -> dict[str, str]:
    """The environment of a shell in which all default ports are free ones."""
    chosen = zip(addresses.PORT_OF.values(), map(str, ports.free_ports(len(addresses.PORT_OF))), strict=True)
    return {**os.environ, **dict(chosen)}


def processes(home: Home) -> set[int]:
    """Return the pids of everything that was started for this home, recorded or not."""
    return {process.pid for process in records.marked(home, topology.EVERYTHING)}


def conditions(stack: Stack) -> dict[str, str]:
    return {each.name: each.condition for each in stack.up()}


def test_a_second_up_starts_nothing_and_says_what_runs(home: Home, shell: dict[str, str]) -> None:
    stack = Stack(home, environment=shell, only=("redis", "scheduler"))
    assert conditions(stack) == {"redis": "started", "scheduler": "started"}
    before = processes(home)
    assert conditions(stack) == {"redis": "running", "scheduler": "running"}
    assert processes(home) == before


@pytest.mark.parametrize("victim", ["redis", "gateway", "scheduler"])
def test_a_killed_process_is_started_again_and_the_others_are_left_alone(
    home: Home, shell: dict[str, str], victim: str, eventually: Eventually
) -> None:
    stack = Stack(home, environment=shell, only=("redis", "gateway", "scheduler"))
    before = {each.name: each for each in stack.up()}
    os.kill(before[victim].pid, signal.SIGKILL)
    eventually(lambda: next(e for e in stack.status() if e.name == victim).condition == "stopped")
    after = {each.name: each for each in stack.up()}
    assert after[victim].condition == "started"
    assert after[victim].healthy
    assert after[victim].port == before[victim].port
    for name in before.keys() - {victim}:
        assert (after[name].pid, after[name].condition) == (before[name].pid, "running")


def test_a_process_that_no_longer_answers_is_replaced(
    home: Home, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "HUNG_AFTER_S", 0.5)
    monkeypatch.setattr(shutdown, "WITHIN_S", 0.5)
    monkeypatch.setattr(health, "ASK_WITHIN_S", 1.0)
    stack = Stack(home, environment=shell, only=("redis",))
    (before,) = stack.up()
    os.kill(before.pid, signal.SIGSTOP)
    (after,) = stack.up()
    assert (after.condition, after.healthy) == ("restarted", True)
    assert processes(home) == {after.pid}


def test_data_stay_when_it_is_stopped_and_go_when_it_is_wiped(home: Home, shell: dict[str, str]) -> None:
    stack = Stack(home, environment=shell, only=("redis",))
    stack.up()
    with redis.Redis.from_url(stack.env["REDIS_URL"]) as client:
        client.set("kept", "yes")
    assert stack.down() == ["redis"]
    assert processes(home) == set()
    stack.up()
    with redis.Redis.from_url(stack.env["REDIS_URL"]) as client:
        assert client.get("kept") == b"yes"
    stack.wipe()
    assert processes(home) == set()
    assert not home.path.exists()


def test_wiping_touches_only_what_up_has_made(home: Home, shell: dict[str, str]) -> None:
    elsewhere = home.path.parent / "elsewhere"
    for folder in (home.path, elsewhere):
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
    Stack(home, environment=shell, only=("redis",)).up()
    (home.data / "link").symlink_to(elsewhere)
    Stack(home).wipe()
    assert [path.name for path in home.path.iterdir()] == ["mine.txt"]
    assert (elsewhere / "mine.txt").read_text() == "mine"


def test_a_folder_that_no_up_has_made_is_never_wiped(home: Home) -> None:
    (home.path / "data").mkdir(parents=True)
    assert Stack(home).wipe() == []
    assert (home.path / "data").exists()


def test_a_taken_default_port_gives_way_to_a_free_one(
    home: Home, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setitem(addresses.DEFAULT_PORTS, "redis", taken)
        del shell["ONSALE_REDIS_PORT"]
        stack = Stack(home, environment=shell, only=("redis",), announce=said.append)
        (redis_info,) = stack.up()
    assert redis_info.port != taken
    assert redis_info.healthy
    assert f"port {taken} is taken, so redis gets {redis_info.port}" in said
    # It keeps that port, which is in the settings of others, though the default is free again.
    stack.down()
    (again,) = stack.up()
    assert again.port == redis_info.port


def test_a_taken_port_that_was_asked_for_is_an_error(home: Home, shell: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        shell["ONSALE_REDIS_PORT"] = str(other.getsockname()[1])
        with pytest.raises(StartFailed, match=r"ONSALE_REDIS_PORT=.* something else listens"):
            Stack(home, environment=shell, only=("redis",)).up()


def test_the_settings_file_is_for_its_owner_only_and_reads_back(home: Home, shell: dict[str, str]) -> None:
    stack = Stack(home, environment={**shell, "ONSALE_STAGE": "it's $here"}, only=("redis",))
    stack.up()
    assert stat.S_IMODE(home.env_file.stat().st_mode) == 0o600
    assert home.read_env()["ONSALE_STAGE"] == "it's $here"
    assert home.read_env()["REDIS_URL"] == stack.env["REDIS_URL"]


def test_a_bad_setting_stops_the_start_and_is_named(home: Home, shell: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="PROMOTE_TICK_MS"):
        Stack(home, environment={**shell, "PROMOTE_TICK_MS": "soon"}, only=("redis",)).up()
    assert processes(home) == set()


def test_new_settings_restart_the_workers_and_not_the_servers(home: Home, shell: dict[str, str]) -> None:
    only = ("redis", "scheduler")
    Stack(home, environment=shell, only=only).up()
    changed = Stack(home, environment={**shell, "PROMOTE_TICK_MS": "150"}, only=only)
    assert conditions(changed) == {"redis": "running", "scheduler": "restarted"}


def test_a_server_given_by_url_is_used_and_left_alone(home: Home, shell: dict[str, str], redis_url: str) -> None:
    shell["REDIS_URL"] = redis_url
    stack = Stack(home, environment=shell, only=("redis", "scheduler"))
    assert conditions(stack) == {"redis": "given", "scheduler": "started"}
    assert stack.env["REDIS_URL"] == redis_url
    del shell["REDIS_URL"]  # it is remembered
    assert conditions(Stack(home, environment=shell, only=("redis", "scheduler")))["redis"] == "given"
    assert stack.down() == ["scheduler"]
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_the_urls_that_up_wrote_itself_do_not_count_as_given(home: Home, shell: dict[str, str]) -> None:
    stack = Stack(home, environment=shell, only=("redis",))
    stack.up()
    sourced = {**shell, **home.read_env()}
    assert conditions(Stack(home, environment=sourced, only=("redis",))) == {"redis": "running"}
    stack.down()
    assert conditions(Stack(home, environment=sourced, only=("redis",))) == {"redis": "started"}


def test_a_given_server_that_does_not_answer_fails_the_start(
    home: Home, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "GIVEN_WITHIN_S", 0.5)
    (nobody,) = ports.free_ports(1)
    shell["REDIS_URL"] = f"redis://127.0.0.1:{nobody}/0"
    with pytest.raises(StartFailed, match="REDIS_URL"):
        Stack(home, environment=shell, only=("redis", "scheduler")).up()
    assert processes(home) == set()


def test_a_record_of_a_pid_that_is_now_somebody_elses_is_stale(home: Home, shell: dict[str, str]) -> None:
    stack = Stack(home, environment=shell, only=("redis",))
    (before,) = stack.up()
    stack.down()
    bystander = psutil.Process()
    forged = records.Record("redis", bystander.pid, bystander.create_time() - 60, before.port, before.log, "")
    records.write_record(home, forged)
    assert [each.condition for each in stack.status()] == ["stopped"]
    assert conditions(stack) == {"redis": "started"}
    records.write_record(home, replace(forged, name="relay"))
    assert stack.down() == ["redis"]  # and this process, which the record names, lives


def test_a_process_without_a_record_is_found_by_its_mark(home: Home, shell: dict[str, str]) -> None:
    stack = Stack(home, environment=shell, only=("redis",))
    (before,) = stack.up()
    records.remove(home, "redis")
    (after,) = stack.up()
    assert after.condition == "started"
    assert processes(home) == {after.pid} != {before.pid}


def test_a_failed_start_leaves_nothing_and_shows_the_end_of_the_log(
    home: Home, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (sys.executable, "-c", "print('first words'); print('last words'); raise SystemExit(3)")
    server = topology._worker
    monkeypatch.setattr(
        topology,
        "_worker",
        lambda name, *rest: replace(server(name, *rest), command=broken) if name == "gateway" else server(name, *rest),
    )
    stack = Stack(home, environment=shell, only=("redis", "gateway"))
    with pytest.raises(StartFailed) as failed:
        stack.up()
    assert str(failed.value) == "gateway ended while starting, with exit status 3"
    assert failed.value.log_tail.endswith("last words")
    assert processes(home) == set()


def test_what_ran_before_a_failed_up_goes_on(
    home: Home, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = Stack(home, environment=shell, only=("redis",)).up()
    monkeypatch.setitem(topology._WORKER_MODULES, "scheduler", ("no_such_module",))
    with pytest.raises(StartFailed, match="scheduler"):
        Stack(home, environment=shell, only=("redis", "scheduler")).up()
    assert processes(home) == {before.pid}


def test_ups_at_the_same_time_start_everything_once(home: Home, shell: dict[str, str]) -> None:
    stacks = [Stack(home, environment=shell, only=("redis", "scheduler")) for _ in range(4)]
    found: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda each=each: found.append(conditions(each))) for each in stacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each["redis"] for each in found) == ["running", "running", "running", "started"]
    assert len(processes(home)) == 2


def test_a_process_that_dies_while_the_rest_is_started_is_started_again(
    home: Home, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(home, environment=shell, only=("redis", "scheduler"))
    (redis_before, _) = stack.up()
    monkeypatch.setattr(records, "runs", _says_yes_once(records.runs))
    os.kill(redis_before.pid, signal.SIGKILL)
    monkeypatch.setattr(health, "redis_answers", _says_yes_once(health.redis_answers))
    monkeypatch.setattr(health, "port_open", _says_yes_once(health.port_open))
    (redis_after, _) = stack.up()
    assert redis_after.pid != redis_before.pid
    assert redis_after.healthy


def _says_yes_once(question: Callable[..., bool]) -> Callable[..., bool]:
    answers = iter([True])
    return lambda *asked: next(answers, None) or question(*asked)


def test_the_default_sale_is_made_by_the_first_up_that_has_it_among_its_tasks(
    home: Home, shell: dict[str, str]
) -> None:
    Stack(home, environment=shell, only=("redis",)).up()
    stack = Stack(home, environment=shell, only=("redis", "sale"))
    stack.up()
    with redis.Redis.from_url(stack.env["REDIS_URL"]) as client:
        assert client.smembers("sales") == {b"demo"}
        client.delete("sales")
        stack.up()  # not made again: somebody may have archived it on purpose
        assert not client.exists("sales")
