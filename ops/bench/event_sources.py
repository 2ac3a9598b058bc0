"""From Kafka to committed rows: the functions behind their event sources, as `onsale up` runs them.

The pollers are started first and held still while the events are produced, so that what is timed is neither a start nor
a rebalance nor the producer: from letting them go to the last row's `written_at`.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chalicelib.config import Settings
from functions.kafka_client import client_config
from functions.mysql import Database
from functions.producer import OutgoingRecord, ReliableProducer
from functions.topics import create_topics
from ops import environment
from ops.bench.figures import Figure
from ops.bench.servers import folder
from ops.local.program import Program, spawn, stop_child
from ops.local.stack import private_stack
from ops.local.synthetic_events import feed, values

_EVENTS, _PARTITIONS = 20_000, 6
_EVERY = 100  # one record in so many is poison
ROWS_PER_EVENT = 3  # of an event: in sale_events, purchases and seats
_TOO_MANY_SEATS = b'"%s",' % (b"s" * 32) * 40  # each is a seat, together they are too long for their column
_WAIT_S = 60.0
_numbers = iter(range(1, 1_000))


@dataclass(frozen=True, slots=True)
class _Case:
    """One measurement: a function, its table by which to know that it is done, pollers, and what is poison."""

    name: str
    function: str = "Persist"
    table: str = "sale_events"
    pollers: int = 1
    poison: str = ""
    rows: int = ROWS_PER_EVENT


_CASES = (
    _Case("persist behind its event source"),
    _Case("persist behind its event source, 1 % unreadable", poison="unreadable"),
    _Case("persist behind its event source, 1 % refused by MySQL", poison="refused"),
    _Case("persist behind its event source, 2 pollers", pollers=2),
    _Case("persist behind its event source, 4 pollers", pollers=4),
    _Case("statistics behind its event source", "Statistics", "seen", rows=1),
)


def measure() -> list[Figure]:
    """Return the rows per second of each case, beside the handler called without Kafka."""
    with private_stack(only=("mysql", "kafka", "topics", "tables")) as stack, folder() as logs:
        environment.point_at({**stack.env, "POWERTOOLS_LOG_LEVEL": "WARNING"})
        alone = {function: _alone(function) for function in ("Persist", "Statistics")}
        seen = {case: _rate(case, stack.env, logs) for case in _CASES}
    note = f"{_EVENTS:,} events in {_PARTITIONS} partitions; rows of sale_events, purchases and seats"
    return [
        Figure(
            case.name,
            seen[case],
            "rows/s",
            alone[case.function],
            "the handler alone",
            note=note if case is _CASES[0] else "",
        )
        for case in _CASES
    ]


def _alone(function: str) -> float:
    from functions import persist, statistics

    handler, rows = (persist.handler, ROWS_PER_EVENT) if function == "Persist" else (statistics.handler, 1)
    took_s = feed(handler, _EVENTS, batch_size=500, sale_id=f"alone-{next(_numbers)}", paid=False)
    return _EVENTS * rows / took_s


def _rate(case: _Case, env: Mapping[str, str], logs: Path) -> float:
    name = f"bench-{next(_numbers)}"
    own = {**env, "KAFKA_TOPIC": name, "KAFKA_DLQ_TOPIC": f"{name}-dlq", "ONSALE_POLLERS": str(case.pollers)}
    chosen = Settings.read(own)
    create_topics(_PARTITIONS, 1, chosen)
    records = list(poisoned(name, case.poison, _EVENTS))
    expected = _EVENTS - len(records) // _EVERY if case.poison else _EVENTS
    with _event_source(case, name, chosen, own, logs) as processes:
        with _held_still(processes):
            _produce(chosen, records)
        started_s = time.time()
        finished_s = _finished_s(Database(env["MYSQL_URL"]), case.table, name, expected)
    return expected * case.rows / (finished_s - started_s)


def poisoned(name: str, poison: str, count: int) -> Iterator[OutgoingRecord]:
    """Yield the records of a sale, one in a hundred `unreadable` or `refused` by MySQL; none where `poison` is ""."""
    for number, (user_id, value) in enumerate(values(count, name, 1, paid=False)):
        bad = poison and number % _EVERY == _EVERY // 2
        if bad and poison == "unreadable":
            value = b"?"
        elif bad:
            value = value.replace(b'"seatIds":[', b'"seatIds":[' + _TOO_MANY_SEATS)
        headers = (("sale", name.encode()), ("epoch", b"1"), ("version", str(number + 1).encode()))
        yield OutgoingRecord(name, f"{name}:{user_id}".encode(), value, headers)


@contextmanager
def _event_source(
    case: _Case, name: str, chosen: Settings, env: Mapping[str, str], logs: Path
) -> Iterator[list[psutil.Process]]:
    """Run the pollers; yields their processes when each has its share of the partitions."""
    command = (sys.executable, "-m", "ops.local.event_source", case.function, "--stack-name", name)
    group = f"{name}-{case.function.lower()}"
    admin = AdminClient({**client_config(chosen), "log_level": 0})
    program = Program(f"event-source-{name}", command, answers=lambda: _is_shared_out(admin, group, case.pollers))
    child = spawn(program, log=logs / f"{name}.log", env={**os.environ, **env}, tied=True)
    try:
        give_up_s = time.monotonic() + _WAIT_S
        while not program.answers():
            if child.process.poll() is not None or time.monotonic() > give_up_s:
                raise RuntimeError(f"{name} is not served:\n{child.log_tail()}")
            time.sleep(0.1)
        whole = psutil.Process(child.process.pid)
        yield [whole, *whole.children(recursive=True)]
    finally:
        stop_child(child)


def _is_shared_out(admin: AdminClient, group: str, pollers: int) -> bool:
    try:
        described = admin.describe_consumer_groups([group])[group].result(10)
    except KafkaException:
        return False  # there is no such group yet
    shares = [len(member.assignment.topic_partitions) for member in described.members]
    return len(shares) == pollers and sum(shares) == _PARTITIONS and min(shares) > 0


@contextmanager
def _held_still(processes: Sequence[psutil.Process]) -> Iterator[None]:
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(processes):
            process.resume()


def _produce(chosen: Settings, records: Sequence[OutgoingRecord]) -> None:
    producer = ReliableProducer(client_config(chosen))
    try:
        errors = [error for error in producer.send(records) if error is not None]
    finally:
        producer.close()
    if errors:
        raise RuntimeError(f"{len(errors)} events are not on Kafka: {errors[0]}")


def _finished_s(database: Database, table: str, sale_id: str, expected: int) -> float:
    """Wait for all rows; returns when the last one was written, in seconds since 1970."""
    give_up_s = time.monotonic() + _WAIT_S
    query = f"SELECT COUNT(*), UNIX_TIMESTAMP(MAX(written_at)) FROM {table} WHERE sale_id = %s"  # noqa: S608 - ours
    try:
        while True:
            with database.transaction() as cursor:
                cursor.execute(query, (sale_id,))
                count, last_s = cursor.fetchone() or (0, 0)
            if count >= expected:
                return float(last_s)
            if time.monotonic() > give_up_s:
                raise RuntimeError(f"{count} of {expected} events of {sale_id} in {table} after {_WAIT_S:g} s")
            time.sleep(0.1)
    finally:
        database.close()
