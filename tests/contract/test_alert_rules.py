"""The alert rules: each fires on its fault and not on a healthy stack, asks for what there is, and says what to do."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.local import prometheus
from ops.local.prometheus import CONFIGURATION
from tests.contract import promql

Json = dict[str, Any]


def loaded(name: str) -> Json:
    document: Json = yaml.safe_load((CONFIGURATION / name).read_text())
    return document


RULES: list[Json] = [rule for group in loaded("alerts.yml")["groups"] for rule in group["rules"]]
TESTS: list[Json] = loaded("alerts.test.yml")["tests"]
HEALTHY, *FAULTY = TESTS
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    """Run promtool; without it this fails: `sh ops/setup.sh test` installs it."""
    return subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120, check=False)


def fired(test: Json) -> set[str]:
    """Return the alerts that a test expects to fire at some time."""
    labels = [each["labels"] for asked in test["promql_expr_test"] for each in asked["exp_samples"]]
    return set(re.findall(r'alertname="(\w+)"', "".join(labels)))


def test_the_configuration_that_up_writes_is_valid_with_its_rules(tmp_path: Path) -> None:
    prometheus.program(tmp_path / "data", tmp_path, 9090, 9464).prepare({})
    done = promtool("check", "config", str(tmp_path / "prometheus" / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(RULES)} rules found" in done.stdout


def test_each_alert_fires_on_its_fault_and_none_on_a_healthy_stack() -> None:
    done = promtool("test", "rules", str(CONFIGURATION / "alerts.test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_never_fires_is_found(tmp_path: Path) -> None:
    text = (CONFIGURATION / "alerts.yml").read_text()
    assert text.count("onsale_outbox_oldest_age_seconds > 30") == 1
    (tmp_path / "alerts.yml").write_text(text.replace("oldest_age_seconds > 30", "oldest_age_seconds > 30000"))
    document = {**loaded("alerts.test.yml"), "tests": [test for test in FAULTY if "OnsaleOutboxOld" in fired(test)]}
    (tmp_path / "alerts.test.yml").write_text(yaml.safe_dump(document))
    done = promtool("test", "rules", str(tmp_path / "alerts.test.yml"))
    assert done.returncode == 1
    assert "OnsaleOutboxOld" in done.stdout + done.stderr


def test_every_alert_has_a_fault_on_which_it_fires() -> None:
    assert set().union(*map(fired, FAULTY)) == {rule["alert"] for rule in RULES}
    assert all(fired(test) for test in FAULTY)
    assert fired(HEALTHY) == set()


def test_the_healthy_stack_has_every_figure_that_a_rule_asks_for() -> None:
    there = {name for each in HEALTHY["input_series"] for name, _ in promql.metrics(each["series"])}
    asked = {name for rule in RULES for name, _ in promql.metrics(rule["expr"])}
    assert asked <= there


@each_rule
def test_a_rule_asks_only_for_what_the_exporter_tells(rule: Json) -> None:
    assert promql.unknown(rule["expr"]) == []


@each_rule
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: Json) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    told = rule["annotations"]
    assert told["summary"]
    lines = promql.commands(told["description"])
    assert lines, "no command"
    assert [fault for line in lines for fault in promql.faults(line)] == []


def test_names_of_alerts_are_unique_and_ours() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(name.startswith("Onsale") for name in names)  # the dashboards mark those
