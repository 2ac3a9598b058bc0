"""The routes of an active buyer and of a holder: reserve, confirm, cancel."""

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.api.bodies import buyer_body
from chalicelib.api.parameters import Parameters
from chalicelib.api.responses import json_answer
from chalicelib.api.routing import sale_route
from chalicelib.api.shapes import PAYMENT_ID, RESERVATION_ID

routes = Blueprint(__name__)


@sale_route(routes, "POST", "/reservations/reserve")
def reserve(parameters: Parameters) -> Response:
    """Reserve units or seats, all or nothing; the same request again gets the same reservation."""
    user_id = parameters.user_id()
    quantity, seat_ids = parameters.units()
    parameters.check()
    buyer = wiring.store().reserve(parameters.sale_id, user_id, quantity, seat_ids)
    return json_answer(buyer_body(buyer), 200 if buyer.repeated else 201)


@sale_route(routes, "POST", "/reservations/confirm")
def confirm(parameters: Parameters) -> Response:
    """Buy what is held."""
    user_id = parameters.user_id()
    reservation_id = parameters.text("reservationId", RESERVATION_ID, required=True)
    payment_id = parameters.text("paymentId", PAYMENT_ID, required=True)
    parameters.check()
    return json_answer(buyer_body(wiring.store().confirm(parameters.sale_id, user_id, reservation_id, payment_id)))


@sale_route(routes, "POST", "/reservations/cancel")
def cancel(parameters: Parameters) -> Response:
    """Give back what is held or bought."""
    user_id = parameters.user_id()
    reservation_id = parameters.text("reservationId", RESERVATION_ID)
    parameters.check()
    return json_answer(buyer_body(wiring.store().cancel(parameters.sale_id, user_id, reservation_id)))
