"""The ledger's look at the statistics: the minutes of a sale come to what its recorded events come to.

Within one snapshot of MySQL the minutes must come to exactly those recorded events that `seen` has, whatever is on its
way; and `seen` must have every recorded event that Kafka had when the group had read everything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from pymysql.cursors import Cursor

from chalicelib.config import Settings
from chalicelib.errors import OnsaleError
from functions.kafka_client import client_config, group_of
from functions.ledger_sides import EXPLAINED, IN_FLIGHT, Finding, RedisSide, Whereabouts
from functions.sale_minutes import COLUMNS, COUNTED

if TYPE_CHECKING:  # generic in its stubs only
    from pymysql.connections import Connection

_FUNCTION = "statistics"
_TIMEOUT_S = 10.0
_CONFLICT = "version-conflict"


@dataclass(frozen=True, slots=True)
class StatisticsSide:
    """What the statistics say of a sale, all its epochs together."""

    counted: int  # events in `seen`
    uncounted: tuple[tuple[int, int], ...]  # epoch and version of recorded events that `seen` lacks
    unrecorded: int  # events in `seen` that are not recorded: persist is behind, or put them aside
    minutes: Mapping[str, int]
    events: Mapping[str, int]  # the same sums over the recorded events that `seen` has
    dead: Mapping[tuple[int, int], Whereabouts]  # by epoch and version: the letters that may explain a difference


@dataclass(frozen=True, slots=True)
class Counted:
    """What the statistics add to a ledger; nothing where they do not run or the sale was put away."""

    rows: tuple[dict[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()


class Progress(NamedTuple):
    """How far the group is: records, of all sales, that it has not done; and whether it has ever committed."""

    left: int
    has_begun: bool


class StatisticsGroup:
    """How far the function has read. Looks with a consumer of its group that never subscribes and never commits."""

    def __init__(self, settings: Settings) -> None:
        """Connect lazily: nothing is asked before the first reading."""
        self._topic = settings.kafka_topic
        own = {"group.id": group_of(settings, _FUNCTION), "enable.auto.commit": False, "log_level": 0}
        self._consumer = Consumer({**client_config(settings), **own})

    def progress(self) -> Progress:
        """Return how far it is. Raises OnsaleError `kafka-unavailable` when no broker answers."""
        try:
            partitions = self._consumer.list_topics(self._topic, _TIMEOUT_S).topics[self._topic].partitions
            places = [TopicPartition(self._topic, partition) for partition in sorted(partitions)]
            offsets = [each.offset for each in self._consumer.committed(places, _TIMEOUT_S)]
            spans = [self._consumer.get_watermark_offsets(place, _TIMEOUT_S) for place in places]
        except KafkaException as error:
            raise OnsaleError("kafka-unavailable", f"Kafka does not answer: {error}") from error
        left = sum(end - max(start, offset) for (start, end), offset in zip(spans, offsets, strict=True))
        return Progress(left, any(offset >= 0 for offset in offsets))

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()


def balance_statistics(
    group: StatisticsGroup,
    connection: "Connection[Cursor]",
    sale_id: str,
    redis: RedisSide,
    on_topic: Sequence[Whereabouts],
) -> Counted:
    """Compare the minutes of a sale with its record. `redis` and the letters `on_topic` were read before."""
    progress = group.progress()
    side = read_statistics(connection, sale_id)
    if side is None or not (progress.has_begun or side.counted):
        return Counted()
    # What is in the outbox was not on Kafka yet, so the group cannot be blamed for it or for what came after.
    left_redis = min((each.version for each in redis.outbox), default=redis.version + 1) - 1
    row = {"what": "statistics", "redis": None, "outbox": None, "kafka": None, "dlq": None, "mysql": side.counted}
    return Counted((row,), tuple(statistics_findings(side, progress.left, redis.epoch, left_redis, on_topic)))


def read_statistics(connection: "Connection[Cursor]", sale_id: str) -> StatisticsSide | None:
    """Return what MySQL has of the statistics of a sale, or None when it was put away: its minutes are final."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # READ COMMITTED keeps no snapshot
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        try:
            return _read(cursor, sale_id)
        finally:
            connection.rollback()


