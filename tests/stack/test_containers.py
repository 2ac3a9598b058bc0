"""`ONSALE_SERVICES=docker`: what `up`, `status` and `down` ask of Docker Compose, and what they say when it fails.

There need be no engine: `docker` is a program of the tests whose Redis is a real server of this machine.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from ops.local import addresses, containers, ports, topology
from ops.local.home import Home, State
from ops.local.program import Interrupted, StartFailed
from ops.local.stack import Stack

PROGRAM = Path(__file__).with_name("fake_docker.py")


class Docker:
    """The notes of the `docker` on PATH, and how it is to fail."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = monkeypatch
        monkeypatch.setenv("FAKE_DOCKER_DIR", str(folder))
        monkeypatch.setenv("FAKE_DOCKER", "")

    def fails(self, how: str) -> None:
        self._patch.setenv("FAKE_DOCKER", how)

    @property
    def calls(self) -> list[dict[str, Any]]:
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def called(self, action: str) -> list[list[str]]:
        """Return the words after the action of each such call of `docker compose`."""
        words = [each["words"] for each in self.calls if "--file" in each["words"]]
        cut = [each[each.index("--file") + 2 :] for each in words]
        return [each[1:] for each in cut if each[0] == action]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    binary = tmp_path / "bin" / "docker"
    binary.parent.mkdir()
    binary.write_text(f"#!{sys.executable} -ISs\n{PROGRAM.read_text()}")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "docker"
    folder.mkdir()
    return Docker(folder, monkeypatch)


