"""The routes of an active buyer and of a holder: reserve, confirm, cancel."""

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.api.bodies import buyer_body
from chalicelib.api.contract import Answer, promises
from chalicelib.api.flood import refuse_flood
from chalicelib.api.parameters import Parameters
from chalicelib.api.payments import refuse_own_confirmation
from chalicelib.api.responses import json_answer
from chalicelib.api.routing import sale_route
from chalicelib.api.shapes import PAYMENT_ID, RESERVATION_ID

routes = Blueprint(__name__)


@sale_route(routes, "POST", "/reservations/reserve")
@promises(
    Answer(201, "Reserved. HELD until its deadline, or CONFIRMED at once where the sale asks for no payment.", "Buyer"),
    Answer(200, "The same request came before: the same reservation.", "Buyer"),
    refuses=(
        "over-limit",
        "not-active",
        "no-such-seat",
        "seat-taken",
        "not-enough-left",
        "already-reserved",
        "sale-closed",
        "sold-out",
    ),
)
def reserve(parameters: Parameters) -> Response:
    """Reserve units or seats, all or nothing; the same request again gets the same reservation."""
    user_id = parameters.user_id()
    quantity, seat_ids = parameters.units()
    parameters.check()
    refuse_flood(parameters, user_id)
    buyer = wiring.store().reserve(parameters.sale_id, user_id, quantity, seat_ids)
    return json_answer(buyer_body(buyer), 200 if buyer.repeated else 201)


@sale_route(routes, "POST", "/reservations/confirm")
@promises(
    Answer(200, "Bought; the same payment again changes nothing.", "Buyer"),
    refuses=(
        "no-reservation",
        "hold-expired",
        "reservation-ended",
        "already-paid",
        "payment-used",
        "confirm-by-payment-provider",
        "payment-not-configured",
    ),
)
def confirm(parameters: Parameters) -> Response:
    """Buy what is held."""
    user_id = parameters.user_id()
    reservation_id = parameters.text("reservationId", RESERVATION_ID, required=True)
    payment_id = parameters.text("paymentId", PAYMENT_ID, required=True)
    parameters.check()
    refuse_own_confirmation()
    return json_answer(buyer_body(wiring.store().confirm(parameters.sale_id, user_id, reservation_id, payment_id)))


@sale_route(routes, "POST", "/reservations/cancel")
@promises(
    Answer(200, "Ended; a reservation that had ended before is told as it ended.", "Buyer"),
    refuses=("no-reservation",),
)
def cancel(parameters: Parameters) -> Response:
    """Give back what is held or bought."""
    user_id = parameters.user_id()
    reservation_id = parameters.text("reservationId", RESERVATION_ID)
    parameters.check()
    return json_answer(buyer_body(wiring.store().cancel(parameters.sale_id, user_id, reservation_id)))
