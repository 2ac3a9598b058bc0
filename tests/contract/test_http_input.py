"""Every bad input of each route gets its problem document, and every good spelling is taken."""

import json
import re

import pytest

from chalicelib.sale.store import SaleStore
from tests.contract.conftest import NewSale
from tests.contract.http_client import Api

JSON = {"Content-Type": "application/json"}
SEATS = tuple(f"A-{number}" for number in range(1, 31))
BAD_USER_IDS = ["", "two%20words", "a+b", "caf%C3%A9", "%00", "%0d%0aSet-Cookie:x", "a%0a", "%FF", "x" * 256]
GOOD_USER_IDS = {
    "auth0|5f": "auth0%7C5f",
    "a+b": "a%2Bb",
    "a%b": "a%25b",
    "&=?#/": "%26%3D%3F%23%2F",
    "x" * 255: "x" * 255,
}


@pytest.fixture
def sale(api: Api, new_sale: NewSale) -> Api:
    """A seated sale in which `ann` may buy."""
    sale = api.of_sale(new_sale(seat_ids=SEATS, limit_per_buyer=20))
    sale.post("/queue/enter", userId="ann")
    return sale


@pytest.mark.parametrize("spelled", BAD_USER_IDS)
def test_a_bad_user_id_is_named_on_every_route(sale: Api, spelled: str) -> None:
    routes = [
        ("POST", "/queue/enter"),
        ("GET", "/queue/status"),
        ("DELETE", "/queue"),
        ("POST", "/queue/leave"),
        ("POST", "/reservations/reserve"),
        ("POST", "/reservations/cancel"),
    ]
    for method, path in routes:
        answer = sale.send(method, f"{sale.path(path)}?userId={spelled}")
        assert answer.bad_fields == ["userId"], path
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/queue/enter", "/queue/leave", "/reservations/reserve", "/reservations/cancel"])
def test_a_missing_user_id_is_named(sale: Api, path: str) -> None:
    assert sale.post(path).bad_fields == ["userId"]
    assert sale.post(path, {}).bad_fields == ["userId"]
    assert sale.post(path, {"userId": None}).bad_fields == ["userId"]


@pytest.mark.parametrize("user_id", GOOD_USER_IDS)
def test_a_user_id_survives_percent_encoding_and_json(sale: Api, user_id: str) -> None:
    spelled = GOOD_USER_IDS[user_id]
    by_query = sale.send("POST", f"{sale.path('/queue/enter')}?userId={spelled}")
    assert (by_query.status, by_query.json["userId"]) == (200, user_id)
    assert sale.post("/queue/enter", {"userId": user_id}).json["deadline"] == by_query.json["deadline"]
    assert sale.send("GET", f"{sale.path('/queue/status')}?userId={spelled}").json["userId"] == user_id


def test_integers_are_taken_as_their_decimal_text(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(seat_ids=("1", "2")))
    assert sale.post("/queue/enter", {"userId": 17}).json["userId"] == "17"
    assert sale.get("/queue/status", userId="17").status == 200
    answer = sale.post("/reservations/reserve", {"userId": 17, "seatId": 2})
    assert (answer.status, answer.json["reservation"]["seatIds"]) == (201, ["2"])


