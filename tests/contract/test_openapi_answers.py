"""The document promises no error that never comes: each of a route's codes is made to come, and keeps its schema.

That every answer keeps the document is looked at by the client of these tests, for every request of every test.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from chalicelib.api.contract import CONTRACTS
from chalicelib.api.routing import STRICT_TRANSPORT_SECURITY
from chalicelib.sale.store import SaleStore
from chalicelib.signature import sign
from ops.openapi.document import EVERYWHERE, OF_A_SALE, WITH_A_BODY
from ops.openapi.markup import grouped
from tests.contract.conformance import contract, response_of
from tests.contract.conftest import SERVERS, NewSale, serving
from tests.contract.http_client import Answer, Api

KEY = "a secret of the tests that is long enough"
JSON = {"Content-Type": "application/json"}
IN_2100_MS = 4_102_444_800_000
# Faults of ours, tokens and limits need servers of another kind; tests of their own make them come.
ELSEWHERE = {"internal-error", "store-unavailable", "too-many-requests", "unauthenticated", "not-yours"}
OPERATIONS = {each.name: each for each in grouped(contract())}


@dataclass(frozen=True, slots=True)
class World:
    """A server, and what it takes to bring a sale into a state."""

    api: Api
    new_sale: NewSale
    store: SaleStore

    def sale(self, *users: str, **settings: Any) -> Api:
        """Make a sale that some users have entered."""
        sale = self.api.of_sale(self.new_sale(**settings))
        for user in users:
            assert sale.post("/queue/enter", userId=user).status == 200
        return sale

    def bought(self, **settings: Any) -> Api:
        """Make a sale whose only ticket `ann` has bought."""
        sale = self.sale("ann", capacity=1, **settings)
        assert sale.post("/reservations/reserve", userId="ann").status == 201
        return sale


def _reserved(sale: Api, user: str, **units: Any) -> str:
    answer = sale.post("/reservations/reserve", {"userId": user, **units})
    assert answer.status == 201
    return str(answer.json["reservation"]["reservationId"])


def _confirm(sale: Api, user: str, reservation_id: str, payment_id: str) -> Answer:
    return sale.post("/reservations/confirm", userId=user, reservationId=reservation_id, paymentId=payment_id)


def _closed_meanwhile(world: World) -> Answer:
    sale = world.sale("ann")
    world.store.configure_sale(sale.sale_id, {"closed": "1"})
    return sale.post("/reservations/reserve", userId="ann")


def _sold_out_meanwhile(world: World) -> Answer:
    sale = world.sale("ann", "bob", capacity=1, overbook=2.0)
    _reserved(sale, "ann")
    return sale.post("/reservations/reserve", userId="bob")


def _seats(world: World, seat_id: str) -> Answer:
    sale = world.sale("ann", "bob", seat_ids=("A-1", "A-2"))
    _reserved(sale, "ann", seatId="A-1")
    return sale.post("/reservations/reserve", userId="bob", seatId=seat_id)


def _others(world: World) -> Answer:
    sale = world.sale("ann", limit_per_buyer=2)
    _reserved(sale, "ann")
    return sale.post("/reservations/reserve", userId="ann", quantity=2)


def _hold_gone(world: World) -> Answer:
    sale = world.sale("ann", capacity=1, payment="required", hold_ms=1)
    first = _reserved(sale, "ann")
    world.store.configure_sale(sale.sale_id, {"hold_ms": "300000"})
    sale.post("/queue/enter", userId="bob")
    _reserved(sale, "bob")
    return _confirm(sale, "ann", first, "pay-1")


def _paid(world: World, user: str, payment_id: str) -> Answer:
    sale = world.sale("ann", "bob", payment="required")
    reservations = {name: _reserved(sale, name) for name in ("ann", "bob")}
    assert _confirm(sale, "ann", reservations["ann"], "pay-1").status == 200
    return _confirm(sale, user, reservations[user], payment_id)


def _cancelled(world: World) -> Answer:
    sale = world.sale("ann", payment="required")
    reservation_id = _reserved(sale, "ann")
    assert sale.post("/reservations/cancel", userId="ann").status == 200
    return _confirm(sale, "ann", reservation_id, "pay-1")


REFUSALS: dict[tuple[str, str], Callable[[World], Answer]] = {
    ("enterQueue", "sale-not-open"): lambda w: w.sale(opens_at_ms=IN_2100_MS).post("/queue/enter", userId="ann"),
    ("enterQueue", "sale-closed"): lambda w: w.sale(closed=True).post("/queue/enter", userId="ann"),
    ("enterQueue", "sold-out"): lambda w: w.bought().post("/queue/enter", userId="bob"),
    ("queueStatus", "not-in-sale"): lambda w: w.sale().get("/queue/status", userId="ann"),
    ("queueStatus", "sale-closed"): lambda w: w.sale(closed=True).get("/queue/status", userId="ann"),
    ("queueStatus", "sold-out"): lambda w: w.bought().get("/queue/status", userId="bob"),
    ("reserve", "over-limit"): lambda w: w.sale("ann").post("/reservations/reserve", userId="ann", quantity=2),
    ("reserve", "not-active"): lambda w: w.sale().post("/reservations/reserve", userId="ann"),
    ("reserve", "no-such-seat"): lambda w: _seats(w, "Z-9"),
    ("reserve", "seat-taken"): lambda w: _seats(w, "A-1"),
    ("reserve", "not-enough-left"): lambda w: w.sale("ann", capacity=1, limit_per_buyer=2).post(
        "/reservations/reserve", userId="ann", quantity=2
    ),
    ("reserve", "already-reserved"): _others,
    ("reserve", "sale-closed"): _closed_meanwhile,
    ("reserve", "sold-out"): _sold_out_meanwhile,
    ("confirm", "no-reservation"): lambda w: _confirm(w.sale("ann"), "ann", "1-1", "pay-1"),
    ("confirm", "hold-expired"): _hold_gone,
    ("confirm", "reservation-ended"): _cancelled,
    ("confirm", "already-paid"): lambda w: _paid(w, "ann", "pay-2"),
    ("confirm", "payment-used"): lambda w: _paid(w, "bob", "pay-1"),
    ("cancel", "no-reservation"): lambda w: w.sale("ann").post("/reservations/cancel", userId="ann"),
    ("putContact", "not-in-sale"): lambda w: w.sale().post("/contact", {"userId": "ann", "email": "a@b.co"}),
}
PAID_FOR = {"confirm-by-payment-provider", "payment-not-configured"}  # what a provider, or the want of one, makes of it
_PAYMENT = {"saleId": "spring", "userId": "ann", "reservationId": "1-1", "paymentId": "p", "status": "succeeded"}
# What makes the provider's route refuse: a body, and whether its signature is good.
SIGNED: dict[str, tuple[bytes, bool]] = {
    "invalid-signature": (b"{}", False),
    "invalid-request": (b"{}", True),
    "no-such-sale": (json.dumps(_PAYMENT).encode(), True),
    "no-reservation": (json.dumps(_PAYMENT).encode(), True),
    "payment-used": (json.dumps({**_PAYMENT, "userId": "bob"}).encode(), True),
    "payment-not-configured": (b"{}", True),
}
# What a request of any route has to have for a code to come: a sale, a body, headers.
ANYWHERE: dict[str, tuple[str, bytes | None, dict[str, str]]] = {
    "invalid-request": ("UPPER", None, {}),
    "no-such-sale": ("no-sale-has-this-id", None, {}),
    "invalid-json": ("spring", b"{", JSON),
    "unsupported-media-type": ("spring", b"{}", {"Content-Type": "text/html"}),
    "body-too-large": ("spring", b" " * 20_000, JSON),
    "headers-too-large": ("spring", None, {"X-Long": "x" * 17_000}),
}
SIGNED_ROUTE = "paymentCallback"
_GOOD = "?userId=ann&reservationId=1-1&paymentId=p"
_CONTACT = b'{"email":"a@b.co"}'


@pytest.fixture
def world(api: Api, new_sale: NewSale, store: SaleStore) -> World:
    """Each of the servers in turn."""
    return World(api, new_sale, store)


def _refusable() -> set[tuple[str, str]]:
    names = {_camel(handler.__name__): each for handler, each in CONTRACTS.items()}
    return {(name, code) for name, each in names.items() for code in each.refusals if code not in ELSEWHERE}


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.capitalize, tail))


def test_every_refusal_that_a_route_promises_is_made_to_come() -> None:
    signed = {(SIGNED_ROUTE, code) for code in SIGNED}
    assert set(REFUSALS) | signed | {("confirm", code) for code in PAID_FOR} == _refusable()


@pytest.mark.parametrize(("name", "code"), REFUSALS)
def test_a_promised_refusal_comes(world: World, name: str, code: str) -> None:
    answer = REFUSALS[name, code](world)
    assert answer.code == code


def test_every_code_that_goes_without_saying_is_made_to_come() -> None:
    assert set(ANYWHERE) == {*EVERYWHERE, *OF_A_SALE, *WITH_A_BODY} - ELSEWHERE


def _told(name: str) -> set[str]:
    """The codes that the document has for a route of a sale."""
    operation = OPERATIONS[name]
    method, path = operation.method.upper(), operation.paths[-1]
    responses = [response_of(method, path, status) for status in (400, 404, 413, 415, 431)]
    contents = [each["content"]["application/problem+json"] for each in responses if each]
    return {code for content in contents for code in content["examples"]}


# A signature is looked at before anything else, so a route that asks for one is tried with good ones below.
TRIED = [
    (name, code)
    for name in OPERATIONS
    for code in ANYWHERE
    if code in _told(name) and (name, code) not in {(SIGNED_ROUTE, each) for each in (*SIGNED, "invalid-json")}
]


@pytest.mark.parametrize(("name", "code"), TRIED)
def test_what_any_route_may_answer_comes_from_each_that_says_so(api: Api, name: str, code: str) -> None:
    operation = OPERATIONS[name]
    sale_id, body, headers = ANYWHERE[code]
    path = operation.paths[-1].replace("{saleId}", sale_id)
    if name == "putContact" and body is None:
        body, headers = _CONTACT, {**JSON, **headers}
    answer = api.send(operation.method.upper(), path + _GOOD, body, headers)
    assert answer.code == code


@pytest.fixture(params=SERVERS, scope="module")
def paid_api(request: pytest.FixtureRequest, redis_url: str) -> Iterator[Api]:
    """Each server, with a payment provider."""
    with serving(request.param, redis_url, PAYMENT_WEBHOOK_SECRET=KEY) as api:
        yield api


def _tell(api: Api, body: bytes, is_good: bool = True) -> Answer:
    signature = sign(KEY if is_good else "another", body, int(time.time()))
    return api.send("POST", OPERATIONS[SIGNED_ROUTE].paths[0], body, {**JSON, "X-Onsale-Signature": signature})


@pytest.mark.parametrize("code", sorted(set(SIGNED) - {"payment-not-configured"}))
def test_what_the_provider_s_route_refuses_with_comes(
    paid_api: Api, new_sale: NewSale, store: SaleStore, code: str
) -> None:
    body, is_good = SIGNED[code]
    if code in ("no-reservation", "payment-used"):
        sale_id = new_sale(payment="required")
        body = body.replace(b'"spring"', json.dumps(sale_id).encode())
    if code == "payment-used":
        for user_id in ("ann", "bob"):
            store.enter_queue(sale_id, user_id)
        reservation = store.reserve(sale_id, "ann", 1).reservation
        assert reservation is not None
        store.confirm(sale_id, "ann", reservation.reservation_id, "p")
    assert _tell(paid_api, body, is_good).code == code


def test_the_provider_s_json_must_be_json(paid_api: Api) -> None:
    assert _tell(paid_api, b"{").code == "invalid-json"


def test_a_buyer_s_own_confirmation_is_refused_where_a_provider_confirms(paid_api: Api, new_sale: NewSale) -> None:
    answer = _confirm(paid_api.of_sale(new_sale(payment="required")), "ann", "1-1", "p")
    assert answer.code == "confirm-by-payment-provider"


def test_without_a_provider_a_deployed_api_takes_no_payment_and_insists_on_tls(redis_url: str) -> None:
    claims = {"sub": "ann", "aud": "shop", "iss": "here", "exp": int(time.time()) + 60}
    who = {"IDENTITY": "jwt", "JWT_SECRET": KEY, "JWT_AUDIENCE": "shop", "JWT_ISSUER": "here"}
    with serving("gateway", redis_url, AWS_LAMBDA_FUNCTION_NAME="APIHandler", **who) as api:
        path = api.of_sale("spring").path("/reservations/confirm") + _GOOD
        bearer = {"Authorization": f"Bearer {jwt.encode(claims, KEY, 'HS256')}"}
        answers = [api.send("POST", path, headers=bearer), _tell(api, b"{}"), api.send("GET", "/docs")]
        assert [answer.code for answer in answers[:2]] == ["payment-not-configured"] * 2
        assert {answer.headers["strict-transport-security"] for answer in answers} == {STRICT_TRANSPORT_SECURITY}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_route_refuses_every_other_method_alike(api: Api, name: str) -> None:
    operation = OPERATIONS[name]
    for path in operation.paths:
        allowed = {method.upper() for method in contract()["paths"][path]}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
            answer = api.send(method, path.replace("{saleId}", "spring"))
            assert (answer.status, answer.code) == (405, "method-not-allowed")
            assert set(answer.headers["allow"].replace(" ", "").split(",")) == allowed
