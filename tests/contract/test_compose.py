"""docker-compose.yml is valid, keeps to this machine, and says the same as ops/local and infra; each rule can fail.

Nothing here needs Docker: what is compared is the document.
"""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.contract import compose_rules
from tests.contract.compose_rules import PROJECT, RULES, Document, Rule

COMPOSE = PROJECT / "docker-compose.yml"


def document() -> Document:
    loaded: Document = yaml.safe_load(COMPOSE.read_text())
    return loaded


def against_the_specification(path: Path) -> subprocess.CompletedProcess[str]:
    """Validate with the schema that check-jsonschema carries: nothing is fetched."""
    program = Path(sys.executable).with_name("check-jsonschema")
    words = [str(program), "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_it_is_valid_by_the_compose_specification() -> None:
    done = against_the_specification(COMPOSE)
    assert done.returncode == 0, done.stdout


def test_what_the_specification_does_not_know_is_found(tmp_path: Path) -> None:
    changed = tmp_path / "docker-compose.yml"
    changed.write_text(COMPOSE.read_text().replace("healthcheck:", "healtcheck:", 1))
    done = against_the_specification(changed)
    assert done.returncode == 1
    assert "healtcheck" in done.stdout


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_keeps_every_rule(rule: Rule) -> None:
    assert rule(document()) == []


def set_in(service: str, *path: str | int, value: object) -> Callable[[Document], None]:
    """Return a change of one thing in a service."""

    def change(changed: Document) -> None:
        place = changed["services"][service]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def drop_from(service: str, key: str) -> Callable[[Document], None]:
    return lambda changed: changed["services"][service].pop(key)


def in_the_topics(old: str, new: str) -> Callable[[Document], None]:
    def change(changed: Document) -> None:
        command = changed["services"]["kafka-topics"]["command"]
        assert old in command[0]
        command[0] = command[0].replace(old, new, 1)

    return change


MUTATIONS: list[tuple[Rule, str, Callable[[Document], None]]] = [
    (
        compose_rules.ports_are_those_of_the_local_stack,
        "redis",
        set_in("redis", "ports", value=["127.0.0.1:6380:6379"]),
    ),
    (compose_rules.ports_are_those_of_the_local_stack, "localstack", drop_from("localstack", "ports")),
    (compose_rules.nothing_listens_off_loopback, "mysql", set_in("mysql", "ports", value=["3306:3306"])),
    (compose_rules.nothing_listens_off_loopback, "kafka", set_in("kafka", "ports", 0, value="0.0.0.0:9092:9092")),
    (compose_rules.nothing_listens_off_loopback, "prometheus", set_in("prometheus", "command", value=[])),
    (
        compose_rules.nothing_listens_off_loopback,
        "grafana",
        set_in("grafana", "environment", "GF_SERVER_HTTP_ADDR", value="0.0.0.0"),  # noqa: S104
    ),
    (compose_rules.images_are_pinned, "redis:latest", set_in("redis", "image", value="redis:latest")),
    (compose_rules.images_are_pinned, "grafana", set_in("grafana", "image", value="grafana/grafana")),
    (compose_rules.images_are_pinned, "mysql:8.4", set_in("mysql", "image", value="mysql:8.4")),
    (
        compose_rules.versions_are_those_of_the_local_stack,
        "kafka",
        set_in("kafka", "image", value="apache/kafka:4.0.0"),
    ),
    (compose_rules.versions_are_those_of_the_local_stack, "mysql", set_in("mysql", "image", value="mysql:9.1.0")),
    (
        compose_rules.versions_are_those_of_the_local_stack,
        "localstack",
        set_in("localstack", "image", value="localstack/localstack:4.14.0"),
    ),
    (compose_rules.each_service_says_when_it_is_healthy, "kafka", drop_from("kafka", "healthcheck")),
    (
        compose_rules.each_service_says_when_it_is_healthy,
        "kafka-topics",
        set_in("kafka-topics", "restart", value="always"),
    ),
    (compose_rules.data_lie_in_named_volumes, "redis", set_in("redis", "volumes", value=[])),
    (compose_rules.data_lie_in_named_volumes, "./data", set_in("kafka", "volumes", value=["kafka:/data", "./data:/x"])),
    (
        compose_rules.data_lie_in_named_volumes,
        "docker.sock",
        set_in("localstack", "volumes", 1, value="/run/docker.sock:/s"),
    ),
    (compose_rules.data_lie_in_named_volumes, "infra/none", set_in("mysql", "volumes", 1, value="./infra/none:/x:ro")),
    (compose_rules.nobody_is_root_who_need_not_be, "mysql", drop_from("mysql", "user")),
    (compose_rules.nobody_is_root_who_need_not_be, "redis", set_in("redis", "user", value="0")),
    (compose_rules.nobody_is_root_who_need_not_be, "kafka", drop_from("kafka", "security_opt")),
    (compose_rules.redis_has_the_local_settings, "appendfsync", set_in("redis", "command", 4, value="always")),
    (
        compose_rules.redis_has_the_local_settings,
        "maxmemory-policy",
        set_in("redis", "command", 8, value="allkeys-lru"),
    ),
    (
        compose_rules.kafka_has_the_local_settings,
        "auto.create.topics.enable",
        set_in("kafka", "environment", "KAFKA_AUTO_CREATE_TOPICS_ENABLE", value="true"),
    ),
    (
        compose_rules.kafka_has_the_local_settings,
        "log.retention.hours",
        set_in("kafka", "environment", "KAFKA_LOG_RETENTION_HOURS", value="168"),
    ),
    (
        compose_rules.kafka_has_the_local_settings,
        "log.segment.bytes",
        set_in("kafka", "environment", "KAFKA_LOG_SEGMENT_BYTES", value="1"),
    ),
    (
        compose_rules.kafka_has_the_local_settings,
        "heap",
        set_in("kafka", "environment", "KAFKA_HEAP_OPTS", value="-Xmx1g"),
    ),
    (
        compose_rules.mysql_has_the_local_settings,
        "character-set",
        set_in("mysql", "command", 1, value="--sql-mode=ANSI"),
    ),
    (
        compose_rules.mysql_has_the_local_settings,
        "long-query-time",
        set_in("mysql", "command", 3, value="--long-query-time=10"),
    ),
    (
        compose_rules.mysql_has_the_local_settings,
        "database",
        set_in("mysql", "environment", "MYSQL_DATABASE", value="x"),
    ),
    (compose_rules.the_schema_is_that_of_migrate, "initdb", set_in("mysql", "volumes", value=["mysql:/var/lib/mysql"])),
    (
        compose_rules.topics_are_those_of_the_code,
        "reservation-events",
        in_the_topics("--partitions 6", "--partitions 3"),
    ),
    (compose_rules.topics_are_those_of_the_code, "reservation-events-dlq", in_the_topics("4194304", "1048576")),
    (
        compose_rules.topics_are_those_of_the_code,
        "notify-dlq",
        in_the_topics("reservation-events-notify-dlq", "notify-dlq"),
    ),
    (compose_rules.topics_are_those_of_the_code, "1000", in_the_topics("retention.ms=1209600000", "retention.ms=1000")),
    (compose_rules.localstack_makes_the_topic_and_the_sender, "neither", set_in("localstack", "volumes", value=[])),
    (
        compose_rules.localstack_makes_the_topic_and_the_sender,
        "ses",
        set_in("localstack", "environment", "SERVICES", value="sns,secretsmanager,ssm"),
    ),
    (compose_rules.prometheus_reads_what_is_written_for_it, "target", set_in("prometheus", "configs", value=[])),
    (
        compose_rules.prometheus_reads_what_is_written_for_it,
        "alerts.yml",
        set_in("prometheus", "volumes", 2, value="./infra/prometheus/alerts.yml:/etc/alerts.yml:ro"),
    ),
    (
        compose_rules.prometheus_reads_what_is_written_for_it,
        "dashboards",
        set_in("grafana", "volumes", value=["grafana:/var/lib/grafana"]),
    ),
    (
        compose_rules.prometheus_reads_what_is_written_for_it,
        "other.json",
        set_in(
            "grafana",
            "environment",
            "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH",
            value="/etc/grafana/dashboards/other.json",
        ),
    ),
    (
        compose_rules.prometheus_reads_what_is_written_for_it,
        "grafana",
        set_in("grafana", "environment", "ONSALE_PROMETHEUS_PORT", value="9091"),
    ),
]


@pytest.mark.parametrize(("rule", "named", "change"), MUTATIONS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_what_drifts_is_found_and_named(rule: Rule, named: str, change: Callable[[Document], None]) -> None:
    changed = copy.deepcopy(document())
    change(changed)
    assert any(named in each for each in rule(changed)), rule(changed)


def test_every_rule_is_seen_to_fail() -> None:
    assert {rule for rule, _, _ in MUTATIONS} == set(RULES)