@pytest.mark.parametrize(
    ("body", "bad"),
    [
        ({"userId": 1.5}, ["userId"]),
        ({"userId": True}, ["userId"]),
        ({"userId": ["ann"]}, ["userId"]),
        ({"userId": {"id": "ann"}}, ["userId"]),
        ({"userId": 10**300}, ["userId"]),
        ({"seatId": "A 1"}, ["seatId"]),
        ({"seatId": ""}, ["seatId"]),
        ({"seatId": "A-1\n"}, ["seatId"]),
        ({"seatId": "x" * 33}, ["seatId"]),
        ({"seatId": "A-1,A-2"}, ["seatId"]),
        ({"seatId": 1.0}, ["seatId"]),
        ({"seatIds": []}, ["seatIds"]),
        ({"seatIds": ["A-1", "A-1"]}, ["seatIds"]),
        ({"seatIds": ["A-1", None]}, ["seatIds"]),
        ({"seatIds": ["A-1", ["A-2"]]}, ["seatIds"]),
        ({"seatIds": ["A-1", "A 2"]}, ["seatIds"]),
        ({"seatIds": ["A-1,A-2"]}, ["seatIds"]),
        ({"seatIds": [True]}, ["seatIds"]),
        ({"seatIds": {"A-1": 1}}, ["seatIds"]),
        ({"seatIds": SEATS[:21]}, ["seatIds"]),
        ({"seatId": "A-1", "seatIds": ["A-2"]}, ["seatIds"]),
        ({"quantity": 0}, ["quantity"]),
        ({"quantity": -1}, ["quantity"]),
        ({"quantity": 21}, ["quantity"]),
        ({"quantity": 2.0}, ["quantity"]),
        ({"quantity": "two"}, ["quantity"]),
        ({"quantity": "٢"}, ["quantity"]),
        ({"quantity": True}, ["quantity"]),
        ({"quantity": 10**100}, ["quantity"]),
        ({"quantity": 3, "seatIds": ["A-1", "A-2"]}, ["quantity"]),
        ({"userId": "a b", "quantity": 0, "seatId": "?"}, ["quantity", "seatId", "userId"]),
    ],
    ids=lambda value: re.sub(r"[^ -~]", "?", json.dumps(value))[:60],
)
def test_bad_reservations_name_every_bad_field(sale: Api, body: dict[str, object], bad: list[str]) -> None:
    assert sale.post("/reservations/reserve", {"userId": "ann", **body}).bad_fields == bad
    assert sale.get("/queue/status", userId="ann").json["state"] == "ACTIVE"


@pytest.mark.parametrize(
    ("body", "query", "quantity"),
    [
        ({"seatIds": ["A-3", "A-1"]}, "", 2),
        ({"seatIds": ["A-3", "A-1"], "quantity": 2}, "", 2),
        ({"seatId": "A-2", "seatIds": None, "quantity": None}, "", 1),
        ({"quantity": "4"}, "", 4),
        ({"quantity": 20}, "", 20),
        ({"unknown": {"deep": [1, 2, {"x": None}]}}, "", 1),
        (None, "&quantity=3", 3),
        (None, "&seatIds=A-1,A-2", 2),
        (None, "&seatIds=A-1%2CA-2&seatIds=A-1,A-2", 2),
        ({"quantity": 5}, "&quantity=5", 5),
        ({"userId": "ann", "seatId": "A-9"}, "&seatId=A-9", 1),
    ],
    ids=str,
)
def test_every_good_spelling_of_a_reservation_is_taken(
    sale: Api, body: dict[str, object] | None, query: str, quantity: int
) -> None:
    raw = None if body is None else json.dumps(body).encode()
    target = f"{sale.path('/reservations/reserve')}?userId=ann{query}"
    answer = sale.send("POST", target, raw, {} if raw is None else JSON)
    assert (answer.status, answer.json["reservation"]["quantity"]) == (201, quantity)


