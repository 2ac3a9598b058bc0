"""Identity `jwt` over HTTP, by both servers: who gets in, and that nobody touches what is another's."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from chalice.deploy.swagger import TemplatedSwaggerGenerator

from app import app
from chalicelib.authorizer import TTL_S, jwt_auth
from chalicelib.sale.keys import sale_keys
from chalicelib.sale.redis_link import RedisLink
from tests.contract.conftest import DEFAULT_SALE, SERVERS, NewSale, serving
from tests.contract.http_client import Answer, Api
from tests.forging import AUDIENCE, ISSUER, claims, jwk, jwks, rsa_key, signed, spelled

JSON = {"Content-Type": "application/json"}
PUBLIC = {"/api/v1/sale", "/api/v1/sales/{saleId}", "/api/v1/seats", "/api/v1/sales/{saleId}/seats"}
# Every route of a buyer, with a body that it accepts beside who calls.
BUYER_ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "/queue/enter": ("POST", {}),
    "/queue/status": ("GET", {}),
    "/queue": ("DELETE", {}),
    "/queue/leave": ("POST", {}),
    "/reservations/reserve": ("POST", {}),
    "/reservations/confirm": ("POST", {"reservationId": "1-1", "paymentId": "pay-of-bob"}),
    "/reservations/cancel": ("POST", {}),
    "/contact": ("POST", {"email": "bob@example.org"}),
}


@pytest.fixture(scope="module")
def jwt_servers(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Api]]:
    """Both servers in mode `jwt`, with the first RSA key in a file."""
    path: Path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_bytes(jwks(jwk(rsa_key())))
    settings = {"IDENTITY": "jwt", "JWT_JWKS_FILE": str(path), "JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER}
    with ExitStack() as running:
        yield {name: running.enter_context(serving(name, redis_url, **settings)) for name in SERVERS}


@pytest.fixture(params=SERVERS)
def guarded(request: pytest.FixtureRequest, jwt_servers: dict[str, Api]) -> Api:
    """Each of the servers in turn."""
    return jwt_servers[request.param]


def bearer(user_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed(claims(sub=user_id))}"}


def call(sale: Api, path: str, headers: dict[str, str], **changes: object) -> Answer:
    """Call a buyer route, its parameters where that route takes them."""
    method, body = BUYER_ROUTES[path]
    said = {name: value for name, value in {**body, **changes}.items() if value is not None}
    if method == "POST":
        return sale.send(method, sale.path(path), json.dumps(said).encode(), {**JSON, **headers})
    query = "&".join(f"{name}={value}" for name, value in said.items())
    return sale.send(method, f"{sale.path(path)}?{query}", headers=headers)


def test_the_table_of_these_tests_has_every_route_of_a_buyer() -> None:
    prefixes = ("/api/v1", "/api/v1/sales/{saleId}")
    told = {(prefix + path, method) for prefix in prefixes for path, (method, _) in BUYER_ROUTES.items()}
    declared = {
        (path, method) for path, views in app.routes.items() for method, view in views.items() if view.authorizer
    }
    assert declared == told


def test_every_route_of_a_sale_is_a_buyers_or_one_of_two_that_are_public() -> None:
    of_sales = {path for path in app.routes if path.startswith("/api/v1/") and "payments" not in path}
    unguarded = {path for path in of_sales if any(view.authorizer is None for view in app.routes[path].values())}
    assert unguarded == PUBLIC
    assert {view.authorizer for path in of_sales - PUBLIC for view in app.routes[path].values()} == {jwt_auth}


def test_a_deployed_gateway_is_told_to_ask_the_authorizer_on_every_route_of_a_buyer() -> None:
    swagger = TemplatedSwaggerGenerator().generate_swagger(app)
    told = swagger["securityDefinitions"]["jwt_auth"]
    assert (told["in"], told["name"], told["x-amazon-apigateway-authtype"]) == ("header", "Authorization", "custom")
    assert told["x-amazon-apigateway-authorizer"]["type"] == "token"
    assert told["x-amazon-apigateway-authorizer"]["authorizerResultTtlInSeconds"] == TTL_S
    secured = {
        (path, method.upper())
        for path, methods in swagger["paths"].items()
        for method, operation in methods.items()
        if operation.get("security") == [{"jwt_auth": []}]
    }
    prefixes = ("/api/v1", "/api/v1/sales/{saleId}")
    assert secured == {(prefix + path, method) for prefix in prefixes for path, (method, _) in BUYER_ROUTES.items()}


@pytest.mark.parametrize("path", BUYER_ROUTES)
@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer x.y.z"}], ids=str)
def test_without_a_good_token_no_route_of_a_buyer_answers(guarded: Api, path: str, headers: dict[str, str]) -> None:
    for sale in (guarded, guarded.of_sale("no-such-sale")):
        answer = call(sale, path, headers, userId="ann")
        assert (answer.status, answer.code) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert set(answer.headers["access-control-expose-headers"].split(",")) == {
            "Retry-After",
            "ETag",
            "X-Request-Id",
        }
        assert answer.headers["x-content-type-options"] == "nosniff"


FORGED = {
    "alg none": f"Bearer {spelled({'alg': 'none'}, claims())}",
    "expired": f"Bearer {signed(claims(exp=1_000_000_000))}",
    "of another key": f"Bearer {signed(claims(), rsa_key('stranger'))}",
    "for another shop": f"Bearer {signed(claims(aud='another'))}",
    "another scheme": f"Basic {signed(claims())}",
    "no scheme": signed(claims()),
    "oversized": f"Bearer {signed(claims(more='x' * 9_000))}",
}


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_unauthenticated(guarded: Api, header: str) -> None:
    answer = call(guarded.of_sale("any"), "/queue/enter", {"Authorization": header})
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert header not in answer.text


def test_two_authorization_headers_are_none(guarded: Api, new_sale: NewSale) -> None:
    sale = guarded.of_sale(new_sale())
    tokens = [f"Authorization: {bearer(user)['Authorization']}" for user in ("ann", "bob")]
    for headers in (tokens, tokens[::-1], [tokens[0], tokens[0]], [tokens[0], "authorization: Bearer x"]):
        head = [f"POST {sale.path('/queue/enter')} HTTP/1.1", "Host: x", "Connection: close", *headers]
        assert sale.raw("\r\n".join([*head, "", ""]).encode()).startswith(b"HTTP/1.1 401 ")


def test_a_good_token_tells_who_calls_and_the_user_id_may_be_left_out(guarded: Api, new_sale: NewSale) -> None:
    sale = guarded.of_sale(new_sale())
    for more in ({}, {"userId": "auth0|ann"}):
        answer = call(sale, "/queue/enter", bearer("auth0|ann"), **more)
        assert (answer.status, answer.json["userId"], answer.json["state"]) == (200, "auth0|ann", "ACTIVE")
    lower = {"authorization": bearer("auth0|ann")["Authorization"].replace("Bearer", "bearer")}
    assert call(sale, "/queue/status", lower).json["userId"] == "auth0|ann"


def test_the_default_sale_is_guarded_as_any_other(guarded: Api, new_sale: NewSale) -> None:
    new_sale(capacity=1_000_000, sale_id=DEFAULT_SALE, max_active=1_000_000)
    answer = call(guarded, "/queue/enter", bearer("someone"))
    assert (answer.json["saleId"], answer.json["userId"]) == (DEFAULT_SALE, "someone")


def test_what_is_public_needs_no_token_and_does_not_look_at_one(guarded: Api, new_sale: NewSale) -> None:
    sale = guarded.of_sale(new_sale(seat_ids=("A-1",)))
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert [sale.get(path, headers).status for path in ("/sale", "/seats")] == [200, 200]
        assert guarded.send("GET", "/health", headers=headers).status == 200


def test_a_preflight_and_a_wrong_method_need_no_token(guarded: Api) -> None:
    for path, (method, _) in BUYER_ROUTES.items():
        assert guarded.send("OPTIONS", guarded.path(path)).status == 200
        answer = guarded.send("PUT", guarded.path(path))
        assert (answer.status, answer.headers["allow"]) == (405, method)


def state_of(link: RedisLink, sale_id: str) -> dict[str, bytes | None]:
    """Everything that Redis keeps of a sale, key by key."""
    keys = sale_keys(sale_id)
    return {name: link.command("DUMP", getattr(keys, name)) for name in keys.__slots__}


@pytest.mark.parametrize("path", BUYER_ROUTES)
def test_whoever_calls_in_anothers_name_is_refused_and_changes_nothing(
    guarded: Api, new_sale: NewSale, link: RedisLink, path: str
) -> None:
    sale = guarded.of_sale(new_sale(seat_ids=("A-1", "A-2"), payment="required"))
    call(sale, "/queue/enter", bearer("ann"))
    held = call(sale, "/reservations/reserve", bearer("ann"), seatId="A-1").json["reservation"]
    call(sale, "/contact", bearer("ann"), email="ann@example.org")
    before = state_of(link, sale.sale_id)
    reservation_id = held["reservationId"] if "/reservations/c" in path else None
    answer = call(sale, path, bearer("bob"), userId="ann", reservationId=reservation_id)
    assert (answer.status, answer.code) == (403, "not-yours")
    assert "ann@example.org" not in answer.text
    assert state_of(link, sale.sale_id) == before


@pytest.mark.parametrize("path", BUYER_ROUTES)
def test_nobody_reaches_anothers_place_reservation_or_contact_by_naming_it(
    guarded: Api, new_sale: NewSale, link: RedisLink, path: str
) -> None:
    sale = guarded.of_sale(new_sale(seat_ids=("A-1", "A-2"), payment="required"))
    call(sale, "/queue/enter", bearer("ann"))
    held = call(sale, "/reservations/reserve", bearer("ann"), seatId="A-1").json
    call(sale, "/contact", bearer("ann"), email="ann@example.org")
    call(sale, "/queue/enter", bearer("bob"))
    contacts = link.command("HGET", sale_keys(sale.sale_id).contacts, "ann")
    reservation_id = held["reservation"]["reservationId"] if "/reservations/c" in path else None
    answer = call(sale, path, bearer("bob"), reservationId=reservation_id)
    if "/reservations/c" in path:
        assert (answer.status, answer.code) == (404, "no-reservation")
    else:
        assert answer.status in (200, 201, 204)
    assert '"ann"' not in answer.text
    now = call(sale, "/queue/status", bearer("ann")).json
    assert (now["state"], now["reservation"]) == (held["state"], held["reservation"])
    assert link.command("HGET", sale_keys(sale.sale_id).contacts, "ann") == contacts


def test_a_user_id_that_is_none_is_named_beside_a_good_token(guarded: Api, new_sale: NewSale) -> None:
    sale = guarded.of_sale(new_sale())
    assert call(sale, "/queue/enter", bearer("ann"), userId="not valid").bad_fields == ["userId"]


def test_in_mode_trusted_nobody_is_asked_for_a_token(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert call(sale, "/queue/enter", headers, userId="ann").status == 200
