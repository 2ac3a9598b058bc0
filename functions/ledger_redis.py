"""Reads Redis' side of a ledger: one sale in one MULTI, then the events that are still in its outbox."""

from chalicelib.sale.model import CONFIRMED, HELD, Buyer, Reservation
from chalicelib.sale.outbox import Outbox
from chalicelib.sale.reader import SaleReader
from functions.ledger_sides import Holding, RedisSide, Whereabouts

_MARGIN = 10_000  # events that may have come since the snapshot counted
_PAID = "PAID"  # the fate of a payment that bought something; every other one goes back


def read_redis(reader: SaleReader, outbox: Outbox, sale_id: str) -> RedisSide:
    """Return a sale as Redis has it. Raises Refused `no-such-sale`.

    The outbox is read after the rest: an event that has left it meanwhile is on Kafka, which is read later still.
    """
    snapshot = reader.snapshot(sale_id)
    sale = snapshot.sale
    waiting = outbox.entries(sale_id, sale.outbox + _MARGIN)
    return RedisSide(
        epoch=sale.epoch,
        version=sale.version,
        seated=sale.seated,
        capacity=sale.capacity,
        held=sale.held,
        confirmed=sale.confirmed,
        holdings={user: held for user, buyer in snapshot.buyers.items() if (held := _holding(buyer))},
        holds=len(snapshot.holds),
        free=snapshot.free_seats,
        seats=snapshot.taken_seats,
        refunds={payment: user for payment, (fate, user, _) in snapshot.payments.items() if fate != _PAID},
        outbox=tuple(Whereabouts(each.version, each.user_id, "outbox") for each in waiting if each.epoch == sale.epoch),
    )


def _holding(buyer: Buyer) -> Holding | None:
    reservation: Reservation | None = buyer.reservation
    if reservation is None or reservation.status not in (HELD, CONFIRMED):
        return None
    return Holding(reservation.status, reservation.quantity, reservation.seat_ids, reservation.payment_id)
