"""What a demonstration must prove, each point from two sides: what the buyers were told, and what is on record."""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.demo.crowd import tickets
from ops.demo.outcome import Ending
from ops.demo.run import DemoResult


@dataclass(frozen=True, slots=True)
class Check:
    """One point, and whether it holds."""

    claim: str
    holds: bool
    but: str = ""


def checks(result: DemoResult) -> Iterator[Check]:
    """Return every point."""
    sold = tickets(result.outcomes)
    seats = [seat for each in sold.values() for seat in each]
    wanted = result.plan.seats
    yield Check(
        f"{wanted:,} different seats went to {wanted:,} different buyers, by what the buyers were told",
        len(sold) == len(seats) == len(set(seats)) == wanted,
        f"{len(sold):,} buyers, {len(set(seats)):,} different seats",
    )
    failed = [each for each in result.outcomes if each.ending is Ending.FAILED]
    yield Check(
        "everybody else was told that it is sold out, or walked away",
        not failed and len(result.outcomes) == result.plan.crowd.buyers,
        f"{len(failed):,} failed, the first: {failed[0].why if failed else ''}",
    )
    record = result.durable.seats_of
    differing = [user for user in sold.keys() | record.keys() if sold.get(user) != record.get(user)]
    yield Check(
        f"MySQL has the same {wanted:,} buyers on the same seats",
        not differing and len(record) == wanted,
        f"{len(record):,} purchases; {len(differing):,} buyers differ",
    )
    yield Check(
        "Redis, outbox, Kafka and MySQL agree",
        result.ledger["state"] == "balanced",
        f"the ledger says {result.ledger['state']}",
    )
