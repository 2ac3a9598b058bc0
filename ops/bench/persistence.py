"""From the Lambda event to committed rows: `persist` beside bare multi-row inserts of the same rows."""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median

import pymysql

from chalicelib.events import decode
from functions import persist, record
from functions.consumer import Fact
from functions.dead_letter_queue import DeadLetter, DeadLetterQueue
from functions.kafka_batch import KafkaRecord, records
from functions.mysql import Database, connect, migrate
from functions.record_tables import SALE_EVENTS, Row, Table
from ops import environment
from ops.bench import servers
from ops.bench.figures import Figure
from ops.local.synthetic_events import lambda_events

_ROUNDS = 3
_EVENTS, _BATCH = 20_000, 500
_POISON = (17, 130, 386)  # places in a batch


def measure() -> list[Figure]:
    """Return the rows per second of both; a round of each in turn, into empty tables."""
    ours, bare = [], []
    logging.getLogger("onsale.persist").setLevel(logging.ERROR)  # a line per batch would bury the figures
    with servers.mysql_server() as url:
        environment.point_at({"MYSQL_URL": url})
        migrate(url)
        connection = connect(url)
        for _ in range(_ROUNDS):
            events = list(lambda_events(_EVENTS, _BATCH, "bench", 1, paid=False))
            batches = [_rows(event) for event in events]
            rows = sum(len(rows) for batch in batches for _, rows in batch)
            _empty(connection)
            bare.append(rows / _insert(connection, batches))
            _empty(connection)
            ours.append(rows / _persist(events))
        connection.close()
        poisoned, clean, transactions = _with_poison(url)
    note = f"{_EVENTS:,} events in batches of {_BATCH}, a row in sale_events, purchases and seats for each"
    return [
        Figure("persist", median(ours), "rows/s", median(bare), "bare pymysql inserts", 0.5, note=note),
        Figure(f"a batch of {_BATCH} with {len(_POISON)} poison", poisoned, "ms", clean, "a batch without"),
        Figure(
            f"transactions for a batch of {_BATCH} with {len(_POISON)} poison",
            transactions,
            "transactions",
            target=60,
            at_most=True,
        ),
    ]


def _persist(events: Sequence[dict[str, object]]) -> float:
    started_s = time.perf_counter()
    for event in events:
        if persist.handler(event, None)["batchItemFailures"]:
            raise RuntimeError("persist left records unwritten")
    return time.perf_counter() - started_s


def _insert(
    connection: "pymysql.Connection[pymysql.cursors.Cursor]", batches: Sequence[list[tuple[Table, list[Row]]]]
) -> float:
    written_at = datetime.now(UTC).replace(tzinfo=None)
    started_s = time.perf_counter()
    for batch in batches:
        connection.begin()
        with connection.cursor() as cursor:
            for table, rows in batch:
                # Bare marks only: pymysql falls back to one row a statement for anything else.
                marks = ", ".join(["%s"] * (len(rows[0]) + 1))
                cursor.executemany(f"{table.head}({marks})", [(*row, written_at) for row in rows])
        connection.commit()
    return time.perf_counter() - started_s


class _Counting(Database):
    """Counts the transactions that were begun."""

    begun = 0

    @contextmanager
    def transaction(self) -> Iterator[pymysql.cursors.Cursor]:
        self.begun += 1
        with super().transaction() as cursor:
            yield cursor


class _Kept(DeadLetterQueue):
    """Takes every dead letter: Kafka's part is measured elsewhere."""

    def __init__(self) -> None: ...

    def put(self, letters: Sequence[DeadLetter]) -> list[bool]:
        return [True] * len(letters)


def _with_poison(url: str) -> tuple[float, float, float]:
    """Return ms for a batch with and without poison that only MySQL finds, in turn, and the transactions of one."""
    database, begun = _Counting(url), 0
    took_ms: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * _ROUNDS + 2):
        bad = bool(number % 2)
        batch = _batch(f"poisoned-{number}", _POISON if bad else ())
        database.begun, started_s = 0, time.perf_counter()
        if persist.Batch(database, _Kept()).write(batch):
            raise RuntimeError("persist left records unwritten")
        took_ms[bad].append((time.perf_counter() - started_s) * 1000)
        begun = max(begun, database.begun)
    database.close()
    return median(took_ms[True][1:]), median(took_ms[False][1:]), begun


def _batch(sale_id: str, poison: Sequence[int]) -> list[KafkaRecord]:
    (event,) = lambda_events(_BATCH, _BATCH, sale_id, 1, paid=False)
    found = list(records(event))
    for place in poison:
        value = json.loads(found[place].value or b"")
        found[place] = found[place]._replace(value=json.dumps({**value, "seatIds": ["é"]}).encode())
    return found


def _rows(event: dict[str, object]) -> list[tuple[Table, list[Row]]]:
    facts = [Fact(each, decode(each.value), (each.value or b"").decode()) for each in records(event)]
    return [
        (SALE_EVENTS, [record.audit_row(fact) for fact in facts]),
        *(each for each in record.latest_rows(facts) if each[1]),
    ]


def _empty(connection: "pymysql.Connection[pymysql.cursors.Cursor]") -> None:
    with connection.cursor() as cursor:
        for name in ("sale_events", "purchases", "seats"):
            cursor.execute(f"TRUNCATE TABLE {name}")