@pytest.fixture
def make(docker: Docker, tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Make a stack of the parts that a test names, all in one home, and end whatever runs afterwards."""
    chosen = dict(zip(addresses.PORT_OF.values(), map(str, ports.free_ports(len(addresses.PORT_OF))), strict=True))

    def of(*only: str, **settings: str) -> Stack:
        environment = {**os.environ, **chosen, "ONSALE_SERVICES": "docker", **settings}
        return Stack(Home(tmp_path / "home"), environment=environment, only=only)

    yield of
    docker.fails("")
    of().down()


def test_without_a_docker_program_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartFailed, match="ONSALE_SERVICES=docker cannot be used: there is no `docker` program"):
        containers.chosen("docker", ["redis"])


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("no compose", "this Docker has no Compose .*not a docker command"),
        ("no engine", "engine does not answer: Cannot connect to the Docker daemon"),
        ("engine hangs", "engine does not answer: .*timed out"),
    ],
)
def test_a_docker_that_is_of_no_use_is_told_with_its_own_words(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, how: str, told: str
) -> None:
    if how == "engine hangs":
        monkeypatch.setattr(containers, "ASK_WITHIN_S", 1.0)
    docker.fails(how)
    with pytest.raises(StartFailed, match=told):
        containers.chosen("docker", ["redis"])


def test_auto_leaves_docker_alone_where_the_programs_are_here(docker: Docker) -> None:
    assert containers.chosen("auto", addresses.SERVERS) == ()
    assert docker.calls == []


def test_auto_takes_containers_for_what_is_missing_if_an_engine_answers(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(containers._INSTALLED, "kafka", lambda: False)
    assert containers.chosen("auto", addresses.SERVERS) == ("kafka",)
    assert containers.chosen("local", addresses.SERVERS) == ()
    docker.fails("no engine")
    assert containers.chosen("auto", addresses.SERVERS) == ()


def test_up_starts_the_containers_and_uses_them_and_down_keeps_their_data(
    docker: Docker, make: Callable[..., Stack]
) -> None:
    first = make("redis", "sale")
    (row,) = first.up()
    assert (row.name, row.condition, row.healthy, row.pid) == ("redis", "container", True, 0)
    assert first.env["REDIS_URL"] == f"redis://127.0.0.1:{row.port}/0"
    with redis.Redis(port=row.port) as client:
        assert client.smembers("sales") == {b"demo"}
    (words,) = docker.called("up")
    assert words == ["--detach", "--wait", "--wait-timeout", "300", "redis"]

    (again,) = make("redis", "sale").up()
    assert again == row
    assert [each.condition for each in make("redis").status()] == ["container"]

    assert make("redis").down() == ["redis"]
    assert docker.called("down") == [[]]
    assert [each.condition for each in make("redis").status()] == ["stopped"]

    (back,) = make("redis", "sale").up()
    assert back.port == row.port
    with redis.Redis(port=back.port) as client:
        assert client.smembers("sales") == {b"demo"}


def test_wiping_removes_the_volumes_too(docker: Docker, make: Callable[..., Stack]) -> None:
    stack = make("redis")
    stack.up()
    assert stack.home.contents()
    stack.wipe()
    assert docker.called("down") == [["--volumes"]]
    assert stack.home.contents() == []


def test_each_home_has_a_project_of_its_own(docker: Docker, make: Callable[..., Stack]) -> None:
    make("redis").up()
    names = {
        each["words"][each["words"].index("--project-name") + 1] for each in docker.calls if len(each["words"]) > 4
    }
    assert names == {containers.project(make("redis").home)}
    assert containers.project(Home(Path("elsewhere"))) not in names


def test_what_is_given_by_url_is_no_container(docker: Docker, make: Callable[..., Stack], redis_url: str) -> None:
    (row,) = make("redis", REDIS_URL=redis_url).up()
    assert row.condition == "given"
    assert docker.calls == []


def test_all_four_are_asked_for_with_their_ports_and_the_password(
    docker: Docker, make: Callable[..., Stack], tmp_path: Path
) -> None:
    found = dict(zip(containers.SERVICE_OF, (6379, 3306, 9092, 4566), strict=True))
    state = State(ports=found, password="secret")  # noqa: S106
    home = Home(tmp_path / "home")
    home.create()
    env = {**os.environ, **containers.environment(state), "ONSALE_REDIS_PORT": str(ports.free_ports(1)[0])}
    containers.up(home, tuple(containers.SERVICE_OF), env, threading.Event())
    home.write_state(State(containers=tuple(containers.SERVICE_OF), ports=found))

    (words,) = docker.called("up")
    assert words[-4:] == ["redis", "mysql", "kafka", "localstack"]
    told = docker.calls[-1]["env"]
    assert (told["ONSALE_MYSQL_PORT"], told["ONSALE_KAFKA_PORT"], told["ONSALE_AWS_PORT"]) == ("3306", "9092", "4566")
    assert told["ONSALE_MYSQL_PASSWORD"] == "secret"  # noqa: S105
    settings = containers.settings(state, tuple(containers.SERVICE_OF))
    assert settings["MYSQL_URL"] == "mysql://onsale:secret@127.0.0.1:3306/onsale"
    assert settings["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:9092"
    assert settings["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert settings["SNS_TOPIC_ARN"] == "arn:aws:sns:us-east-1:000000000000:reservation-events"


def test_an_unhealthy_service_is_told_and_what_was_started_is_stopped(
    docker: Docker, make: Callable[..., Stack]
) -> None:
    docker.fails("unhealthy")
    with pytest.raises(StartFailed, match="containers could not be brought up by Docker Compose") as failure:
        make("redis").up()
    assert "mysql-1 is unhealthy" in failure.value.log_tail
    assert docker.called("stop") == [["redis"]]
    assert list(docker.folder.glob("*.running")) == []


def test_what_ran_before_survives_a_failed_up(docker: Docker, make: Callable[..., Stack]) -> None:
    (row,) = make("redis").up()
    docker.fails("unhealthy")
    with pytest.raises(StartFailed):
        make("redis").up()
    assert docker.called("stop") == []
    with redis.Redis(port=row.port) as client:
        assert client.ping()


def test_other_services_than_before_stop_the_containers(docker: Docker, make: Callable[..., Stack]) -> None:
    make("redis").up()
    (row,) = make("redis", ONSALE_SERVICES="local").up()
    assert row.condition == "started"
    assert docker.called("stop") == [["redis"]]


def test_a_container_that_docker_does_not_let_go_is_told(docker: Docker, make: Callable[..., Stack]) -> None:
    make("redis").up()
    docker.fails("no stop")
    with pytest.raises(StartFailed, match="could not be stopped by Docker Compose") as failure:
        make("redis").down()
    assert "Cannot connect" in failure.value.log_tail


def test_a_long_fetch_of_images_can_be_called_off(docker: Docker, tmp_path: Path) -> None:
    docker.fails("pull takes long")
    home, called_off = Home(tmp_path / "home"), threading.Event()
    home.create()
    threading.Timer(0.3, called_off.set).start()
    began_s = time.monotonic()
    with pytest.raises(Interrupted):
        containers.up(home, ("redis",), os.environ, called_off)
    assert time.monotonic() - began_s < 45  # what was called off takes a minute


def test_the_services_are_those_of_the_stack() -> None:
    assert tuple(containers.SERVICE_OF) == addresses.SERVERS
    assert set(containers.SERVICE_OF) <= set(topology.EVERYTHING)
