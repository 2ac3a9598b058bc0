"""What `onsale up --observe` adds to a stack, and what it does when Prometheus is not there. Nothing is started."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.local import cli_stack, containers, modes, ports, prometheus, topology
from ops.local.addresses import PORT_OF
from ops.local.home import Home, State
from ops.local.program import Program, StartFailed


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def planned(home: Home, observe: bool | None, mode: str | None = None) -> topology.Topology:
    chosen = dict(zip(PORT_OF.values(), map(str, ports.free_ports(len(PORT_OF))), strict=True))
    said: list[Any] = []
    return topology.plan(home, chosen, {}, said.append, topology.EVERYTHING, mode, observe)


def program(plan: topology.Topology) -> Program | None:
    return next((node.program for node in plan.nodes if node.name == prometheus.NAME), None)


def options(command: tuple[str, ...]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in command[1:])


def test_prometheus_runs_only_when_asked_for(home: Home) -> None:
    plan = planned(home, None)
    assert program(plan) is None
    assert prometheus.NAME not in plan.state.names


@pytest.mark.parametrize("mode", modes.MODES)
def test_it_listens_on_this_machine_alone_and_keeps_its_data_in_the_home_for_a_while(home: Home, mode: str) -> None:
    plan = planned(home, True, mode)
    server = program(plan)
    assert server is not None
    told = options(server.command)
    assert told["--web.listen-address"] == f"127.0.0.1:{plan.state.ports['prometheus']}"
    assert told["--storage.tsdb.path"] == str(home.data / "prometheus")
    assert told["--storage.tsdb.retention.time"] == "7d"
    assert told["--storage.tsdb.retention.size"] == "512MB"
    assert plan.state.names[-1] == prometheus.NAME


def test_it_reads_the_exporter_of_its_stack_by_the_same_rules_as_the_container(home: Home) -> None:
    plan = planned(home, True)
    server = program(plan)
    assert server is not None
    server.prepare({})
    server.prepare({})  # and a second time
    folder = Path(options(server.command)["--config.file"]).parent
    assert json.loads((folder / prometheus.TARGET).read_text()) == [
        {"targets": [f"127.0.0.1:{plan.state.ports['metrics']}"]}
    ]
    for name in prometheus.FILES:
        assert (folder / name).read_text() == (prometheus.CONFIGURATION / name).read_text()


def test_it_is_remembered_until_it_is_no_longer_wanted(home: Home) -> None:
    home.write_state(planned(home, True).state)
    again = planned(home, None)
    assert program(again) is not None
    home.write_state(again.state)
    without = planned(home, False)
    assert program(without) is None
    assert prometheus.NAME in topology.left_out(without.state)  # so one that runs is stopped
    home.write_state(without.state)
    assert program(planned(home, None)) is None


def test_a_home_of_an_older_version_has_none(home: Home) -> None:
    document = json.loads(json.dumps({"ports": {}, "password": "p", "own": {}, "names": []}))
    (home.run / "stack.json").write_text(json.dumps(document))
    assert home.read_state() == State(password="p")  # noqa: S106


def test_another_exporter_or_other_rules_start_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(metrics_port: int) -> dict[str, str]:
        return dict(prometheus.program(tmp_path, tmp_path, 9090, metrics_port).env)

    before = told(9464)
    assert told(9464) == before
    assert told(9465) != before
    for name in prometheus.FILES:
        (tmp_path / name).write_text((prometheus.CONFIGURATION / name).read_text() + "# changed\n")
    monkeypatch.setattr(prometheus, "CONFIGURATION", tmp_path)
    assert told(9464) != before


def test_where_it_is_not_installed_the_command_that_installs_it_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "PROGRAM", "no-prometheus-here")
    with pytest.raises(StartFailed, match=r"as root, `sh ops/setup.sh observe` installs it; `onsale up --no-observe`"):
        planned(home, True)
    assert not (home.run / "stack.json").exists()  # and nothing is remembered


@pytest.mark.parametrize(
    ("fault", "told"),
    [("", "ONSALE_PROMETHEUS_PORT=9191 docker compose up -d --no-deps grafana"), ("no `docker`", "onsale watch ID")],
)
def test_up_says_where_the_figures_are_seen(
    fault: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(containers, "engine_fault", lambda: fault)
    cli_stack.say_where_to_look(9191)
    shown = capsys.readouterr().err
    assert "http://127.0.0.1:9191" in shown
    assert told in shown
