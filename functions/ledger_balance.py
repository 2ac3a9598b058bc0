"""Compares what the stores say of one sale and names every difference. Values in, values out; knows no store.

An event passes outbox, Kafka and MySQL in this order and the sides are read in this order, so none is missed between
two of them. What differs because its event is still on the way is in flight; what differs because a dead letter
holds the event is explained; anything else is a difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from functions.ledger_sides import (
    EXPLAINED,
    IN_FLIGHT,
    Finding,
    Holding,
    MysqlSide,
    RedisSide,
    Trail,
    Whereabouts,
)

NOWHERE = "neither outbox, Kafka nor dead letters have it"


def redis_findings(redis: RedisSide) -> Iterator[Finding]:
    """Check what Redis says against itself: every script keeps these sums, so they hold at any moment."""
    live = redis.holdings.values()
    held = sum(each.quantity for each in live if each.status == "HELD")
    confirmed = sum(each.quantity for each in live if each.status == "CONFIRMED")
    holders = sum(each.status == "HELD" for each in live)
    taken = redis.held + redis.confirmed
    sums = [
        ("held-sum", "units of HELD orders", held, "the counter held", redis.held),
        ("confirmed-sum", "units of CONFIRMED orders", confirmed, "the counter confirmed", redis.confirmed),
        ("holds-count", "HELD orders", holders, "entries of holds", redis.holds),
    ]
    if redis.seated:
        sums.append(("seats-count", "taken seats", len(redis.seats), "held + confirmed", taken))
        sums.append(("free-count", "free seats", redis.free, "the rest of the capacity", redis.capacity - taken))
    for kind, left, left_value, right, right_value in sums:
        if left_value != right_value:
            yield Finding(kind, f"Redis: {left} {left_value:,}, {right} {right_value:,}")
    if not 0 <= taken <= redis.capacity:
        yield Finding("oversold", f"Redis: held and confirmed are {taken:,} of {redis.capacity:,}")
    owned = {seat: (each.status, user) for user, each in redis.holdings.items() for seat in each.seat_ids}
    for seat in sorted(_differing(owned, redis.seats)):
        detail = f"Redis: orders say {_owner(owned.get(seat))}, seats say {_owner(redis.seats.get(seat))}"
        yield Finding("seat-owner", detail, seat_id=seat)


def record_findings(redis: RedisSide, mysql: MysqlSide, trail: Trail) -> Iterator[Finding]:
    """Compare Redis with the durable record: versions, capacity, buyers, seats, refunds."""
    yield from _version_findings(redis, mysql, trail)
    if mysql.capacity is None or mysql.capacity != redis.capacity:
        theirs = "no such sale" if mysql.capacity is None else f"capacity {mysql.capacity:,}"
        finding = Finding("capacity", f"Redis has capacity {redis.capacity:,}, MySQL has {theirs}")
        yield replace(finding, verdict=IN_FLIGHT, where="on the way") if trail.is_moving else finding
    yield from _purchase_findings(redis, mysql, trail)
    for seat in sorted(_differing(redis.seats, mysql.seats)):
        ours, theirs_now = redis.seats.get(seat), mysql.seats.get(seat)
        detail = f"Redis says {_owner(ours)}, MySQL says {_owner(theirs_now)}"
        users = [owner[1] for owner in (ours, theirs_now) if owner]
        user = next((each for each in users if each in trail.by_user), users[0])
        yield _judged(Finding("seat", detail, user_id=user, seat_id=seat), trail)
    for payment in sorted(_differing(redis.refunds, mysql.refunds)):
        user = redis.refunds.get(payment) or mysql.refunds.get(payment, "")
        lacking = "MySQL" if payment in redis.refunds else "Redis"
        yield _judged(Finding("refund", f"{lacking} has no refund of payment {payment}", user_id=user), trail)


def _version_findings(redis: RedisSide, mysql: MysqlSide, trail: Trail) -> Iterator[Finding]:
    if mysql.newest_epoch > redis.epoch:
        yield Finding("epoch", f"MySQL has events of epoch {mysql.newest_epoch}, Redis is in {redis.epoch}")
    if mysql.last_version > trail.now_version:
        detail = f"MySQL has version {mysql.last_version:,}, Redis has come only to {trail.now_version:,}"
        yield Finding("lost-tail", detail, version=mysql.last_version)
    for version in mysql.missing:
        finding = Finding(
            "version", "MySQL does not have this event", version=version, where=trail.lost.get(version, NOWHERE)
        )
        yield _at(finding, trail.by_version[version]) if version in trail.by_version else finding


def _purchase_findings(redis: RedisSide, mysql: MysqlSide, trail: Trail) -> Iterator[Finding]:
    theirs = {user: row.holding for user, row in mysql.rows.items()}
    for user in sorted(_differing(redis.holdings, theirs)):
        row = mysql.rows.get(user)
        detail = f"Redis has {_holding(redis.holdings.get(user))}, MySQL has {_holding(theirs.get(user))}"
        finding = Finding("purchase", detail, user_id=user, version=row.version if row else 0)
        if row and row.epoch == redis.epoch and row.version > redis.version:
            yield replace(finding, verdict=IN_FLIGHT, where="MySQL is ahead of this reading")
        else:
            yield _judged(finding, trail)


def _judged(finding: Finding, trail: Trail) -> Finding:
    place = trail.by_user.get(finding.user_id)
    return _at(finding, place) if place else finding


def _at(finding: Finding, place: Whereabouts) -> Finding:
    verdict = EXPLAINED if place.is_dead else IN_FLIGHT
    user_id = finding.user_id or place.user_id
    return replace(finding, verdict=verdict, user_id=user_id, version=place.version, where=place.where)


def _differing(ours: Mapping[str, object], theirs: Mapping[str, object]) -> set[str]:
    if ours == theirs:
        return set()
    return {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}


def _owner(owner: tuple[str, str] | None) -> str:
    return f"{owner[0]} by {owner[1]}" if owner else "free"


def _holding(holding: Holding | None) -> str:
    if holding is None:
        return "nothing live"
    what = " ".join(holding.seat_ids) or f"{holding.quantity}"
    return f"{holding.status} {what}" + (f" paid by {holding.payment_id}" if holding.payment_id else "")
