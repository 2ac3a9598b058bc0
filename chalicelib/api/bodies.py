"""The JSON bodies of a buyer's state, a sale's progress and a page of seats, written directly as text.

Every id in them is plain ASCII by contract; only user ids, names, messages and reasons can need escaping.
"""

from chalicelib.api.encoding import encode, in_seconds, iso_time, quoted
from chalicelib.sale.model import WAITING, Buyer, Reservation, Sale, SeatPage


def buyer_body(buyer: Buyer) -> str:
    """Spell where a buyer stands; only what applies to the state."""
    text = (
        f'{{"saleId":"{buyer.sale_id}","userId":{quoted(buyer.user_id)},"state":"{buyer.state}",'
        f'"now":"{iso_time(buyer.now_ms)}"'
    )
    if buyer.queue_number:
        text += f',"queueNumber":{buyer.queue_number}'
    if buyer.state == WAITING:
        eta = "null" if buyer.eta_ms < 0 else in_seconds(buyer.eta_ms)
        text += f',"rank":{buyer.rank},"etaSeconds":{eta}'
    if buyer.poll_after_ms:
        text += f',"pollAfterSeconds":{in_seconds(buyer.poll_after_ms)}'
    if buyer.deadline_ms:
        text += f',"deadline":"{iso_time(buyer.deadline_ms)}"'
    if buyer.reason:
        text += f',"reason":{quoted(buyer.reason)}'
    if buyer.reservation is not None:
        text += f',"reservation":{_reservation(buyer.reservation)}'
    return text + "}"


def _reservation(reservation: Reservation) -> str:
    text = f'{{"reservationId":"{reservation.reservation_id}","quantity":{reservation.quantity}'
    if reservation.seat_ids:
        seat_ids = '","'.join(reservation.seat_ids)
        text += f',"seatIds":["{seat_ids}"]'
    text += f',"status":"{reservation.status}"'
    if reservation.deadline_ms:
        text += f',"deadline":"{iso_time(reservation.deadline_ms)}"'
    return text + "}"


def sale_body(sale: Sale) -> str:
    """Spell a sale's public progress.

    `now` is cut to the second, so that all processes answer the same bytes and the same ETag while nothing changes.
    """
    settings = sale.settings
    return encode(
        {
            "saleId": sale.sale_id,
            "name": settings.name,
            "state": sale.state,
            "message": settings.message,
            "now": iso_time(sale.now_ms - sale.now_ms % 1000),
            "capacity": sale.capacity,
            "remaining": sale.remaining,
            "held": sale.held,
            "confirmed": sale.confirmed,
            "waiting": sale.waiting,
            "active": sale.active,
            "admittedThrough": sale.admitted_through,
            "admitPerSecond": in_whole(settings.admit_per_second),
            "opensAt": _time_or_null(settings.opens_at_ms),
            "queueOpensAt": _time_or_null(settings.queue_opens_at_ms),
            "closesAt": _time_or_null(settings.closes_at_ms),
            "limitPerBuyer": settings.limit_per_buyer,
            "version": f"{sale.epoch}-{sale.version}",
        }
    )


def in_whole(number: float) -> int | float:
    """Return 100.0 as 100, so that it reads as it was set."""
    return int(number) if number.is_integer() else number


def _time_or_null(at_ms: int) -> str | None:
    return iso_time(at_ms) if at_ms else None


def seats_body(sale_id: str, page: SeatPage) -> str:
    """Spell a page of the seat map: who holds a seat is never told."""
    seats = ",".join([f'{{"seatId":"{seat_id}","state":"{state}"}}' for seat_id, state in page.seats])
    following = "null" if page.next is None else quoted(page.next)
    reset = "true" if page.reset else "false"
    head = f'"saleId":"{sale_id}","version":"{page.version}","next":{following},"reset":{reset}'
    return f'{{{head},"seats":[{seats}]}}'