def test_more_than_the_sale_allows_is_over_limit_and_not_invalid(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(limit_per_buyer=2))
    sale.post("/queue/enter", userId="ann")
    answer = sale.post("/reservations/reserve", userId="ann", quantity=3)
    assert (answer.status, answer.code, answer.json["limit"]) == (400, "over-limit", 2)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("userId=ann&userId=bob", None),
        ("userId=ann", b'{"userId":"bob"}'),
        ("userId=ann&userId=bob", b'{"userId":"ann"}'),
        ("", b'{"userId":"ann","userId":"bob"}'),
        ("userId=ann", b'{"userId":"ann","userId":"bob"}'),
        ("", b'{"userId":"1","userId":1}'),
    ],
)
def test_a_parameter_given_twice_with_different_values_is_refused(sale: Api, query: str, body: bytes | None) -> None:
    answer = sale.send("POST", f"{sale.path('/queue/enter')}?{query}", body, JSON)
    assert answer.bad_fields == ["userId"]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("userId=ann&userId=ann", None),
        ("userId=ann", b'{"userId":"ann"}'),
        ("userId=7", b'{"userId":7}'),
        ("", b'{"userId":"ann","userId":"ann"}'),
        ("userId=ann&x=1&x=2", b'{"y":1,"y":2,"z":{"a":1,"a":2}}'),
    ],
)
def test_a_parameter_given_twice_with_one_value_is_taken(sale: Api, query: str, body: bytes | None) -> None:
    assert sale.send("POST", f"{sale.path('/queue/enter')}?{query}", body, JSON).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'userId':'ann'}",
        b'{"userId":"ann"} x',
        b'{"userId":"ann\xff"}',
        b'\xef\xbb\xbf{"userId":"ann"}',
        '{"userId":"ann"}'.encode("utf-16"),
        b'{"userId":"ann","x":NaN}',
        b'{"userId":"ann","x":-Infinity}',
        b'{"userId":"ann","x":' + b"9" * 5000 + b"}",
        b"[" * 8000,
        b'{"userId":"ann","x":' + b'{"a":' * 2000 + b"1" + b"}" * 2001,
        b'{"userId":"a\nb"}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_json_is_invalid_json(sale: Api, body: bytes) -> None:
    answer = sale.send("POST", sale.path("/queue/enter") + "?userId=ann", body, JSON)
    assert (answer.status, answer.code) == (400, "invalid-json")


@pytest.mark.parametrize("body", [b"[]", b'"ann"', b"5", b"null", b"true"])
def test_json_that_is_no_object_is_refused(sale: Api, body: bytes) -> None:
    assert sale.send("POST", sale.path("/queue/enter") + "?userId=ann", body, JSON).bad_fields == ["body"]


@pytest.mark.parametrize("body", [None, b"", b" \r\n"])
@pytest.mark.parametrize("headers", [{}, JSON])
def test_a_body_may_be_absent_or_empty_where_the_query_says_all(
    sale: Api, body: bytes | None, headers: dict[str, str]
) -> None:
    assert sale.send("POST", sale.path("/queue/enter") + "?userId=ann", body, headers).status == 200


def test_a_lone_surrogate_is_a_bad_value_and_no_fault_of_ours(sale: Api) -> None:
    answer = sale.send("POST", sale.path("/queue/enter"), b'{"userId":"\\ud800"}', JSON)
    assert answer.bad_fields == ["userId"]


def test_confirm_needs_both_ids_and_cancel_checks_the_one_it_is_given(sale: Api) -> None:
    assert sale.post("/reservations/confirm", userId="ann").bad_fields == ["paymentId", "reservationId"]
    bad = {"userId": "ann", "reservationId": "x y", "paymentId": "p" * 129}
    assert sale.post("/reservations/confirm", bad).bad_fields == ["paymentId", "reservationId"]
    assert sale.post("/reservations/confirm", {"paymentId": 5}).bad_fields == ["paymentId", "reservationId", "userId"]
    assert sale.post("/reservations/cancel", userId="ann", reservationId="drop table").bad_fields == ["reservationId"]


@pytest.mark.parametrize("sale_id", ["UPPER", "under_score", "a%20b", "%64%2E", "x" * 65, "a.b", "caf%C3%A9", "%0d%0a"])
def test_a_bad_sale_id_is_named(api: Api, sale_id: str) -> None:
    sale = api.of_sale(sale_id)
    assert sale.post("/queue/enter", userId="ann").bad_fields == ["saleId"]
    assert sale.post("/queue/enter", userId="a b").bad_fields == ["saleId", "userId"]
    assert sale.get("/sale").bad_fields == ["saleId"]


def test_a_sale_id_may_be_percent_encoded(api: Api, new_sale: NewSale) -> None:
    sale_id = new_sale()
    encoded = "".join(f"%{ord(letter):02X}" for letter in sale_id)
    assert api.of_sale(encoded).get("/sale").json["saleId"] == sale_id


