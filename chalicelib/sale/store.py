"""The sale's actions: one method per Lua script, typed. Knows the replies of the scripts and nothing of their callers.

A reply's first word is its outcome. Words that mean no are raised as `Refused` (see `replies`). Every method may be
called again with the same arguments: a repeat returns the first answer.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.sale.keys import SALES, script_keys
from chalicelib.sale.model import ACTIVE, WAITING, Buyer, Promotion, SalePlan
from chalicelib.sale.redis_link import Argument, RedisLink
from chalicelib.sale.replies import REFUSALS, buyer_of_record, refusal, words_of
from chalicelib.sale.scripts import script
from chalicelib.sale.settings_codec import to_map

CHUNK = 1_000  # seats that one script call loads
ARCHIVE_MS = 30 * 24 * 3600 * 1000  # how long the keys of an archived sale can still be read


class SaleStore:
    """Acts on sales. Raises Refused when the sale says no, StoreUnavailable when Redis does not answer."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    def enter_queue(self, sale_id: str, user_id: str) -> Buyer:
        """Put a buyer in line, or in the sale at once when nobody waits. A repeat keeps the place."""
        return self._buyer("enter_queue", sale_id, user_id)

    def queue_status(self, sale_id: str, user_id: str) -> Buyer:
        """Return where a buyer stands; the first to ask for an admitted place starts its time."""
        return self._buyer("queue_status", sale_id, user_id)

    def leave_queue(self, sale_id: str, user_id: str) -> None:
        """Take a buyer out of the line or give the place in the sale back; a reservation is not touched."""
        self._run("leave_queue", sale_id, (user_id,))

    def reserve(self, sale_id: str, user_id: str, quantity: int, seat_ids: Sequence[str] = ()) -> Buyer:
        """Reserve units or seats, all or nothing; no seats named means the best ones in plan order."""
        return self._buyer("reserve", sale_id, user_id, quantity, ",".join(seat_ids))

    def confirm(self, sale_id: str, user_id: str, reservation_id: str, payment_id: str) -> Buyer:
        """Book a payment. Refused with `refundDue` when it came too late or was not needed."""
        return self._buyer("confirm", sale_id, user_id, reservation_id, payment_id)

    def cancel(self, sale_id: str, user_id: str, reservation_id: str = "") -> Buyer:
        """End a reservation; one that had ended before is returned as it ended."""
        return self._buyer("cancel", sale_id, user_id, reservation_id, 0)

    def release(self, sale_id: str, user_id: str, reservation_id: str) -> Buyer:
        """End a reservation that is held and not paid; any other is returned as it is."""
        return self._buyer("cancel", sale_id, user_id, reservation_id, 1)

    def put_contact(self, sale_id: str, user_id: str, contact_json: str) -> None:
        """Keep where to write to a buyer, apart from everything that becomes an event. Replaces what was kept."""
        self._run("put_contact", sale_id, (user_id, contact_json))

    def promote(self, sale_id: str) -> Promotion:
        """Release what has lapsed and admit those next in line; bounded work, `more` says to call again."""
        reply = self._run("promote", sale_id, ())
        (
            _,
            now_ms,
            state,
            admitted,
            lapsed,
            expired,
            unlinked,
            more,
            waiting,
            active,
            held,
            outbox,
            opens_at_ms,
        ) = reply
        return Promotion(
            admitted=admitted,
            lapsed=lapsed,
            expired=expired,
            unlinked=unlinked,
            more=bool(more),
            state=state.decode(),
            waiting=waiting,
            active=active,
            held=held,
            outbox=outbox,
            opens_in_ms=max(0, opens_at_ms - now_ms),
        )

    def create_sale(self, plan: SalePlan) -> bool:
        """Create a sale and load its seats; False when it existed. Dying half-way leaves a draft that a repeat ends."""
        fields = {**to_map(plan.settings), "rows": str(plan.rows), "seats_per_row": str(plan.seats_per_row)}
        pairs = [word for pair in fields.items() for word in pair]
        seats_digest = hashlib.sha256(",".join(plan.seat_ids).encode()).hexdigest()
        definition = json.dumps([fields, plan.capacity, seats_digest], sort_keys=True)
        # The id first: a sale that nobody serves would be worse than an id without a sale, which everybody skips.
        self._link.command("SADD", SALES, plan.sale_id)
        outcome = "CREATED"
        for offset in range(0, max(1, len(plan.seat_ids)), CHUNK):
            seats = plan.seat_ids[offset : offset + CHUNK]
            head = (definition, plan.capacity, int(bool(plan.seat_ids)), offset, len(pairs))
            outcome = self._run("create_sale", plan.sale_id, (*head, *pairs, *seats))[0].decode()
            if outcome == "REPEATED":
                break
        return outcome == "CREATED"

    def configure_sale(
        self,
        sale_id: str,
        changes: Mapping[str, str],
        capacity: int | None = None,
        seat_ids: Sequence[str] = (),
    ) -> bool:
        """Change settings (text, as `settings_codec` has them), capacity, or add seats; False when nothing differs."""
        pairs = [word for pair in changes.items() for word in pair]
        changed = False
        for offset in range(0, max(1, len(seat_ids)), CHUNK):
            head = ("" if capacity is None else capacity, "", len(pairs))
            reply = self._run("configure_sale", sale_id, (*head, *pairs, *seat_ids[offset : offset + CHUNK]))
            changed = changed or reply[0] == b"CHANGED"
        return changed

    def archive_sale(self, sale_id: str) -> None:
        """Stop serving a finished sale and let its keys be forgotten after 30 days."""
        self._run("configure_sale", sale_id, ("", ARCHIVE_MS, 0))
        self._link.command("SREM", SALES, sale_id)

    def _run(self, name: str, sale_id: str, arguments: Sequence[Argument]) -> list[Any]:
        reply = words_of(self._link.script(script(name), script_keys(sale_id, name), arguments))
        if reply[0] in REFUSALS:
            raise refusal(reply[0], sale_id, reply[2].decode(), reply[3])
        return reply

    def _buyer(self, name: str, sale_id: str, user_id: str, *arguments: Argument) -> Buyer:
        reply = self._run(name, sale_id, (user_id, *arguments))
        word, now_ms, record = reply[0], reply[1], reply[2]
        if record:
            return buyer_of_record(sale_id, user_id, now_ms, record.decode(), repeated=word in (b"REPEATED", b"ENDED"))
        if word == b"WAITING":
            _, _, _, number, rank, eta_ms, poll_ms = reply
            return Buyer(sale_id, user_id, WAITING, now_ms, number, rank, eta_ms, poll_ms)
        return Buyer(sale_id, user_id, ACTIVE, now_ms, deadline_ms=reply[7])
