"""How the replies of the scripts read: the words that mean no, and the record of a buyer."""

from typing import Any

from chalicelib.errors import Refused
from chalicelib.sale.model import Buyer, Reservation

# Outcome word to what a person is told. The code of the HTTP contract is the word in kebab-case: SOLD_OUT, `sold-out`.
REFUSALS = {
    b"NO_SUCH_SALE": "there is no sale {sale}",
    b"SALE_NOT_OPEN": "the sale is not open yet",
    b"SALE_CLOSED": "the sale is closed",
    b"SOLD_OUT": "everything is sold",
    b"NOT_IN_SALE": "you are not in this sale: enter the queue first",
    b"NOT_ACTIVE": "it is not your turn: enter the queue and wait for it",
    b"OVER_LIMIT": "one buyer may have {number} at most",
    b"NOT_ENOUGH_LEFT": "only {number} left",
    b"NO_SUCH_SEAT": "no such seat: {text}",
    b"SEAT_TAKEN": "already taken: {text}",
    b"ALREADY_RESERVED": "you have a reservation already: cancel it before you make another one",
    b"NO_RESERVATION": "you have no such reservation",
    b"HOLD_EXPIRED": "the hold ran out before the payment came, and what it held is gone; a refund is due",
    b"RESERVATION_ENDED": "the reservation had ended before the payment came; a refund is due",
    b"ALREADY_PAID": "the reservation was paid by another payment; a refund is due",
    b"PAYMENT_USED": "this payment was used for something else",
    b"SALE_EXISTS": "there is a sale {sale} already, with another definition",
    b"WRONG_CHUNK": "the seat plan of {sale} is being loaded by somebody else",
    b"STORE_EVICTS": "Redis may forget what is sold: its maxmemory-policy is {text}, and must be noeviction",
    b"FIXED_ONCE_OPEN": "{text} cannot be changed once the sale has opened",
    b"CAPACITY_TOO_SMALL": "{number} are held or sold already",
    b"NOT_COUNTED": "a seated sale grows by seats only",
    b"NOT_SEATED": "a counted sale has no seats",
    b"NOT_FINISHED": "the sale cannot be archived: {text}",
}


def words_of(reply: list[Any] | bytes) -> list[Any]:
    """Return the words of a script's reply, which may be one line: the outcome, the time in ms, a buyer's record."""
    if isinstance(reply, list):
        return reply
    outcome, now_ms, record = reply.split(b" ", 2)
    return [outcome, int(now_ms), record]


def refusal(word: bytes, sale_id: str, text: str, number: int) -> Refused:
    """Return the error of an outcome that means no, with the members that its code promises."""
    code = word.decode().lower().replace("_", "-")
    members: dict[str, object] = {}
    if code == "sale-not-open" and number:
        members["opensAt"] = number
    elif code == "not-enough-left":
        members["remaining"] = number
    elif code == "over-limit":
        members["limit"] = number
    elif code in ("no-such-seat", "seat-taken"):
        members["seatIds"] = text.split(",")
    elif code in ("hold-expired", "reservation-ended", "already-paid", "payment-used"):
        members["refundDue"] = number == 1
    return Refused(code, REFUSALS[word].format(sale=sale_id, text=text.replace(",", ", "), number=number), **members)


def buyer_of_record(sale_id: str, user_id: str, now_ms: int, record: str, *, repeated: bool = False) -> Buyer:
    """Read a buyer's record, one line of `orders` as prelude.lua lays it out."""
    state, reservation_id, status, quantity, deadline, payment_id, reason, seats = record.split(" ")
    deadline_ms = int(deadline or 0)
    reservation = None
    if reservation_id:
        seat_ids = tuple(seats.split(",")) if seats else ()
        reservation = Reservation(reservation_id, status, int(quantity), seat_ids, deadline_ms, payment_id)
    return Buyer(
        sale_id,
        user_id,
        state,
        now_ms,
        deadline_ms=deadline_ms,
        reason=reason,
        reservation=reservation,
        repeated=repeated,
    )
