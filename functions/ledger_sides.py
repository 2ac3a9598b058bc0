"""The values of a ledger: what each store says of one sale, where an event is now, and what does not agree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

IN_FLIGHT, EXPLAINED, DIFFERENT = "in-flight", "explained", "different"


class Holding(NamedTuple):
    """What a side knows of a buyer's live reservation; `status` is HELD or CONFIRMED."""

    status: str
    quantity: int
    seat_ids: tuple[str, ...]
    payment_id: str


class Row(NamedTuple):
    """A purchase of MySQL with the event that wrote it."""

    holding: Holding
    epoch: int
    version: int


class Whereabouts(NamedTuple):
    """Where an event is that has not reached MySQL; a dead one stays there until an operator acts."""

    version: int
    user_id: str
    where: str
    is_dead: bool = False


@dataclass(frozen=True, slots=True)
class RedisSide:
    """One sale as Redis had it in one MULTI."""

    epoch: int
    version: int
    seated: bool
    capacity: int
    held: int
    confirmed: int
    holdings: Mapping[str, Holding]
    holds: int
    free: int
    seats: Mapping[str, tuple[str, str]]  # seat → state, user
    refunds: Mapping[str, str]  # payment that is to be given back → user
    outbox: tuple[Whereabouts, ...] = ()


@dataclass(frozen=True, slots=True)
class MysqlSide:
    """One sale as MySQL had it in one consistent read. `events` counts the versions of Redis' epoch."""

    capacity: int | None
    newest_epoch: int
    events: int
    last_version: int
    missing: tuple[int, ...]  # versions up to Redis' own that sale_events lacks
    rows: Mapping[str, Row]
    seats: Mapping[str, tuple[str, str]]
    refunds: Mapping[str, str]
    ahead: tuple[Whereabouts, ...] = ()  # events that came after Redis was read and were here before MySQL was


@dataclass(frozen=True, slots=True)
class KafkaSide:
    """What persist has not taken yet, and what was put aside. `lag` counts records of all sales."""

    lag: int
    pending: tuple[Whereabouts, ...]
    dead: tuple[Whereabouts, ...]
    unnamed_dead: int = 0  # dead letters that do not say which sale they are of


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not agree: what it is, whom it is about, and where it is now."""

    kind: str
    detail: str
    verdict: str = DIFFERENT
    user_id: str = ""
    seat_id: str = ""
    version: int = 0
    where: str = ""


class Trail:
    """Finds events on their way, by version and by buyer; what still moves outranks what is dead."""

    def __init__(self, passing: Iterable[Whereabouts], now_version: int, lost: Mapping[int, str] | None = None) -> None:
        """Index what is passing; `now_version` is the sale's version after all sides were read.

        `lost` says, by version, what is known of events that are nowhere.
        """
        ordered = sorted(passing, key=lambda each: not each.is_dead)
        self.now_version = now_version
        self.lost = lost or {}
        self.is_moving = any(not each.is_dead for each in ordered)
        self.by_version = {each.version: each for each in ordered}
        self.by_user = {each.user_id: each for each in ordered if each.user_id}
