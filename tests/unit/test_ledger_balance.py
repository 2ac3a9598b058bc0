"""How a ledger judges: each kind of difference is named, and none where there is none."""

from dataclasses import replace

import pytest

from functions.ledger_balance import NOWHERE, record_findings, redis_findings
from functions.ledger_sides import (
    DIFFERENT,
    EXPLAINED,
    IN_FLIGHT,
    Finding,
    Holding,
    MysqlSide,
    RedisSide,
    Row,
    Trail,
    Whereabouts,
)

HELD = Holding("HELD", 1, ("A-1",), "")
BOUGHT = Holding("CONFIRMED", 2, ("A-2", "A-3"), "p1")
REDIS = RedisSide(
    epoch=9,
    version=5,
    seated=True,
    capacity=10,
    held=1,
    confirmed=2,
    holdings={"ann": HELD, "bob": BOUGHT},
    holds=1,
    free=7,
    seats={"A-1": ("HELD", "ann"), "A-2": ("CONFIRMED", "bob"), "A-3": ("CONFIRMED", "bob")},
    refunds={"p9": "eve"},
)
MYSQL = MysqlSide(
    capacity=10,
    newest_epoch=9,
    events=5,
    last_version=5,
    missing=(),
    rows={"ann": Row(HELD, 9, 4), "bob": Row(BOUGHT, 9, 3)},
    seats=REDIS.seats,
    refunds=REDIS.refunds,
)


def _compare(redis: RedisSide = REDIS, mysql: MysqlSide = MYSQL, *passing: Whereabouts) -> list[Finding]:
    return [*redis_findings(redis), *record_findings(redis, mysql, Trail(passing, 5))]


def test_sides_that_agree_have_no_findings() -> None:
    assert _compare() == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"held": 2, "confirmed": 1}, "held-sum"),
        ({"confirmed": 3, "held": 0}, "confirmed-sum"),
        ({"holds": 0}, "holds-count"),
        ({"free": 6}, "free-count"),
        ({"capacity": 2}, "oversold"),
        ({"seats": {**REDIS.seats, "A-4": ("HELD", "zoe")}}, "seats-count"),
        ({"seats": {**REDIS.seats, "A-1": ("HELD", "zoe")}}, "seat-owner"),
    ],
)
def test_redis_at_odds_with_itself_is_named(change: dict[str, int], kind: str) -> None:
    redis = replace(REDIS, **change)  # type: ignore[arg-type]
    assert kind in [each.kind for each in redis_findings(redis)]


def test_a_seat_that_two_orders_claim_is_found() -> None:
    twice = replace(REDIS, holdings={"ann": HELD, "bob": BOUGHT, "zoe": HELD}, held=2, holds=2)
    assert "seats-count" in [each.kind for each in redis_findings(twice)]


@pytest.mark.parametrize(
    ("change", "kind", "subject"),
    [
        ({"rows": {"bob": MYSQL.rows["bob"]}}, "purchase", "ann"),
        ({"rows": {**MYSQL.rows, "zoe": Row(HELD, 9, 2)}}, "purchase", "zoe"),
        ({"rows": {**MYSQL.rows, "bob": Row(BOUGHT._replace(payment_id="p2"), 9, 3)}}, "purchase", "bob"),
        ({"seats": {**REDIS.seats, "A-1": ("HELD", "zoe")}}, "seat", "ann"),
        ({"refunds": {}}, "refund", "eve"),
        ({"refunds": {**REDIS.refunds, "p8": "max"}}, "refund", "max"),
        ({"capacity": 11}, "capacity", ""),
        ({"capacity": None}, "capacity", ""),
        ({"newest_epoch": 10}, "epoch", ""),
        ({"last_version": 6}, "lost-tail", ""),
        ({"missing": (4,)}, "version", ""),
    ],
)
def test_a_record_at_odds_with_redis_is_named_with_its_buyer(
    change: dict[str, object], kind: str, subject: str
) -> None:
    (finding,) = _compare(REDIS, replace(MYSQL, **change))  # type: ignore[arg-type]
    assert (finding.kind, finding.user_id, finding.verdict) == (kind, subject, DIFFERENT)


def test_a_version_that_is_nowhere_says_so() -> None:
    (finding,) = _compare(REDIS, replace(MYSQL, missing=(4,)))
    assert (finding.version, finding.where) == (4, NOWHERE)


def test_an_event_on_its_way_explains_its_version_and_its_buyer() -> None:
    behind = replace(MYSQL, missing=(4,), rows={"bob": MYSQL.rows["bob"]})
    findings = _compare(REDIS, behind, Whereabouts(4, "ann", "outbox"))
    assert [(each.kind, each.verdict, each.user_id, each.where) for each in findings] == [
        ("version", IN_FLIGHT, "ann", "outbox"),
        ("purchase", IN_FLIGHT, "ann", "outbox"),
    ]


def test_a_dead_letter_explains_its_version_but_not_another_buyer() -> None:
    behind = replace(MYSQL, missing=(4,), rows={})
    findings = _compare(REDIS, behind, Whereabouts(4, "ann", "dead letter x-0 at 3", is_dead=True))
    assert [(each.user_id, each.verdict) for each in findings] == [
        ("ann", EXPLAINED),
        ("ann", EXPLAINED),
        ("bob", DIFFERENT),
    ]


def test_what_moves_outranks_what_is_dead() -> None:
    behind = replace(MYSQL, missing=(4,), rows={"bob": MYSQL.rows["bob"]})
    dead = Whereabouts(4, "ann", "dead letter", is_dead=True)
    findings = _compare(REDIS, behind, dead, Whereabouts(4, "ann", "replayed, on Kafka"))
    assert {each.verdict for each in findings} == {IN_FLIGHT}


def test_a_row_that_is_newer_than_the_reading_of_redis_is_in_flight() -> None:
    ahead = replace(MYSQL, rows={**MYSQL.rows, "ann": Row(HELD._replace(status="CONFIRMED"), 9, 6)}, last_version=5)
    (finding,) = _compare(REDIS, ahead)
    assert finding.verdict == IN_FLIGHT


def test_a_counted_sale_is_not_asked_for_seats() -> None:
    counted = replace(
        REDIS,
        seated=False,
        free=0,
        seats={},
        holdings={user: each._replace(seat_ids=()) for user, each in REDIS.holdings.items()},
    )
    assert list(redis_findings(counted)) == []
