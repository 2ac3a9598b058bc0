"""The bodies are written as text by hand: they must be JSON, and say the same as the values."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.bodies import buyer_body, sale_body, seats_body
from chalicelib.api.encoding import in_seconds, iso_time
from chalicelib.sale.model import Buyer, Reservation, Sale, SaleSettings, SeatPage

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(st.integers(0, 4_102_444_800_000))
def test_a_time_reads_back_as_the_same_moment(at_ms: int) -> None:
    read = datetime.fromisoformat(iso_time(at_ms))
    assert round((read - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000) == at_ms
    assert len(iso_time(at_ms)) == 24


def test_a_span_is_whole_where_it_is_whole() -> None:
    assert [in_seconds(span_ms) for span_ms in (250, 1000, 30_000, 1_500)] == [0.25, 1, 30, 1.5]
    assert isinstance(in_seconds(30_000), int)


@given(PRINTABLE)
def test_any_user_id_is_spelled_as_valid_json(user_id: str) -> None:
    assert json.loads(buyer_body(Buyer("spring", user_id, "ACTIVE", 0)))["userId"] == user_id


def test_a_waiting_buyer_without_an_estimate_is_told_null() -> None:
    body = json.loads(buyer_body(Buyer("spring", "ann", "WAITING", 0, 7, 3, -1, 250)))
    assert (body["rank"], body["etaSeconds"], body["pollAfterSeconds"]) == (3, None, 0.25)
    assert json.loads(buyer_body(Buyer("spring", "ann", "WAITING", 0, 7, 3, 0, 250)))["etaSeconds"] == 0


def test_a_payment_is_never_told() -> None:
    reservation = Reservation("1-2", "CONFIRMED", 2, ("A-1", "A-2"), 0, "pi_secret")
    body = buyer_body(Buyer("spring", "ann", "CONFIRMED", 0, reservation=reservation))
    assert "pi_secret" not in body
    assert json.loads(body)["reservation"] == {
        "reservationId": "1-2",
        "quantity": 2,
        "seatIds": ["A-1", "A-2"],
        "status": "CONFIRMED",
    }


def test_a_lapsed_buyer_is_told_the_reason() -> None:
    assert json.loads(buyer_body(Buyer("spring", "ann", "LAPSED", 0, reason="time-up")))["reason"] == "time-up"


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_sale_may_have_any_name_and_message(name: str, message: str) -> None:
    settings = SaleSettings(name=name, message=message, admit_per_second=0.5)
    sale = Sale("spring", "OPEN", 1_999, 5, 6, False, 10, 2, 3, 4, 1, 0, 9, settings)
    body = json.loads(sale_body(sale))
    assert (body["name"], body["message"]) == (name, message)
    assert (body["remaining"], body["version"], body["now"]) == (5, "5-6", "1970-01-01T00:00:01.000Z")
    assert body["admitPerSecond"] == 0.5


def test_a_page_of_seats_reads_back() -> None:
    page = SeatPage("5-6", (("A-1", "FREE"), ("A.2_x", "HELD")), "2", reset=False)
    assert json.loads(seats_body("spring", page)) == {
        "saleId": "spring",
        "version": "5-6",
        "next": "2",
        "reset": False,
        "seats": [{"seatId": "A-1", "state": "FREE"}, {"seatId": "A.2_x", "state": "HELD"}],
    }
    assert json.loads(seats_body("spring", SeatPage("5-6", (), None, reset=True)))["seats"] == []
