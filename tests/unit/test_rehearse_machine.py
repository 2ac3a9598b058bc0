"""The machine is asked, and what does not answer is absent."""

import os
import platform
from pathlib import Path

import pytest

from ops.hardware import model
from ops.rehearse.machine import machine, versions

NOBODY = "127.0.0.1:1"


def test_this_machine_is_described() -> None:
    here = machine({})
    assert here.cores == len(os.sched_getaffinity(0))
    assert here.memory_bytes is not None
    assert here.memory_bytes > 2**28
    assert "Linux" in here.os
    assert here.python.endswith(platform.python_version())
    assert here.versions == {}
    assert len(here.load_average) == 3


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Another\n", "Some CPU @ 2 GHz"),
        ("Model\t\t: Some Board\n", "Some Board"),
    ],
)
def test_the_processors_name_is_the_kernels(tmp_path: Path, info: str, name: str) -> None:
    (tmp_path / "cpuinfo").write_text(info)
    assert model(tmp_path / "cpuinfo") == name


def test_without_the_kernels_word_the_architecture_will_do(tmp_path: Path) -> None:
    assert model(tmp_path / "none")


def test_servers_that_do_not_answer_have_no_version() -> None:
    addresses = {"REDIS_URL": f"redis://{NOBODY}", "MYSQL_URL": f"mysql://u:p@{NOBODY}/d"}
    assert versions({**addresses, "KAFKA_BOOTSTRAP_SERVERS": "broker.example:9092"}) == {}


def test_our_own_broker_is_as_new_as_its_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kafka_2.13-9.8.7.jar").touch()
    monkeypatch.setattr("ops.local.kafka.JARS", tmp_path)
    assert versions({"KAFKA_BOOTSTRAP_SERVERS": NOBODY}) == {"kafka": "9.8.7"}
