"""What surrounds every answer: request ids, CORS, unknown routes, wrong methods and types, limits, faults of ours."""

import dataclasses

import pytest

from chalicelib.sale.keys import sale_keys
from chalicelib.sale.redis_link import RedisLink
from tests.contract.conftest import NewSale
from tests.contract.http_client import Answer, Api

JSON = {"Content-Type": "application/json"}
EXPOSED = {"Retry-After", "ETag", "X-Request-Id"}
ROUTES = {
    "/queue/enter": "POST",
    "/queue/status": "GET",
    "/queue": "DELETE",
    "/queue/leave": "POST",
    "/reservations/reserve": "POST",
    "/reservations/confirm": "POST",
    "/reservations/cancel": "POST",
    "/contact": "POST",
    "/sale": "GET",
    "/seats": "GET",
}


def test_every_kind_of_answer_has_an_id_of_its_own_and_opens_itself_to_any_origin(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    etag = sale.get("/seats").headers["etag"]
    answers = [
        sale.post("/queue/enter", userId="ann"),
        sale.post("/queue/leave", userId="ann"),
        sale.get("/sale"),
        sale.get("/seats", {"If-None-Match": etag}),
        sale.get("/queue/status"),
        sale.get("/queue/status", userId="nobody"),
        sale.send("PUT", sale.path("/queue/enter")),
        sale.send("POST", sale.path("/queue/enter"), b"x", {"Content-Type": "text/html"}),
        sale.send("POST", sale.path("/queue/enter"), b"x" * 20_000, JSON),
        api.send("GET", "/health"),
    ]
    assert [answer.status for answer in answers] == [200, 204, 200, 304, 400, 404, 405, 415, 413, 200]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert set(answer.headers["access-control-expose-headers"].split(",")) == EXPOSED
        assert {name for name in answer.headers if name.startswith("access-control")} == {
            "access-control-allow-origin",
            "access-control-expose-headers",
        }
        assert "server-timing" not in answer.headers
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize("path", ROUTES)
def test_a_preflight_allows_what_the_route_takes(api: Api, path: str) -> None:
    for route in (api.path(path), api.of_sale("any-sale").path(path)):
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": ROUTES[path]}
        answer = api.send("OPTIONS", route, headers=asked)
        assert (answer.status, answer.text) == (200, "")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-methods"].split(",") == [ROUTES[path], "OPTIONS"]
        allowed = {name.lower() for name in answer.headers["access-control-allow-headers"].split(",")}
        assert allowed >= {"content-type", "authorization", "if-none-match"}
        assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("path", ROUTES)
def test_a_wrong_method_is_told_which_one_is_right(api: Api, path: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {ROUTES[path]}:
        answer = api.send(method, api.path(path))
        assert (answer.status, answer.code) == (405, "method-not-allowed")
        assert answer.headers["allow"] == ROUTES[path]


@pytest.mark.parametrize("path", [path for path, method in ROUTES.items() if method != "GET"])
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/html", "nonsense", ""])
def test_a_body_of_another_type_is_unsupported(api: Api, path: str, content_type: str) -> None:
    answer = api.send(ROUTES[path], api.path(path), b"userId=ann", {"Content-Type": content_type})
    assert (answer.status, answer.code) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_may_be_announced_in_any_spelling(api: Api, new_sale: NewSale, content_type: str) -> None:
    sale = api.of_sale(new_sale())
    answer = sale.send("POST", sale.path("/queue/enter"), b'{"userId":"ann"}', {"Content-Type": content_type})
    assert answer.status == 200


def test_a_get_may_say_any_content_type_and_its_body_is_not_read(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    assert sale.send("GET", sale.path("/sale"), b"{", {"Content-Type": "text/plain"}).status == 200
    assert sale.send("GET", sale.path("/queue/status"), b'{"userId":"ann"}', JSON).bad_fields == ["userId"]


def test_a_trailing_slash_is_ignored(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    assert sale.send("POST", sale.path("/queue/enter") + "/?userId=ann").status == 200
    assert sale.send("GET", sale.path("/sale") + "/").status == 200
    assert api.send("GET", "/health/").status == 200


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/nope", "/api/v1/queue/enter/x", "/API/v1/sale"])
def test_an_unknown_route_is_404_at_the_gateway_and_403_at_chalice_local(api: Api, path: str) -> None:
    answer = api.send("GET", path)
    if api.name == "gateway":
        assert (answer.status, answer.code) == (404, "no-such-route")
        assert answer.headers["access-control-allow-origin"] == "*"
    else:
        assert answer.status == 403


def _in_chunks(api: Api, body: bytes) -> Answer:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    head = f"POST {api.path('/queue/enter')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    answer = api.raw(head.encode() + b"Content-Type: application/json\r\n\r\n" + chunks)
    lines, _, text = answer.decode().partition("\r\n\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines.split("\r\n")[1:])
    return Answer(int(lines.split(" ")[1]), headers, text)


def test_a_body_above_the_limit_is_too_large_however_it_is_sent(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    fits = b'{"userId":"ann","x":"' + b"x" * (16_384 - 23) + b'"}'
    assert sale.send("POST", sale.path("/queue/enter"), fits, JSON).status == 200
    assert _in_chunks(sale, fits).status == 200
    for answer in (sale.send("POST", sale.path("/queue/enter"), fits + b" ", JSON), _in_chunks(sale, fits + b" ")):
        assert (answer.status, answer.code, answer.json["limit"]) == (413, "body-too-large", 16_384)


def test_a_body_of_megabytes_is_too_large_too(api: Api) -> None:
    answer = api.send("POST", api.path("/queue/enter"), b" " * 3_000_000, JSON)
    assert (answer.status, answer.code) == (413, "body-too-large")


def test_headers_above_the_limit_are_too_large(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    assert sale.get("/sale", {"X-Long": "x" * 15_000}).status == 200
    for headers in ({"X-Long": "x" * 16_384}, {f"X-{number}": "x" * 400 for number in range(42)}):
        answer = sale.get("/sale", headers)
        assert (answer.status, answer.code) == (431, "headers-too-large")


def test_a_plain_post_without_any_header_works(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    target = sale.path("/queue/enter") + "?userId=ann"
    answer = api.raw(f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_fault_of_ours_is_an_internal_error_that_tells_nothing(api: Api, link: RedisLink) -> None:
    for key in dataclasses.astuple(sale_keys("broken")):
        link.command("SET", key, "of another type than the scripts expect")
    for answer in (api.of_sale("broken").post("/queue/enter", userId="ann"), api.of_sale("broken").get("/sale")):
        assert (answer.status, answer.code) == (500, "internal-error")
        assert "WRONGTYPE" not in answer.text


def test_the_servers_answer_the_same_bytes(both_servers: dict[str, Api], new_sale: NewSale) -> None:
    sale_id = new_sale(seat_ids=("A-1", "A-2"), max_active=0, name='"Quoted" <공연>', message="\n\t\\")
    for path, query in (("/seats", ""), ("/seats", "?limit=1"), ("/queue/status", "?userId=x"), ("/sale", "?x=%zz")):
        answers = [
            server.of_sale(sale_id).send("GET", server.of_sale(sale_id).path(path) + query)
            for server in both_servers.values()
        ]
        texts = [_without_id_and_time(answer) for answer in answers]
        assert texts[0] == texts[1]
        names = ("content-type", "cache-control", "etag", "content-length", "access-control-expose-headers")
        headers = [[answer.headers.get(name) for name in names if path != "/sale"] for answer in answers]
        assert headers[0] == headers[1]


def _without_id_and_time(answer: Answer) -> dict[str, object]:
    return {name: value for name, value in answer.json.items() if name not in ("requestId", "now")}
