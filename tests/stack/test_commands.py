"""The commands `up`, `status` and `down` as a person or a script uses them, with everything that `up` starts."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ops.local import addresses, ports, records, topology
from ops.local.home import Home

Onsale = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home of all tests in this file, which build on each other: a start takes seconds."""
    return Home(tmp_path_factory.mktemp("commands") / "home")


@pytest.fixture(scope="module")
def onsale(home: Home) -> Iterator[Onsale]:
    """Run a command line as a shell would."""
    chosen = zip(addresses.PORT_OF.values(), map(str, ports.free_ports(len(addresses.PORT_OF))), strict=True)
    env = {**os.environ, **dict(chosen), "ONSALE_HOME": str(home.path)}

    def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "import sys; from ops.cli import main; sys.exit(main())", *words],
            env={**env, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    yield run
    run("down")


@pytest.fixture(scope="module")
def url(onsale: Onsale, home: Home) -> str:
    """Where the API of the running stack answers."""
    done = onsale("up")
    assert done.returncode == 0, done.stderr
    return home.read_env()["ONSALE_URL"]


def by_name(onsale: Onsale) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in json.loads(onsale("status", "--json").stdout)}


def test_before_the_first_up_there_is_nothing_to_show_or_stop(onsale: Onsale, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nothing")
    assert onsale("status", ONSALE_HOME=nowhere).returncode == 1
    assert json.loads(onsale("status", "--json", ONSALE_HOME=nowhere).stdout) == []
    assert onsale("down", ONSALE_HOME=nowhere).stdout == "nothing runs\n"
    assert not Path(nowhere).exists()


def test_after_the_first_up_a_buyer_may_enter_the_sale_that_it_made(url: str) -> None:
    request = urllib.request.Request(f"{url}/api/v1/queue/enter?userId=1", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        assert json.load(answer)["saleId"] == "demo"
    with urllib.request.urlopen(f"{url}/api/v1/sale", timeout=60) as answer:  # noqa: S310
        assert json.load(answer)["capacity"] == 100


def test_status_lists_every_process_with_its_pid_port_log_and_health(onsale: Onsale, url: str) -> None:
    rows = by_name(onsale)
    assert list(rows) == [*addresses.SERVERS, *topology.WORKERS]
    for row in rows.values():
        assert psutil.pid_exists(int(str(row["pid"])))
        assert row["healthy"] is True
        assert Path(str(row["log"])).exists()
    assert url.endswith(f":{rows['gateway']['port']}")
    assert onsale("status").returncode == 0


def test_an_up_after_every_process_was_killed_brings_all_of_them_back(onsale: Onsale, url: str) -> None:
    before = by_name(onsale)
    for row in before.values():
        os.kill(int(str(row["pid"])), signal.SIGKILL)
    assert onsale("status").returncode == 1
    done = onsale("up", "--json")
    assert done.returncode == 0, done.stderr
    after = {each["name"]: each for each in json.loads(done.stdout)}
    assert {row["condition"] for row in after.values()} == {"started"}
    assert all(row["healthy"] for row in after.values())
    assert {n: row["port"] for n, row in after.items()} == {n: row["port"] for n, row in before.items()}


def test_wiping_needs_a_yes_where_nobody_can_be_asked(onsale: Onsale, home: Home, url: str) -> None:
    refused = onsale("down", "--wipe")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert all(row["healthy"] for row in by_name(onsale).values())
    shown = onsale("down", "--wipe", "--dry-run")
    assert f"would be removed: {home.data}" in shown.stdout
    assert home.data.exists()


def test_down_leaves_no_process_and_wipe_leaves_no_data(onsale: Onsale, home: Home, url: str) -> None:
    done = onsale("down", "--json")
    assert sorted(json.loads(done.stdout)["stopped"]) == sorted([*addresses.SERVERS, *topology.WORKERS])
    assert records.marked(home, topology.EVERYTHING) == []
    assert home.data.exists()
    assert {row["condition"] for row in by_name(onsale).values()} == {"stopped"}
    assert onsale("down", "--wipe", "--yes").returncode == 0
    assert not home.path.exists()


def test_services_in_docker_are_refused_with_a_reason_where_there_is_none(onsale: Onsale, tmp_path: Path) -> None:
    done = onsale("up", ONSALE_SERVICES="docker", ONSALE_HOME=str(tmp_path), PATH=str(tmp_path))
    assert done.returncode == 1
    assert "ONSALE_SERVICES=docker cannot be used: there is no `docker` program" in done.stderr
