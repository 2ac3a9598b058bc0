"""The tables of the durable record: which columns they have, and the statements that write many rows at once.

A row is written only where its (epoch, version) is newer than the one that is there, so duplicates, replays and
reordering change nothing. `written_at` is the server's time, so that it can be compared with other rows'.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pymysql.converters import escape_string
from pymysql.cursors import Cursor

Row = tuple[str | int, ...]

# Well under any max_allowed_packet in use (MySQL 5.7 had 4 MB), large enough that round trips do not count.
_MAX_STATEMENT_LENGTH = 1_000_000


@dataclass(frozen=True, slots=True)
class Written:
    """What an upsert did: rows inserted or updated, and rows that were not newer than those that were there."""

    applied: int
    stale: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table and the order of the values in its rows: key, columns, then epoch and version unless in the key."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def append_only(self) -> bool:
        """Whether a row is never changed once it is there: its version is part of its name."""
        return "version" in self.key

    @property
    def head(self) -> str:
        """The statement up to its rows."""
        versions = () if self.append_only else ("epoch", "version")
        names = ", ".join((*self.key, *self.columns, *versions, "written_at"))
        return " ".join(("INSERT INTO", self.name, f"({names})", "VALUES "))

    @property
    def tail(self) -> str:
        """The statement after its rows.

        No row alias: MariaDB 10.11 has none. The version columns come last: each assignment sees the earlier ones.
        """
        if self.append_only:
            return " ON DUPLICATE KEY UPDATE version = version"  # unlike IGNORE, this still refuses bad values
        newer = "VALUES(epoch) > epoch OR VALUES(epoch) = epoch AND VALUES(version) > version"
        changed = [f"{each} = IF({newer}, VALUES({each}), {each})" for each in (*self.columns, "written_at")]
        changed += [f"version = IF({newer}, VALUES(version), version)", "epoch = GREATEST(epoch, VALUES(epoch))"]
        return f" ON DUPLICATE KEY UPDATE {', '.join(changed)}"


SALE_EVENTS = Table("sale_events", ("sale_id", "epoch", "version"), ("type", "user_id", "at_ms", "event"))
SALES = Table("sales", ("sale_id",), ("capacity", "seated", "plan_rows", "seats_per_row", "settings", "at_ms"))
PURCHASES = Table(
    "purchases",
    ("sale_id", "user_id"),
    ("reservation_id", "status", "quantity", "seat_ids", "payment_id", "deadline_ms", "reason", "at_ms"),
)
SEATS = Table("seats", ("sale_id", "seat_id"), ("state", "user_id", "reservation_id"))
REFUNDS = Table("refunds", ("sale_id", "payment_id"), ("user_id", "reservation_id", "reason", "due_at_ms"))


def upsert(cursor: Cursor, table: Table, rows: Iterable[Row]) -> Written:
    """Write rows in the order of their keys (two writers then lock in one order), in few statements."""
    applied = stale = 0
    for statement, count in statements(table.head, sorted(rows), table.tail):
        written = _written(cursor, cursor.execute(statement), count)
        applied, stale = applied + written.applied, stale + written.stale
    return Written(applied, stale)


def statements(head: str, rows: Sequence[Row], tail: str) -> Iterator[tuple[str, int]]:
    """Yield statements of bounded length that hold all rows, each with the number of its rows."""
    parts: list[str] = []
    length = 0
    for row in rows:
        part = f"({','.join([_literal(value) for value in row])},UTC_TIMESTAMP(3))"
        if parts and length + len(part) > _MAX_STATEMENT_LENGTH:
            yield head + ",".join(parts) + tail, len(parts)
            parts, length = [], 0
        parts.append(part)
        length += len(part)
    if parts:
        yield head + ",".join(parts) + tail, len(parts)


def _literal(value: str | int) -> str:
    """Write a value as SQL does. Within quotes only the quote and the backslash mean something (MySQL manual, string
    literals), and hardly any value has one: looking first takes a third of the time of escaping."""
    if isinstance(value, int):
        return str(value)
    return f"'{escape_string(value)}'" if "'" in value or "\\" in value else f"'{value}'"


def _written(cursor: Cursor, affected: int, count: int) -> Written:
    """Tell updated rows from unchanged ones: MySQL counts an inserted row once, an updated one twice, others not.

    Its message "Records: 3  Duplicates: 1  Warnings: 0" (in the server's language) has the number of updated rows,
    but comes only with two rows or more. Source: MySQL manual, mysql_info() and mysql_affected_rows().
    """
    if count == 1:
        return Written(min(affected, 1), int(affected == 0))
    message: bytes = cursor._result.message  # type: ignore[attr-defined]  # no public way
    _records, updated, _warnings = map(int, re.findall(rb"\d+", message))
    applied = affected - updated
    return Written(applied, count - applied)
