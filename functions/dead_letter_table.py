"""The table of dead letters: what is put in once, looked up, locked and marked. Its callers end the transactions."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pymysql.cursors import Cursor

from functions.dead_letter_name import LetterName, Spelled
from functions.dead_letter_record import Letter
from functions.kafka_batch import Headers

OPEN, REPLAYED, DISCARDED = STATES = ("OPEN", "REPLAYED", "DISCARDED")

_KEY = "source_topic, source_partition, source_offset, quarantined_by"
_WHERE_KEY = "source_topic = %s AND source_partition = %s AND source_offset = %s AND quarantined_by = %s"
_ROW = (
    f"{_KEY}, number, state, reason, error, attempts, dead_at_ms, sale_id, epoch, version, type, user_id,"
    " value_length, is_cut, replay_of, dlq_place, acted_by, acted_at, why"
)
_INSERT = (
    f"INSERT INTO dead_letters ({_KEY}, record_key,"  # noqa: S608 - our own names, here and below
    " record_value, record_headers, value_length, is_cut, reason, error,"
    " attempts, dead_at_ms, sale_id, epoch, version, type, user_id, replay_of, dlq_place, state, acted_by, why,"
    " written_at)"
    f" VALUES ({', '.join(['%s'] * 20)}, 'OPEN', '', '', UTC_TIMESTAMP(3))"
    " ON DUPLICATE KEY UPDATE number = number"
)


class Row(NamedTuple):
    """A letter as the table has it, without the record."""

    name: LetterName
    number: int
    state: str
    reason: str
    error: str
    attempts: int
    dead_at_ms: int
    sale_id: str
    epoch: int
    version: int
    type: str
    user_id: str
    value_length: int
    is_cut: bool
    replay_of: str
    place: str
    acted_by: str
    acted_at: datetime | None
    why: str


class Content(NamedTuple):
    """The record of a letter as it was on its topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def insert(cursor: Cursor, letter: Letter) -> bool:
    """Put a letter in; one that is there already stays as it is. Returns whether it was new."""
    subject = letter.subject
    values = (
        *letter.name,
        letter.key,
        letter.value,
        _spelled_headers(letter.headers),
        letter.value_length,
        int(letter.is_cut),
        letter.reason,
        letter.error,
        letter.attempts,
        letter.dead_at_ms,
        subject.sale_id,
        subject.epoch,
        subject.version,
        subject.type,
        subject.user_id,
        letter.replay_of,
        letter.place.source,
    )
    return bool(cursor.execute(_INSERT, values))


def holds_another(cursor: Cursor, letter: Letter) -> bool:
    """Tell whether another record goes by this letter's name: its topic was made anew, and counts from 0 again."""
    cursor.execute(
        "SELECT NOT (value_length = %s AND (is_cut = 1 OR record_key <=> %s AND record_value <=> %s))"  # noqa: S608
        f" FROM dead_letters WHERE {_WHERE_KEY}",
        (letter.value_length, letter.key, letter.value, *letter.name),
    )
    found = cursor.fetchone()
    return bool(found and found[0])


def page(cursor: Cursor, filters: Mapping[str, Any], after: int, until: int, limit: int) -> list[Row]:
    """Return letters in the order of their arrival, their numbers above `after` and up to `until`."""
    conditions = "".join(f" AND {column} = %s" for column in filters)
    cursor.execute(
        f"SELECT {_ROW} FROM dead_letters WHERE number > %s AND number <= %s{conditions} ORDER BY number LIMIT %s",  # noqa: S608
        (after, until, *filters.values(), limit),
    )
    return [_row(found) for found in cursor.fetchall()]


def last_number(cursor: Cursor) -> int:
    """Return the number of the letter that came last, 0 where none came."""
    cursor.execute("SELECT COALESCE(MAX(number), 0) FROM dead_letters")
    return int(cursor.fetchall()[0][0])


def find(cursor: Cursor, name: Spelled, *, lock: bool = False) -> Row | None:
    """Return a letter by its name; with `lock` only if nobody else has it locked, and then nobody else may."""
    found = None
    for function in name.functions:
        cursor.execute(
            f"SELECT {_ROW} FROM dead_letters WHERE {_WHERE_KEY}{' FOR UPDATE SKIP LOCKED' if lock else ''}",  # noqa: S608
            (*name[:3], function),
        )
        found = found or cursor.fetchone()
    return _row(found) if found else None


def content(cursor: Cursor, name: LetterName) -> Content:
    """Return the record of a letter that is there."""
    cursor.execute(f"SELECT record_key, record_value, record_headers FROM dead_letters WHERE {_WHERE_KEY}", name)  # noqa: S608
    key, value, headers = cursor.fetchall()[0]
    return Content(key, value, read_headers(headers))


def mark(cursor: Cursor, names: Sequence[LetterName], state: str, by: str, why: str) -> None:
    """Note what was done about letters, by whom and why."""
    for name in names:
        cursor.execute(
            "UPDATE dead_letters SET state = %s, acted_by = %s, acted_at = UTC_TIMESTAMP(3), why = %s"  # noqa: S608
            f" WHERE {_WHERE_KEY}",
            (state, by, why, *name),
        )


def count_open(cursor: Cursor, sale_id: str) -> int:
    """Return how many letters of a sale wait for an operator."""
    cursor.execute("SELECT COUNT(*) FROM dead_letters WHERE sale_id = %s AND state = 'OPEN'", (sale_id,))
    return int(cursor.fetchall()[0][0])


def count_all_open(cursor: Cursor) -> int:
    """Return how many letters wait for an operator, those that name no sale too."""
    cursor.execute("SELECT COUNT(*) FROM dead_letters WHERE state = 'OPEN'")
    return int(cursor.fetchall()[0][0])


def _row(found: Sequence[Any]) -> Row:
    return Row(LetterName(*found[:4]), *found[4:])


def _spelled_headers(headers: Headers) -> str:
    pairs = [[name, None if value is None else b64encode(value).decode()] for name, value in headers]
    return json.dumps(pairs, separators=(",", ":"))


def read_headers(text: str) -> Headers:
    """Read headers as the table spells them."""
    return tuple((name, None if value is None else b64decode(value)) for name, value in json.loads(text))
