"""The public routes: a sale's progress, its seat map, where to write to a buyer, and whether the store answers."""

import time
from hashlib import blake2b
from typing import NamedTuple

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.api.bodies import sale_body, seats_body
from chalicelib.api.contract import Answer, promises
from chalicelib.api.encoding import encode
from chalicelib.api.parameters import Parameters
from chalicelib.api.responses import json_answer, no_content, public_answer
from chalicelib.api.routing import plain_route, sale_route
from chalicelib.api.shapes import CURSOR, EMAIL, LANGUAGE, PHONE, VERSION
from chalicelib.identity import refuse_unsafe

routes = Blueprint(__name__)
health_routes = Blueprint(__name__)

MAX_SEATS_PER_PAGE = 2_000
_KEEP_S = 0.25
_KEEP_SALES = 1_000


class _Progress(NamedTuple):
    body: str
    etag: str
    read_at_s: float


_kept: dict[str, _Progress] = {}  # by sale id; the one thing that may be told from memory, and only for 250 ms


def _etag(body: str) -> str:
    return f'"{blake2b(body.encode(), digest_size=12).hexdigest()}"'


def _progress(sale_id: str) -> _Progress:
    """Return a sale's progress, at most 250 ms old. Raises Refused no-such-sale."""
    kept = _kept.get(sale_id)
    now_s = time.time()  # not a monotonic clock: that may stand still while a function is frozen
    if kept is not None and 0 <= now_s - kept.read_at_s < _KEEP_S:
        return kept
    body = sale_body(wiring.reader().sale(sale_id))
    if len(_kept) >= _KEEP_SALES:
        _kept.clear()
    _kept[sale_id] = progress = _Progress(body, _etag(body), now_s)
    return progress


@sale_route(routes, "GET", "/sale", "/sales/{saleId}")
@promises(Answer(200, "The sale's progress, at most a second old.", "Sale"), is_public=True)
def show_sale(parameters: Parameters) -> Response:
    """Tell a sale's progress; cacheable, so that a waiting page polls this and not Redis."""
    parameters.check()
    progress = _progress(parameters.sale_id)
    return public_answer(progress.body, progress.etag, parameters.header("if-none-match"))


@sale_route(routes, "GET", "/seats")
@promises(Answer(200, "A page of the seat map, or of what has changed in it.", "SeatPage"), is_public=True)
def list_seats(parameters: Parameters) -> Response:
    """Tell the states of the seats, a page at a time, or only those changed since a version."""
    since = parameters.text("since", VERSION)
    after = parameters.text("after", CURSOR)
    limit = parameters.whole("limit", 1, MAX_SEATS_PER_PAGE)
    parameters.check()
    page = wiring.reader().seats(parameters.sale_id, since or None, after or None, limit or MAX_SEATS_PER_PAGE)
    body = seats_body(parameters.sale_id, page)
    return public_answer(body, _etag(body), parameters.header("if-none-match"))


@sale_route(routes, "POST", "/contact")
@promises(Answer(204, "Kept."), refuses=("not-in-sale",))
def put_contact(parameters: Parameters) -> Response:
    """Remember where to write to a buyer of the sale; replaces what was given before."""
    user_id = parameters.user_id()
    contact = {
        "email": parameters.text("email", EMAIL, body_only=True),
        "phone": parameters.text("phone", PHONE, body_only=True),
        "language": parameters.text("language", LANGUAGE),
    }
    parameters.one_of("email", "phone")
    parameters.check()
    given = {name: value for name, value in contact.items() if value}
    wiring.store().put_contact(parameters.sale_id, user_id, encode(given))
    return no_content()


@plain_route(health_routes, "/health")
@promises(Answer(200, "The store answers.", "Health"), refuses=("store-unavailable",), takes_nothing=True)
def health(_: Parameters) -> Response:
    """Answer when the store answers."""
    refuse_unsafe()
    wiring.reader().sale_ids()
    return json_answer('{"status":"ok"}')
