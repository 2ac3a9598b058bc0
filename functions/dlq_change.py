"""What an operator does about dead letters: replay them, or discard them. Each says what became of every letter named.

A letter is locked while it is dealt with, so of two operators one acts and the other is told `busy`. An OPEN letter may
be replayed or discarded. What is so already is not done again, and what somebody decided otherwise is refused, unless
`force` says so. Outcomes: replayed, discarded, would-replay, would-discard; already-replayed, already-discarded
(refused where the other was wanted); and, always refused: no-such-letter, busy, cut, refused-by-kafka,
kafka-unavailable.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from confluent_kafka import KafkaError
from pymysql.cursors import Cursor

from chalicelib.config import settings
from chalicelib.errors import FieldError, InvalidRequest
from functions import arguments, dead_letter_table, dlq
from functions.actor import actor
from functions.dead_letter_name import LetterName, read_name, spelled
from functions.dead_letter_table import DISCARDED, OPEN, REPLAYED, Row
from functions.dlq_route import replayed
from functions.kafka_client import client_config
from functions.mysql import Database, database
from functions.open_letters import tell_open_letters
from functions.producer import ReliableProducer, refused_for_good

AT_ONCE = 100
_BYTES_AT_ONCE = 4_000_000
_MAX_NUMBER = 2**63 - 1
_IDS = arguments.list_of(read_name, 1_000)
_ACT: arguments.Schema = {"letterIds": _IDS, "force": arguments.flag, "dryRun": arguments.flag}
_REPLAY: arguments.Schema = {
    **_ACT,
    **dlq.FILTERS,
    "all": arguments.flag,
    "after": arguments.whole(0, _MAX_NUMBER),
    "until": arguments.whole(0, _MAX_NUMBER),
    "why": arguments.text(500),
}
_ALREADY = {REPLAYED: "already-replayed", DISCARDED: "already-discarded"}
_log = logging.getLogger(__name__)


class Result(NamedTuple):
    """What became of one letter; `is_refused` where it is not as the operator wanted it."""

    letter_id: str
    outcome: str
    is_refused: bool = False
    detail: str = ""


def replay(given: Mapping[str, Any]) -> dict[str, Any]:
    """Send records to their topic again, unchanged, and mark their letters REPLAYED once Kafka has them.

    Letters by `letterIds`, or with `all` the open ones (of a sale, of a reason) that are there at the first call: one
    call takes AT_ONCE of them, and gives `next` and `until` for the following call. Dying in between is harmless: a
    letter that was sent but not marked is sent again, and an event that comes twice changes nothing.
    """
    values = arguments.read(given, _REPLAY)
    every = values.get("all", False)
    if every == ("letterIds" in values):
        raise InvalidRequest([FieldError("letterIds", "name letters, or say all")])
    if not every and dlq.chosen(values):
        raise InvalidRequest([FieldError(name, "goes with all only") for name in dlq.FILTERS if name in values])
    into = database()
    until, following = 0, None
    names: Sequence[str] = values.get("letterIds", ())
    if every:
        with into.transaction() as cursor:
            until = values.get("until") or dead_letter_table.last_number(cursor)
            filters = {"state": OPEN, **dlq.chosen(values)}
            rows = dead_letter_table.page(cursor, filters, values.get("after", 0), until, AT_ONCE)
        names = [str(row.name) for row in rows]
        following = rows[-1].number if len(rows) == AT_ONCE else None
    with closing(ReliableProducer(lambda: client_config(settings()))) as producer:
        results = list(_Replay(into, producer, values).run(names))
    tell_open_letters(into)
    return {**_answer(results), "next": following, "until": until}


def discard(given: Mapping[str, Any]) -> dict[str, Any]:
    """Mark letters DISCARDED: what they hold will never be written, and `why` says so to whoever reads the ledger."""
    values = arguments.read(given, {**_ACT, "why": arguments.text(500)}, ["letterIds", "why"])
    if not values["why"].strip():
        raise InvalidRequest([FieldError("why", "must say something")])
    with database().transaction() as cursor:
        open_ones, results = _lock(cursor, values["letterIds"], DISCARDED, values)
        if not values.get("dryRun"):
            dead_letter_table.mark(cursor, [row.name for row in open_ones], DISCARDED, actor(), values["why"])
    tell_open_letters(database())
    outcome = "would-discard" if values.get("dryRun") else "discarded"
    return _answer([*results, *(Result(str(row.name), outcome) for row in open_ones)])


class _Replay:
    """One replay: a few letters at a time, each handful in a transaction of its own."""

    def __init__(self, into: Database, producer: ReliableProducer, values: Mapping[str, Any]) -> None:
        self._database = into
        self._producer = producer
        self._values = values

    def run(self, names: Sequence[str]) -> Iterator[Result]:
        """Replay letters; what is left of a handful that grew too large begins the next."""
        left = list(names)
        while left:
            with self._database.transaction() as cursor:
                taken, results = self._take(cursor, left)
                left = left[taken:]
            yield from results

    def _take(self, cursor: Cursor, names: Sequence[str]) -> tuple[int, list[Result]]:
        results: list[Result] = []
        sending: list[Row] = []
        taken = size = 0
        for name in names[:AT_ONCE]:
            taken += 1
            found, refused = _lock(cursor, [name], REPLAYED, self._values)
            results += refused
            for row in found:
                if row.is_cut:
                    results.append(
                        Result(name, "cut", True, f"MySQL has only its beginning; the whole is at {row.place}")
                    )
                else:
                    sending.append(row)
                    size += row.value_length
            if size >= _BYTES_AT_ONCE:
                break
        return taken, results + self._send(cursor, sending)

    def _send(self, cursor: Cursor, rows: Sequence[Row]) -> list[Result]:
        if self._values.get("dryRun"):
            return [Result(str(row.name), "would-replay") for row in rows]
        outgoing = [replayed(row.name, dead_letter_table.content(cursor, row.name), settings()) for row in rows]
        errors = self._producer.send(outgoing)
        sent = [row.name for row, error in zip(rows, errors, strict=True) if error is None]
        dead_letter_table.mark(cursor, sent, REPLAYED, actor(), self._values.get("why", ""))
        return [_sent(row.name, error) for row, error in zip(rows, errors, strict=True)]


def _sent(name: LetterName, error: KafkaError | None) -> Result:
    if error is None:
        return Result(str(name), "replayed")
    return Result(str(name), "refused-by-kafka" if refused_for_good(error) else "kafka-unavailable", True, error.str())


def _lock(
    cursor: Cursor, names: Sequence[str], wanted: str, values: Mapping[str, Any]
) -> tuple[list[Row], list[Result]]:
    """Return the letters that may be dealt with, locked until the transaction ends, and what became of the others."""
    rows: list[Row] = []
    results: list[Result] = []
    for name in names:
        row = dead_letter_table.find(cursor, spelled(name), lock=not values.get("dryRun"))
        if row is not None and (row.state == OPEN or values.get("force")):
            rows.append(row)
        elif row is not None:
            when = dlq.utc(row.acted_at) if row.acted_at else "an unknown time"
            said = f"by {row.acted_by} at {when}" + (f": {row.why}" if row.why else "")
            results.append(Result(name, _ALREADY[row.state], row.state != wanted, said))
        elif dead_letter_table.find(cursor, spelled(name)) is not None:
            results.append(Result(name, "busy", True, "another operator is dealing with it: look again"))
        else:
            results.append(Result(name, "no-such-letter", True, f"there is no dead letter {name}"))
    return rows, results


def _answer(results: Sequence[Result]) -> dict[str, Any]:
    names = {"letter_id": "letterId", "is_refused": "refused"}
    letters = [{names.get(name, name): value for name, value in each._asdict().items()} for each in results]
    _log.info("dead letters by %s: %s", actor(), ", ".join(f"{each.letter_id} {each.outcome}" for each in results))
    return {"letters": letters, "refused": sum(each.is_refused for each in results)}
