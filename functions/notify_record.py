"""The record of what was sent: MySQL's table `notifications`. Never an address.

Buyers are told while MySQL is away, too. What was sent meanwhile is parked in Redis and goes to MySQL with a later
delivery, or when somebody looks at a buyer. Rows are written by their key, so that twice is once.
"""

import json
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from chalicelib.errors import StoreUnavailable
from chalicelib.sale.redis_link import RedisLink
from functions.isolation import apply_isolating
from functions.log import logger
from functions.mysql import Database
from functions.mysql_errors import DatabaseAway

PARKED = "notifications"  # Redis hash: key of the row → the row
_CHUNK = 500
_AWAY_S = 10.0  # while MySQL is away nobody is to wait for it with every delivery
_COLUMNS = "sale_id, epoch, version, channel, user_id, type, language, message_id, sent_at"
_log = logger("notify")


class Sent(NamedTuple):
    """A message that a provider has taken."""

    sale_id: str
    epoch: int
    version: int
    channel: str
    user_id: str
    type: str
    language: str
    message_id: str
    sent_at_ms: int

    @property
    def key(self) -> tuple[str, int, int, str]:
        """What names it: event and channel."""
        return self[:4]


class SentRecord:
    """Writes and reads what was sent. For one thread."""

    def __init__(self, database: Database, link: RedisLink) -> None:
        self._database = database
        self._link = link
        self._away_until_s = 0.0

    def known(self, names: Collection[tuple[str, int, int]]) -> set[tuple[str, int, int, str]] | None:
        """Return the keys of what was sent of some events; None where MySQL cannot say."""
        if not names:
            return set()
        if self._away:
            return None
        marks = ", ".join(["(%s, %s, %s)"] * len(names))
        query = (
            "SELECT sale_id, epoch, version, channel FROM notifications"  # noqa: S608
            f" WHERE (sale_id, epoch, version) IN ({marks})"
        )
        try:
            with self._database.transaction() as cursor:
                cursor.execute(query, [value for name in names for value in name])
                return set(cursor.fetchall())
        except DatabaseAway:
            self._away_until_s = time.monotonic() + _AWAY_S
            return None

    def keep(self, rows: Sequence[Sent]) -> bool:
        """Write rows, or park them; False where neither can be done now. Writes what was parked before, too."""
        left: Sequence[Sent] = rows
        if not self._away:
            left = self._written(rows)
            if not left:
                self.settle()
        if not left:
            return True
        fields = [word for row in left for word in (" ".join(map(str, row.key)), json.dumps(row))]
        try:
            self._link.command("HSET", PARKED, *fields)
        except StoreUnavailable:
            return False
        return True

    def settle(self) -> None:
        """Move to MySQL what was parked, as much as goes in one step. Does nothing while either is away."""
        try:
            flat = self._link.command("HRANDFIELD", PARKED, _CHUNK, "WITHVALUES")
            fields, texts = flat[::2], flat[1::2]
            if fields and not self._written([Sent(*json.loads(text)) for text in texts]):
                self._link.command("HDEL", PARKED, *fields)
        except StoreUnavailable:
            return

    @property
    def _away(self) -> bool:
        return time.monotonic() < self._away_until_s

    def _written(self, rows: Sequence[Sent]) -> Sequence[Sent]:
        """Write rows; returns those that could not be because of an outage. What is refused for good is said."""
        outcome = apply_isolating(rows, self._insert)
        if outcome.outage:
            self._away_until_s = time.monotonic() + _AWAY_S
        for row, error in outcome.poison:
            _log.error("not recorded", sale=row.sale_id, epoch=row.epoch, version=row.version, error=error)
        return outcome.unapplied

    def _insert(self, rows: Sequence[Sent]) -> None:
        query = (
            f"INSERT INTO notifications ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608
            " ON DUPLICATE KEY UPDATE sale_id = sale_id"
        )
        with self._database.transaction() as cursor:
            cursor.executemany(query, [(*row[:-1], _utc(row.sent_at_ms)) for row in rows])


def messages_of(database: Database, sale_id: str, user_id: str, most: int) -> list[dict[str, Any]]:
    """Return the latest messages about a buyer, oldest first. Raises DatabaseAway."""
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT epoch, version, channel, type, language, message_id, sent_at FROM notifications"
            " WHERE sale_id = %s AND user_id = %s ORDER BY epoch DESC, version DESC, channel DESC LIMIT %s",
            (sale_id, user_id, most),
        )
        rows = cursor.fetchall()
    return [
        {
            "epoch": epoch,
            "version": version,
            "channel": channel,
            "type": kind,
            "language": language,
            "messageId": message_id,
            "sentAt": sent_at.isoformat(timespec="milliseconds") + "Z",
        }
        for epoch, version, channel, kind, language, message_id, sent_at in reversed(rows)
    ]


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).replace(tzinfo=None)
