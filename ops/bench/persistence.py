"""From the Lambda event to committed rows: `persist` beside bare multi-row inserts of the same rows."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median

import pymysql

from chalicelib.events import decode
from functions import persist, record
from functions.consumer import Fact
from functions.kafka_batch import records
from functions.mysql import connect, migrate
from functions.record_tables import SALE_EVENTS, Row, Table
from ops import environment
from ops.bench import servers
from ops.bench.figures import Figure
from ops.local.synthetic_events import lambda_events

_ROUNDS = 3
_EVENTS, _BATCH = 20_000, 500


def measure() -> list[Figure]:
    """Return the rows per second of both; a round of each in turn, into empty tables."""
    ours, bare = [], []
    logging.getLogger("onsale.persist").setLevel(logging.WARNING)  # a line per batch would bury the figures
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
    note = f"{_EVENTS:,} events in batches of {_BATCH}, a row in sale_events, purchases and seats for each"
    return [Figure("persist", median(ours), "rows/s", median(bare), "bare pymysql inserts", 0.5, note=note)]


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