def _read(cursor: Cursor, sale_id: str) -> StatisticsSide | None:
    cursor.execute("SELECT COUNT(*), MIN(epoch) FROM seen WHERE sale_id = %s", (sale_id,))
    counted, first_epoch = cursor.fetchone() or (0, None)
    if first_epoch == 0:
        return None
    both = "sale_events e {} JOIN seen s ON s.sale_id = e.sale_id AND s.epoch = e.epoch AND s.version = e.version"
    # Guarded, as this side reads some texts as JSON that MySQL does not, and would then refuse the whole question.
    quantity = "IF(JSON_VALID(e.event), CAST(JSON_EXTRACT(e.event, '$.quantity') AS UNSIGNED), 0)"
    cursor.execute(
        f"SELECT e.type, COUNT(*), SUM({quantity}) FROM {both.format('')}"  # noqa: S608 - our own words
        " WHERE e.sale_id = %s GROUP BY e.type",
        (sale_id,),
    )
    events = dict.fromkeys(COLUMNS, 0)
    known = 0
    for kind, count, units in cursor.fetchall():
        known += count
        if kind in COUNTED:
            events |= {COUNTED[kind]: count, f"{COUNTED[kind]}_units": int(units or 0)}
    cursor.execute(
        f"SELECT e.epoch, e.version FROM {both.format('LEFT')} WHERE e.sale_id = %s AND s.version IS NULL",  # noqa: S608
        (sale_id,),
    )
    uncounted = tuple(cursor.fetchall())
    sums = ", ".join(f"COALESCE(SUM({column}), 0)" for column in COLUMNS)
    cursor.execute(f"SELECT {sums} FROM sale_minutes WHERE sale_id = %s", (sale_id,))  # noqa: S608
    minutes = dict(zip(COLUMNS, map(int, cursor.fetchone() or ()), strict=True))
    return StatisticsSide(counted, uncounted, counted - known, minutes, events, _letters(cursor, sale_id))


def _letters(cursor: Cursor, sale_id: str) -> dict[tuple[int, int], Whereabouts]:
    """Return the letters of this function that stand, and those that say that two events have one name."""
    cursor.execute(
        "SELECT epoch, version, user_id, reason FROM dead_letters WHERE sale_id = %s AND version > 0"
        " AND (quarantined_by = 'statistics' AND state <> 'REPLAYED' OR reason = %s)",
        (sale_id, _CONFLICT),
    )
    return {
        (epoch, version): Whereabouts(version, user_id, f"a dead letter of it ({reason})", is_dead=True)
        for epoch, version, user_id, reason in cursor.fetchall()
    }


def statistics_findings(
    side: StatisticsSide, left: int, epoch: int, version: int, on_topic: Sequence[Whereabouts]
) -> Iterator[Finding]:
    """Compare. `version` is the last one of `epoch` that had left Redis before the group was asked.

    `left` are the records that it had not done then, `on_topic` the dead letters of the epoch that MySQL has not taken.
    """
    dead = {(epoch, each.version): each for each in on_topic} | dict(side.dead)
    for its_epoch, its_version in side.uncounted:
        if (its_epoch, its_version) > (epoch, version):
            continue  # too new to have been counted for certain
        finding = Finding("statistics", f"the minutes lack the event {its_epoch}-{its_version}", version=its_version)
        letter = dead.get((its_epoch, its_version))
        if left:
            yield replace(finding, verdict=IN_FLIGHT, where=f"{_FUNCTION} has {left:,} records to read")
        elif letter:
            yield replace(finding, verdict=EXPLAINED, user_id=letter.user_id, where=letter.where)
        else:
            yield finding
    if side.unrecorded:
        return  # how these were counted cannot be told from the record; the missing versions are named elsewhere
    # Of two events under one version each side may have taken another one.
    disputed = next((each.where for each in dead.values() if _CONFLICT in each.where), "")
    for column in COLUMNS:
        ours, theirs = side.minutes[column], side.events[column]
        if ours != theirs:
            detail = f"{column}: the minutes come to {ours:,}, the recorded events to {theirs:,}"
            finding = Finding("statistics", detail)
            yield replace(finding, verdict=EXPLAINED, where=disputed) if disputed else finding