@pytest.mark.parametrize(
    ("query", "bad"),
    [
        ("limit=0", ["limit"]),
        ("limit=2001", ["limit"]),
        ("limit=many", ["limit"]),
        ("limit=1&limit=2", ["limit"]),
        ("since=now", ["since"]),
        ("since=1", ["since"]),
        ("since=1-2-3", ["since"]),
        ("since=" + "9" * 20 + "-1", ["since"]),
        ("after=x", ["after"]),
        ("after=-1", ["after"]),
        ("since=&after=&limit=", ["after", "limit", "since"]),
    ],
)
def test_bad_questions_about_seats_name_every_bad_field(sale: Api, query: str, bad: list[str]) -> None:
    assert sale.send("GET", f"{sale.path('/seats')}?{query}").bad_fields == bad


@pytest.mark.parametrize(
    ("contact", "bad"),
    [
        ({}, ["email"]),
        ({"language": "ko"}, ["email"]),
        ({"email": "no-at-sign"}, ["email"]),
        ({"email": "a@b"}, ["email"]),
        ({"email": "a b@c.de"}, ["email"]),
        ({"email": "a@b.co\r\nBcc: x@y.zz"}, ["email"]),
        ({"email": "a@@b.co"}, ["email"]),
        ({"email": "é@b.co"}, ["email"]),
        ({"email": "a,x@b.co"}, ["email"]),
        ({"email": "Ann <a@b.co>"}, ["email"]),
        ({"email": '"a b"@b.co'}, ["email"]),
        ({"email": "a..b@c.de"}, ["email"]),
        ({"email": ".a@b.co"}, ["email"]),
        ({"email": "a@-b.co"}, ["email"]),
        ({"email": "a@b.c0-"}, ["email"]),
        ({"email": "a" * 65 + "@b.co"}, ["email"]),
        ({"email": "a@" + "b." * 127 + "co"}, ["email"]),
        ({"email": 5}, ["email"]),
        ({"phone": "010-1234-5678"}, ["phone"]),
        ({"phone": "+0123456789"}, ["phone"]),
        ({"phone": "+8210123456789012"}, ["phone"]),
        ({"phone": 821012345678}, ["phone"]),
        ({"email": "a@b.co", "language": "Korean"}, ["language"]),
        ({"email": "x", "phone": "y", "language": "z"}, ["email", "language", "phone"]),
    ],
    ids=str,
)
def test_bad_contacts_name_every_bad_field(sale: Api, contact: dict[str, object], bad: list[str]) -> None:
    assert sale.post("/contact", {"userId": "ann", **contact}).bad_fields == bad


@pytest.mark.parametrize(
    "contact",
    [
        {"email": "ann.lee+tickets@mail.example.co.kr"},
        {"phone": "+821012345678", "language": "ko"},
        {"email": "a@b.co", "phone": "+15550100", "language": "en-GB"},
    ],
    ids=str,
)
def test_a_good_contact_is_kept_as_it_was_given(
    sale: Api, store: SaleStore, redis_url: str, contact: dict[str, str]
) -> None:
    import redis

    assert sale.post("/contact", {"userId": "ann", **contact}).status == 204
    with redis.Redis.from_url(redis_url) as client:
        kept = client.hget(f"{{sale:{sale.sale_id}}}:contacts", "ann")
    assert isinstance(kept, bytes)
    assert json.loads(kept) == contact


def test_an_address_in_the_query_is_refused_because_queries_are_logged(sale: Api) -> None:
    assert sale.post("/contact", userId="ann", email="a@b.co", phone="+15550100").bad_fields == ["email", "phone"]
    both = sale.send("POST", sale.path("/contact") + "?email=a@b.co", b'{"userId":"ann","email":"a@b.co"}', JSON)
    assert both.bad_fields == ["email"]
    assert "a@b.co" not in both.text


def test_only_who_is_in_the_sale_may_leave_a_contact(sale: Api) -> None:
    contact = {"userId": "bob", "email": "a@b.co"}
    answer = sale.post("/contact", contact)
    assert (answer.status, answer.code) == (404, "not-in-sale")
    sale.post("/queue/enter", userId="bob")
    assert sale.post("/contact", contact).status == 204
    assert sale.post("/contact", contact).status == 204
