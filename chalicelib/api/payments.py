"""The payment provider's route: what became of a payment, told by whoever has the secret. Not for buyers."""

import time

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.api.contract import Answer, promises
from chalicelib.api.encoding import encode
from chalicelib.api.parameters import Parameters
from chalicelib.api.responses import json_answer
from chalicelib.api.routing import signed_route
from chalicelib.api.shapes import PAYMENT_ID, PAYMENT_STATUS, RESERVATION_ID, SALE_ID, USER_ID
from chalicelib.config import settings
from chalicelib.errors import OnsaleError, Refused
from chalicelib.sale.model import CANCELLED
from chalicelib.signature import BadSignature
from chalicelib.webhook import check, is_told_by_provider

SIGNATURE_HEADER = "x-onsale-signature"
SUCCEEDED = "succeeded"

routes = Blueprint(__name__)


def provider_only(request: Request) -> None:
    """Raise OnsaleError unless the body was signed with the secret that the payment provider has."""
    if not is_told_by_provider(settings()):
        raise OnsaleError("payment-not-configured", "PAYMENT_WEBHOOK_SECRET is not set here.")
    raw = request.raw_body
    body = raw.encode() if isinstance(raw, str) else raw
    try:
        check(settings(), request.headers.get(SIGNATURE_HEADER, ""), body, time.time())
    except BadSignature as error:
        raise OnsaleError("invalid-signature", str(error)) from error


def refuse_own_confirmation() -> None:
    """Raise OnsaleError where a buyer's own word does not count: money has come only if the provider says so."""
    chosen = settings()
    if is_told_by_provider(chosen):
        raise OnsaleError("confirm-by-payment-provider", "The payment provider confirms the reservations here.")
    if chosen.lambda_function:
        raise OnsaleError("payment-not-configured", "A deployed stage needs PAYMENT_WEBHOOK_SECRET.")


@signed_route(routes, "/payments/callback", provider_only)
@promises(
    Answer(200, "Taken in, and safe to send again: `outcome` says what became of it.", "Payment"),
    refuses=(
        "invalid-request",
        "invalid-signature",
        "payment-not-configured",
        "no-such-sale",
        "no-reservation",
        "payment-used",
        "store-unavailable",
    ),
)
def payment_callback(parameters: Parameters) -> Response:
    """Take in what became of a payment: succeeded buys what is held, failed gives it back at once."""
    sale_id = parameters.text("saleId", SALE_ID, required=True, body_only=True)
    user_id = parameters.text("userId", USER_ID, required=True, integers=True, body_only=True)
    reservation_id = parameters.text("reservationId", RESERVATION_ID, required=True, body_only=True)
    payment_id = parameters.text("paymentId", PAYMENT_ID, required=True, body_only=True)
    status = parameters.text("status", PAYMENT_STATUS, required=True, body_only=True)
    parameters.check()
    if status == SUCCEEDED:
        outcome = _succeeded(sale_id, user_id, reservation_id, payment_id)
    else:
        buyer = wiring.store().release(sale_id, user_id, reservation_id)
        ended = buyer.reservation is not None and buyer.reservation.status == CANCELLED
        outcome = "RELEASED" if ended else "UNCHANGED"
    told = {"saleId": sale_id, "userId": user_id, "reservationId": reservation_id, "paymentId": payment_id}
    return json_answer(encode({**told, "outcome": outcome}))


def _succeeded(sale_id: str, user_id: str, reservation_id: str, payment_id: str) -> str:
    try:
        wiring.store().confirm(sale_id, user_id, reservation_id, payment_id)
    except Refused as refused:
        if not refused.members.get("refundDue"):
            raise
        return "REFUND_DUE"  # taken in for good: it would come out the same however often it were sent
    return "CONFIRMED"
