"""The waiting room's routes: enter, ask where one stands, leave."""

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.api.bodies import buyer_body
from chalicelib.api.contract import Answer, promises
from chalicelib.api.flood import refuse_flood
from chalicelib.api.parameters import Parameters
from chalicelib.api.responses import json_answer, no_content
from chalicelib.api.routing import sale_route
from chalicelib.sale.model import WAITING

routes = Blueprint(__name__)


@sale_route(routes, "POST", "/queue/enter")
@promises(
    Answer(202, "In line; ask for the status again after `pollAfterSeconds`.", "Buyer"),
    Answer(200, "Any other state: it is the buyer's turn, or the buyer has a reservation.", "Buyer"),
    refuses=("sale-not-open", "sale-closed", "sold-out"),
)
def enter_queue(parameters: Parameters) -> Response:
    """Take a place in the line, or say where the buyer stands already."""
    user_id = parameters.user_id()
    parameters.check()
    refuse_flood(parameters, user_id)
    buyer = wiring.store().enter_queue(parameters.sale_id, user_id)
    return json_answer(buyer_body(buyer), 202 if buyer.state == WAITING else 200)


@sale_route(routes, "GET", "/queue/status")
@promises(
    Answer(200, "The buyer's state; the first to ask for an admitted place starts its time.", "Buyer"),
    refuses=("not-in-sale", "sale-closed", "sold-out"),
)
def queue_status(parameters: Parameters) -> Response:
    """Say where the buyer stands."""
    user_id = parameters.user_id()
    parameters.check()
    refuse_flood(parameters, user_id)
    return json_answer(buyer_body(wiring.store().queue_status(parameters.sale_id, user_id)))


@sale_route(routes, "DELETE", "/queue")
@promises(Answer(204, "Out of the line, whether in it before or not."))
def leave_queue(parameters: Parameters) -> Response:
    """Give up the place, if there is one; a hold or a purchase stays."""
    user_id = parameters.user_id()
    parameters.check()
    wiring.store().leave_queue(parameters.sale_id, user_id)
    return no_content()


@sale_route(routes, "POST", "/queue/leave", content_types=("application/json", "text/plain"))
@promises(Answer(204, "Out of the line, whether in it before or not."))
def leave_queue_by_post(parameters: Parameters) -> Response:
    """Leave by POST, for `navigator.sendBeacon`, which sends text/plain and cannot send DELETE."""
    return leave_queue(parameters)
