"""The function `dead_letters`: keeps in MySQL what lies on the dead-letter topics, until an operator acts on it.

It has no dead-letter topic itself: whatever comes becomes a row, cut where it does not fit, or is reported as failed.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pymysql.cursors import Cursor

from functions import dead_letter_table
from functions.dead_letter_record import Letter, cut, read_letter
from functions.isolation import apply_isolating
from functions.kafka_batch import KafkaRecord, batch_item_failures, records
from functions.log import correlate, logger, metrics, offsets
from functions.mysql import Database, DatabaseAway, RowsRefused, database
from functions.open_letters import tell_open_letters

# Any server takes a statement of a megabyte. What may be longer is compared with what this server takes.
_SURELY_FITS = 1_000_000
_OTHER_COLUMNS = 65_536
_log = logger("dead_letters")
_metrics = metrics("dead_letters")


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Keep a batch of dead letters. Answers batchItemFailures: what is not in MySQL."""
    correlate(_log, context)
    return batch_item_failures(keep(database(), records(event)))


def keep(into: Database, batch: Sequence[KafkaRecord]) -> list[KafkaRecord]:
    """Put letters into MySQL, each once however often it comes. Returns the records whose letters are not there."""
    started_s = time.perf_counter()
    letters = [(record, read_letter(record)) for record in batch]
    new = 0

    def commit(group: Sequence[tuple[KafkaRecord, Letter]]) -> None:
        nonlocal new
        with into.transaction() as cursor:
            added = sum(_insert(cursor, letter) for _, letter in group)
        new += added

    outcome = apply_isolating(letters, commit)
    left = [record for record, _ in outcome.unapplied]
    for (record, letter), error in outcome.poison:
        try:
            commit([(record, cut(letter))])
            _log.warning("dead letter cut to fit", letter=str(letter.name), error=error)
        except (RowsRefused, DatabaseAway) as again:
            left.append(record)
            outcome.outage = outcome.outage or again.detail
    duration_ms = round((time.perf_counter() - started_s) * 1000, 1)
    fields: dict[str, float] = {"records": len(batch), "new": new, "left": len(left), "duration_ms": duration_ms}
    if left:
        _log.error("batch failed", extra=fields, outage=outcome.outage, offsets=offsets(left))
    else:
        _log.info("batch written", extra=fields, offsets=offsets(batch))
    _metrics.publish(**fields)
    tell_open_letters(into)
    return left


def _insert(cursor: Cursor, letter: Letter) -> bool:
    fitting = letter if _fits(cursor, letter) else cut(letter)
    if dead_letter_table.insert(cursor, fitting):
        return True
    if letter.name == letter.place or not dead_letter_table.holds_another(cursor, fitting):
        return False
    # Another record was there before, at the same offset of a topic since made anew. This one is named by where it
    # lies among the dead letters.
    moved = dead_letter_table.insert(cursor, _by_its_place(fitting))
    _log.warning("another record goes by this name", letter=str(letter.name), kept_as=str(letter.place))
    return moved


def _by_its_place(letter: Letter) -> Letter:
    return replace(letter, name=letter.place._replace(function=letter.name.function))


def _fits(cursor: Cursor, letter: Letter) -> bool:
    """Tell whether the statement that inserts a letter is one that the server takes: a longer one loses it the link."""
    headers = sum(2 * len(name) + 2 * len(value or b"") + 16 for name, value in letter.headers)
    # Each byte may need an escape before it.
    longest = 2 * (len(letter.key or b"") + len(letter.value or b"")) + headers + _OTHER_COLUMNS
    if longest <= _SURELY_FITS:
        return True
    cursor.execute("SELECT @@max_allowed_packet")
    return longest <= int(cursor.fetchall()[0][0])
