"""The values that cross the layers: what a sale, a buyer, a reservation and a seat are. No behaviour, no Redis."""

from dataclasses import dataclass, field

# A buyer's states and a reservation's statuses. A reservation is one of the last four but LAPSED.
WAITING, ACTIVE, LAPSED = "WAITING", "ACTIVE", "LAPSED"
HELD, CONFIRMED, EXPIRED, CANCELLED = "HELD", "CONFIRMED", "EXPIRED", "CANCELLED"

# A sale's states, derived from its settings and the time, never stored.
DRAFT, SCHEDULED, OPEN, PAUSED, CLOSED, ARCHIVED = (
    "DRAFT",
    "SCHEDULED",
    "OPEN",
    "PAUSED",
    "CLOSED",
    "ARCHIVED",
)

FREE = "FREE"  # a seat's state; the others are HELD and CONFIRMED

MAX_LIMIT_PER_BUYER = 20


@dataclass(frozen=True, slots=True)
class Reservation:
    """A buyer's latest reservation. `deadline_ms` is 0 unless it is HELD; `seat_ids` is empty in a counted sale."""

    reservation_id: str
    status: str
    quantity: int
    seat_ids: tuple[str, ...] = ()
    deadline_ms: int = 0
    payment_id: str = ""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Where one buyer stands in one sale, at `now_ms` of Redis' clock. 0, -1 (eta) and "" mean: does not apply."""

    sale_id: str
    user_id: str
    state: str
    now_ms: int
    queue_number: int = 0
    rank: int = 0
    eta_ms: int = -1
    poll_after_ms: int = 0
    deadline_ms: int = 0
    reason: str = ""
    reservation: Reservation | None = None
    repeated: bool = False  # the answer of an earlier identical call; nothing changed


@dataclass(frozen=True, slots=True)
class SaleSettings:
    """What the owner of a sale decides. Times are ms since the epoch, 0 = not set; spans are ms."""

    name: str = ""
    message: str = ""
    limit_per_buyer: int = 1
    max_active: int = 100
    admit_per_second: float = 100.0  # 0 = unlimited
    overbook: float = 1.0
    hold_ms: int = 300_000
    active_ms: int = 300_000
    claim_ms: int = 90_000
    payment: str = "none"  # none | required
    standby: bool = False
    opens_at_ms: int = 0
    queue_opens_at_ms: int = 0
    closes_at_ms: int = 0
    max_outbox: int = 10_000
    paused: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class SalePlan:
    """A sale to be created: counted (`capacity`) or seated (`seat_ids` in plan order, best first)."""

    sale_id: str
    settings: SaleSettings
    capacity: int
    seat_ids: tuple[str, ...] = ()
    rows: int = 0  # of a generated plan; 0 where the seats come from a file
    seats_per_row: int = 0


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale's public progress, and what an operator may see besides, at `now_ms` of Redis' clock."""

    sale_id: str
    state: str
    now_ms: int
    epoch: int
    version: int
    seated: bool
    capacity: int
    held: int
    confirmed: int
    waiting: int
    active: int
    outbox: int
    admitted_through: int
    settings: SaleSettings
    counters: dict[str, int] = field(default_factory=dict)  # admitted, lapsed_…, refused_… and the like

    @property
    def remaining(self) -> int:
        """Units neither held nor sold."""
        return self.capacity - self.held - self.confirmed


@dataclass(frozen=True, slots=True)
class SeatPage:
    """A page of the seat map: (seat id, state) in plan order, or the seats changed since a version, oldest first.

    `version` is the sale's "EPOCH-VERSION" before the page was read: ask for the changes since it later.
    """

    version: str
    seats: tuple[tuple[str, str], ...]
    next: str | None
    reset: bool


@dataclass(frozen=True, slots=True)
class Promotion:
    """What one call of promote did; `more` says that bounded work was left for the next call."""

    admitted: int
    lapsed: int
    expired: int
    unlinked: int
    more: bool
    state: str
    waiting: int
    active: int
    held: int
    outbox: int
    opens_in_ms: int  # ms until opens_at, 0 if it has passed
