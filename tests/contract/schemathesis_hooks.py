"""What schemathesis cannot read in a schema: who may buy, which sale there is, what was reserved. It loads this itself.

Good data gets as far as the sale by it; bad data is sent as it is.
"""

import time
from typing import Any

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode

from chalicelib.signature import sign
from ops.openapi.given import SIGNATURE

SALE = "spring"
KEY = "what the payment provider signs with"
USERS = ("ann", "bob", "carl", "auth0|5f")
_last = {"userId": USERS[0], "reservationId": "1-1", "paymentId": "pay-1"}  # paymentId: seldom anything but a repeat


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Put what exists into every other good request: the sale, a buyer who may buy, the reservation made last."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if SIGNATURE["name"] in {each.name for each in case.operation.headers}:
        kwargs["auth"] = _signed
    choice = sum(map(ord, repr((case.query, case.body))))
    if choice % 2:
        return
    if "saleId" in case.path_parameters:
        case.path_parameters["saleId"] = SALE
    taken = {each.name for each in case.operation.query}
    for name, value in {**_last, "userId": USERS[choice // 2 % len(USERS)]}.items():
        if name in taken:
            if isinstance(case.body, dict):
                case.body.pop(name, None)
            case.query[name] = _last[name] if "reservationId" in taken else value


def _signed(request: Any) -> Any:
    """Sign a request whose body is final."""
    body = request.body or b""
    raw = body if isinstance(body, bytes) else body.encode()
    request.headers[SIGNATURE["name"]] = sign(KEY, raw, int(time.time()))
    return request


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Remember the reservation made last."""
    if response.status_code == 201:
        made = response.json()
        if made["saleId"] == SALE:
            _last.update(userId=made["userId"], reservationId=made["reservation"]["reservationId"])
