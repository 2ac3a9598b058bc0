"""What a buyer is answered, state by state, by the gateway and by `chalice local`."""

import re
from datetime import datetime

import pytest

from chalicelib.sale.store import SaleStore
from tests.contract.conftest import DEFAULT_SALE, NewSale
from tests.contract.http_client import Answer, Api

A_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def keys(answer: Answer) -> set[str]:
    return set(answer.json)


def test_a_buyer_enters_a_free_sale_and_is_active_at_once(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    answer = sale.post("/queue/enter", userId="ann")
    assert answer.status == 200
    assert keys(answer) == {"saleId", "userId", "state", "now", "deadline"}
    assert (answer.json["saleId"], answer.json["userId"], answer.json["state"]) == (sale.sale_id, "ann", "ACTIVE")
    assert A_TIME.fullmatch(answer.json["now"])
    assert datetime.fromisoformat(answer.json["deadline"]) > datetime.fromisoformat(answer.json["now"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert sale.post("/queue/enter", userId="ann").json["deadline"] == answer.json["deadline"]


def test_a_buyer_who_must_wait_is_told_the_place_and_when_to_ask_again(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(max_active=1))
    sale.post("/queue/enter", userId="first")
    answer = sale.post("/queue/enter", userId="second")
    assert answer.status == 202
    assert keys(answer) == {
        "saleId", "userId", "state", "now", "queueNumber", "rank", "etaSeconds", "pollAfterSeconds"
    }  # fmt: skip
    assert (answer.json["state"], answer.json["queueNumber"], answer.json["rank"]) == ("WAITING", 2, 1)
    assert answer.json["pollAfterSeconds"] >= 0.25
    status = sale.get("/queue/status", userId="second")
    assert status.status == 200
    assert keys(status) == keys(answer)


def test_the_routes_without_a_sale_id_mean_the_default_sale(api: Api, new_sale: NewSale) -> None:
    new_sale(capacity=1_000_000, sale_id=DEFAULT_SALE, max_active=1_000_000)
    name = f"ann-of-{api.name.replace(' ', '-')}"
    answer = api.post("/queue/enter", userId=name)
    assert (answer.status, answer.json["saleId"]) == (200, DEFAULT_SALE)
    assert api.of_sale(DEFAULT_SALE).get("/queue/status", userId=name).json["state"] == "ACTIVE"
    assert api.get("/sale").json["saleId"] == DEFAULT_SALE


def test_a_reservation_without_payment_is_confirmed_and_repeating_it_changes_nothing(
    api: Api, new_sale: NewSale
) -> None:
    sale = api.of_sale(new_sale(seat_ids=("A-1", "A-2", "A-3"), limit_per_buyer=2))
    sale.post("/queue/enter", userId="ann")
    body = {"userId": "ann", "seatIds": ["A-3", "A-1"]}
    first, again = sale.post("/reservations/reserve", body), sale.post("/reservations/reserve", body)
    assert (first.status, again.status) == (201, 200)
    assert keys(first) == {"saleId", "userId", "state", "now", "reservation"}
    assert first.json["state"] == "CONFIRMED"
    reservation = first.json["reservation"]
    assert set(reservation) == {"reservationId", "quantity", "seatIds", "status"}
    assert (reservation["quantity"], sorted(reservation["seatIds"])) == (2, ["A-1", "A-3"])
    assert again.json["reservation"] == reservation
    assert sale.get("/queue/status", userId="ann").json["reservation"] == reservation
    assert sale.post("/queue/enter", userId="ann").json["reservation"] == reservation


def test_a_hold_is_paid_for_and_the_payment_may_be_sent_twice(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale(payment="required"))
    sale.post("/queue/enter", userId="ann")
    held = sale.post("/reservations/reserve", userId="ann")
    assert (held.status, held.json["state"]) == (201, "HELD")
    assert A_TIME.fullmatch(held.json["deadline"])
    assert held.json["reservation"]["deadline"] == held.json["deadline"]
    assert "seatIds" not in held.json["reservation"]
    payment = {
        "userId": "ann",
        "reservationId": held.json["reservation"]["reservationId"],
        "paymentId": "pi_3N-x",
    }
    for _ in range(2):
        paid = sale.post("/reservations/confirm", payment)
        assert (paid.status, paid.json["state"]) == (200, "CONFIRMED")
    other = sale.post("/reservations/confirm", {**payment, "paymentId": "pi_other"})
    assert (other.status, other.code, other.json["refundDue"]) == (409, "already-paid", True)


def test_a_cancelled_reservation_is_told_again_how_it_ended(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    sale.post("/queue/enter", userId="ann")
    reservation_id = sale.post("/reservations/reserve", userId="ann").json["reservation"]["reservationId"]
    for _ in range(2):
        answer = sale.post("/reservations/cancel", userId="ann", reservationId=reservation_id)
        assert (answer.status, answer.json["state"]) == (200, "CANCELLED")
        assert answer.json["reservation"]["status"] == "CANCELLED"


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/queue"), ("POST", "/queue/leave")])
def test_leaving_answers_204_whatever_the_buyer_is(api: Api, new_sale: NewSale, method: str, path: str) -> None:
    sale = api.of_sale(new_sale())
    sale.post("/queue/enter", userId="ann")
    for user in ("ann", "ann", "never-seen"):
        answer = sale.send(method, sale.path(path) + f"?userId={user}")
        assert (answer.status, answer.text) == (204, "")
    assert sale.get("/queue/status", userId="ann").code == "not-in-sale"


def test_leaving_changes_nothing_for_a_buyer_who_has_bought(api: Api, new_sale: NewSale) -> None:
    sale = api.of_sale(new_sale())
    sale.post("/queue/enter", userId="ann")
    sale.post("/reservations/reserve", userId="ann")
    assert sale.send("DELETE", sale.path("/queue") + "?userId=ann").status == 204
    assert sale.get("/queue/status", userId="ann").json["state"] == "CONFIRMED"


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "text/plain", "application/json"])
def test_a_beacon_may_post_its_json_as_plain_text(api: Api, new_sale: NewSale, content_type: str) -> None:
    sale = api.of_sale(new_sale())
    sale.post("/queue/enter", userId="ann")
    beacon = sale.send("POST", sale.path("/queue/leave"), b'{"userId":"ann"}', {"Content-Type": content_type})
    assert beacon.status == 204
    assert sale.get("/queue/status", userId="ann").code == "not-in-sale"


def test_every_refusal_has_its_status_and_its_members(api: Api, new_sale: NewSale, store: SaleStore) -> None:
    seated = api.of_sale(new_sale(seat_ids=("A-1", "A-2", "A-3"), limit_per_buyer=2, payment="required"))
    for user in ("ann", "bob"):
        seated.post("/queue/enter", userId=user)
    held = seated.post("/reservations/reserve", userId="ann", quantity=2).json["reservation"]
    taken, left = held["seatIds"], ({"A-1", "A-2", "A-3"} - set(held["seatIds"])).pop()

    stranger = seated.post("/reservations/reserve", userId="carl")
    assert (stranger.status, stranger.code) == (403, "not-active")
    unseen = seated.get("/queue/status", userId="carl")
    assert (unseen.status, unseen.code) == (404, "not-in-sale")
    too_many = seated.post("/reservations/reserve", userId="bob", quantity=3)
    assert (too_many.status, too_many.code, too_many.json["limit"]) == (400, "over-limit", 2)
    no_seat = seated.post("/reservations/reserve", userId="bob", seatId="Z-9")
    assert (no_seat.status, no_seat.code, no_seat.json["seatIds"]) == (404, "no-such-seat", ["Z-9"])
    not_free = seated.post("/reservations/reserve", {"userId": "bob", "seatId": taken[0]})
    assert (not_free.status, not_free.code, not_free.json["seatIds"]) == (409, "seat-taken", [taken[0]])
    few = seated.post("/reservations/reserve", userId="bob", quantity=2)
    assert (few.status, few.code, few.json["remaining"]) == (409, "not-enough-left", 1)
    other = seated.post("/reservations/reserve", userId="ann", seatId=left)
    assert (other.status, other.code) == (409, "already-reserved")
    for path in ("confirm", "cancel"):
        unknown = seated.post(f"/reservations/{path}", userId="bob", reservationId="1-1", paymentId="p")
        assert (unknown.status, unknown.code) == (404, "no-reservation")
    seated.post("/reservations/cancel", userId="ann")
    late = seated.post("/reservations/confirm", userId="ann", reservationId=held["reservationId"], paymentId="p-late")
    assert (late.status, late.code, late.json["refundDue"]) == (409, "reservation-ended", True)


def test_a_sale_that_is_sold_out_closed_or_not_yet_open_says_so(api: Api, new_sale: NewSale, store: SaleStore) -> None:
    small = api.of_sale(new_sale(capacity=1))
    small.post("/queue/enter", userId="ann")
    small.post("/reservations/reserve", userId="ann")
    for answer in (small.post("/queue/enter", userId="bob"), small.post("/reservations/reserve", userId="bob")):
        assert (answer.status, answer.code) in [(410, "sold-out"), (403, "not-active")]
    assert small.post("/queue/enter", userId="bob").code == "sold-out"
    assert small.get("/queue/status", userId="ann").status == 200

    closed = api.of_sale(new_sale(closed=True))
    answer = closed.post("/queue/enter", userId="ann")
    assert (answer.status, answer.code) == (409, "sale-closed")

    opens_at_ms = 4_102_444_800_125
    early = api.of_sale(new_sale(opens_at_ms=opens_at_ms))
    answer = early.post("/queue/enter", userId="ann")
    assert (answer.status, answer.code) == (409, "sale-not-open")
    assert answer.json["opensAt"] == "2100-01-01T00:00:00.125Z"


def test_an_unknown_sale_is_404_on_every_route_of_a_sale(api: Api) -> None:
    sale = api.of_sale("no-sale-has-this-id")
    answers = [
        sale.post("/queue/enter", userId="u"),
        sale.get("/queue/status", userId="u"),
        sale.send("DELETE", sale.path("/queue") + "?userId=u"),
        sale.post("/queue/leave", userId="u"),
        sale.post("/reservations/reserve", userId="u"),
        sale.post("/reservations/confirm", userId="u", reservationId="1-1", paymentId="p"),
        sale.post("/reservations/cancel", userId="u"),
        sale.post("/contact", {"userId": "u", "email": "a@b.co"}),
        sale.get("/sale"),
        sale.get("/seats"),
    ]
    assert [(answer.status, answer.code) for answer in answers] == [(404, "no-such-sale")] * len(answers)
