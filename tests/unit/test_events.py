"""Lines of the outbox become the JSON of the contract, and consumers read it back, strictly."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.events import Event, Poison, decode, encode
from chalicelib.sale.model import SaleSettings
from chalicelib.sale.settings_codec import from_map, to_map

AT = 1_763_600_000_123
RESERVED: dict[str, Any] = {
    "schema": 1,
    "saleId": "demo",
    "epoch": 1763600000,
    "version": 17,
    "type": "RESERVED",
    "at": AT,
    "userId": "ann",
    "reservationId": "1763600000-17",
    "quantity": 2,
    "seatIds": ["A-1", "A-2"],
    "deadline": AT + 5,
}


def body(line: str) -> dict[str, Any]:
    """The JSON of a line."""
    return dict(json.loads(encode("demo", 1763600000, 17, line)[1]))


def test_a_reservation_s_line_becomes_exactly_the_json_of_the_contract() -> None:
    line = f"RESERVED {AT} ann 1763600000-17 2 {AT + 5}   A-1,A-2"
    user, value = encode("demo", 1763600000, 17, line)
    assert user == "ann"
    assert value == json.dumps(RESERVED, separators=(",", ":")).encode()


def test_what_does_not_apply_is_left_out() -> None:
    assert set(body(f"CONFIRMED {AT} ann 1-1 1    ")) == set(RESERVED) - {"seatIds", "deadline"}
    assert set(body(f"REFUND_DUE {AT} ann 1-1   pay cancelled ")) == (
        set(RESERVED) - {"quantity", "seatIds", "deadline"} | {"paymentId", "reason"}
    )


def test_a_sale_s_line_keeps_all_settings_and_no_user() -> None:
    texts = {**to_map(SaleSettings(name="Ä b")), "capacity": "5", "seated": "1", "rows": "1", "seats_per_row": "5"}
    user, value = encode("demo", 1, 1, f"SALE_CREATED {AT} {json.dumps(texts)}")
    event = decode(value)
    assert user == ""
    assert (event.capacity, event.seated, event.rows, event.seats_per_row) == (5, True, 1, 5)
    assert event.settings["name"] == "Ä b"
    assert event.settings["admitPerSecond"] == 100


def test_an_event_reads_back() -> None:
    event = decode(json.dumps({**RESERVED, "unknown": 1}).encode())
    assert event == Event("demo", 1763600000, 17, "RESERVED", AT, "ann", "1763600000-17", 2, ("A-1", "A-2"), "", AT + 5)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null-value"),
        (b"\xff", "not-utf8"),
        (b"", "not-json"),
        (b"[]", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b"{}", "unknown-schema"),
        (b'{"schema":1}', "unknown-type"),
        (b'{"schema":1,"type":[]}', "unknown-type"),
    ],
)
def test_what_is_no_event_is_poison(value: bytes | None, reason: str) -> None:
    with pytest.raises(Poison) as poison:
        decode(value)
    assert poison.value.reason == reason


@pytest.mark.parametrize(
    "name", ["saleId", "epoch", "version", "at", "userId", "reservationId", "quantity", "deadline"]
)
def test_a_field_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(Poison, match=name) as poison:
        decode(json.dumps({key: value for key, value in RESERVED.items() if key != name}).encode())
    assert poison.value.reason == "invalid-field"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("saleId", "x" * 65),
        ("epoch", True),
        ("version", 0),
        ("version", 2**60),
        ("at", "1"),
        ("userId", "ä"),
        ("userId", ""),
        ("quantity", 21),
        ("quantity", 1.5),
        ("seatIds", {}),
        ("seatIds", [""]),
        ("paymentId", 1),
    ],
)
def test_a_field_that_breaks_the_contract_is_poison(name: str, value: object) -> None:
    with pytest.raises(Poison, match=name):
        decode(json.dumps({**RESERVED, name: value}).encode())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_nothing_but_poison_comes_of_any_json(value: object) -> None:
    with pytest.raises(Poison):
        decode(json.dumps(value).encode())


def test_settings_read_back_as_they_were_spelled() -> None:
    settings = SaleSettings(name="x", admit_per_second=0.5, standby=True, hold_ms=1, closes_at_ms=AT)
    assert from_map(to_map(settings)) == settings
