"""The ledger holds the minutes against the record: what is missing, what is on its way, what is wrong."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from chalicelib.config import Settings
from functions import persist, sale_minutes, statistics
from functions.kafka_client import client_config, group_of
from functions.ledger_sides import DIFFERENT, EXPLAINED, IN_FLIGHT, RedisSide, Whereabouts
from functions.ledger_statistics import (
    Counted,
    StatisticsGroup,
    StatisticsSide,
    balance_statistics,
    read_statistics,
    statistics_findings,
)
from functions.mysql import Database, connect
from functions.producer import OutgoingRecord, ReliableProducer
from tests.functions.batches import Letters, Tables, a_batch, an_event

EVENTS = [an_event(n, kind, quantity=2) for n, kind in enumerate(["RESERVED", "CONFIRMED", "CANCELLED", "EXPIRED"], 1)]
SUMS = dict.fromkeys(sale_minutes.COLUMNS, 1)
SIDE = StatisticsSide(counted=4, uncounted=(), unrecorded=0, minutes=SUMS, events=SUMS, dead={})
REDIS = RedisSide(100, 4, False, 10, 0, 0, {}, 0, 0, {}, {})


def _read(url: str) -> StatisticsSide | None:
    connection = connect(url)
    try:
        return read_statistics(connection, "s")
    finally:
        connection.close()


def _persist(database: Database, *events: dict[str, Any]) -> None:
    assert persist.Batch(database, Letters()).write(a_batch(*events)) == []


def _count(database: Database, *events: dict[str, Any]) -> None:
    assert statistics.Batch(database, Letters()).write(a_batch(*events)) == []


def test_minutes_and_record_come_to_the_same_sums_of_events_and_units(database: Database, own_database: str) -> None:
    everything = [*EVENTS, an_event(5, "REFUND_DUE"), an_event(6, "SALE_CHANGED"), an_event(1, epoch=101)]
    _persist(database, *everything)
    _count(database, *everything)

    side = _read(own_database)

    assert side is not None
    assert (side.counted, side.uncounted, side.unrecorded) == (7, (), 0)
    assert side.minutes == side.events
    assert (side.events["reserved"], side.events["reserved_units"], side.events["expired_units"]) == (2, 3, 2)
    assert list(statistics_findings(side, 0, 101, 1, ())) == []


def test_what_only_one_side_has_is_told_apart(database: Database, own_database: str) -> None:
    _persist(database, *EVENTS[:3])
    _count(database, *EVENTS[1:])

    side = _read(own_database)

    assert side is not None
    assert (side.uncounted, side.unrecorded) == (((100, 1),), 1)


def test_minutes_that_somebody_has_changed_are_a_difference(
    database: Database, own_database: str, tables: Tables
) -> None:
    _persist(database, *EVENTS)
    _count(database, *EVENTS)
    tables.rows("UPDATE sale_minutes SET confirmed = confirmed + 1, expired_units = 0")
    side = _read(own_database)
    assert side is not None

    findings = list(statistics_findings(side, 0, 100, 4, ()))

    assert [(each.kind, each.verdict) for each in findings] == [("statistics", DIFFERENT)] * 2
    assert findings[0].detail == "confirmed: the minutes come to 2, the recorded events to 1"


def test_a_sale_that_was_put_away_is_not_compared(database: Database, own_database: str) -> None:
    _persist(database, *EVENTS)
    with database.transaction() as cursor:
        sale_minutes.close(cursor, "s")

    assert _read(own_database) is None


@pytest.mark.parametrize(
    ("uncounted", "lag", "dead", "verdicts"),
    [
        ((100, 4), 0, {}, [DIFFERENT]),
        ((99, 900), 0, {}, [DIFFERENT]),
        ((100, 4), 3, {}, [IN_FLIGHT]),
        ((100, 4), 0, {(100, 4): Whereabouts(4, "bob", "a letter", is_dead=True)}, [EXPLAINED]),
        ((100, 4), 0, {(99, 4): Whereabouts(4, "bob", "a letter", is_dead=True)}, [DIFFERENT]),
        ((100, 5), 0, {}, []),  # it had not left Redis when Kafka was asked
        ((101, 1), 0, {}, []),
    ],
)
def test_an_event_that_is_not_counted_is_judged_by_where_it_may_be(
    uncounted: tuple[int, int], lag: int, dead: dict[tuple[int, int], Whereabouts], verdicts: list[str]
) -> None:
    side = replace(SIDE, uncounted=(uncounted,), dead=dead)

    assert [each.verdict for each in statistics_findings(side, lag, 100, 4, ())] == verdicts


def test_sums_are_compared_only_when_every_counted_event_is_recorded() -> None:
    wrong = replace(SIDE, minutes={**SUMS, "reserved": 2})
    conflict = Whereabouts(3, "bob", "dead letter t-0-9 (version-conflict)", is_dead=True)

    assert [each.verdict for each in statistics_findings(wrong, 0, 100, 4, ())] == [DIFFERENT]
    assert [each.verdict for each in statistics_findings(wrong, 0, 100, 4, [conflict])] == [EXPLAINED]
    assert list(statistics_findings(replace(wrong, unrecorded=1), 0, 100, 4, ())) == []


@pytest.fixture
def group(kafka_settings: Settings) -> Iterator[StatisticsGroup]:
    """The group as the ledger looks at it."""
    looking = StatisticsGroup(kafka_settings)
    yield looking
    looking.close()


def _commit(kafka_settings: Settings, offset: int) -> None:
    consumer = Consumer({**client_config(kafka_settings), "group.id": group_of(kafka_settings, "statistics")})
    consumer.commit(offsets=[TopicPartition(kafka_settings.kafka_topic, 0, offset)], asynchronous=False)
    consumer.close()


def test_the_ledger_waits_for_the_group_and_says_nothing_where_it_never_ran(
    database: Database,
    own_database: str,
    kafka_settings: Settings,
    producer: ReliableProducer,
    group: StatisticsGroup,
) -> None:
    _persist(database, *EVENTS)
    producer.send([OutgoingRecord(kafka_settings.kafka_topic, b"s:bob", b"{}") for _ in range(5)])
    on_kafka = sum(group._consumer.get_watermark_offsets(_place(kafka_settings, n), 10)[1] for n in range(2))
    assert on_kafka == 5
    connection = connect(own_database)

    assert balance_statistics(group, connection, "s", REDIS, ()) == Counted()

    _commit(kafka_settings, 0)
    assert group.progress() == (5, True)
    waiting = balance_statistics(group, connection, "s", REDIS, ())
    assert [each.verdict for each in waiting.findings] == [IN_FLIGHT] * 4

    _count(database, *EVENTS)
    done = balance_statistics(group, connection, "s", REDIS, ())
    assert (done.rows[0]["mysql"], done.findings) == (4, ())
    connection.close()


def _place(kafka_settings: Settings, partition: int) -> TopicPartition:
    return TopicPartition(kafka_settings.kafka_topic, partition)
