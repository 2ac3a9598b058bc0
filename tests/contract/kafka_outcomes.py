"""What becomes of every event file of tests/events: a row, a dead letter, or nothing because it was there before."""

from dataclasses import dataclass

ANN, BOB, CAT = "auth0|5f01", "auth0|5f02", "auth0|5f03"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a file. Of what cannot be read persist and notify each make letters, statistics none."""

    facts: tuple[int, ...] = ()  # versions that are new to a consumer of events
    rows: tuple[tuple[str, str, int], ...] = ()  # purchases: buyer, status, version
    letters: tuple[tuple[str, str], ...] = ()  # where the record was, and why it is dead
    minute: tuple[int, ...] = ()  # reserved, confirmed, cancelled, expired
    for_notify: tuple[int, ...] = ()  # versions that were put back for notify alone


_BASE = Outcome(
    facts=(17,),
    rows=((ANN, "HELD", 17),),
    letters=(("reservation-events-0-16", "not-utf8"), ("reservation-events-1-3", "null-value")),
    minute=(1, 0, 0, 0),
)
FILES = {
    "msk.json": _BASE,
    "self_managed.json": _BASE,
    "self_managed_old_copy.json": Outcome(
        (1,), ((ANN, "HELD", 1),), (("reservation-events-0-16", "not-json"),), (1, 0, 0, 0)
    ),
    "msk_several_partitions.json": Outcome(
        facts=(1, 2, 3, 4, 5, 7),
        rows=((ANN, "CONFIRMED", 4), (BOB, "EXPIRED", 5), (CAT, "CANCELLED", 7)),
        letters=(("reservation-events-23-1", "not-json"),),
        minute=(3, 1, 1, 1),
    ),
    "msk_headers.json": Outcome(
        facts=(1, 2),
        rows=((ANN, "CONFIRMED", 2),),
        letters=(("reservation-events-1-6", "not-json"),),
        minute=(1, 1, 0, 0),
        for_notify=(3,),
    ),
    "self_managed_keys.json": Outcome(
        facts=(1, 2, 3),
        rows=((ANN, "HELD", 1), (BOB, "HELD", 2), (CAT, "HELD", 3)),
        letters=tuple((f"reservation-events-0-{offset}", "not-utf8") for offset in (4, 5, 6, 7)),
        minute=(3, 0, 0, 0),
    ),
    "msk_tombstones.json": Outcome(
        facts=(4,),
        rows=((ANN, "HELD", 4),),
        letters=(
            ("reservation-events-3-20", "null-value"),
            ("reservation-events-3-21", "null-value"),
            ("reservation-events-3-22", "not-json"),
        ),
        minute=(1, 0, 0, 0),
    ),
    "msk_schema_registry.json": Outcome(
        facts=(1, 2),
        rows=((ANN, "CONFIRMED", 2),),
        letters=(("reservation-events-2-11", "not-json"),),
        minute=(1, 1, 0, 0),
    ),
    "msk_dead_letters.json": Outcome(
        letters=(
            ("reservation-events-dlq-0-0", "not-utf8"),
            ("reservation-events-dlq-0-1", "null-value"),
            ("reservation-events-dlq-0-2", "null-value"),
        ),
    ),
    "msk_empty.json": Outcome(),
    "self_managed_empty.json": Outcome(),
}
