"""How a simulated buyer's visit to a sale ends, by the API's own answers."""

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a buyer's visit ended."""

    TICKET = "ticket"
    SOLD_OUT = "sold out"
    WALKED_AWAY = "walked away"
    LEFT = "left the line"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a buyer went home with, by the API's own answers; `why` tells what failed."""

    user_id: str
    ending: Ending
    seat_ids: tuple[str, ...] = ()
    payment_id: str = ""
    why: str = ""
