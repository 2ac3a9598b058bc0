"""One simulated buyer: queues, waits for the turn as told, picks a seat, and pays or walks away."""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any

from ops.demo.answer import Answer
from ops.demo.client import GaveUp, SaleClient
from ops.demo.figures import Figures
from ops.demo.outcome import Ending, Outcome
from ops.demo.seat_map import SeatMap


@dataclass(frozen=True, slots=True)
class Habits:
    """What a buyer does: whether they pay what they reserved, how fast, and how many they want."""

    pays: bool = True
    pays_after_s: float = 0.2
    picks_seats: bool = True
    quantity: int = 1


class Buyer:
    """A client that only obeys: it asks again after pollAfterSeconds plus jitter and never sooner."""

    def __init__(self, client: SaleClient, user_id: str, habits: Habits, figures: Figures) -> None:
        self.user_id = user_id
        self._client, self._habits, self._figures = client, habits, figures
        self._random = random.Random(user_id)  # noqa: S311 - the same buyer does the same on every run
        self._payments = 0

    async def visit(self) -> Outcome:
        """Live through the sale; returns how it ended and never raises."""
        try:
            return await self._visit()
        except GaveUp as error:
            return Outcome(self.user_id, Ending.FAILED, why=str(error))
        except (KeyError, TypeError, ValueError) as error:
            return Outcome(self.user_id, Ending.FAILED, why=f"an answer breaks the contract: {error!r}")

    async def _visit(self) -> Outcome:
        while True:
            refused = await self._wait_for_turn()
            if refused is None:
                reserved = await self._reserve()
                if reserved.ok:
                    ended = await self._pay_or_walk(reserved.body)
                    if ended:
                        return ended
                    continue  # the hold ran out before the payment: queue again
                refused = reserved
            if refused.code == "sold-out":
                return Outcome(self.user_id, Ending.SOLD_OUT)
            if refused.code not in ("not-active", "not-in-sale"):
                return Outcome(self.user_id, Ending.FAILED, why=refused.code)

    async def _wait_for_turn(self) -> Answer | None:
        """Return None when it is my turn, or the refusal."""
        entered_at_s = time.monotonic()
        told: tuple[float, float] | None = None  # when an ETA was first told, and the ETA
        answer = await self._client.enter(self.user_id)
        while answer.ok:
            state = answer.body["state"]
            if state in ("ACTIVE", "HELD", "CONFIRMED"):
                if told:
                    self._figures.waited(told[1], time.monotonic() - told[0])
                return None
            if state == "WAITING":
                eta_s = answer.body.get("etaSeconds")
                if told is None and eta_s is not None:
                    told = (time.monotonic(), float(eta_s))
                await asyncio.sleep(float(answer.body["pollAfterSeconds"]) * self._random.uniform(1, 1.2))
                answer = await self._client.status(self.user_id)
            elif time.monotonic() - entered_at_s < 600:  # LAPSED, EXPIRED: to the end of the line
                answer = await self._client.enter(self.user_id)
            else:
                raise GaveUp(f"{state} again and again")
        return answer

    async def _reserve(self) -> Answer:
        """Look at the seats and reserve some free ones, others when somebody was faster."""
        habits = self._habits
        if not habits.picks_seats:
            return await self._client.reserve(self.user_id, quantity=habits.quantity)
        seats = SeatMap(self._client)
        while True:
            free = await seats.free()
            wanted = tuple(self._random.sample(free, habits.quantity)) if len(free) >= habits.quantity else ()
            answer = await self._client.reserve(self.user_id, wanted, habits.quantity)
            if answer.code != "seat-taken":
                return answer

    async def _pay_or_walk(self, body: Any) -> Outcome | None:
        """Return the outcome, or None when the hold ran out before the payment came."""
        reservation = body["reservation"]
        seat_ids = tuple(reservation.get("seatIds", ()))
        if not self._habits.pays:
            return Outcome(self.user_id, Ending.WALKED_AWAY, seat_ids)
        if reservation["status"] == "CONFIRMED":
            return Outcome(self.user_id, Ending.TICKET, seat_ids, reservation.get("paymentId", ""))
        await asyncio.sleep(self._habits.pays_after_s)
        self._payments += 1
        payment_id = f"pay-{self.user_id}-{self._payments}"
        answer = await self._client.confirm(self.user_id, reservation["reservationId"], payment_id)
        if answer.ok:
            return Outcome(self.user_id, Ending.TICKET, seat_ids, payment_id)
        if answer.code in ("hold-expired", "reservation-ended"):
            return None
        return Outcome(self.user_id, Ending.FAILED, why=f"confirm: {answer.code}")
