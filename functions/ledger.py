"""The ledger of a sale: Redis, outbox, Kafka, dead letters and MySQL side by side, and every difference by name.

The sides are read along the way of an event: outbox with the rest of Redis first, then Kafka, then MySQL. Whatever
moves meanwhile is found further down, never missed in between. Only a replay moves the other way, from MySQL's dead
letters to Kafka: so which letters are replayed already is asked before Kafka is read.
"""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

from chalicelib.config import settings
from chalicelib.wiring import outbox, reader
from functions import arguments, mysql
from functions.ledger_balance import record_findings, redis_findings
from functions.ledger_letters import LetterSide, lost_replays, replayed_names, whereabouts
from functions.ledger_record import read_record
from functions.ledger_redis import read_redis
from functions.ledger_sides import DIFFERENT, EXPLAINED, IN_FLIGHT, Finding, KafkaSide, MysqlSide, RedisSide, Trail
from functions.ledger_statistics import Counted, StatisticsGroup, balance_statistics
from functions.ledger_topics import Topics
from functions.sale_settings import iso

BALANCED, DIFFERENCES, STILL_IN_FLIGHT = "balanced", "differences", "in-flight"
MOST_FINDINGS = 1_000  # an answer of Lambda has 6 MB at most
_POLL_S = 0.1
_READ_TIMEOUT_S = 120
_SCHEMA: arguments.Schema = {"saleId": arguments.sale_id, "waitSeconds": arguments.number(0, 600)}


def ledger(given: Mapping[str, Any]) -> dict[str, Any]:
    """Balance a sale. With `waitSeconds`, wait until nothing is in flight, at most so long.

    `state` is balanced, differences, or in-flight; `findings` names what does not agree, each with its verdict.
    """
    values = arguments.read(given, _SCHEMA, ["saleId"])
    sale_id = values["saleId"]
    deadline_s = time.monotonic() + values.get("waitSeconds", 0)
    reader().sale(sale_id)  # Refused no-such-sale before anything slow
    with (
        Topics(settings()) as topics,
        closing(StatisticsGroup(settings())) as group,
        closing(mysql.connect(read_timeout_s=_READ_TIMEOUT_S)) as connection,
    ):
        while True:
            _wait_for_empty_pipes(sale_id, topics, deadline_s)
            redis = read_redis(reader(), outbox(), sale_id)
            replayed = replayed_names(connection, sale_id, redis.epoch)
            kafka = topics.read(sale_id, redis.epoch)
            record, letters = read_record(connection, sale_id, redis.epoch, redis.version)
            missing = set(record.missing)
            dead = [each for each in kafka.dead if each.version in missing]  # the others' events have arrived
            theirs = [each for each in letters.letters if each.version in missing]
            now_version = reader().sale(sale_id).version
            ahead = [each for each in record.ahead if each.version <= now_version]  # what is beyond, Redis has lost
            passing = [*redis.outbox, *kafka.pending, *ahead, *dead, *whereabouts(theirs, replayed)]
            trail = Trail(passing, now_version, lost_replays(theirs))
            counted = balance_statistics(group, connection, sale_id, redis, kafka.dead)
            document = _document(sale_id, redis, kafka, record, trail, counted) | _dead_letters(kafka, letters)
            if document["state"] != STILL_IN_FLIGHT or time.monotonic() >= deadline_s:
                return document
            time.sleep(_POLL_S)


def _wait_for_empty_pipes(sale_id: str, topics: Topics, deadline_s: float) -> None:
    """Return when outbox and Kafka are empty, which is cheap to ask, or the time is up."""
    while time.monotonic() < deadline_s and (outbox().length(sale_id) or topics.lag()):
        time.sleep(_POLL_S)


def _document(
    sale_id: str, redis: RedisSide, kafka: KafkaSide, record: MysqlSide, trail: Trail, counted: Counted
) -> dict[str, Any]:
    dead = sum(each.is_dead for each in trail.by_version.values())
    findings = [*redis_findings(redis), *record_findings(redis, record, trail), *counted.findings]
    counts = {verdict: sum(each.verdict == verdict for each in findings) for verdict in _VERDICTS}
    moving = len(redis.outbox) + len(kafka.pending)
    state = DIFFERENCES if counts[DIFFERENT] else STILL_IN_FLIGHT if moving or counts[IN_FLIGHT] else BALANCED
    return {
        "saleId": sale_id,
        "at": iso(time.time_ns() // 1_000_000),
        "epoch": redis.epoch,
        "version": redis.version,
        "state": state,
        "rows": [*_rows(redis, kafka, record, dead), *counted.rows],
        "counts": counts,
        "findings": [_finding(each) for each in sorted(findings, key=_worst_first)[:MOST_FINDINGS]],
    }


def _dead_letters(kafka: KafkaSide, letters: LetterSide) -> dict[str, Any]:
    """Return how many letters there are of the sale: by state, and those that MySQL has not taken yet."""
    counts = {state.lower(): count for state, count in letters.counts.items()}
    return {
        "deadLetters": {**counts, "onTopic": len(kafka.dead)},
        "unnamedDeadLetters": kafka.unnamed_dead + letters.unnamed,
    }


_VERDICTS = (DIFFERENT, IN_FLIGHT, EXPLAINED)


def _worst_first(finding: Finding) -> tuple[int, int]:
    return _VERDICTS.index(finding.verdict), finding.version


def _finding(finding: Finding) -> dict[str, Any]:
    words = {"user_id": "userId", "seat_id": "seatId"}
    return {words.get(name, name): value for name, value in asdict(finding).items() if value not in ("", 0)}


def _rows(redis: RedisSide, kafka: KafkaSide, record: MysqlSide, dead: int) -> list[dict[str, Any]]:
    """Return the table: one row per quantity, one column per place; null where a place does not count it."""
    held, confirmed = _units(record, "HELD"), _units(record, "CONFIRMED")
    rows = [
        _row("events", redis.version, len(redis.outbox), len(kafka.pending), dead, record.events),
        _row("capacity", redis.capacity, mysql=record.capacity),
        _row("held", redis.held, mysql=held),
        _row("sold", redis.confirmed, mysql=confirmed),
        _row("buyers", len(redis.holdings), mysql=len(record.rows)),
    ]
    if redis.seated:
        rows.append(_row("taken seats", len(redis.seats), mysql=len(record.seats)))
    rows.append(_row("refunds due", len(redis.refunds), mysql=len(record.refunds)))
    return rows


def _row(
    what: str,
    redis: int,
    outbox: int | None = None,
    kafka: int | None = None,
    dlq: int | None = None,
    mysql: int | None = None,
) -> dict[str, Any]:
    return {"what": what, "redis": redis, "outbox": outbox, "kafka": kafka, "dlq": dlq, "mysql": mysql}


def _units(record: MysqlSide, status: str) -> int:
    return sum(row.holding.quantity for row in record.rows.values() if row.holding.status == status)
