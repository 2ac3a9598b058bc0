"""Event files as Lambda delivers them, each to every consumer's handler, on real servers: no record is ever lost.

What becomes of each record is written down per file, in kafka_outcomes.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config import Settings
from functions.dead_letter_table import read_headers
from functions.mysql import connect, migrate
from functions.topics import create_topics
from ops.local.stack import Stack
from tests.contract.kafka_desk import EVENTS, Desk, decoded, event_of, headers, own_headers, raw_records, source
from tests.contract.kafka_outcomes import FILES
from tests.deployed import FunctionError, Functions, functions
from tests.functions.batches import Tables

CONSUMERS = ("persist", "statistics", "notify", "dead_letters")
NOTHING_FAILED: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture(scope="module")
def settings(stack: Stack) -> Settings:
    """The stack's servers, a database and topics of our own."""
    connection = connect(stack.env["MYSQL_URL"])
    connection.query("CREATE DATABASE IF NOT EXISTS onsale_events")
    connection.close()
    server, _, rest = stack.env["MYSQL_URL"].rpartition("/")
    url = f"{server}/onsale_events{rest.removeprefix(rest.partition('?')[0])}"
    migrate(url)
    own = replace(
        Settings(),
        kafka_bootstrap_servers=stack.env["KAFKA_BOOTSTRAP_SERVERS"],
        kafka_topic="files",
        kafka_dlq_topic="files-dlq",
        kafka_notify_dlq_topic="files-notify-dlq",
        mysql_url=url,
    )
    create_topics(1, 1, own)
    return own


