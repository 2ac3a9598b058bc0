"""Parameters: what counts as given, what as wrong, and that every fault is named."""

import json
from typing import Any

import pytest
from chalice.app import Request
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.parameters import Parameters
from chalicelib.api.shapes import EMAIL, PAYMENT_ID, SEAT_ID, SHAPES, USER_ID
from chalicelib.errors import InvalidRequest, OnsaleError


def parameters(
    body: object = None, method: str = "POST", sale_id: str | None = "spring", **query: list[str]
) -> Parameters:
    raw = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
    event = {
        "requestContext": {"httpMethod": method, "resourcePath": "/x"},
        "headers": None,
        "pathParameters": None,
        "stageVariables": None,
        "multiValueQueryStringParameters": query or None,
        "body": raw,
    }
    return Parameters(Request(event), sale_id)


def faults(asked: Parameters) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        asked.check()
    errors: Any = raised.value.members["errors"]
    return {error["field"]: error["detail"] for error in errors}


def test_the_query_and_the_body_of_a_post_are_one() -> None:
    asked = parameters({"paymentId": "p"}, userId=["ann"])
    assert (asked.user_id(), asked.text("paymentId", PAYMENT_ID)) == ("ann", "p")
    asked.check()


def test_the_body_of_a_get_is_not_looked_at() -> None:
    asked = parameters("{", method="GET", userId=["ann"])
    assert asked.user_id() == "ann"


def test_what_is_absent_is_empty_and_only_wrong_where_it_is_required() -> None:
    asked = parameters()
    assert asked.text("paymentId", PAYMENT_ID) == ""
    assert asked.whole("limit", 1, 5) is None
    asked.check()
    asked.text("paymentId", PAYMENT_ID, required=True)
    asked.user_id()
    assert faults(asked) == {"paymentId": "is required", "userId": "is required"}


def test_a_bad_value_is_not_called_missing_as_well() -> None:
    asked = parameters({"userId": "two words", "paymentId": 5})
    asked.user_id()
    asked.text("paymentId", PAYMENT_ID, required=True)
    assert faults(asked) == {"userId": USER_ID.detail, "paymentId": "must be a string, not a number"}


@pytest.mark.parametrize(
    ("value", "kind"), [(True, "a boolean"), (1.5, "a number"), ([1], "a list"), ({"a": 1}, "an object")]
)
def test_a_value_of_another_json_type_is_named_by_its_type(value: object, kind: str) -> None:
    asked = parameters({"seatId": value})
    asked.text("seatId", SEAT_ID, integers=True)
    assert faults(asked) == {"seatId": f"must be a string or an integer, not {kind}"}


@given(st.text(max_size=300))
def test_a_user_id_is_taken_exactly_when_it_is_printable_ascii_without_space(user_id: str) -> None:
    fits = 1 <= len(user_id) <= 255 and all("!" <= letter <= "~" for letter in user_id)
    asked = parameters({"userId": user_id})
    asked.user_id()
    if fits:
        asked.check()
    else:
        assert faults(asked) == {"userId": USER_ID.detail}


@given(st.integers(-(10**30), 10**30))
def test_a_number_is_taken_exactly_within_its_bounds_however_it_is_spelled(number: int) -> None:
    for body in ({"quantity": number}, {"quantity": str(number)}):
        asked = parameters(body)
        assert asked.whole("quantity", 1, 20) == (number if 1 <= number <= 20 else None)
        assert bool(asked._errors) == (not 1 <= number <= 20)


@given(st.binary(max_size=200))
def test_no_body_makes_more_than_a_named_fault(body: bytes) -> None:
    try:
        asked = parameters(body)
        asked.user_id()
        asked.units()
        asked.check()
    except OnsaleError as error:
        known = error.code in ("invalid-json", "invalid-request")
        assert known


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("userId", "seatId", "seatIds", "quantity"), JSON_VALUES)))
def test_no_json_makes_more_than_a_named_fault(body: dict[str, object]) -> None:
    try:
        asked = parameters(body)
        user_id = asked.user_id()
        quantity, seat_ids = asked.units()
        asked.check()
    except OnsaleError as error:
        known = error.code in ("invalid-json", "invalid-request")
        assert known
    else:
        assert user_id
        assert 1 <= quantity <= 20
        assert len(seat_ids) in (0, quantity)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.detail)
def test_no_shape_lets_a_line_end_or_a_nul_through(shape: Any) -> None:
    for text in ("\n", "a\n", "1-1\n", "a@b.co\n", "+15550100\r\n", "ko\n", "A-1\x00", "\x00"):
        assert not shape.match(text)


def test_an_address_of_many_dots_is_judged_at_once() -> None:
    assert not EMAIL.match("a" * 64 + "@" + "a." * 4000 + "!")


def test_a_member_named_twice_is_wrong_only_where_it_is_asked_for() -> None:
    asked = parameters('{"x":1,"x":2,"userId":"ann","userId":"ann"}')
    assert asked.user_id() == "ann"
    asked.check()
    asked.text("x", PAYMENT_ID, integers=True)
    assert faults(asked) == {"x": "is given twice with different values"}
