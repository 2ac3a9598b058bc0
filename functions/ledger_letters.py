"""Reads what MySQL knows of a sale's dead letters, and judges what each explains.

Letters of notify or statistics explain nothing here: persist alone decides whether an event is in the record.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from pymysql.cursors import Cursor

from functions.dead_letter_name import LetterName
from functions.dead_letter_table import REPLAYED, STATES
from functions.ledger_sides import Whereabouts

if TYPE_CHECKING:  # generic in its stubs only
    from pymysql.connections import Connection


class LedgerLetter(NamedTuple):
    """A letter whose record names the event that it holds."""

    name: str
    state: str
    version: int
    user_id: str
    reason: str
    acted: str  # by whom, when, why


class LetterSide(NamedTuple):
    """The letters of a sale: how many by state (of all functions), those of persist by event, and nobody's."""

    counts: dict[str, int]
    letters: tuple[LedgerLetter, ...]
    unnamed: int  # open ones that do not say which sale they are of


def read_letters(connection: "Connection[Cursor]", sale_id: str, epoch: int) -> LetterSide:
    """Return the letters of a sale, within the transaction that is open."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, COUNT(*) FROM dead_letters WHERE sale_id = %s GROUP BY state", (sale_id,))
        counts = dict.fromkeys(STATES, 0) | dict(cursor.fetchall())
        cursor.execute(
            "SELECT source_topic, source_partition, source_offset, quarantined_by, state, version, user_id, reason,"
            " acted_by, acted_at, why FROM dead_letters WHERE sale_id = %s AND epoch = %s AND version > 0"
            " AND quarantined_by IN ('', 'persist', 'relay')",
            (sale_id, epoch),
        )
        letters = [_letter(row) for row in cursor.fetchall()]
        cursor.execute("SELECT COUNT(*) FROM dead_letters WHERE sale_id = '' AND state = 'OPEN'")
        return LetterSide(counts, tuple(letters), int(cursor.fetchall()[0][0]))


def replayed_names(connection: "Connection[Cursor]", sale_id: str, epoch: int) -> frozenset[str]:
    """Return the letters that are REPLAYED now. What Kafka says later of their events is later than the replay."""
    try:
        return frozenset(each.name for each in read_letters(connection, sale_id, epoch).letters if _is_replayed(each))
    finally:
        connection.rollback()


def whereabouts(letters: Iterable[LedgerLetter], replayed_before: Collection[str]) -> list[Whereabouts]:
    """Return where the events of letters are: an open or discarded letter has its own, a replayed one has none.

    One that was replayed since `replayed_before` was read may have been on Kafka after Kafka was read: it moves.
    """
    places = []
    for each in letters:
        told = f"dead letter {each.name} ({each.reason})"
        if not _is_replayed(each):
            done = f", {each.state} {each.acted}" if each.acted else ""
            places.append(Whereabouts(each.version, each.user_id, told + done, is_dead=True))
        elif each.name not in replayed_before:
            places.append(Whereabouts(each.version, each.user_id, f"{told}, being replayed"))
    return places


def lost_replays(letters: Iterable[LedgerLetter]) -> dict[int, str]:
    """Return, by version, what there is to say of a replayed event that did not arrive."""
    return {
        each.version: f"dead letter {each.name} was replayed {each.acted}, but the event did not arrive"
        for each in letters
        if _is_replayed(each)
    }


def _letter(row: tuple[Any, ...]) -> LedgerLetter:
    state, version, user_id, reason, by, at, why = row[4:]
    acted = f"by {by} at {at} UTC" + (f": {why}" if why else "") if by else ""
    return LedgerLetter(str(LetterName(*row[:4])), state, version, user_id, reason, acted)


def _is_replayed(letter: LedgerLetter) -> bool:
    return letter.state == REPLAYED