@pytest.fixture(scope="module")
def running(stack: Stack, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    """The process in which the consumers run."""
    own = {
        "MYSQL_URL": settings.mysql_url,
        "KAFKA_TOPIC": settings.kafka_topic,
        "KAFKA_DLQ_TOPIC": settings.kafka_dlq_topic,
        "KAFKA_NOTIFY_DLQ_TOPIC": settings.kafka_notify_dlq_topic,
    }
    with functions({**stack.env, **own}, tmp_path_factory.mktemp("functions") / "log") as process:
        yield process


@pytest.fixture
def desk(running: Functions, settings: Settings, tables: Tables) -> Desk:
    """The consumers, with empty tables and nothing unread among the dead letters."""
    made = Desk(running, tables, settings)
    for function in ("persist", "notify"):
        made.letters(function)
    return made


@pytest.fixture
def tables(settings: Settings) -> Iterator[Tables]:
    """The tables, empty."""
    looking = Tables(settings.mysql_url)
    looking.clear()
    yield looking
    looking.close()


def test_every_file_has_its_outcome_and_every_outcome_its_file() -> None:
    assert set(FILES) == {path.name for path in EVENTS.glob("*.json")} - {"scheduled.json"}


@pytest.mark.parametrize("name", FILES)
def test_persist_makes_rows_of_what_it_can_read_and_letters_of_the_rest(desk: Desk, name: str) -> None:
    outcome = FILES[name]
    assert desk.deliver(name, "persist") == NOTHING_FAILED
    assert desk.tables.rows("SELECT user_id, status, version FROM purchases ORDER BY user_id") == list(outcome.rows)
    assert tuple(version for (version,) in desk.tables.rows("SELECT version FROM sale_events ORDER BY version")) == (
        outcome.facts
    )
    _are_whole(desk.letters("persist"), name)

    assert desk.deliver(name, "persist") == NOTHING_FAILED  # as after a crash before the commit of the offsets
    assert desk.tables.rows("SELECT COUNT(*) FROM sale_events") == [(len(outcome.facts),)]
    _are_whole(desk.letters("persist"), name)


def _are_whole(letters: list[dict[str, Any]], name: str) -> None:
    """Check that letters are those of a file, each with its record unchanged."""
    records = {source(record): record for record in raw_records(name)}
    told = [
        (dict(each["headers"])["dlq-source"].decode(), dict(each["headers"])["dlq-reason"].decode()) for each in letters
    ]
    assert sorted(told) == sorted(FILES[name].letters)
    for (where, _), letter in zip(told, letters, strict=True):
        assert (letter["key"], letter["value"]) == (decoded(records[where], "key"), decoded(records[where], "value"))
        assert own_headers(letter) == headers(records[where])


@pytest.mark.parametrize("name", FILES)
def test_statistics_counts_each_event_once_and_leaves_what_it_cannot_read_to_persist(desk: Desk, name: str) -> None:
    for _ in range(2):
        assert desk.deliver(name, "statistics") == NOTHING_FAILED
        counted = desk.tables.rows("SELECT reserved, confirmed, cancelled, expired FROM sale_minutes")
        assert counted == ([FILES[name].minute] if FILES[name].minute else [])
    assert desk.letters("statistics") == []


@pytest.mark.parametrize("name", FILES)
def test_notify_tells_of_each_event_once_and_makes_letters_of_its_own(desk: Desk, name: str) -> None:
    outcome = FILES[name]
    told = sorted((*outcome.facts, *outcome.for_notify))
    for _ in range(2):
        assert desk.deliver(name, "notify") == NOTHING_FAILED
        rows = desk.tables.rows("SELECT version, channel FROM notifications ORDER BY version")
        assert rows == [(version, "topic") for version in told]  # of what is a year old only the topic is told
        _are_whole(desk.letters("notify"), name)


@pytest.mark.parametrize("name", FILES)
def test_dead_letters_keeps_whatever_lies_on_its_topic_whole_and_once(desk: Desk, name: str) -> None:
    """Whatever: records that no function of ours has put there, too."""
    for _ in range(2):
        assert desk.deliver(name, "dead_letters") == NOTHING_FAILED
        rows = desk.tables.rows("SELECT dlq_place, record_key, record_value, record_headers FROM dead_letters")
        kept = {place: (key, value, list(read_headers(text))) for place, key, value, text in rows}
        assert kept == {
            source(each): (decoded(each, "key"), decoded(each, "value"), _without_ours(headers(each)))
            for each in raw_records(name)
        }


def _without_ours(pairs: list[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    return [pair for pair in pairs if not pair[0].startswith("dlq-")]


def test_a_letter_of_ours_is_named_by_the_record_that_it_is_about(desk: Desk) -> None:
    desk.deliver("msk_dead_letters.json", "dead_letters")
    assert desk.tables.rows(
        "SELECT source_topic, source_partition, source_offset, quarantined_by, reason, sale_id, version, state"
        " FROM dead_letters ORDER BY dlq_place"
    ) == [
        ("reservation-events", 4, 17, "persist", "not-json", "letters", 9, "OPEN"),
        ("reservation-events-dlq", 0, 1, "", "unknown", "", 0, "OPEN"),
        ("reservation-events-dlq", 0, 2, "", "unknown", "", 0, "OPEN"),
    ]


@pytest.mark.parametrize("function", CONSUMERS)
@pytest.mark.parametrize(
    "event",
    [
        {"records": [{"topic": "t"}]},
        {"records": {"t-0": [{"topic": "t", "partition": 0}]}},
        {"records": {"t-0": [{"topic": "t", "partition": 0, "offset": 1, "value": "not base64!"}]}},
        {"records": {"t-0": [{"topic": "t", "partition": "zero", "offset": 1}]}},
        {"records": {"t-0": "everything"}},
        ["no", "event"],
    ],
    ids=["a list", "no offset", "no base64", "no number", "text", "no object"],
)
def test_what_is_no_event_of_lambdas_fails_the_invocation_so_that_nothing_is_skipped(
    desk: Desk, function: str, event: object
) -> None:
    with pytest.raises(FunctionError, match="not an event of Lambda's Kafka poller"):
        desk.running.call(f"functions.{function}.handler", event)
    assert not any(desk.tables.everything().values())


@pytest.fixture(scope="module")
def cut_off(stack: Stack, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    """The consumers where no database answers."""
    own = {"MYSQL_URL": "mysql://nobody@127.0.0.1:1/nothing", "KAFKA_DLQ_TOPIC": settings.kafka_dlq_topic}
    with functions({**stack.env, **own}, tmp_path_factory.mktemp("cut-off") / "log") as process:
        yield process


@pytest.mark.parametrize("function", ["persist", "statistics", "dead_letters"])
def test_without_a_database_each_partition_is_asked_for_again_from_its_first_good_record(
    cut_off: Functions, function: str
) -> None:
    answer = cut_off.call(f"functions.{function}.handler", event_of("msk_several_partitions.json"))
    places = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert {each["partition"]: each["offset"] for each in places} == {
        "reservation-events-0": 40,
        "reservation-events-7": 12,
        "reservation-events-23": 0,
    }
