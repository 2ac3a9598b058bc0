"""Tables and topics are made once, by whoever comes first, and can be made again without harm."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from chalicelib.config import Settings, settings
from functions.kafka_client import client_config
from functions.mysql import MIGRATIONS, connect, migrate
from functions.mysql_errors import DatabaseAway
from functions.operate import handler
from functions.topic_settings import RETENTION_MS
from functions.topics import create_topics

NAMES = [path.name for path in sorted(MIGRATIONS.glob("*.sql"))]


@pytest.fixture
def empty_database(mysql_url: str) -> Iterator[str]:
    """A database without tables."""
    server, _, rest = mysql_url.rpartition("/")
    connection = connect(mysql_url)
    connection.query("CREATE DATABASE onsale_empty")
    yield f"{server}/onsale_empty{rest[rest.find('?') :] if '?' in rest else ''}"
    connection.query("DROP DATABASE onsale_empty")
    connection.close()


def test_migrating_applies_every_file_once_in_order(empty_database: str) -> None:
    assert migrate(empty_database) == NAMES
    assert migrate(empty_database) == []


def test_a_dry_run_says_what_it_would_do_and_does_nothing(empty_database: str) -> None:
    assert migrate(empty_database, dry_run=True) == NAMES
    assert migrate(empty_database, dry_run=True) == NAMES


def test_two_migrations_at_once_share_the_work(empty_database: str) -> None:
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(empty_database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(applied) == [[], [], [], NAMES]


def test_only_what_is_new_is_applied(empty_database: str, tmp_path: Path) -> None:
    (tmp_path / "001_one.sql").write_text("-- a comment; with a semicolon\nCREATE TABLE IF NOT EXISTS one (a INT);\n")
    assert migrate(empty_database, folder=tmp_path) == ["001_one.sql"]
    (tmp_path / "002_two.sql").write_text(
        "CREATE TABLE IF NOT EXISTS two (a INT);\nALTER TABLE one ADD COLUMN b INT;\n"
    )

    assert migrate(empty_database, folder=tmp_path) == ["002_two.sql"]


def test_a_file_that_fails_is_not_noted_as_applied(empty_database: str, tmp_path: Path) -> None:
    bad = tmp_path / "001_bad.sql"
    bad.write_text("CREATE TABLE IF NOT EXISTS one (a INT);\nNONSENSE;\n")
    with pytest.raises(DatabaseAway, match="1064"):
        migrate(empty_database, folder=tmp_path)

    bad.write_text("CREATE TABLE IF NOT EXISTS one (a INT);\n")

    assert migrate(empty_database, folder=tmp_path) == ["001_bad.sql"]


def test_topics_are_created_once_with_retention_and_room_for_dead_letters(kafka: str) -> None:
    own = replace(Settings(), kafka_bootstrap_servers=kafka, kafka_topic="made", kafka_dlq_topic="made-dlq")
    own = replace(own, kafka_notify_dlq_topic="made-notify-dlq")

    assert sorted(create_topics(3, 1, own)) == ["made", "made-dlq", "made-notify-dlq"]
    assert create_topics(5, 1, own) == []

    admin = AdminClient(client_config(own))
    assert len(admin.list_topics("made", timeout=30).topics["made"].partitions) == 3
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in ("made", "made-dlq")]
    found = {each.name: future.result(30) for each, future in admin.describe_configs(asked).items()}
    assert all(int(config["retention.ms"].value) >= 14 * 24 * 3600 * 1000 for config in found.values())
    assert all(config["unclean.leader.election.enable"].value == "false" for config in found.values())
    assert found["made"]["min.insync.replicas"].value == "1"
    assert int(found["made-dlq"]["max.message.bytes"].value) > int(found["made"]["max.message.bytes"].value)


@pytest.fixture
def brought(kafka: str, mysql_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The topics' name, in the settings of an operator's function that acts on real servers."""
    names = {"KAFKA_TOPIC": "brought", "KAFKA_DLQ_TOPIC": "brought-dlq", "KAFKA_NOTIFY_DLQ_TOPIC": "brought-notify-dlq"}
    for name, value in {**names, "KAFKA_BOOTSTRAP_SERVERS": kafka, "MYSQL_URL": mysql_url}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield "brought"
    settings.cache_clear()


def _migrated(**arguments: object) -> dict[str, Any]:
    answer = handler({"action": "migrate", "arguments": arguments, "actor": "ann"}, None)
    result: dict[str, Any] = answer["result"]
    return result


def test_migrating_makes_the_topics_that_are_missing_and_names_what_those_there_lack(brought: str, kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    config = {"retention.ms": "3600000", "cleanup.policy": "compact"}
    for made in admin.create_topics([NewTopic(brought, 2, 1, config=config)]).values():
        made.result(30)

    dead = [{"topic": f"{brought}-{each}", "partitions": 1, "replication": 1} for each in ("dlq", "notify-dlq")]
    differing = [
        {"topic": brought, "setting": "partitions", "value": "2", "wanted": "6"},
        {"topic": brought, "setting": "retention.ms", "value": "3600000", "wanted": str(RETENTION_MS)},
        {"topic": brought, "setting": "cleanup.policy", "value": "compact", "wanted": "delete"},
    ]
    would = {"applied": [], "topics": {"created": dead, "differing": differing}, "dryRun": True}
    assert _migrated(dryRun=True) == would
    assert _migrated(dryRun=True) == would  # nothing was made
    assert _migrated() == {**would, "dryRun": False}
    assert _migrated()["topics"] == {"created": [], "differing": differing}
    assert _migrated(partitions=2)["topics"]["differing"] == differing[1:]


def test_copies_that_the_cluster_cannot_keep_are_refused_by_name(brought: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_TOPIC", f"{brought}-thrice")
    settings.cache_clear()
    answer = handler({"action": "migrate", "arguments": {"replication": 3}}, None)
    assert answer["error"]["code"] == "topics-not-made"
    assert answer["error"]["detail"].startswith("the tables are done, the topics are not: ")


def test_without_kafka_only_the_tables_are_made(brought: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS")
    settings.cache_clear()
    assert _migrated() == {"applied": [], "topics": None, "dryRun": False}
